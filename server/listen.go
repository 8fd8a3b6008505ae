package server

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
)

// limited is a listener that keeps at most so many connections open, and so many
// of one client. One too many of a client is closed at once rather than left to
// wait. When all places are taken, the client that has most of them loses one on
// which nothing is asked: whoever opens them all must not decide who comes next.
type limited struct {
	net.Listener
	total   int
	each    int                   // for one address; trusted proxies are many clients and exempt
	reserve int                   // of the total, for trusted proxies
	exempt  func(netip.Addr) bool // trusted proxies; nil: there are none

	mu                 sync.Mutex
	strangers, proxies int // open connections
	by                 map[netip.Addr]int
	conns              map[*counted]struct{}

	quiet atomic.Uint64 // how often a connection fell quiet
}

const (
	// minEach is what one client may always have open: browsers use six, programs
	// with a pool some dozens.
	minEach = 64

	// keptForProxies is the part of all places that only trusted proxies may take:
	// one has thousands of clients behind it, in few connections.
	keptForProxies = 8
)

// limit puts bounds on a listener. One client may have a quarter of the total. Its
// server has to tell note of its connections.
func limit(l net.Listener, total int, exempt func(netip.Addr) bool) *limited {
	reserve := 0
	if exempt != nil {
		reserve = total / keptForProxies
	}
	return &limited{Listener: l, total: total, each: max(total/4, minEach), reserve: reserve, exempt: exempt,
		by: map[netip.Addr]int{}, conns: map[*counted]struct{}{}}
}

// Accept waits for the next connection that is within the limits.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := clientOf(c.RemoteAddr())
		k := &counted{Conn: c, client: client, proxy: l.exempt != nil && l.exempt(client)}
		k.release = func() { l.leave(k) }
		if l.admit(k) {
			return k, nil
		}
		_ = c.Close() // nothing was said yet
	}
}

// admit takes a place, if need be that of another. Only Accept calls it, so that
// a place that was made is still there.
func (l *limited) admit(k *counted) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !k.proxy && l.by[k.client] >= l.each {
		return false
	}
	if l.strangers+l.proxies >= l.total || (!k.proxy && l.strangers >= l.total-l.reserve) {
		out := l.dispensable()
		if out == nil {
			return false
		}
		l.drop(out)
		_ = out.Conn.Close() // its server closes the rest
	}
	l.by[k.client]++
	l.conns[k] = struct{}{}
	if k.proxy {
		l.proxies++
	} else {
		l.strangers++
	}
	return true
}

// dispensable is the connection on which nothing has been asked for longest, of
// the client that has most open; nil if there is none. A trusted proxy's never is.
// Looking at all of them costs less than the handshake of the one that comes.
func (l *limited) dispensable() (out *counted) {
	var since uint64
	for k := range l.conns {
		at := k.quiet.Load()
		if at == 0 || k.proxy {
			continue
		}
		if out == nil || l.by[k.client] > l.by[out.client] || (l.by[k.client] == l.by[out.client] && at < since) {
			out, since = k, at
		}
	}
	return out
}

// note hears from the server what becomes of a connection: see http.Server.ConnState.
// One whose first request is not whole yet is new.
func (l *limited) note(c net.Conn, state http.ConnState) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	k, ok := c.(*counted)
	if !ok {
		return
	}
	if state == http.StateNew || state == http.StateIdle {
		k.quiet.Store(l.quiet.Add(1))
	} else {
		k.quiet.Store(0)
	}
}

func (l *limited) leave(k *counted) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(k)
}

// drop frees a connection's place, once.
func (l *limited) drop(k *counted) {
	if _, here := l.conns[k]; !here {
		return
	}
	delete(l.conns, k)
	if l.by[k.client]--; l.by[k.client] <= 0 {
		delete(l.by, k.client)
	}
	if k.proxy {
		l.proxies--
	} else {
		l.strangers--
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
	client  netip.Addr
	proxy   bool          // a trusted one
	quiet   atomic.Uint64 // when nothing was asked on it any more, by limited.quiet; 0: something is
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
