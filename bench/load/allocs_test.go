//go:build !race

package load

import (
	"strings"
	"testing"
)

func TestReadingDoesNotAllocate(t *testing.T) {
	raw := "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSallyport-Session: 7\r\n\r\nhello"
	r := strings.NewReader(raw)
	c := newConn(wire{Reader: r})
	n := testing.AllocsPerRun(100, func() {
		r.Reset(raw)
		if _, err := c.read(); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
