package auth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// What is over the rate of its address is refused before its secret is looked at:
// it locks nobody, and the audit tells of it.
func TestLoginsAreRated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		m := electaMount()
		m.Rate = auth.Rate{Attempts: 3, Window: time.Minute}
		a := byKey(m)
		wrong := byKey(m)
		wrong.Secret = "wrong"
		k.login(a)
		k.wantLogin(wrong, auth.BadCredentials)
		k.login(a)
		for range 10 {
			k.wantLogin(wrong, auth.Throttled)
		}
		refusal := k.refused(a, auth.Throttled)
		if refusal.RetryAfter != time.Minute {
			t.Errorf("to come back in %v, want a minute", refusal.RetryAfter)
		}
		if n := k.service.Stats().Locked; n != 0 {
			t.Errorf("%d are locked", n)
		}
		events := k.events(audit.Refusal)
		if e := events[len(events)-1]; e.Kind != audit.Refusal || e.Reason != string(auth.Throttled) || e.Detail != "too many logins from one address" {
			t.Errorf("the audit has %+v", e)
		}
		time.Sleep(time.Minute)
		k.login(a)
		for _, bad := range []auth.Rate{{Attempts: -1}, {Attempts: 1}, {Attempts: 1, Window: -1}} {
			m.Rate = bad
			if m.Validate() == nil {
				t.Errorf("%+v is a rate", bad)
			}
		}
	})
}
