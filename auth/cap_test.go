package auth_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

func cappedMount(most int) *auth.Mount {
	m := electaMount()
	m.MaxSessions = most
	return m
}

// A tenant may have so many live sessions and no more; what ends makes room.
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

// The cap is of a tenant: its keys and users share it, and so do mounts of one
// dialect. Another dialect has a cap of its own, what began without a cap counts
// against none, and guesses are guesses when it is full.
func TestCapIsOfTheTenant(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := cappedMount(2)
		k.login(byKey(electaMount()))
		k.login(byKey(m))
		second := cappedMount(2)
		second.Name = "second"
		k.login(byPassword(second))
		k.wantLogin(byKey(m), auth.Throttled)
		k.wantLogin(byPassword(m), auth.Throttled)
		wrong := byKey(m)
		wrong.Secret = "wrong"
		k.wantLogin(wrong, auth.BadCredentials)
		other := cappedMount(1)
		other.Dialect = "edubrite"
		k.login(byPassword(other))
		k.wantLogin(byKey(other), auth.Throttled)
		k.login(byKey(electaMount()))
	})
}

// What a user is handed off to does not count, nor is it refused.
func TestCapLeavesHandOffsAlone(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := cappedMount(1)
		first := k.login(byPassword(m))
		for range 2 {
			token, err := k.service.IssueHandOff(k.Context(), &auth.HandOff{Mount: m, Principal: k.user, Span: time.Minute})
			if err != nil {
				k.Fatal(err)
			}
			if _, err := k.service.Redeem(k.Context(), m, token, secret.FormNative, auth.Origin{}); err != nil {
				k.Fatal(err)
			}
		}
		k.wantLogin(byKey(m), auth.Throttled)
		if err := k.service.Logout(k.Context(), bearer(byPassword(m), first), auth.Origin{}); err != nil {
			k.Fatal(err)
		}
		k.login(byKey(m)) // two sessions of hand-offs are alive
	})
}

// A login may replace its own sessions, but finds no more room than there is.
func TestCapAndExpireOnNew(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := onNewAttempt()
		a.Mount.MaxSessions = 1
		k.login(a)
		k.wantCheck(bearer(a, k.login(a)), "")
		other := byKey(a.Mount)
		k.wantLogin(other, auth.Throttled)
		a.Mount.MaxSessions = 2
		k.login(other)
		k.login(a)
		k.wantLogin(other, auth.Throttled)
	})
}

// However many logins come at once, of whomever, no more find room than there is.
func TestCapHoldsInARace(t *testing.T) {
	inBubble(t, func(k *kit) {
		const clients, most = 40, 3
		m := cappedMount(most)
		var refused atomic.Int32
		tokens := make(chan *auth.Bearer, clients)
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() {
				a := byKey(m)
				if i%2 == 0 {
					a = byPassword(m)
				}
				g, err := k.service.Login(k.Context(), a)
				if r := reason(k.T, err); r == "" {
					tokens <- bearer(a, g)
				} else if r == auth.Throttled {
					refused.Add(1)
				}
			})
		}
		all.Wait()
		if len(tokens) != most || refused.Load() != clients-most {
			k.Fatalf("%d sessions began, %d were refused", len(tokens), refused.Load())
		}
		for range most {
			k.wantCheck(<-tokens, "")
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
