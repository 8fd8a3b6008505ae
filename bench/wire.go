package main

import (
	"context"
	"io"
	"net"
	"sync"
)

// wire is a TCP proxy that can hold back what the server says, and then let all of
// it go at once.
type wire struct {
	listener net.Listener
	to       string

	mu   sync.Mutex
	held chan struct{} // nil: it is not
}

func newWire(ctx context.Context, to string) (*wire, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{listener: l, to: to}
	go w.serve(ctx)
	return w, nil
}

func (w *wire) url() string { return "http://" + w.listener.Addr().String() }

func (w *wire) close() error {
	w.release()
	return w.listener.Close()
}

func (w *wire) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = make(chan struct{})
}

func (w *wire) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != nil {
		close(w.held)
		w.held = nil
	}
}

func (w *wire) serve(ctx context.Context) {
	for {
		c, err := w.listener.Accept()
		if err != nil {
			return
		}
		go w.carry(ctx, c)
	}
}

func (w *wire) carry(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := new(net.Dialer).DialContext(ctx, "tcp", w.to)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	b := make([]byte, 32<<10)
	for {
		n, err := server.Read(b)
		w.mu.Lock()
		held := w.held
		w.mu.Unlock()
		if held != nil {
			<-held
		}
		if n > 0 {
			if _, err := client.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
