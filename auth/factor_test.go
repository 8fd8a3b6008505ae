package auth_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
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

// nodes is the kit's own service and n more over the same store; see closeAll.
func (k *kit) nodes(n int) []*auth.Service {
	k.Helper()
	all := []*auth.Service{k.service}
	for range n {
		all = append(all, k.node())
	}
	return all
}

func (k *kit) closeAll(nodes []*auth.Service) {
	k.Helper()
	for _, s := range nodes[1:] {
		if err := s.Close(); err != nil {
			k.Error(err)
		}
	}
}

// wantSignIns is how many sessions of the console were begun, and how many were refused
// for their code.
func (k *kit) wantSignIns(begun, refused int) {
	k.Helper()
	if n := len(k.events(audit.Login)); n != begun {
		k.Errorf("%d sign-ins are in the audit, want %d", n, begun)
	}
	n := 0
	for _, e := range k.events(audit.Refusal) {
		if e.Reason == string(auth.BadCredentials) && e.Subject == "demo" && strings.Contains(e.Detail, "authenticator") {
			n++
		}
	}
	if n != refused {
		k.Errorf("%d refused for the code are in the audit, want %d", n, refused)
	}
}

// A code that is shown to several nodes at once begins one session, and after a
// restart none.
func TestCodeIsGoodOnceAtAllNodes(t *testing.T) {
	inBubble(t, func(k *kit) {
		a, key := k.administrator()
		nodes := k.nodes(3)
		a.Factor = code(key, 0)
		answers := make(chan error, len(nodes))
		for _, node := range nodes {
			go func() {
				_, err := node.Login(k.Context(), a)
				answers <- err
			}()
		}
		got := map[auth.Reason]int{}
		for range nodes {
			got[reason(k.T, <-answers)]++
		}
		if got[""] != 1 || got[auth.BadCredentials] != 3 {
			k.Errorf("the answers were %v, want one session", got)
		}
		k.wantSignIns(1, 3)
		k.closeAll(nodes)
		k.restart()
		k.wantLogin(a, auth.BadCredentials)
		k.wantSignIns(1, 4)
	})
}

// A code that another node took, of which this one has not heard, is refused and counted
// like a wrong one.
func TestCodeUsedAtAnotherNodeIsAFailure(t *testing.T) {
	inBubble(t, func(k *kit) {
		a, key := k.administrator()
		nodes := k.nodes(fives.Failures)
		defer k.closeAll(nodes)
		for _, node := range nodes { // from now on each remembers the user as it is now
			time.Sleep(30 * time.Second)
			a.Factor = code(key, 0)
			k.wantLoginAt(node, a, "")
		}
		time.Sleep(30 * time.Second)
		a.Factor = code(key, 0)
		k.wantLoginAt(nodes[0], a, "")
		for i, node := range nodes[1:] {
			writes := k.store.writes.Load()
			r := k.refusedAt(node, a, auth.BadCredentials)
			if r.Failures != i+1 || r.Allowed != fives.Failures {
				k.Errorf("failure %d is told as %d of %d", i+1, r.Failures, r.Allowed)
			}
			if n := k.store.writes.Load() - writes; n < 2 {
				k.Errorf("node %d did not ask the store: %d writes", i+1, n)
			}
		}
		k.wantSignIns(len(nodes)+1, fives.Failures)
		a.Factor = code(key, 30*time.Second)
		for _, node := range nodes {
			k.wantLoginAt(node, a, auth.Locked)
		}
	})
}

// Where a name is locked and the code was used, the lock is told.
func TestLockComesBeforeUsedCode(t *testing.T) {
	inBubble(t, func(k *kit) {
		a, key := k.administrator()
		nodes := k.nodes(1)
		defer k.closeAll(nodes)
		a.Factor = code(key, 0)
		wrong := *a
		wrong.Factor = ""
		k.store.beforeWrite.Store(&[]func(){func() {
			k.wantLoginAt(nodes[1], a, "")
			for range fives.Failures {
				k.wantLoginAt(nodes[1], &wrong, auth.BadCredentials)
			}
		}}[0])
		k.wantLogin(a, auth.Locked)
	})
}

// A code counts where the store refused the set for another reason and it was written
// again; and a used one is not told as one too many of a budget, which would say that
// all else was right.
func TestCodeAmongOtherConditions(t *testing.T) {
	for answer, want := range map[auth.FairAnswer]auth.Reason{auth.AnswerWarn: "", auth.AnswerRefuse: auth.Throttled} {
		inBubble(t, func(k *kit) {
			a, key := k.administrator()
			a.Mount.FairUse = auth.FairUse{Logins: 2, Answer: answer}
			nodes := k.nodes(1)
			defer k.closeAll(nodes)
			fresh := func() {
				time.Sleep(30 * time.Second)
				a.Factor = code(key, 0)
			}
			fresh()
			k.wantLoginAt(nodes[1], a, "") // needed
			for range 2 {                  // all of the budget
				fresh()
				k.wantLoginAt(nodes[0], a, "")
			}
			k.wantLoginAt(nodes[1], a, auth.BadCredentials)
			fresh()
			k.wantLoginAt(nodes[1], a, want) // which this node hears of by a conflict
			used := secret.TOTPStep(time.Now())
			if want != "" {
				used--
			}
			k.update(func(tx auth.Tx) error {
				u, err := tx.User(k.user)
				if u.FactorStep != used {
					k.Errorf("answer %v: the newest step is %d, want %d", answer, u.FactorStep, used)
				}
				return err
			})
		})
	}
}

// Who is removed while a sign-in is on its way is nobody; who loses the second factor
// has shown it.
func TestUserChangesDuringSignIn(t *testing.T) {
	inBubble(t, func(k *kit) {
		a, key := k.administrator()
		a.Factor = code(key, 0)
		change := func(f func(tx auth.Tx) error) {
			k.store.beforeWrite.Store(&[]func(){func() { k.update(f) }}[0])
		}
		change(func(tx auth.Tx) error {
			u, err := tx.User(k.user)
			if err != nil {
				return err
			}
			u.Factor = ""
			return tx.PutUser(&u)
		})
		k.login(a)
		a, key = k.administrator()
		a.Factor = code(key, 30*time.Second)
		change(func(tx auth.Tx) error { return tx.DeleteUser(k.user) })
		if r := k.refusedAt(k.service, a, auth.BadCredentials); !errors.Is(r, auth.ErrNotFound) || r.Failures != 1 {
			k.Errorf("%v, failures %d", r, r.Failures)
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
