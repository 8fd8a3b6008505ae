package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"time"
)

// crowd is a server with limits, and clients at addresses of their own.
type crowd struct {
	*testing.T
	addr    string
	waiting chan struct{} // a request of /wait has come
}

func newCrowd(t *testing.T, total int) *crowd {
	t.Helper()
	inner, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limit(inner, total, func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.9") })
	c := &crowd{T: t, addr: inner.Addr().String(), waiting: make(chan struct{}, total)}
	s := &http.Server{ConnState: l.note, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			c.waiting <- struct{}{}
			<-r.Context().Done()
		}
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-served })
	return c
}

// from connects as a client of 127.0.0.n does, without a word.
func (c *crowd) from(n byte) net.Conn {
	c.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, n)}}
	conn, err := d.DialContext(c.Context(), "tcp4", c.addr)
	if err != nil {
		c.Skipf("this system has one loopback address: %v", err)
	}
	c.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		c.Fatal(err)
	}
	return conn
}

// ask sends a request and says whether it was answered.
func (c *crowd) ask(conn net.Conn) bool {
	c.Helper()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return false
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return true
}

// answered counts the connections that still are.
func (c *crowd) answered(list []net.Conn) (n int) {
	for _, conn := range list {
		if c.ask(conn) {
			n++
		}
	}
	return n
}

// Whoever holds most of the places gives one to who comes, as long as nothing is
// asked on it.
func TestRoomIsMade(t *testing.T) {
	c := newCrowd(t, 4*minEach)
	held := map[byte][]net.Conn{}
	for n, many := range map[byte]int{2: minEach, 3: minEach, 4: minEach - 1, 5: 4*minEach - 4*minEach/8 - 3*minEach + 1} {
		for range many {
			conn := c.from(n)
			if !c.ask(conn) { // and is idle then
				t.Fatal("not answered while there was room")
			}
			held[n] = append(held[n], conn)
		}
	}
	for n := byte(10); n < 20; n++ { // strangers
		if !c.ask(c.from(n)) {
			t.Fatalf("stranger %d is refused", n)
		}
	}
	var proxy []net.Conn
	for range 4 * minEach / 8 { // in what is kept for it
		proxy = append(proxy, c.from(9))
		if !c.ask(proxy[len(proxy)-1]) {
			t.Fatal("the proxy is refused")
		}
	}
	if !c.ask(c.from(9)) {
		t.Error("no room is made for the proxy")
	}
	if n := c.answered(held[5]); n != len(held[5]) {
		t.Errorf("%d of the %d of who holds least are open", n, len(held[5]))
	}
	if n, m := c.answered(held[2])+c.answered(held[3])+c.answered(held[4]), 3*minEach-1-11; n != m {
		t.Errorf("%d of who hold most are open, want %d", n, m)
	}
	for range 2 * minEach { // until it holds most itself
		proxy = append(proxy, c.from(9))
		c.ask(proxy[len(proxy)-1])
	}
	if n := c.answered(proxy); n != len(proxy) {
		t.Errorf("%d of the %d of the proxy are open", n, len(proxy))
	}
}

// A connection on which nothing has been asked yet counts as idle, one that waits
// for its answer does not.
func TestRoomIsNotMadeOfWork(t *testing.T) {
	c := newCrowd(t, 4*minEach)
	quiet := c.from(2)
	if !c.ask(quiet) {
		t.Fatal("not answered")
	}
	for i := 1; i < 4*minEach-4*minEach/8; i++ {
		if _, err := fmt.Fprintf(c.from(byte(3+i/minEach)), "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-c.waiting
	}
	silent := c.from(20) // takes the place of the idle one, once it is accepted
	if n, err := quiet.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the idle connection is open though all places are taken: %d, %v", n, err)
	}
	if !c.ask(c.from(21)) {
		t.Error("a connection on which nothing was asked keeps its place")
	}
	if c.ask(silent) {
		t.Error("there are more connections than may be")
	}
}
