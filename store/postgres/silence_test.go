//go:build unix

package postgres

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// A server that says nothing is given up, and a deadline that comes sooner counts,
// whether it was set before the read began or meanwhile.
func TestSilence(t *testing.T) {
	near, far := net.Pipe()
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	read := func(l *listened) error { _, err := l.Read(make([]byte, 1)); return err }
	if err := read(&listened{Conn: near, silence: time.Millisecond}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a silent server: %v", err)
	}
	l := &listened{Conn: near, silence: time.Hour}
	if err := l.SetDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := read(l); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("past the deadline: %v", err)
	}
	if err := l.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- read(l) }()
	time.Sleep(10 * time.Millisecond) // most likely it reads by now; if not, the same holds
	if err := l.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a deadline while it reads: %v", err)
	}
	go func() { _, _ = far.Write([]byte{1}) }()
	if err := l.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := read(l); err != nil {
		t.Errorf("a server that answers: %v", err)
	}
}
