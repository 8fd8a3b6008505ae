package auth_test

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// administrator gives the kit's user a role and a second factor, and returns a
// sign-in without its code.
func (k *kit) administrator() (a *auth.Attempt, key string) {
	k.Helper()
	key = secret.NewTOTPKey()
	k.changeUser("demo", func(u *auth.User) {
		u.Role, u.Factor = auth.Operator, k.service.SealFactor(u.ID, key)
	})
	return byPassword(&auth.Mount{Name: "console", Dialect: auth.ConsoleDialect, Policy: span, Names: fives}), key
}

func code(key string, after time.Duration) string {
	c, _ := secret.TOTP(key, secret.TOTPStep(time.Now().Add(after)))
	return c
}

func TestConsoleSignIn(t *testing.T) {
	inBubble(t, func(k *kit) {
		a, key := k.administrator()
		k.wantLogin(a, auth.BadCredentials) // no code
		a.Factor = "000000"
		k.wantLogin(a, auth.BadCredentials)
		a.Factor = code(key, 0)
		g := k.login(a)
		if g.Session.Identity.User.Factor != "" {
			k.Error("the session knows the second factor")
		}
		k.wantCheck(bearer(a, g), "")
		k.wantLogin(a, auth.BadCredentials) // the same code again
		k.restart()
		k.wantLogin(a, auth.BadCredentials) // and after a restart
		k.wantCheck(bearer(a, g), "")
		time.Sleep(30 * time.Second)
		a.Factor = code(key, -30*time.Second)
		k.wantLogin(a, auth.BadCredentials) // an older one than was used
		a.Factor = code(key, 0)
		k.login(a)
		// The right password without the factor is a guess like any other.
		a.Factor = "000000"
		for range fives.Failures {
			k.wantLogin(a, auth.BadCredentials)
		}
		a.Factor = code(key, 30*time.Second)
		k.wantLogin(a, auth.Locked)
	})
}

func TestCodeIsGoodOnceAmongRacers(t *testing.T) {
	inBubble(t, func(k *kit) {
		a, key := k.administrator()
		a.Factor = code(key, 0)
		won := make(chan bool, 8)
		for range cap(won) {
			go func() {
				_, err := k.service.Login(k.Context(), a)
				won <- err == nil
			}()
		}
		n := 0
		for range cap(won) {
			if <-won {
				n++
			}
		}
		if n != 1 {
			k.Errorf("one code opened %d sessions", n)
		}
	})
}

func TestConsoleIsForAdministrators(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byPassword(&auth.Mount{Name: "console", Dialect: auth.ConsoleDialect, Policy: span, Names: fives})
		k.wantLogin(a, auth.BadCredentials) // a client
		key := byKey(a.Mount)
		k.wantLogin(key, auth.BadCredentials)
		k.changeUser("demo", func(u *auth.User) { u.Role = auth.Auditor })
		b := bearer(a, k.login(a))
		k.wantCheck(b, "")
		k.wantLogin(byPassword(calampMount()), auth.BadCredentials) // and they nowhere else
		k.changeUser("demo", func(u *auth.User) { u.Role = auth.Client })
		k.wantCheck(b, auth.UnknownToken)
	})
}

// A factor is good for the user it was sealed for: whoever can write to the
// database cannot give a user the factor of another.
func TestFactorIsBoundToItsUser(t *testing.T) {
	inBubble(t, func(k *kit) {
		a, key := k.administrator()
		k.changeUser("demo", func(u *auth.User) { u.Factor = k.service.SealFactor(u.ID+1, key) })
		a.Factor = code(key, 0)
		k.wantLogin(a, auth.BadCredentials)
		k.changeUser("demo", func(u *auth.User) { u.Factor = "junk" })
		k.wantLogin(a, auth.BadCredentials)
	})
}
