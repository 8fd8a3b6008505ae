//go:build unix

package postgres

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// proxy stands between a store and its database and does what networks do.
type proxy struct {
	listener net.Listener
	to       string
	delay    time.Duration // of each piece of an answer

	mu    sync.Mutex
	conns map[net.Conn]bool
	hold  chan struct{} // not nil: nothing passes until it is closed
}

func startProxy(t *testing.T, port int, delay time.Duration) *proxy {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, to: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), conns: map[net.Conn]bool{}, delay: delay}
	go p.accept()
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
	})
	return p
}

func (p *proxy) url(database string) string {
	return "postgres://postgres@" + p.listener.Addr().String() + "/" + database
}

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		s, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.to)
		if err != nil {
			_ = c.Close()
			continue
		}
		p.mu.Lock()
		p.conns[c], p.conns[s] = true, true
		p.mu.Unlock()
		go p.pass(s, c, 0)
		go p.pass(c, s, p.delay)
	}
}

func (p *proxy) pass(to, from net.Conn, delay time.Duration) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		time.Sleep(delay)
		p.mu.Lock()
		hold := p.hold
		p.mu.Unlock()
		if hold != nil {
			<-hold
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// cut closes all connections. What is under way in either direction is lost.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
		delete(p.conns, c)
	}
}

// stall lets nothing pass until the function it returns is called.
func (p *proxy) stall() (resume func()) {
	hold := make(chan struct{})
	p.mu.Lock()
	p.hold = hold
	p.mu.Unlock()
	return func() {
		p.mu.Lock()
		p.hold = nil
		p.mu.Unlock()
		close(hold)
	}
}
