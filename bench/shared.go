package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/store/postgres"
)

// Databases of the cluster.
const (
	sharedDatabase = "bench" // that the servers are on
	rawDatabase    = "raw"   // a copy of it for the ceilings
)

// shared is a PostgreSQL with the customers and all sessions, which nodes share.
type shared struct {
	cluster *cluster
	world   *world
}

// postgres makes it once.
func (b *bench) postgres(ctx context.Context) (*shared, error) {
	if b.made.shared != nil {
		return b.made.shared, nil
	}
	c, err := startCluster(ctx, b.dir)
	if err != nil {
		return nil, err
	}
	s := &shared{cluster: c}
	b.made.shared = s // so that it is stopped, whatever happens now
	fmt.Fprintf(os.Stderr, "bench: making %d sessions in PostgreSQL\n", b.sessions)
	if s.world, err = newWorld(filepath.Join(b.dir, "shared")); err != nil {
		return nil, err
	}
	if err := s.exec(ctx, "postgres", "CREATE DATABASE "+sharedDatabase); err != nil {
		return nil, err
	}
	store, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.world.put(ctx, store), s.world.fill(ctx, store, b.sessions), store.Close()); err != nil {
		return nil, fmt.Errorf("making sessions: %w", err)
	}
	// What the filling has left to do must not be done while others are measured.
	return s, errors.Join(s.exec(ctx, sharedDatabase, "VACUUM (ANALYZE)", "CHECKPOINT"),
		s.exec(ctx, "postgres", "CREATE DATABASE "+rawDatabase+" TEMPLATE "+sharedDatabase+" STRATEGY FILE_COPY", "CHECKPOINT"))
}

func (s *shared) open(ctx context.Context) (*postgres.Store, error) {
	return postgres.Open(ctx, postgres.Options{URL: s.cluster.url(sharedDatabase), Logger: slog.New(slog.DiscardHandler)})
}

// exec runs statements as an operator would.
func (s *shared) exec(ctx context.Context, database string, statements ...string) error {
	c, err := pgx.Connect(ctx, s.cluster.url(database))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	for _, text := range statements {
		if _, err := c.Exec(ctx, text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return nil
}

// node is a server on the shared database, started once for each name.
func (b *bench) node(ctx context.Context, name string) (*child, error) {
	if c := b.made.server[name]; c != nil {
		return c, nil
	}
	s, err := b.postgres(ctx)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(b.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	c, err := b.startOn(ctx, name, dir, s.cluster.url(sharedDatabase), filepath.Join(s.world.dir, keysFile), "")
	if err != nil {
		return nil, err
	}
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	b.made.server[name] = c
	return c, c.settle(ctx)
}

// cost is what the database has spent.
type cost struct {
	cpu time.Duration // of all processes that there are
	wal int64         // bytes written to its log
	ok  bool          // cpu is known
}

// spent is what the database has spent since it was started.
func (s *shared) spent(ctx context.Context) (c cost, err error) {
	conn, err := pgx.Connect(ctx, s.cluster.url("postgres"))
	if err != nil {
		return c, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	err = conn.QueryRow(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint").Scan(&c.wal)
	if err != nil {
		return c, err
	}
	postmaster, err := s.cluster.postmaster()
	if err != nil {
		return c, err
	}
	c.cpu, c.ok = processTime(postmaster, true)
	children := line(fmt.Sprintf("/proc/%d/task/%d/children", postmaster, postmaster))
	for _, child := range strings.Fields(children) {
		if pid, err := strconv.Atoi(child); err == nil {
			t, _ := processTime(pid, false) // one that has just ended counts with the postmaster
			c.cpu += t
		}
	}
	return c, nil
}
