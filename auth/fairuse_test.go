package auth_test

import (
	"testing"

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
