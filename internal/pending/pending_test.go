package pending

import (
	"net/netip"
	"testing"
)

func TestBodies(t *testing.T) {
	var b Bodies
	one, same, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8:0:1::1")
	for range mostOne {
		if !b.Take(one) {
			t.Fatal("refused within the bound")
		}
	}
	if b.Take(same) {
		t.Error("a client with two addresses has two shares")
	}
	if !b.Take(other) {
		t.Error("another client is refused")
	}
	b.Leave(one)
	if !b.Take(same) {
		t.Error("a place that was given back stays taken")
	}
	last := netip.MustParseAddr("10.0.0.0")
	for n := mostOne + 1; n < most; n++ {
		if last = last.Next(); !b.Take(last) {
			t.Fatalf("client %d is refused", n)
		}
	}
	if b.Take(last.Next()) {
		t.Error("more wait than may")
	}
	b.Leave(last)
	if !b.Take(last.Next()) || len(b.by) != most-mostOne+1 {
		t.Errorf("%d clients are counted", len(b.by))
	}
}
