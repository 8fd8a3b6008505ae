package postgres

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sallyport/sallyport/auth"
)

// Bounds of reading: who may wait for a connection, and for how long one may
// take to answer. Who asks the store for a check would rather hear no.
const (
	maxReading  = 4096
	readTimeout = 5 * time.Second
)

// conn is one connection, in one pair of hands.
type conn = pgxpool.Conn

// pool is connections for one kind of work, so that one kind never waits for
// another's.
type pool struct {
	*pgxpool.Pool
	waiting atomic.Int64
	closed  atomic.Bool
}

func openPool(ctx context.Context, config *pgxpool.Config, size int32) (*pool, error) {
	own := config.Copy()
	own.MaxConns, own.MinConns, own.MinIdleConns = size, 0, 0
	own.AfterConnect = greet
	p, err := pgxpool.NewWithConfig(ctx, own)
	if err != nil {
		return nil, err
	}
	return &pool{Pool: p}, nil
}

// compressFast has what is long compressed by LZ4 where the server can: the audit of
// a group of logins takes it a tenth of what the default takes, and that is a tenth of
// the commit. What is there already is read all the same.
const compressFast = "SELECT set_config('default_toast_compression', 'lz4', false) FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)"

// greet makes a new connection ready. Nothing is set in a session that others may
// get: see [Store.prepare].
func greet(ctx context.Context, c *pgx.Conn) error {
	encodeArrays(c)
	if c.Config().DefaultQueryExecMode != pgx.QueryExecModeCacheStatement {
		return nil
	}
	_, err := c.Exec(ctx, compressFast)
	if e := new(pgconn.PgError); errors.As(err, &e) { // another engine, which does not know the question
		return nil
	}
	return err
}

// close waits for what is under way.
func (p *pool) close() {
	p.closed.Store(true)
	p.Close()
}

// take is a connection, to be released.
func (p *pool) take(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.waiting.Add(1) > maxReading {
		p.waiting.Add(-1)
		return nil, auth.ErrBusy
	}
	defer p.waiting.Add(-1)
	c, err := p.Acquire(ctx)
	switch {
	case err == nil:
		return c, nil
	case p.closed.Load():
		return nil, auth.ErrClosed
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, ctx.Err()
	}
	return nil, &lostError{err}
}

// with calls f with a connection, outside of any transaction.
func (p *pool) with(ctx context.Context, f func(*conn) error) error {
	c, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	err = f(c)
	if errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	err = answered(err, c.Conn().IsClosed())
	p.heed(c, err)
	return err
}

// heed gets rid of connections that lead nowhere: after a restart or a failover,
// all that are open.
func (p *pool) heed(c *conn, err error) {
	if !isLost(err) && !isElsewhere(err) {
		return
	}
	_ = c.Conn().Close(context.Background()) // what was open in it is undone
	p.Reset()
}

// read is with for reads of a few rows: each gets its own time, and if the
// connection was lost it is asked once more over a new one. The caller's leaving
// does not cost a connection.
func (p *pool) read(ctx context.Context, f func(context.Context, *conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	again := func() error { return p.with(own, func(c *conn) error { return f(own, c) }) }
	err := again()
	if err != nil && own.Err() == nil && (isLost(err) || isElsewhere(err)) {
		err = again()
	}
	return err
}

// snapshot calls f in a transaction that reads one state of everything.
func (p *pool) snapshot(ctx context.Context, f func(pgx.Tx) error) error {
	return p.with(ctx, func(c *conn) error {
		tx, err := c.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // there is nothing to commit
		return f(tx)
	})
}

// list runs a query and collects its rows.
func list[T any](ctx context.Context, q querier, scan func(pgx.CollectableRow) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	out, err := pgx.CollectRows(rows, scan)
	if len(out) == 0 {
		return nil, err
	}
	return out, err
}

// one is list for at most one row; found says whether there was one.
func one[T any](ctx context.Context, q querier, scan func(pgx.CollectableRow) (T, error), query string, args ...any) (out T, found bool, err error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return out, false, err
	}
	out, err = pgx.CollectOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return out, false, nil
	}
	return out, err == nil, err
}

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}
