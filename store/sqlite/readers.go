package sqlite

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/sallyport/sallyport/auth"
)

// maxReading bounds who may wait for a reading connection.
const maxReading = 4096

// readers is a few read-only connections. A read sees what was committed before
// it began, and no writer makes it wait.
type readers struct {
	free    chan *conn
	stop    chan struct{} // closed by close
	size    int
	waiting atomic.Int64
	suspect func(error) // hears of every read that failed
}

func openReaders(path string, size int, cache string, suspect func(error)) (*readers, error) {
	p := &readers{suspect: suspect, free: make(chan *conn, size), stop: make(chan struct{}), size: size}
	for range size {
		c, err := openConn(path, "query_only = 1", cache)
		if err != nil {
			p.size = len(p.free)
			return nil, errors.Join(err, p.close())
		}
		p.free <- c
	}
	return p, nil
}

// with calls f with a connection, in which each query has a snapshot of its own.
func (p *readers) with(ctx context.Context, f func(*conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-p.stop:
		return auth.ErrClosed
	default:
	}
	var c *conn
	select {
	case c = <-p.free:
	default:
		if p.waiting.Add(1) > maxReading {
			p.waiting.Add(-1)
			return auth.ErrBusy
		}
		defer p.waiting.Add(-1)
		select {
		case c = <-p.free:
		case <-p.stop:
			return auth.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() { p.free <- c }()
	err := f(c)
	if err != nil {
		p.suspect(err)
	}
	return err
}

// snapshot is with, all queries in one snapshot.
func (p *readers) snapshot(ctx context.Context, f func(*conn) error) error {
	return p.with(ctx, func(c *conn) error {
		if _, err := c.exec("BEGIN"); err != nil {
			return err
		}
		defer c.rollback() // there is nothing to commit
		return f(c)
	})
}

// close waits for the reads that are under way.
func (p *readers) close() error {
	close(p.stop)
	var errs []error
	for range p.size {
		errs = append(errs, (<-p.free).close())
	}
	return errors.Join(errs...)
}
