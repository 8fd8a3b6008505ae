package auth_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// asUser is a later call with the grant's token that is made for a user.
func asUser(a *auth.Attempt, g auth.Grant, user string) *auth.Bearer {
	b := bearer(a, g)
	b.As = user
	return b
}

func (k *kit) changeUser(name string, change func(*auth.User)) {
	k.Helper()
	k.update(func(tx auth.Tx) error {
		u, err := tx.UserByName(k.tenant, name)
		if err != nil {
			return err
		}
		change(&u)
		return tx.PutUser(&u)
	})
}

func TestCheckAsUser(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		g := k.login(a)
		s, err := k.service.Check(k.Context(), asUser(a, g, "demo"))
		if err != nil {
			k.Fatal(err)
		}
		if s.ID != g.Session.ID || s.Identity.Subject != "demo" || s.Identity.Principal != k.user || s.Identity.User == nil || s.Identity.User.Password != "" {
			k.Errorf("the session is %+v of %+v", s, s.Identity)
		}
		if s.Actor == nil || s.Actor.Principal != k.key || s.Actor.Subject != "main" {
			k.Errorf("the actor is %+v", s.Actor)
		}
		own, err := k.service.Check(k.Context(), bearer(a, g))
		if err != nil || own.Actor != nil || own.Identity.Principal != k.key {
			k.Errorf("on its own the session is %+v, %v", own, err)
		}
		reads := k.store.reads.Load()
		k.wantCheck(asUser(a, g, "demo"), "")
		if n := k.store.reads.Load() - reads; n != 0 {
			k.Errorf("a known user costs %d reads", n)
		}
	})
}

func TestCheckAsUserRefused(t *testing.T) {
	inBubble(t, func(k *kit) {
		k.update(func(tx auth.Tx) error {
			off := auth.Account{Level: auth.Organization, Tenant: k.tenant, Parent: k.tenant, Code: "OFF", Disabled: true}
			if err := tx.PutAccount(&off); err != nil {
				return err
			}
			for _, u := range []auth.User{
				{Tenant: k.tenant, Account: off.ID, Name: "of a disabled account", Active: true},
				{Tenant: k.other, Account: k.other, Name: "of another tenant", Active: true},
			} {
				if err := tx.PutUser(&u); err != nil {
					return err
				}
			}
			return nil
		})
		a := byKey(electaMount())
		g := k.login(a)
		for name, want := range map[string]auth.Reason{
			"nobody": auth.BadCredentials, "Demo": auth.BadCredentials, "demo ": auth.BadCredentials, "main": auth.BadCredentials,
			"of a disabled account": auth.BadCredentials, "of another tenant": auth.BadCredentials,
			strings.Repeat("x", auth.MaxName+1): auth.BadCredentials, "gone": auth.Inactive,
		} {
			k.wantCheck(asUser(a, g, name), want)
		}
		forged := asUser(a, g, "demo")
		forged.Value = strings.Replace(g.Token, "-", "0", 1)
		k.wantCheck(forged, auth.UnknownToken)
	})
}

// A user who is deactivated or removed is not acted for any more, and the
// caller's own session goes on.
func TestCheckAsUserFollowsTheUser(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		g := k.login(a)
		b := asUser(a, g, "demo")
		k.wantCheck(b, "")
		k.changeUser("demo", func(u *auth.User) { u.Active = false })
		k.wantCheck(b, auth.Inactive)
		k.wantCheck(bearer(a, g), "")
		k.changeUser("demo", func(u *auth.User) { u.Active = true })
		k.wantCheck(b, "")
		k.update(func(tx auth.Tx) error { return tx.DeleteUser(k.user) })
		k.wantCheck(b, auth.BadCredentials)
		k.wantCheck(bearer(a, g), "")
	})
}

// On a node that has lost the feed a user is not acted for out of memory.
func TestCheckAsUserWithoutFeed(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		g := k.login(a)
		b := asUser(a, g, "demo")
		other := k.node()
		defer other.Close()
		if r := k.check(other, b); r != "" {
			k.Fatal(r)
		}
		k.store.noFeed.Store(true)
		time.Sleep(2 * time.Second)
		k.changeUser("demo", func(u *auth.User) { u.Active = false })
		if r := k.check(other, b); r != auth.Inactive {
			k.Errorf("the node that hears nothing says %q", r)
		}
		k.store.broken.Store(true)
		if r := k.check(other, b); r != auth.Unavailable {
			k.Errorf("the node that has no store says %q", r)
		}
		k.store.broken.Store(false)
		k.store.noFeed.Store(false)
	})
}

// A refused call takes none of a session's uses.
func TestCheckAsNobodyTakesNoUse(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := electaMount()
		m.Policy = auth.Policy{Name: "once", Uses: 1}
		a := byKey(m)
		g := k.login(a)
		k.wantCheck(asUser(a, g, "nobody"), auth.BadCredentials)
		k.wantCheck(asUser(a, g, "demo"), "")
		k.wantCheck(asUser(a, g, "demo"), auth.UnknownToken)
	})
}

func TestCheckWithAttrs(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		a.Attrs = "api"
		g := k.login(a)
		b := bearer(a, g)
		for attrs, want := range map[string]auth.Reason{"": "", "api": "", "browser": auth.UnknownToken, "ap": auth.UnknownToken} {
			b.Attrs = attrs
			k.wantCheck(b, want)
		}
		plain := byKey(electaMount())
		b = bearer(plain, k.login(plain))
		b.Attrs = "api"
		k.wantCheck(b, auth.UnknownToken)
	})
}

func (k *kit) actAs(s *auth.Session, user string, create *auth.NewUser) (*auth.Identity, auth.Reason) {
	k.Helper()
	who, err := k.service.ActAs(k.Context(), &auth.ActAs{Mount: electaMount(), Caller: s, User: user, Create: create, Origin: auth.Origin{Source: home, Request: "r2"}})
	return who, reason(k.T, err)
}

func TestActAsCreates(t *testing.T) {
	inBubble(t, func(k *kit) {
		g := k.login(byKey(electaMount()))
		s := &g.Session
		if _, r := k.actAs(s, "erin", nil); r != auth.BadCredentials {
			k.Fatalf("nobody is acted for: %q", r)
		}
		who, r := k.actAs(s, "erin", &auth.NewUser{FullName: "Erin Doe", Email: "erin@example.org"})
		if r != "" {
			k.Fatal(r)
		}
		u := who.User
		if u.Name != "erin" || u.FullName != "Erin Doe" || u.Email != "erin@example.org" || !u.Active || u.Admin || u.Tenant != k.tenant || u.Account != k.west {
			k.Errorf("the user is %+v", u)
		}
		again, r := k.actAs(s, "erin", &auth.NewUser{FullName: "Somebody Else"})
		if r != "" || again.Principal != who.Principal || again.User.FullName != "Erin Doe" {
			k.Errorf("the second time it is %+v, %q", again, r)
		}
		login := byPassword(electaMount())
		login.User, login.Secret = "erin", ""
		k.wantLogin(login, auth.BadCredentials)
		events := k.events(audit.Change)
		if len(events) != 1 || events[0].Subject != "erin" || events[0].Actor != "123456/main" || events[0].Tenant != "ACME" || events[0].Request != "r2" || events[0].Session != uint64(s.ID) {
			k.Errorf("recorded are %+v", events)
		} else if u.NameSince.IsZero() || !u.NameSince.Equal(events[0].At) {
			k.Errorf("the user has its name since %v, was made %v", u.NameSince, events[0].At)
		}
	})
}

// A caller acts for who is of its own account or below it, and for nobody beside or above
// it, whether he may log in or not: one answer, and the same as for who does not exist.
func TestActAsStaysWithinReach(t *testing.T) {
	inBubble(t, func(k *kit) {
		g := k.login(byKey(electaMount()))
		k.update(func(tx auth.Tx) error {
			beside := auth.Account{Level: auth.Organization, Tenant: k.tenant, Parent: k.tenant, Code: "BESIDE"}
			below := auth.Account{Level: auth.Division, Tenant: k.tenant, Parent: k.west, Code: "BELOW"}
			err := errors.Join(tx.PutAccount(&beside), tx.PutAccount(&below))
			for name, at := range map[string]auth.AccountID{"beside": beside.ID, "below": below.ID, "above": k.tenant} {
				err = errors.Join(err, tx.PutUser(&auth.User{Tenant: k.tenant, Account: at, Name: name, Active: true}),
					tx.PutUser(&auth.User{Tenant: k.tenant, Account: at, Name: "idle " + name}))
			}
			return err
		})
		for user, want := range map[string]auth.Reason{"beside": auth.BadCredentials, "above": auth.BadCredentials, "below": "",
			"idle beside": auth.BadCredentials, "idle above": auth.BadCredentials} {
			if _, r := k.actAs(&g.Session, user, &auth.NewUser{}); r != want {
				k.Errorf("%s: %q, want %q", user, r, want)
			}
			k.wantCheck(asUser(byKey(electaMount()), g, user), want)
		}
	})
}

// Only who is missing is made: nobody is brought back, and no impossible name.
func TestActAsCreatesNot(t *testing.T) {
	inBubble(t, func(k *kit) {
		g := k.login(byKey(electaMount()))
		for user, want := range map[string]auth.Reason{
			"gone": auth.Inactive, "": auth.Malformed, "a\nb": auth.Malformed, " a": auth.Malformed,
			strings.Repeat("x", auth.MaxName+1): auth.BadCredentials,
		} {
			if _, r := k.actAs(&g.Session, user, &auth.NewUser{}); r != want {
				k.Errorf("%q: %q, want %q", user, r, want)
			}
		}
		if _, r := k.actAs(&g.Session, "long", &auth.NewUser{Email: strings.Repeat("x", auth.MaxName+1)}); r != auth.Malformed {
			k.Errorf("an endless address: %q", r)
		}
		k.store.broken.Store(true)
		if _, r := k.actAs(&g.Session, "erin", &auth.NewUser{}); r != auth.Unavailable {
			k.Errorf("without a store: %q", r)
		}
		k.store.broken.Store(false)
		if n := len(k.events(audit.Change)); n != 0 {
			k.Errorf("%d changes are recorded", n)
		}
	})
}

// Many calls that name one new user make one.
func TestActAsCreatesOnceInARace(t *testing.T) {
	inBubble(t, func(k *kit) {
		g := k.login(byKey(electaMount()))
		const callers = 20
		made := make([]*auth.Identity, callers)
		var all sync.WaitGroup
		for i := range callers {
			all.Go(func() {
				var r auth.Reason
				if made[i], r = k.actAs(&g.Session, "erin", &auth.NewUser{}); r != "" {
					k.Error(r)
				}
			})
		}
		all.Wait()
		for _, who := range made {
			if who == nil || who.Principal != made[0].Principal {
				k.Fatalf("the callers act for %+v and %+v", who, made[0])
			}
		}
		if n := len(k.events(audit.Change)); n != 1 {
			k.Errorf("%d users were made", n)
		}
	})
}
