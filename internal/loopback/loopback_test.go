package loopback

import (
	"net"
	"strconv"
	"testing"
)

// An address can be listened at, and is none that the system may give away meanwhile.
func TestFreeAddr(t *testing.T) {
	for range 100 {
		addr, err := FreeAddr(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		host, text, err := net.SplitHostPort(addr)
		if err != nil || host != "127.0.0.1" {
			t.Fatalf("the address is %q: %v", addr, err)
		}
		if port, err := strconv.Atoi(text); err != nil || port < lowest || port > highest {
			t.Errorf("the port is %q: %v", text, err)
		}
	}
}
