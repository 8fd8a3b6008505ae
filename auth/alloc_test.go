//go:build !race

package auth_test

import (
	"testing"

	"github.com/sallyport/sallyport/auth"
)

// Checking a session in memory allocates nothing, in whatever form the token is
// and with an application key beside it.
func TestCheckAllocatesNothing(t *testing.T) {
	k := newKit(t)
	native := byKey(electaMount())
	native.Form = auth.FormNative
	withApp := byPassword(calampMount())
	withApp.Mount.AppOnCalls = true
	for name, a := range map[string]*auth.Attempt{"guid": byKey(electaMount()), "native": native, "series": byPassword(calampMount()), "app": withApp} {
		b := bearer(a, k.login(a))
		if a == withApp {
			b.App = goodApp
		}
		n := testing.AllocsPerRun(200, func() {
			if _, err := k.service.Check(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations a check", name, n)
		}
		made := *b
		made.Value = made.Value[:len(made.Value)-1] + "A"
		if made.Value == b.Value {
			made.Value = made.Value[:len(made.Value)-1] + "B"
		}
		n = testing.AllocsPerRun(200, func() {
			if _, err := k.service.Check(t.Context(), &made); err == nil {
				t.Fatal("a token that was altered is good")
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations a refusal", name, n)
		}
	}
}
