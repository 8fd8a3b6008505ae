package auth

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func from(addr string, m *Mount) *Attempt {
	return &Attempt{Mount: m, Origin: Origin{Source: netip.MustParseAddr(addr)}}
}

func threeAMinute(name, tenant string) *Mount {
	return &Mount{Name: name, Dialect: "edubrite", Tenant: tenant, Rate: Rate{Attempts: 3, Window: time.Minute}}
}

func rated(r *rates, a *Attempt, now time.Time) *Refusal {
	_, refusal := r.take(a, now)
	return refusal
}

func TestRate(t *testing.T) {
	var r rates
	m := threeAMinute("m", "")
	for i := range 3 {
		if refusal := rated(&r, from("192.0.2.1", m), t0.Add(time.Duration(i)*time.Second)); refusal != nil {
			t.Fatalf("attempt %d: %v", i+1, refusal)
		}
	}
	for at, left := range map[time.Duration]time.Duration{3 * time.Second: 57 * time.Second, time.Minute - 1: 1} {
		refusal := rated(&r, from("192.0.2.1", m), t0.Add(at))
		if refusal == nil || refusal.Reason != Throttled || refusal.RetryAfter != left {
			t.Errorf("after %v: %+v, want %v to wait", at, refusal, left)
		}
	}
	// What was refused lengthens nothing.
	for range 3 {
		if refusal := rated(&r, from("192.0.2.1", m), t0.Add(time.Minute)); refusal != nil {
			t.Errorf("in the next window: %v", refusal)
		}
	}
	if rated(&r, from("192.0.2.1", m), t0.Add(time.Minute)) == nil {
		t.Error("the next window has no bound")
	}
}

// An IPv6 client has a /64, and mounts of one site share the bound.
func TestRateIsOfAnAddressAndASite(t *testing.T) {
	for what, c := range map[string]struct {
		first, then *Attempt
		together    bool
	}{
		"one /64":            {from("2001:db8::1", threeAMinute("m", "")), from("2001:db8::ffff:1", threeAMinute("m", "")), true},
		"another /64":        {from("2001:db8::1", threeAMinute("m", "")), from("2001:db8:0:1::1", threeAMinute("m", "")), false},
		"mapped":             {from("192.0.2.1", threeAMinute("m", "")), from("::ffff:192.0.2.1", threeAMinute("m", "")), true},
		"another address":    {from("192.0.2.1", threeAMinute("m", "")), from("192.0.2.2", threeAMinute("m", "")), false},
		"another mount":      {from("192.0.2.1", threeAMinute("m", "")), from("192.0.2.1", threeAMinute("n", "")), false},
		"mounts of a site":   {from("192.0.2.1", threeAMinute("m", "A")), from("192.0.2.1", threeAMinute("n", "A")), true},
		"another site":       {from("192.0.2.1", threeAMinute("m", "A")), from("192.0.2.1", threeAMinute("m", "B")), false},
		"a mount for a site": {from("192.0.2.1", threeAMinute("m", "")), from("192.0.2.1", threeAMinute("m", "A")), false},
	} {
		var r rates
		for range 3 {
			if refusal := rated(&r, c.first, t0); refusal != nil {
				t.Fatal(refusal)
			}
		}
		if got := rated(&r, c.then, t0) != nil; got != c.together {
			t.Errorf("%s: refused: %v, want %v", what, got, c.together)
		}
	}
}

func TestRateOfManyAtOnce(t *testing.T) {
	var r rates
	m := threeAMinute("m", "")
	var passed atomic.Int32
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if rated(&r, from("192.0.2.1", m), t0) == nil {
				passed.Add(1)
			}
		})
	}
	all.Wait()
	if passed.Load() != 3 {
		t.Errorf("%d of 100 passed, want 3", passed.Load())
	}
}

// Addresses cannot fill the memory: the oldest goes, and what is over goes by
// itself. A mount without a bound counts nothing.
func TestRateIsBounded(t *testing.T) {
	var r rates
	m := threeAMinute("m", "")
	at := func(i int) *Attempt {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(i))
		return &Attempt{Mount: m, Origin: Origin{Source: netip.AddrFrom4(b)}}
	}
	for i := range maxRated + 10 {
		for range 3 {
			if refusal := rated(&r, at(i), t0.Add(time.Duration(i))); refusal != nil {
				t.Fatal(refusal)
			}
		}
	}
	if len(r.of) != maxRated || r.oldest.Len() != maxRated {
		t.Errorf("%d and %d are counted, want %d", len(r.of), r.oldest.Len(), maxRated)
	}
	if rated(&r, at(maxRated+9), t0.Add(time.Second)) == nil || rated(&r, at(10), t0.Add(time.Second)) == nil {
		t.Error("one of the newest is forgotten")
	}
	if rated(&r, at(9), t0.Add(time.Second)) != nil {
		t.Error("the oldest is still there")
	}
	r.sweep(t0.Add(time.Minute + 100))
	if n := len(r.of); n >= maxRated || r.oldest.Len() != n || r.of[rateKey(at(9))] == nil {
		t.Errorf("%d and %d are left", n, r.oldest.Len())
	}
	r.sweep(t0.Add(time.Hour))
	if len(r.of) != 0 || r.oldest.Len() != 0 {
		t.Errorf("%d and %d are left after their time", len(r.of), r.oldest.Len())
	}
	m.Rate = Rate{}
	if refusal := rated(&r, at(1), t0); refusal != nil || len(r.of) != 0 {
		t.Errorf("without a bound: %v, %d counted", refusal, len(r.of))
	}
}
