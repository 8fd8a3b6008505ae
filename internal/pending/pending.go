// Package pending bounds how many requests may wait for a body before anybody
// knows whose they are. Such a request costs its client a few bytes and the server
// a goroutine with its buffers, for as long as the body may take.
//
// It knows no domain words and does no input or output.
package pending

import (
	"net/netip"
	"sync"
)

// A request that waits costs about 12 KB: this is 50 MB of them, and no address has
// more than a sixteenth. What waits for no one passes through here in microseconds,
// so that clients meet the bounds only with as many requests that hang.
const (
	most    = 4096
	mostOne = most / 16
)

// Bodies counts requests with a body that are not admitted yet. The zero value is
// ready; the nil one counts nothing.
type Bodies struct {
	mu  sync.Mutex
	all int
	by  map[netip.Addr]int
}

// Take says whether one more may wait for a client. If so, Leave has to follow.
// An IPv6 client has its whole /64.
func (b *Bodies) Take(client netip.Addr) bool {
	if b == nil {
		return true
	}
	client = network(client)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all >= most || b.by[client] >= mostOne {
		return false
	}
	if b.by == nil {
		b.by = map[netip.Addr]int{}
	}
	b.all++
	b.by[client]++
	return true
}

// Leave gives a place back.
func (b *Bodies) Leave(client netip.Addr) {
	if b == nil {
		return
	}
	client = network(client)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all--
	if b.by[client]--; b.by[client] <= 0 {
		delete(b.by, client)
	}
}

func network(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
