package postgres

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A commit that tells the feed something also wakes the nodes that listen, so
// that they read it at once and not at their next look. That is all it is for:
// who hears nothing, behind PgBouncer or in an engine without it, looks five times
// a second as ever. Commits that notify wait for each other in all of the server;
// those that write to the feed do so already, and no other notifies.

// channel is what nodes listen on.
const channel = "sallyport_feed"

const (
	notify = "SELECT pg_notify($1, $2)"
	listen = "LISTEN " + channel
)

// Pauses before a listener connects again.
const (
	listenPause    = 100 * time.Millisecond
	maxListenPause = 10 * time.Second
)

// waker is whether and how this node wakes the others.
type waker struct {
	name string // of this node: what it notified itself it need not hear
	on   atomic.Bool
}

// wake queues the notification that goes with the commit.
func (w *waker) wake(p *plan) {
	if w.on.Load() {
		p.queue(everybody, notify, channel, w.name)
	}
}

// full says that a commit failed because the server's queue of notifications is
// full: some session listens and does not take them. This node does without then,
// until it is started again, and the commit is worth another try.
func (w *waker) full(p *plan, at int, err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "54000" && at == len(p.steps)-1 && p.tells && w.on.Swap(false)
}

// News receives when another node has told the feed something; see [auth.Store].
// It is nil where nobody can say so.
func (s *Store) News() <-chan struct{} { return s.news }

// listen passes on what other nodes notify until the context ends.
func (s *Store) listen(ctx context.Context, config *pgx.ConnConfig) {
	for pause := listenPause; ; pause = min(2*pause, maxListenPause) {
		heard, err := s.hear(ctx, config)
		if ctx.Err() != nil {
			return
		}
		if heard {
			pause = listenPause
		}
		s.log.Warn("lost the connection on which other nodes say that something ended; looking five times a second until it is back", "error", explain("listening", err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// hear is one connection. heard says that it came about.
func (s *Store) hear(ctx context.Context, config *pgx.ConnConfig) (heard bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false, answered(err, true)
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	s.hangUp.Store(&cancel)
	if _, err := c.Exec(ctx, listen); err != nil {
		return false, answered(err, c.IsClosed())
	}
	s.tell() // what was notified before it listened
	for {
		n, err := c.WaitForNotification(ctx)
		if err != nil {
			return true, answered(err, c.IsClosed())
		}
		if n.Payload != s.waker.name {
			s.tell()
		}
	}
}

// tell says that there may be news, once however much there is.
func (s *Store) tell() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}
