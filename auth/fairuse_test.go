package auth_test

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// Each mount counts its own logins: what one mount's budget has lost is not taken of
// another's, whatever either answers, at this node and at the others.
func TestFairUseIsOfOneMount(t *testing.T) {
	for _, answer := range []auth.FairAnswer{auth.AnswerReport, auth.AnswerWarn} {
		t.Run(string(answer), func(t *testing.T) {
			inBubble(t, func(k *kit) {
				free, held := byKey(electaMount()), byKey(electaMount())
				free.Mount.FairUse = auth.FairUse{Logins: 3, Answer: answer}
				held.Mount.Name, held.Mount.FairUse = "held", auth.FairUse{Logins: 3, Answer: auth.AnswerRefuse}
				for range 6 {
					k.login(free)
				}
				for range 3 { // each while a session over the other mount is alive
					k.login(held)
				}
				k.wantLogin(held, auth.Throttled)
				k.login(free)
				k.restart() // what is in the store is told apart too
				k.wantLogin(held, auth.Throttled)
				k.login(free)
			})
		})
	}
}

// Of who is refused the audit tells once an hour, as of others, by the name of whose
// secret it was; and the figures count it, so that who is refused all day shows.
func TestFairUseThatRefusesIsTold(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		a.Mount.FairUse = auth.FairUse{Logins: 2, Answer: auth.AnswerRefuse}
		want := func(events int, logins, refused uint64) {
			k.Helper()
			list := k.events(audit.FairUse)
			if len(list) != events {
				k.Errorf("%d events of fair use, want %d: %+v", len(list), events, list)
			}
			for _, e := range list {
				if e.Account != "123456" || e.Subject != "main" || e.Tenant != "ACME" || e.Count != 3 || e.Reason != "" || e.Session != 0 {
					k.Errorf("%+v", e)
				}
			}
			if u := usageOf(k, k.key); u.Logins != logins || u.Refused != refused {
				k.Errorf("%+v", u)
			}
		}
		for range 3 {
			k.login(a)
		}
		for range 5 {
			k.wantLogin(a, auth.Throttled)
		}
		want(1, 3, 5)
		time.Sleep(time.Hour) // the first is needed again
		for range 3 {
			k.login(a)
		}
		k.store.broken.Store(true) // what could not be written is not told
		k.wantLogin(a, auth.Unavailable)
		k.store.broken.Store(false)
		time.Sleep(3 * time.Second)
		for range 2 {
			k.wantLogin(a, auth.Throttled)
		}
		list := k.events(audit.FairUse)
		if len(list) != 2 || list[1].Count < 3 {
			k.Errorf("%+v", list)
		}
	})
}

// What another node's logins used up is refused and told of here.
func TestFairUseThatNodesRefuseIsTold(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		a.Mount.FairUse = auth.FairUse{Logins: 2, Answer: auth.AnswerRefuse}
		for range 3 {
			k.login(a)
		}
		k.restart()
		for range 4 {
			k.wantLogin(a, auth.Throttled)
		}
		if list := k.events(audit.FairUse); len(list) != 1 || list[0].Account != "123456" {
			k.Errorf("%+v", list)
		}
		since, list := k.service.Usage()
		if len(list) != 1 || list[0].Principal != k.key || list[0].Refused != 4 || list[0].Logins != 0 || since.IsZero() {
			k.Errorf("%+v", list)
		}
	})
}
