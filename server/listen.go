package server

import (
	"net"
	"net/netip"
	"sync"
)

// limited is a listener that keeps at most so many connections open, and so many
// of one client. A connection too many is closed at once rather than left to
// wait: whoever opens them all should not decide who comes next.
type limited struct {
	net.Listener
	total  int
	each   int                   // for one address; trusted proxies are many clients and exempt
	exempt func(netip.Addr) bool // trusted proxies

	mu   sync.Mutex
	open int
	by   map[netip.Addr]int
}

// minEach is what one client may always have open: browsers use six, programs
// with a pool some dozens.
const minEach = 64

// limit puts bounds on a listener. One client may have a quarter of the total.
func limit(l net.Listener, total int, exempt func(netip.Addr) bool) *limited {
	return &limited{Listener: l, total: total, each: max(total/4, minEach), exempt: exempt, by: map[netip.Addr]int{}}
}

// Accept waits for the next connection that is within the limits.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := clientOf(c.RemoteAddr())
		if !l.admit(client) {
			_ = c.Close() // nothing was said yet
			continue
		}
		return &counted{Conn: c, release: sync.OnceFunc(func() { l.leave(client) })}, nil
	}
}

func (l *limited) admit(client netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.total || (l.by[client] >= l.each && !l.exempt(client)) {
		return false
	}
	l.open++
	l.by[client]++
	return true
}

func (l *limited) leave(client netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.by[client]--; l.by[client] <= 0 {
		delete(l.by, client)
	}
}

// clientOf is the address that is counted: an IPv6 client has its whole /64.
func clientOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	if p, err := addr.Prefix(64); err == nil && addr.Is6() {
		return p.Addr()
	}
	return addr
}

// counted is a connection that says when it is closed.
type counted struct {
	net.Conn
	release func()
}

// Close closes the connection and frees its place, once.
func (c *counted) Close() error {
	err := c.Conn.Close()
	c.release()
	return err
}

// CloseWrite lets net/http end an answer so that a client who is still sending
// can read it.
func (c *counted) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}
