package admin_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/client"
)

// keyOf is the id of a caller's key.
func (k *kit) keyOf(who string) int64 {
	k.Helper()
	for key, err := range client.All(func(after string) (api.List[api.Key], error) {
		return k.as(auditorAll).KeyList(k.Context(), api.MemberQuery{Page: api.Page{After: after, Limit: 2}})
	}) {
		if err != nil {
			k.Fatal(err)
		}
		if key.Name == who || key.Name == "OUTSIDE "+who {
			return key.ID
		}
	}
	k.Fatalf("%s has no key", who)
	return 0
}

// Nobody gives, takes away or borrows what is not theirs to give.
func TestNoEscalation(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	c := k.as(ownerAll)
	boss, err := c.UserCreate(t.Context(), api.NewUser{Account: k.west, Name: "boss", Password: "boss-password", Power: api.Power{Role: "owner", Everywhere: true}})
	if err != nil {
		t.Fatal(err)
	}
	chief, err := c.UserCreate(t.Context(), api.NewUser{Account: k.west, Name: "chief", Password: "chief-password", Power: api.Power{Role: "owner"}})
	if err != nil {
		t.Fatal(err)
	}
	before := k.state()
	owner := api.Power{Role: "owner"}
	everywhere := api.Power{Role: "auditor", Everywhere: true}
	for _, x := range []struct {
		what string
		who  string
		op   *api.Operation
		in   any
	}{
		{"an operator makes an owner's key", operatorAll, &api.KeyCreate.Operation, api.NewKey{Account: k.west, Name: "x", Power: owner}},
		{"an operator makes a verifier", operatorAll, &api.KeyCreate.Operation, api.NewKey{Account: k.west, Name: "x", Power: api.Power{Role: "verifier"}}},
		{"an operator makes an owner", operatorAll, &api.UserCreate.Operation, api.NewUser{Account: k.west, Name: "x", Power: owner}},
		{"an operator gives a key a role", operatorAll, &api.KeyUpdate.Operation, api.KeyChange{ID: k.key, Role: new("auditor")}},
		{"an operator gives a user a role", operatorAll, &api.UserUpdate.Operation, api.UserChange{ID: k.user, Role: new("owner")}},
		{"an operator sets an owner's password", operatorAll, &api.UserPassword.Operation, api.NewPassword{ID: chief.ID, Password: "taken-over"}},
		{"an operator removes an owner's second factor", operatorAll, &api.UserUpdate.Operation, api.UserChange{ID: chief.ID, RemoveFactor: true}},
		{"an operator takes an owner's role", operatorAll, &api.UserUpdate.Operation, api.UserChange{ID: chief.ID, Role: new("")}},
		{"an operator deletes an owner", operatorAll, &api.UserDelete.Operation, api.Removal{ID: chief.ID}},
		{"an operator rotates an owner's key", operatorAll, &api.KeyRotate.Operation, api.KeyRotation{ID: k.keyOf(ownerAcme)}},
		{"an operator rotates its own key", operatorAcme, &api.KeyRotate.Operation, api.KeyRotation{ID: k.keyOf(operatorAcme)}},
		{"an operator deletes an owner's key", operatorAll, &api.KeyDelete.Operation, api.Removal{ID: k.keyOf(ownerAcme)}},
		{"an operator disables an account in which owners are", operatorAll, &api.AccountUpdate.Operation, api.AccountChange{ID: k.west, Disabled: new(true)}},
		{"an owner of a tenant makes somebody who reaches everywhere", ownerAcme, &api.UserCreate.Operation, api.NewUser{Account: k.west, Name: "x", Power: everywhere}},
		{"an owner of a tenant gives its own key everywhere", ownerAcme, &api.KeyUpdate.Operation, api.KeyChange{ID: k.keyOf(ownerAcme), Everywhere: new(true)}},
		{"an owner of a tenant sets the password of one who reaches everywhere", ownerAcme, &api.UserPassword.Operation, api.NewPassword{ID: boss.ID, Password: "taken-over"}},
		{"an owner of a tenant narrows one who reaches everywhere", ownerAcme, &api.UserUpdate.Operation, api.UserChange{ID: boss.ID, Everywhere: new(false)}},
		{"an owner of a tenant changes a policy", ownerAcme, &api.PolicyUpdate.Operation, api.PolicyChange{Name: "day", Never: new(true)}},
		{"an owner of a tenant adds a tenant", ownerAcme, &api.AccountCreate.Operation, api.NewAccount{Code: "MINE"}},
		{"an owner of a tenant gives it another code", ownerAcme, &api.AccountUpdate.Operation, api.AccountChange{ID: k.acme, Code: new("OTHERS")}},
		{"an operator gives the top of its reach another number", operatorWest, &api.AccountUpdate.Operation, api.AccountChange{ID: k.west, Number: new(int64(7))}},
		{"an operator of a tenant disables it and all who have a role there", operatorAcme, &api.AccountUpdate.Operation, api.AccountChange{ID: k.acme, Disabled: new(true)}},
		{"an owner of a tenant verifies the whole audit", ownerAcme, &api.AuditVerify.Operation, api.VerifyQuery{}},
	} {
		status, body := k.ask(x.who, x.op, x.in)
		if status != http.StatusForbidden {
			t.Errorf("%s: %d %s", x.what, status, body)
		}
		if now := k.state(); now != before {
			t.Fatalf("%s, and it did something:\n%s\n%s", x.what, before, now)
		}
	}
	// What is theirs to give they can give.
	if _, err := k.as(ownerAcme).UserUpdate(t.Context(), api.UserChange{ID: k.user, Role: new("operator")}); err != nil {
		t.Error("an owner of a tenant cannot make an operator of it:", err)
	}
	if _, err := k.as(ownerAll).UserSetPassword(t.Context(), api.NewPassword{ID: boss.ID, Password: "a-new-password"}); err != nil {
		t.Error(err)
	}
}

// Whoever is stopped loses the sessions at once.
func TestStoppingEndsSessions(t *testing.T) {
	t.Parallel()
	for what, stop := range map[string]func(k *kit, c *client.Client) error{
		"key update": func(k *kit, c *client.Client) error {
			if _, err := c.KeyUpdate(k.Context(), api.KeyChange{ID: k.key, Disabled: new(true)}); err != nil {
				return err
			}
			_, err := c.KeyUpdate(k.Context(), api.KeyChange{ID: k.key, Disabled: new(false)}) // which brings nothing back
			return err
		},
		"key delete": func(k *kit, c *client.Client) error {
			out, err := c.KeyDelete(k.Context(), api.Removal{ID: k.key})
			if out.Ended != 1 {
				k.Errorf("%d sessions are said to have ended", out.Ended)
			}
			return err
		},
		"account update": func(k *kit, c *client.Client) error {
			_, err := c.AccountUpdate(k.Context(), api.AccountChange{ID: k.west, Disabled: new(true)})
			return err
		},
		"rotation without overlap": func(k *kit, c *client.Client) error {
			_, err := c.KeyRotate(k.Context(), api.KeyRotation{ID: k.key, Overlap: new(api.Span(0))})
			return err
		},
		"session end": func(k *kit, c *client.Client) error {
			_, err := c.SessionEnd(k.Context(), api.Removal{ID: k.session})
			return err
		},
		"session end-all": func(k *kit, c *client.Client) error {
			would, err := c.SessionEndAll(k.Context(), api.EndAll{Account: k.acme, DryRun: true})
			if err != nil || !k.live(k.keySession) {
				k.Errorf("a dry run ended a session, or failed: %v", err)
			}
			did, err := c.SessionEndAll(k.Context(), api.EndAll{Account: k.acme})
			if would.Ended != 1 || did.Ended != 1 || !would.DryRun || did.DryRun {
				k.Errorf("would end %+v, ended %+v", would, did)
			}
			return err
		},
	} {
		k := newKit(t)
		if !k.live(k.keySession) {
			t.Fatal("the session is not live to begin with")
		}
		if err := stop(k, k.as(ownerAll)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if k.live(k.keySession) {
			t.Errorf("%s: the session lives on", what)
		}
	}
}

func TestPasswordsAreSet(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	c := k.as(operatorWest)
	u, err := c.UserCreate(t.Context(), api.NewUser{Account: k.west, Name: "bea", Password: "first-password"})
	if err != nil || !u.HasPassword || !u.Active {
		t.Fatalf("%+v, %v", u, err)
	}
	in := func(password string) (auth.Grant, error) {
		return k.service.Login(t.Context(), &auth.Attempt{Mount: k.mountCalAmp, Scheme: auth.Password, User: "bea", Secret: password,
			Form: auth.FormNative, Origin: auth.Origin{Source: home}})
	}
	g, err := in("first-password")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.UserSetPassword(t.Context(), api.NewPassword{ID: u.ID, Password: "short"}); !client.HasCode(err, api.Invalid) {
		t.Errorf("a short password: %v", err)
	}
	out, err := c.UserSetPassword(t.Context(), api.NewPassword{ID: u.ID, Password: "second-password"})
	if err != nil || out.Ended != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	if _, err := k.service.Check(t.Context(), &auth.Bearer{Mount: k.mountCalAmp, Form: auth.FormNative, Value: g.Token}); err == nil {
		t.Error("a session outlives its password")
	}
	if g, err = in("second-password"); err != nil {
		t.Fatal("the new password does not log in:", err)
	}
	for _, active := range []bool{false, true} {
		if _, err := c.UserUpdate(t.Context(), api.UserChange{ID: u.ID, Active: &active}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.service.Check(t.Context(), &auth.Bearer{Mount: k.mountCalAmp, Form: auth.FormNative, Value: g.Token}); err == nil {
		t.Error("a session comes back with its user")
	}
	if _, err := in("first-password"); err == nil {
		t.Error("the old password logs in")
	}
	if _, err := in("second-password"); err != nil {
		t.Error("the new password does not log in:", err)
	}
}

// Two keys live during the overlap, then one.
func TestRotation(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	unlocked := *k.mountElecta
	unlocked.Name, k.mountElecta = "electa-2", &unlocked
	c := k.as(operatorWest)
	if _, err := c.KeyUpdate(t.Context(), api.KeyChange{ID: k.key, Policy: new("day"), Networks: &[]string{"192.0.2.0/24", "2001:db8::1"}}); err != nil {
		t.Fatal(err)
	}
	fresh, err := c.KeyRotate(t.Context(), api.KeyRotation{ID: k.key, Overlap: new(api.Span(2 * time.Hour))})
	if err != nil {
		t.Fatal(err)
	}
	if fresh.Name != "client of WEST-2" || fresh.Policy != "day" || len(fresh.Networks) != 2 || fresh.Networks[1] != "2001:db8::1/128" || fresh.Expires != nil ||
		fresh.Old == nil || fresh.Old.ID != k.key || time.Until(*fresh.Old.Expires) > 2*time.Hour {
		t.Errorf("rotated: %+v, old %+v", fresh, fresh.Old)
	}
	a, b := k.login(100, k.secrets[clientWest]), k.login(100, fresh.Secret)
	if !k.live(a) || !k.live(b) || !k.live(k.keySession) {
		t.Error("within the overlap both keys have their sessions")
	}
	k.ahead.Add(int64(2*time.Hour + time.Second))
	if _, err := k.service.Login(t.Context(), k.attempt(100, k.secrets[clientWest])); err == nil {
		t.Error("after the overlap the old key logs in")
	}
	if k.live(a) {
		t.Error("after the overlap a session of the old key lives")
	}
	if !k.live(k.login(100, fresh.Secret)) {
		t.Error("after the overlap the new key does not log in")
	}
	if _, err := c.KeyRotate(t.Context(), api.KeyRotation{ID: k.key}); !client.HasCode(err, api.Conflict) {
		t.Errorf("rotating a key that is over: %v", err)
	}
	again, err := c.KeyRotate(t.Context(), api.KeyRotation{ID: fresh.ID})
	if err != nil || again.Name != "client of WEST-3" {
		t.Errorf("the next rotation: %+v, %v", again, err)
	}
}

// Of rotations that race one wins, and there are two keys, not three.
func TestRacingRotations(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	c := k.as(operatorWest)
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = c.KeyRotate(t.Context(), api.KeyRotation{ID: k.key}) })
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !client.HasCode(err, api.Conflict) {
			t.Error(err)
		}
	}
	list, err := c.KeyList(t.Context(), api.MemberQuery{Account: k.west, Direct: true})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, key := range list.Items {
		if strings.HasPrefix(key.Name, "client of WEST") {
			n++
		}
	}
	if won != 1 || n != 2 {
		t.Errorf("%d rotations won, %d keys", won, n)
	}
}

func TestLocksAreLifted(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	c := k.as(operatorWest)
	locks, err := c.LockList(t.Context(), api.LockQuery{})
	if err != nil || len(locks.Items) != 1 {
		t.Fatalf("locks %+v, %v", locks, err)
	}
	if l := locks.Items[0]; l.Name != "100" || l.Kind != "account" || l.Mount != "electa" || l.Account != k.west || l.Failures != 2 || l.Until == nil || !l.Known {
		t.Errorf("the lock is %+v", l)
	}
	if _, err := k.service.Login(t.Context(), k.attempt(100, k.secrets[clientWest])); auth.RefusalOf(err).Reason != auth.Locked {
		t.Fatalf("not locked: %v", err)
	}
	if out, err := c.LockLift(t.Context(), api.LockLifting{Name: "900"}); err != nil || out.Lifted != 0 {
		t.Errorf("lifted what is outside: %+v, %v", out, err)
	}
	if out, err := c.LockLift(t.Context(), api.LockLifting{Lock: locks.Items[0].Lock}); err != nil || out.Lifted != 1 {
		t.Errorf("lifted %+v, %v", out, err)
	}
	for { // the janitor looks every second; if it never did, the test would never end
		if _, err = k.service.Login(t.Context(), k.attempt(100, k.secrets[clientWest])); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if out, err := k.as(operatorAll).LockLift(t.Context(), api.LockLifting{Name: "900"}); err != nil || out.Lifted != 1 {
		t.Errorf("everywhere lifted %+v, %v", out, err)
	}
	for _, bad := range []api.LockLifting{{}, {Lock: "zz"}, {Lock: "00"}, {Lock: locks.Items[0].Lock, Name: "100"}} {
		if _, err := c.LockLift(t.Context(), bad); !client.HasCode(err, api.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// Deleting holds to what is still there, and creating to what is taken.
func TestConflicts(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	c := k.as(ownerAll)
	for what, err := range map[string]error{
		api.Conflict + " account":  second(c.AccountDelete(t.Context(), api.Removal{ID: k.west})),
		api.Exists + " number":     second(c.AccountCreate(t.Context(), api.NewAccount{Parent: k.acme, Number: 100})),
		api.Exists + " tenant":     second(c.AccountCreate(t.Context(), api.NewAccount{Code: "ACME"})),
		api.Exists + " key":        second(c.KeyCreate(t.Context(), api.NewKey{Account: k.west, Name: clientWest})),
		api.Exists + " user":       second(c.UserCreate(t.Context(), api.NewUser{Account: k.division, Name: "anna"})),
		api.Exists + " app":        second(c.AppCreate(t.Context(), api.NewApp{Account: k.acme, Key: "OUTSIDE-app"})),
		api.Exists + " policy":     second(c.PolicyCreate(t.Context(), api.NewPolicy{Policy: api.Policy{Name: "day", Life: api.Life{Never: true}}})),
		api.Invalid + " policy":    second(c.PolicyCreate(t.Context(), api.NewPolicy{Policy: api.Policy{Name: "none"}})),
		api.Invalid + " level":     second(c.AccountCreate(t.Context(), api.NewAccount{Parent: k.division, Code: "DEEP"})),
		api.Invalid + " its code":  second(c.AccountUpdate(t.Context(), api.AccountChange{ID: k.acme, Code: new("")})),
		api.Invalid + " of policy": second(c.KeyUpdate(t.Context(), api.KeyChange{ID: k.key, Policy: new("nope")})),
		api.Invalid + " network":   second(c.KeyCreate(t.Context(), api.NewKey{Account: k.west, Name: "n", Networks: []string{"10.0.0.1/8"}})),
		api.Invalid + " role":      second(c.KeyUpdate(t.Context(), api.KeyChange{ID: k.key, Role: new("king")})),
		api.Invalid + " reach":     second(c.KeyUpdate(t.Context(), api.KeyChange{ID: k.key, Everywhere: new(true)})),
		api.Invalid + " why":       second(c.KeyUpdate(t.Context(), api.KeyChange{ID: k.key, Note: api.Note{Why: "two\nlines"}})),
		api.Invalid + " both":      second(c.SessionEndAll(t.Context(), api.EndAll{Key: k.key, Account: k.west})),
		api.Invalid + " none":      second(c.SessionEndAll(t.Context(), api.EndAll{})),
		api.NotFound + " kind":     second(c.SessionEndAll(t.Context(), api.EndAll{User: k.key})),
	} {
		code, _, _ := strings.Cut(what, " ")
		if !client.HasCode(err, code) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := c.KeyUpdate(t.Context(), api.KeyChange{ID: k.key, Policy: new("day")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PolicyDelete(t.Context(), api.PolicyRemoval{Name: "day"}); !client.HasCode(err, api.Conflict) {
		t.Errorf("deleting a policy in use: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// An operation that cannot be recorded does not happen.
func TestNoAuditNoOperation(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	before := k.state()
	k.store.mute.Store(true)
	for _, op := range api.Operations() {
		if op.Right != api.Write || strings.HasPrefix(op.Name, "session") {
			continue
		}
		if status, body := k.ask(ownerAll, op, sample(op, k.inside())); status < 400 {
			t.Errorf("%s: %d %s", op.Name, status, body)
		}
	}
	if got := k.state(); got != before {
		t.Errorf("changed without a record:\n%s\n%s", before, got)
	}
	if status, body := k.ask(auditorAll, &api.KeyDelete.Operation, api.Removal{ID: k.key}); status != http.StatusServiceUnavailable {
		t.Errorf("a refusal that could not be recorded: %d %s", status, body)
	}
}
