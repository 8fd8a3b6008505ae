package auth_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

const roleSecret = "a verifier's secret, 32 characters"

// withRole adds a key of a role to an account of its own, and returns an attempt
// with it.
func (k *kit) withRole(role auth.Role, everywhere bool, account auth.AccountID) *auth.Attempt {
	k.Helper()
	k.update(func(tx auth.Tx) error {
		at, err := tx.Account(account)
		if err != nil {
			return err
		}
		own := auth.Account{Level: at.Level + 1, Tenant: at.Tenant, Parent: at.ID, Code: "ROLES"}
		if err := tx.PutAccount(&own); err != nil {
			return err
		}
		key := auth.Key{Account: own.ID, Name: "role", Digest: k.keys.KeyDigest(roleSecret), Pepper: k.keys.Pepper(), Role: role, Everywhere: everywhere}
		return errors.Join(key.Validate(), tx.PutKey(&key))
	})
	m := electaMount()
	m.Name, m.Tenant = "oauth2", "ACME"
	return &auth.Attempt{Mount: m, Scheme: auth.AccountKey, Code: "ROLES", Secret: roleSecret, Origin: auth.Origin{Source: home, Request: "r9"}}
}

func (k *kit) authenticate(a *auth.Attempt, roles ...auth.Role) (*auth.Caller, auth.Reason) {
	k.Helper()
	c, err := k.service.Authenticate(k.Context(), a, roles...)
	return c, reason(k.T, err)
}

func TestRolesLogInNowhere(t *testing.T) {
	for _, role := range auth.Roles() {
		t.Run("role "+string(role), func(t *testing.T) {
			inBubble(t, func(k *kit) {
				a := k.withRole(role, false, k.tenant)
				want := auth.BadCredentials
				if role == auth.Client || role == auth.Delegate {
					want = ""
				}
				_, err := k.service.Login(k.Context(), a)
				if got := reason(k.T, err); got != want {
					k.Errorf("login says %q, want %q", got, want)
				}
			})
		})
	}
}

func TestRoleGivenLaterEndsSessions(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		b := bearer(a, k.login(a))
		k.wantCheck(b, "")
		k.update(func(tx auth.Tx) error {
			key, err := tx.Key(k.key)
			if err != nil {
				return err
			}
			key.Role = auth.Operator
			return tx.PutKey(&key)
		})
		k.wantCheck(b, auth.UnknownToken)
		k.restart()
		k.wantCheck(b, auth.UnknownToken)
	})
}

func TestAuthenticate(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := k.withRole(auth.Verifier, false, k.tenant)
		c, r := k.authenticate(a, auth.Verifier, auth.Owner)
		if r != "" {
			k.Fatalf("refused: %s", r)
		}
		if c.Role != auth.Verifier || c.Subject != "role" || c.Tenant.Code != "ACME" {
			k.Errorf("the caller is %+v", c.Identity)
		}
		if _, r := k.authenticate(a, auth.Auditor, auth.Owner); r != auth.BadCredentials {
			k.Errorf("another role: %q", r)
		}
		wrong := *a
		wrong.Secret = goodSecret
		if _, r := k.authenticate(&wrong, auth.Verifier); r != auth.BadCredentials {
			k.Errorf("a wrong secret: %q", r)
		}
		client := byKey(a.Mount)
		if _, r := k.authenticate(client, auth.Verifier); r != auth.BadCredentials {
			k.Errorf("a client's key: %q", r)
		}
		if n := len(k.events(audit.Login)); n != 0 {
			k.Errorf("%d sessions were begun", n)
		}
	})
}

// Whoever knows the name of a verifier must not be able to turn it off, and gains
// no guess by trying.
func TestStrangerCannotLockVerifierOut(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := k.withRole(auth.Verifier, true, k.tenant)
		if _, r := k.authenticate(a, auth.Verifier); r != "" {
			k.Fatal(r)
		}
		stranger := *a
		stranger.Origin.Source = netip.MustParseAddr("198.51.100.66")
		stranger.Secret = "guess"
		for range fives.Failures + 1 {
			if _, r := k.authenticate(&stranger, auth.Verifier); r != auth.BadCredentials {
				k.Fatalf("a guess: %q", r)
			}
		}
		// The name is not locked, for the verifier at a new address either.
		moved := *a
		moved.Origin.Source = netip.MustParseAddr("198.51.100.67")
		if _, r := k.authenticate(&moved, auth.Verifier); r != "" {
			k.Errorf("the verifier from elsewhere: %q", r)
		}
		for range 100 {
			k.authenticate(&stranger, auth.Verifier)
		}
		right := stranger
		right.Secret = roleSecret
		if _, r := k.authenticate(&right, auth.Verifier); r != auth.Locked {
			k.Errorf("the right secret from the address of so many guesses: %q", r)
		}
		// Behind the address of the verifier itself it goes on.
		near := stranger
		near.Origin.Source = a.Origin.Source
		for range 101 {
			k.authenticate(&near, auth.Verifier)
		}
		if _, r := k.authenticate(&near, auth.Verifier); r != auth.Locked {
			k.Errorf("a guess from the verifier's address: %q", r)
		}
		writes := k.store.writes.Load()
		if _, r := k.authenticate(a, auth.Verifier); r != "" {
			k.Errorf("the verifier itself: %q", r)
		}
		if n := k.store.writes.Load() - writes; n != 0 {
			k.Errorf("a success wrote %d times", n)
		}
		// Records change; what is remembered is looked up anew.
		k.update(func(tx auth.Tx) error { return tx.PutApp(&auth.App{Key: "x", Account: k.tenant}) })
		if _, r := k.authenticate(a, auth.Verifier); r != "" {
			k.Errorf("the verifier after a change of records: %q", r)
		}
		k.update(func(tx auth.Tx) error {
			list, err := tx.Keys(k.accountOf(tx, "ROLES"))
			if err != nil {
				return err
			}
			list[0].Disabled = true
			return tx.PutKey(&list[0])
		})
		if _, r := k.authenticate(a, auth.Verifier); r != auth.Locked {
			k.Errorf("a disabled verifier: %q", r)
		}
	})
}

func (k *kit) accountOf(v auth.Reader, code string) auth.AccountID {
	k.Helper()
	a, err := v.AccountByCode(k.tenant, code)
	if err != nil {
		k.Fatal(err)
	}
	return a.ID
}

func TestReachOfCaller(t *testing.T) {
	inBubble(t, func(k *kit) {
		west := k.login(byKey(electaMount())).Session.Identity
		division := k.login(onNewAttempt()).Session.Identity
		c, r := k.authenticate(k.withRole(auth.Verifier, false, k.tenant), auth.Verifier)
		if r != "" {
			k.Fatal(r)
		}
		if c.Reaches(west) || c.Reaches(division) {
			k.Error("a key reaches beside its own account")
		}
		if !c.Reaches(c.Identity) {
			k.Error("a key does not reach its own account")
		}
		above := auth.Caller{Identity: &auth.Identity{Account: west.Tenant}}
		if !above.Reaches(west) || !above.Reaches(division) {
			k.Error("the tenant does not reach what is below it")
		}
		c.Everywhere = true
		if !c.Reaches(west) {
			k.Error("everywhere is not everywhere")
		}
	})
}

func TestLoginAs(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := electaMount()
		above, r := k.authenticate(k.withRole(auth.Delegate, true, k.tenant), auth.Delegate)
		if r != "" {
			k.Fatal(r)
		}
		ask := auth.LoginAs{Mount: m, Caller: above, User: "demo", Attrs: "x", Origin: auth.Origin{Source: home}}
		g, err := k.service.LoginAs(k.Context(), &ask)
		if err != nil {
			k.Fatal(err)
		}
		s, err := k.service.Check(k.Context(), &auth.Bearer{Mount: m, Form: ask.Form, Value: g.Token})
		if err != nil || s.Identity.Principal != k.user || s.Attrs != "x" || s.Life.Ends != s.Life.Issued.Add(20*time.Minute) {
			k.Fatalf("the session is %+v, %v", s, err)
		}
		logins := k.events(audit.Login)
		if e := logins[len(logins)-1]; e.Actor != "ROLES/role" || e.Subject != "demo" {
			k.Errorf("the audit says %+v", e)
		}
		err = k.service.View(k.Context(), func(v auth.Reader) error {
			u, err := v.User(k.user)
			if err == nil && !u.LastSignIn.IsZero() {
				k.Errorf("the user signed in at %s", u.LastSignIn)
			}
			return err
		})
		if err != nil {
			k.Fatal(err)
		}
		for what, change := range map[string]func(*auth.LoginAs){
			"unknown user":  func(l *auth.LoginAs) { l.User = "nobody" },
			"inactive user": func(l *auth.LoginAs) { l.User = "gone" },
			"no user":       func(l *auth.LoginAs) { l.User = "" },
			"other tenant":  func(l *auth.LoginAs) { o := *m; o.Tenant = "OTHER"; l.Mount = &o },
			"out of reach": func(l *auth.LoginAs) {
				who := *above.Identity
				who.Everywhere = false
				l.Caller = &auth.Caller{Identity: &who}
			},
			"no delegate": func(l *auth.LoginAs) {
				who := *above.Identity
				who.Role = auth.Owner
				l.Caller = &auth.Caller{Identity: &who}
			},
		} {
			l := ask
			change(&l)
			_, err := k.service.LoginAs(k.Context(), &l)
			if got := reason(k.T, err); got != auth.BadCredentials {
				k.Errorf("%s: %q", what, got)
			}
		}
	})
}

func TestRoleIsValidated(t *testing.T) {
	k := auth.Key{Account: 1, Name: "k", Role: "king"}
	if err := k.Validate(); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("an unknown role: %v", err)
	}
	k.Role, k.Everywhere = auth.Client, true
	if err := k.Validate(); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("everywhere without a role: %v", err)
	}
	u := auth.User{Tenant: 1, Account: 1, Name: "u", Role: "king"}
	if err := u.Validate(); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("an unknown role of a user: %v", err)
	}
}
