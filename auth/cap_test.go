package auth_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

func cappedMount(most int) *auth.Mount {
	m := electaMount()
	m.MaxSessions = most
	return m
}

// A key may have so many live sessions and no more; what ends makes room.
func TestCap(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(cappedMount(2))
		first := k.login(a)
		time.Sleep(time.Minute)
		k.login(a)
		r := k.refused(a, auth.Throttled)
		if r.RetryAfter != 19*time.Minute {
			k.Errorf("come back in %v, the first ends in 19m", r.RetryAfter)
		}
		k.restart()
		k.wantLogin(a, auth.Throttled)
		if n := len(k.events(audit.Refusal)); n != 2 { // one before and one after the restart
			k.Errorf("%d refusals are recorded", n)
		}
		if err := k.service.Logout(k.Context(), bearer(a, first), auth.Origin{}); err != nil {
			k.Fatal(err)
		}
		k.login(a)
		k.wantLogin(a, auth.Throttled)
		time.Sleep(20*time.Minute - time.Nanosecond)
		k.wantLogin(a, auth.Throttled)
		time.Sleep(time.Nanosecond) // both end
		k.login(a)
		k.login(a)
		k.wantLogin(a, auth.Throttled)
	})
}

// The cap is of a key, not of a mount, and guesses are guesses when it is full.
func TestCapIsOfOneKey(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := cappedMount(1)
		k.login(byKey(m))
		k.login(byPassword(m))
		k.wantLogin(byKey(m), auth.Throttled)
		wrong := byKey(m)
		wrong.Secret = "wrong"
		k.wantLogin(wrong, auth.BadCredentials)
	})
}

// Sessions that replace each other are never too many.
func TestCapLeavesExpireOnNewAlone(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := onNewAttempt()
		a.Mount.MaxSessions = 1
		k.login(a)
		k.wantCheck(bearer(a, k.login(a)), "")
	})
}

// However many logins come at once, no more find room than there is.
func TestCapHoldsInARace(t *testing.T) {
	inBubble(t, func(k *kit) {
		const clients, most = 40, 3
		m := cappedMount(most)
		var began, refused atomic.Int32
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				_, err := k.service.Login(k.Context(), byKey(m))
				if r := reason(k.T, err); r == "" {
					began.Add(1)
				} else if r == auth.Throttled {
					refused.Add(1)
				}
			})
		}
		all.Wait()
		if began.Load() != most || refused.Load() != clients-most {
			k.Fatalf("%d sessions began, %d were refused", began.Load(), refused.Load())
		}
		if n := auth.WaitingTurns(k.service); n != 0 {
			k.Errorf("%d turns are left behind", n)
		}
	})
}

// A store that cannot count refuses.
func TestCapWithoutStore(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(cappedMount(5))
		k.login(a)
		k.store.noCount.Store(true)
		k.wantLogin(a, auth.Unavailable)
		k.store.noCount.Store(false)
		k.login(a)
	})
}

func TestCapIsValidated(t *testing.T) {
	if err := cappedMount(-1).Validate(); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("a negative cap: %v", err)
	}
}
