//go:build unix

package pgtest

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"
)

// Wire stands between a client and a server and does what networks do.
type Wire struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	conns map[net.Conn]bool
	hold  chan struct{} // not nil: nothing passes until it is closed
	down  bool
	delay time.Duration // of each piece of an answer
}

// StartWire lays a wire to a port of this machine.
func StartWire(ctx context.Context, port int) (*Wire, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &Wire{listener: l, to: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), conns: map[net.Conn]bool{}}
	go w.accept() //nolint:gosec // it ends with the listener
	return w, nil
}

// Addr is where the near end is.
func (w *Wire) Addr() string { return w.listener.Addr().String() }

// URL is how to reach a database at the far end.
func (w *Wire) URL(database string) string { return "postgres://postgres@" + w.Addr() + "/" + database }

// Stop removes the wire.
func (w *Wire) Stop() error {
	err := w.listener.Close()
	w.Cut()
	return err
}

// Slow delays each piece of an answer from now on.
func (w *Wire) Slow(delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay = delay
}

// Cut closes all connections. What is under way in either direction is lost.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Close()
		delete(w.conns, c)
	}
}

// Down cuts the wire, and new connections end at once, until mend is called.
func (w *Wire) Down() (mend func()) {
	w.set(func() { w.down = true })
	w.Cut()
	return func() { w.set(func() { w.down = false }) }
}

// Stall lets nothing pass until resume is called; connections stay open.
func (w *Wire) Stall() (resume func()) {
	hold := make(chan struct{})
	w.set(func() { w.hold = hold })
	return func() {
		w.set(func() { w.hold = nil })
		close(hold)
	}
}

func (w *Wire) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *Wire) accept() {
	for {
		c, err := w.listener.Accept()
		if err != nil {
			return
		}
		s, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", w.to)
		if err != nil {
			_ = c.Close()
			continue
		}
		if !w.join(c, s) {
			_, _ = c.Close(), s.Close()
			continue
		}
		go w.pass(s, c, false)
		go w.pass(c, s, true)
	}
}

// join takes up a connection, unless the wire is down.
func (w *Wire) join(c, s net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.down {
		w.conns[c], w.conns[s] = true, true
	}
	return !w.down
}

func (w *Wire) pass(to, from net.Conn, answer bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		w.mu.Lock()
		hold, delay := w.hold, w.delay
		w.mu.Unlock()
		if answer {
			time.Sleep(delay)
		}
		if hold != nil {
			<-hold
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
