package auth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// TestStanding: what is no guess is told how the name stands, and changes
// nothing about it.
func TestStanding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		m := calampMount()
		m.Addresses = auth.Limits{Failures: 7, Window: time.Hour, Lock: time.Minute}
		wrong := func(name string) *auth.Attempt {
			a := byPassword(m)
			a.User, a.Secret = name, "wrong"
			return a
		}
		want := func(name string, reason auth.Reason, failures int, wait time.Duration) {
			t.Helper()
			for range 20 { // it does not count
				r := k.service.Standing(wrong(name))
				if r.Reason != reason || r.Failures != failures || r.RetryAfter != wait || (reason == auth.BadCredentials) != (r.Allowed == 5) {
					t.Fatalf("%q stands at %+v, want %s after %d failures and %v", name, *r, reason, failures, wait)
				}
			}
		}
		writes := k.store.writes.Load()
		want("demo", auth.BadCredentials, 0, 0)
		want("", auth.BadCredentials, 0, 0)
		if k.store.writes.Load() != writes {
			t.Error("it writes")
		}
		k.wantLogin(wrong("demo"), auth.BadCredentials)
		want("demo", auth.BadCredentials, 1, 0)
		time.Sleep(m.Names.Window)
		want("demo", auth.BadCredentials, 0, 0)
		for range 5 {
			k.wantLogin(wrong("demo"), auth.BadCredentials)
		}
		time.Sleep(time.Minute)
		want("demo", auth.Locked, 0, m.Names.Lock-time.Minute)
		want("another", auth.BadCredentials, 0, 0)
		k.restart()
		want("demo", auth.Locked, 0, m.Names.Lock-time.Minute)
		time.Sleep(m.Names.Lock - time.Minute)
		want("demo", auth.BadCredentials, 0, 0)
		k.login(byPassword(m))

		k.wantLogin(wrong("another"), auth.BadCredentials) // the seventh from this address
		want("demo", auth.Locked, 0, time.Minute)
	})
}

// TestStandingWithoutALockByName: what is counted for the address alone is
// nobody's count.
func TestStandingWithoutALockByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		m := calampMount()
		m.Names, m.Addresses = auth.Limits{}, fives
		a := byPassword(m)
		a.Secret = "wrong"
		k.wantLogin(a, auth.BadCredentials)
		if r := k.service.Standing(a); r.Reason != auth.BadCredentials || r.Failures != 0 || r.Allowed != 0 {
			t.Errorf("stands at %+v", *r)
		}
	})
}
