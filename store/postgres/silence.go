package postgres

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// silence is how long a server may say nothing to what has no time limit of its
// own: changes and long reads. It covers waiting for another node's Update. A
// machine that hangs keeps its connections, and who waits on one would wait for
// ever.
const silence = time.Minute

// impatient is a configuration whose connections end when the server is silent.
func impatient(config *pgxpool.Config) *pgxpool.Config {
	own := config.Copy()
	dial := own.ConnConfig.DialFunc
	own.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &listened{Conn: c, silence: silence}, nil
	}
	return own
}

// listened is a connection whose reads end after a silence, or at the deadline
// that it was given if that is sooner.
type listened struct {
	net.Conn
	silence time.Duration

	mu       sync.Mutex
	deadline time.Time
}

func (l *listened) Read(b []byte) (int, error) {
	l.mu.Lock()
	until := time.Now().Add(l.silence) //nolint:forbidigo // a deadline of the network, whose clock this is
	if !l.deadline.IsZero() && l.deadline.Before(until) {
		until = l.deadline
	}
	err := l.Conn.SetReadDeadline(until)
	l.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return l.Conn.Read(b)
}

// SetDeadline implements net.Conn.
func (l *listened) SetDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deadline = t
	return l.Conn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (l *listened) SetReadDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deadline = t
	return l.Conn.SetReadDeadline(t)
}
