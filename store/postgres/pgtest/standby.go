//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// Standby starts a replica of the cluster, which follows it asynchronously: what it
// has not received yet when the cluster goes is lost.
func (c *Cluster) Standby(ctx context.Context) (_ *Cluster, err error) {
	s := &Cluster{bin: c.bin}
	if s.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(s.dir))
		}
	}()
	if s.who, err = owner(s.dir); err != nil {
		return nil, err
	}
	from := fmt.Sprintf("host=127.0.0.1 port=%d user=postgres", c.Port)
	if err := s.run(ctx, "pg_basebackup", "-d", from, "-D", s.data(), "-R", "-X", "stream", "-c", "fast", "--no-sync"); err != nil {
		return nil, err
	}
	if s.Port, err = freePort(ctx); err != nil {
		return nil, err
	}
	conf, err := os.OpenFile(filepath.Join(s.data(), "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(conf, "port = %d\n", s.Port) // of two the last counts
	if err := errors.Join(err, conf.Close()); err != nil {
		return nil, err
	}
	return s, s.Up(ctx)
}

// Received waits until the standby has all that the cluster has committed.
func (c *Cluster) Received(ctx context.Context, standby *Cluster) error {
	var at string
	if err := c.ask(ctx, &at, "SELECT pg_current_wal_flush_lsn()::text"); err != nil {
		return err
	}
	for {
		var there bool
		if err := standby.ask(ctx, &there, "SELECT coalesce(pg_last_wal_replay_lsn() >= '"+at+"'::pg_lsn, false)"); err != nil || there {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Deafen has a standby receive nothing any more.
func (c *Cluster) Deafen(ctx context.Context) error {
	var ignored bool
	if err := c.ask(ctx, nil, "ALTER SYSTEM SET primary_conninfo = ''"); err != nil {
		return err
	}
	if err := c.ask(ctx, &ignored, "SELECT pg_reload_conf()"); err != nil {
		return err
	}
	for {
		var receiving bool
		if err := c.ask(ctx, &receiving, "SELECT EXISTS (SELECT 1 FROM pg_stat_wal_receiver)"); err != nil || !receiving {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Promote makes a standby a server that takes writes.
func (c *Cluster) Promote(ctx context.Context) error {
	return c.run(ctx, "pg_ctl", "promote", "-w", "-t", "60", "-D", c.data())
}

// ask runs one statement and reads the one value that it answers; nil: none.
func (c *Cluster) ask(ctx context.Context, out any, query string) error {
	conn, err := pgx.Connect(ctx, c.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if out == nil {
		_, err = conn.Exec(ctx, query)
		return err
	}
	return conn.QueryRow(ctx, query).Scan(out)
}
