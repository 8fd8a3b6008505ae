package auth

import (
	"testing"
	"time"
)

// TestStandingForgets: what is over counts no more, even before anybody swept it.
func TestStandingForgets(t *testing.T) {
	g, now, a := newGuard(), time.Unix(1776331248, 0), guessAt(123456)
	fail := func() {
		t.Helper()
		if _, refusal := judgeWith(t.Context(), g, now, a, false, true); refusal != nil {
			t.Fatal(refusal)
		}
	}
	at := func(after time.Duration, want Reason, failures int) {
		t.Helper()
		if r := g.standing(now.Add(after), a); r.Reason != want || r.Failures != failures {
			t.Errorf("%v later it stands at %+v", after, *r)
		}
	}
	fail()
	at(fiveIn15.Window-1, BadCredentials, 1)
	at(fiveIn15.Window, BadCredentials, 0)
	for range 4 {
		fail()
	}
	at(fiveIn15.Lock-1, Locked, 0)
	at(fiveIn15.Lock, BadCredentials, 0)
	if g.mustRefuse(t, now, a) != fiveIn15.Lock {
		t.Error("asking changed something")
	}
}
