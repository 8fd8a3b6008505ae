package server

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// piped is a listener that hands out connections from given addresses.
type piped struct {
	net.Listener
	next chan net.Conn
}

func (p *piped) Accept() (net.Conn, error) {
	c, ok := <-p.next
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

type from struct {
	net.Conn
	addr string
}

func (f from) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.addr))
}

// connect offers a connection; it returns the client's end.
func (p *piped) connect(addr string) net.Conn {
	server, client := net.Pipe()
	p.next <- from{server, addr}
	return client
}

// refused says whether the other end closed without a word.
func refused(t *testing.T, client net.Conn) bool {
	t.Helper()
	if errors.Is(client.SetReadDeadline(time.Now().Add(time.Minute)), io.ErrClosedPipe) {
		return true
	}
	_, err := client.Read(make([]byte, 1))
	return errors.Is(err, io.EOF)
}

func TestLimits(t *testing.T) {
	p := &piped{next: make(chan net.Conn, 1000)}
	proxy := netip.MustParseAddr("10.0.0.1")
	l := limit(p, 4*minEach, func(a netip.Addr) bool { return a == proxy })
	accept := func(addr string) net.Conn {
		t.Helper()
		p.connect(addr)
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var open []net.Conn
	for range minEach {
		open = append(open, accept("[2001:db8::1]:1"))
	}

	// One more of the same network is closed; one of another is served.
	tooMany := p.connect("[2001:db8::ffff]:1")
	other := accept("[2001:db8:0:1::1]:1")
	if !refused(t, tooMany) {
		t.Error("a client got more connections than a quarter")
	}
	_ = other.Close()

	// A place that was given back is free, once.
	_ = open[0].Close()
	_ = open[0].Close()
	accept("[2001:db8::2]:1")
	tooMany = p.connect("[2001:db8::3]:1")

	// A trusted proxy may have all that is left, and no more.
	for range 3 * minEach {
		accept("10.0.0.1:1")
	}
	if !refused(t, tooMany) {
		t.Error("closing twice made two places")
	}
	full := p.connect("10.0.0.1:1")
	close(p.next)
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepted beyond the total: %v", err)
	}
	if !refused(t, full) {
		t.Error("a connection beyond the total stays open")
	}
}
