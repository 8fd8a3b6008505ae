package admin_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
)

// guess fails twice under a name, which locks it.
func (k *kit) guess(m *auth.Mount, a auth.Attempt) {
	k.Helper()
	a.Mount, a.Secret, a.Form, a.Origin = m, "wrong", auth.FormNative, auth.Origin{Source: home}
	for range 2 {
		if _, err := k.service.Login(k.Context(), &a); auth.RefusalOf(err).Reason != auth.BadCredentials {
			k.Fatalf("%+v: %v", a, err)
		}
	}
}

// Locks are kept by mount and claimed name. At a mount that names no tenant one lock is
// on all who have the name, so it is seen and lifted by those alone who reach them all.
func TestLocksOfOwnNames(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.put(func(tx auth.Tx) error {
		for _, u := range []auth.User{
			{Tenant: auth.AccountID(k.acme), Account: auth.AccountID(k.west), Name: "shared"}, {Tenant: auth.AccountID(k.other), Account: auth.AccountID(k.other), Name: "shared"},
			{Tenant: auth.AccountID(k.acme), Account: auth.AccountID(k.acme), Name: "above"},
		} {
			if u.Active = true; tx.PutUser(&u) != nil {
				t.Error("no user", u.Name)
			}
		}
		for _, a := range []auth.Account{
			{Level: auth.Organization, Tenant: auth.AccountID(k.other), Parent: auth.AccountID(k.other), Number: 101}, // as WEST-1 has
			{Level: auth.Organization, Tenant: auth.AccountID(k.acme), Parent: auth.AccountID(k.acme), Number: 7},
			{Level: auth.Division, Tenant: auth.AccountID(k.acme), Parent: auth.AccountID(k.west), Code: "007"},
			{Level: auth.Division, Tenant: auth.AccountID(k.acme), Parent: auth.AccountID(k.west), Code: "7"},
			{Level: auth.Division, Tenant: auth.AccountID(k.acme), Parent: auth.AccountID(k.west), Number: 8},
			{Level: auth.Division, Tenant: auth.AccountID(k.acme), Parent: auth.AccountID(k.west), Code: "8"},
		} {
			if err := tx.PutAccount(&a); err != nil {
				return err
			}
		}
		return nil
	})
	signIn := &auth.Mount{Name: auth.ConsoleDialect, Dialect: auth.ConsoleDialect, Policy: auth.Policy{Span: time.Hour}, Names: k.mountElecta.Names}
	theirs, gone := *k.mountElecta, *k.mountElecta
	theirs.Name, theirs.Tenant = k.mountX.Name, "OUTSIDE"
	gone.Name = "renamed"
	password := func(name string) auth.Attempt { return auth.Attempt{Scheme: auth.Password, User: name} }
	k.guess(k.mountCalAmp, password("shared"))
	k.guess(k.mountCalAmp, password("OUTSIDE-otto"))
	k.guess(k.mountCalAmp, password("nobody"))
	k.guess(k.mountCalAmp, password("above"))
	k.guess(k.mountElecta, auth.Attempt{Scheme: auth.AccountKey, Number: 101})
	k.guess(k.mountElecta, auth.Attempt{Scheme: auth.AccountKey, Code: "007"})
	k.guess(k.mountElecta, auth.Attempt{Scheme: auth.AccountKey, Number: 7})
	k.guess(k.mountElecta, auth.Attempt{Scheme: auth.AccountKey, Number: 8})
	k.guess(signIn, password("anna"))
	k.guess(&theirs, password("shared"))
	k.guess(&gone, password("shared"))

	list := func(who string) (names []string) {
		all, err := k.as(who).LockList(t.Context(), api.LockQuery{Failures: true})
		if err != nil {
			t.Fatal(who, err)
		}
		for _, l := range all.Items {
			names = append(names, l.Mount+" "+l.Name)
			if who != operatorAll && (!l.Known || l.Account == 0) {
				t.Errorf("%s: %+v", who, l)
			}
		}
		slices.Sort(names)
		return names
	}
	west := []string{"console anna", "electa 007", "electa 100", "electa 8"}
	for who, want := range map[string][]string{
		operatorWest: west, auditorWest: west,
		operatorAcme: {"calamp above", "console anna", "electa 007", "electa 100", "electa 7", "electa 8"},
		operatorAll: {"OUTSIDE-mount shared", "calamp OUTSIDE-otto", "calamp above", "calamp nobody", "calamp shared", "console anna",
			"electa 007", "electa 100", "electa 101", "electa 7", "electa 8", "electa 900", "renamed shared"},
	} {
		if got := list(who); !slices.Equal(got, want) {
			t.Errorf("%s sees %q, want %q", who, got, want)
		}
	}
	everywhere, err := k.as(operatorAll).LockList(t.Context(), api.LockQuery{})
	if err != nil {
		t.Fatal(err)
	}
	c := k.as(operatorWest)
	for _, l := range everywhere.Items {
		seen := slices.Contains(west, l.Mount+" "+l.Name)
		out, err := c.LockLift(t.Context(), api.LockLifting{Lock: l.Lock})
		if err != nil || (out.Lifted == 1) != seen {
			t.Errorf("lifting %s %s, which is seen: %v: %+v, %v", l.Mount, l.Name, seen, out, err)
		}
	}
	for _, name := range []string{"OUTSIDE-otto", "nobody", "900", "shared", "101", "7"} {
		if out, err := c.LockLift(t.Context(), api.LockLifting{Name: name}); err != nil || out.Lifted != 0 {
			t.Errorf("lifted %s: %+v, %v", name, out, err)
		}
	}
	if got := list(operatorWest); len(got) != 0 {
		t.Errorf("after lifting: %q", got)
	}
	status, body := k.ask(operatorWest, &api.LockLift.Operation, api.LockLifting{Name: "OUTSIDE-otto"})
	status2, body2 := k.ask(operatorWest, &api.LockLift.Operation, api.LockLifting{Name: "was never"})
	if status != status2 || body != body2 {
		t.Errorf("a name outside: %d %s, none: %d %s", status, body, status2, body2)
	}
}

// Who may make users in a subtree does not lift another's lock by making one of its name.
func TestLocksAreNotLiftedByANamesake(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.put(func(tx auth.Tx) error {
		return tx.PutUser(&auth.User{Tenant: auth.AccountID(k.other), Account: auth.AccountID(k.other), Name: "admin", Active: true, Role: auth.Owner, Everywhere: true})
	})
	c := k.as(operatorWest)
	if _, err := c.UserCreate(t.Context(), api.NewUser{Account: k.west, Name: "admin"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AccountCreate(t.Context(), api.NewAccount{Parent: k.west, Number: 900}); err != nil {
		t.Fatal(err)
	}
	typed := &auth.Mount{Name: auth.ConsoleDialect, Dialect: auth.ConsoleDialect, Tenant: "OUTSIDE", Policy: auth.Policy{Span: time.Hour}, Names: k.mountElecta.Names}
	k.guess(typed, auth.Attempt{Scheme: auth.Password, User: "admin"})
	k.put(func(tx auth.Tx) error { // at a mount of the tenant's it is its own
		return tx.PutUser(&auth.User{Tenant: auth.AccountID(k.other), Account: auth.AccountID(k.other), Name: "anna", Active: true})
	})
	k.guess(k.mountCalAmp, auth.Attempt{Scheme: auth.Password, User: "anna"})
	for _, name := range []string{"admin", "900", "anna"} { // 900 is locked from the beginning
		list, err := c.LockList(t.Context(), api.LockQuery{Name: name, Failures: true})
		if err != nil || len(list.Items) != 0 {
			t.Errorf("the operator of a subtree sees the lock of %s: %+v, %v", name, list.Items, err)
		}
		if out, err := c.LockLift(t.Context(), api.LockLifting{Name: name}); err != nil || out.Lifted != 0 {
			t.Errorf("and lifts it: %+v, %v", out, err)
		}
		all, err := k.as(operatorAll).LockList(t.Context(), api.LockQuery{Name: name})
		if err != nil || len(all.Items) != 1 || all.Items[0].Account != 0 {
			t.Fatalf("who reaches everywhere sees %+v, %v", all.Items, err)
		}
		if out, err := c.LockLift(t.Context(), api.LockLifting{Lock: all.Items[0].Lock}); err != nil || out.Lifted != 0 {
			t.Errorf("and lifts it by its id: %+v, %v", out, err)
		}
	}
	k.mountCalAmp.Tenant = "ACME"
	if out, err := c.LockLift(t.Context(), api.LockLifting{Name: "anna"}); err != nil || out.Lifted != 1 {
		t.Errorf("of the tenant's mount: %+v, %v", out, err)
	}
	if out, err := k.as(operatorAll).LockLift(t.Context(), api.LockLifting{Name: "admin"}); err != nil || out.Lifted != 1 {
		t.Errorf("everywhere: %+v, %v", out, err)
	}
}

// A lock says what was counted, by which limit, since when, and where from.
func TestLocksSayWhy(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	m := *k.mountCalAmp
	m.Names = auth.Limits{Failures: 3, Window: 20 * time.Minute, Lock: 2 * time.Hour}
	m.Addresses = auth.Limits{Failures: 4, Window: time.Hour, Lock: 3 * time.Hour}
	*k.mountCalAmp = m // as the operations know it
	var at []time.Time
	fail := func(user, source string) {
		t.Helper()
		k.ahead.Add(int64(time.Minute))
		at = append(at, k.service.Now().UTC())
		_, err := k.service.Login(t.Context(), &auth.Attempt{Mount: k.mountCalAmp, Scheme: auth.Password, User: user, Secret: "wrong",
			Form: auth.FormNative, Origin: auth.Origin{Source: netip.MustParseAddr(source)}})
		if auth.RefusalOf(err).Reason != auth.BadCredentials {
			t.Fatal(err)
		}
	}
	fail("anna", "2001:db8::1")   // forgotten by what follows: too long ago
	k.ahead.Add(int64(time.Hour)) // and of the address, too
	fail("anna", "2001:db8::1")
	fail("stranger", "2001:db8::2")
	fail("anna", "2001:db8::3")
	fail("anna", "2001:db8::4")
	fail("once", "198.51.100.7")
	list, err := k.as(auditorAll).LockList(t.Context(), api.LockQuery{Failures: true})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	near := func(have *time.Time) string {
		for i, when := range at {
			if have != nil && have.Sub(when).Abs() < 30*time.Second {
				return fmt.Sprint(i)
			}
		}
		return "?"
	}
	for _, l := range list.Items {
		if l.Mount == "calamp" {
			got[l.Kind+" "+l.Name] = fmt.Sprintf("by %s, %d of %d %s in %s for %s, known %v, first %s newest %s from %s, locked %v", l.Counted, l.Failures, l.Allowed,
				l.Limit, l.Window, l.LockFor, l.Known, near(l.First), near(l.Newest), l.Source, l.Until != nil)
		}
	}
	want := map[string]string{
		"user anna":             "by name, 3 of 3 names in 20m for 2h, known true, first 1 newest 4 from 2001:db8::4, locked true",
		"user stranger":         "by name, 1 of 3 names in 20m for 2h, known false, first 2 newest 2 from 2001:db8::2, locked false",
		"user once":             "by name, 1 of 3 names in 20m for 2h, known false, first 5 newest 5 from 198.51.100.7, locked false",
		"address 2001:db8::/64": "by address, 4 of 4 addresses in 1h for 3h, known false, first 1 newest 4 from 2001:db8::4, locked true",
		"address 198.51.100.7":  "by address, 1 of 4 addresses in 1h for 3h, known false, first 5 newest 5 from 198.51.100.7, locked false",
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s:\n got %s\nwant %s", name, got[name], text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("there are %d: %v", len(got), got)
	}

	// Whose audit cannot be read still sees them.
	k.store.spoil.Store(true)
	list, err = k.as(auditorAll).LockList(t.Context(), api.LockQuery{Name: "anna"})
	if err != nil || len(list.Items) != 1 || list.Items[0].First != nil || list.Items[0].Newest == nil || list.Items[0].Source != "" {
		t.Errorf("without an audit: %+v, %v", list, err)
	}
	if !strings.Contains(k.log.String(), "without what the audit says") {
		t.Error("nobody is told that the audit cannot be read")
	}
}
