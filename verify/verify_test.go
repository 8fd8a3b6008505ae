package verify

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// What was seen once is judged from memory, and what ends is refused.
func TestRevocationArrives(t *testing.T) {
	w := newWorld(t)
	for name, revoke := range map[string]func(auth.Grant){
		"session":   func(g auth.Grant) { w.revoke(auth.Revocation{Session: g.Session.ID}) },
		"principal": func(auth.Grant) { w.revoke(auth.Revocation{Principal: w.key}) },
		"account":   func(auth.Grant) { w.revoke(auth.Revocation{Account: w.account}) },
	} {
		t.Run(name, func(t *testing.T) {
			v := w.verify().follow()
			g := w.login("electa")
			s := v.want(electaCall(g), nil, false)
			if s.ID != uint64(g.Session.ID) || s.Dialect != "electa" || s.Account != "123456" || s.Subject != "main" || s.Actor != "" ||
				!s.Issued.Equal(w.world().clock.now().Truncate(time.Second)) || len(s.AccountPath) != 2 {
				t.Errorf("session %+v", s)
			}
			v.want(electaCall(g), nil, true)
			revoke(g)
			v.caughtUp()
			v.want(electaCall(g), ErrRefused, false)
		})
	}
}

func (w *world) world() *world { return w }
