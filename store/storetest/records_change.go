package storetest

import (
	"errors"
	"testing"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

func testUnique(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	putKey(t, s, at.org, "k")
	putUser(t, s, at.tenant, at.org, "u")
	digest := secret.Digest([]byte("k................................")[:32])
	fields := map[string]auth.Unique{
		"number in the tenant": auth.UniqueAccountNumber, "number, altered": auth.UniqueAccountNumber, "code in the tenant": auth.UniqueAccountCode,
		"the tenant's own code in it": auth.UniqueAccountCode, "code of a tenant": auth.UniqueTenantCode,
		"key name in the account": auth.UniqueKeyName, "digest of a key": auth.UniqueKeySecret, "user name in the tenant": auth.UniqueUserName,
	}
	for what, f := range map[string]func(auth.Tx) error{
		"number in the tenant": func(tx auth.Tx) error {
			return tx.PutAccount(&auth.Account{Level: auth.Division, Tenant: at.tenant, Parent: at.org, Number: 101})
		},
		"code in the tenant": func(tx auth.Tx) error {
			return tx.PutAccount(&auth.Account{Level: auth.Division, Tenant: at.tenant, Parent: at.org, Code: "WEST"})
		},
		"the tenant's own code in it": func(tx auth.Tx) error {
			return tx.PutAccount(&auth.Account{Level: auth.Division, Tenant: at.tenant, Parent: at.org, Code: "ACME"})
		},
		"code of a tenant": func(tx auth.Tx) error { return tx.PutAccount(&auth.Account{Level: auth.Tenant, Code: "OTHER"}) },
		"number, altered": func(tx auth.Tx) error {
			a, err := tx.Account(at.div2)
			a.Number = 101
			return errors.Join(err, tx.PutAccount(&a))
		},
		"key name in the account": func(tx auth.Tx) error { return tx.PutKey(&auth.Key{Account: at.org, Name: "k"}) },
		"digest of a key":         func(tx auth.Tx) error { return tx.PutKey(&auth.Key{Account: at.div1, Name: "z", Digest: digest}) },
		"user name in the tenant": func(tx auth.Tx) error {
			return tx.PutUser(&auth.User{Tenant: at.tenant, Account: at.div1, Name: "u"})
		},
	} {
		err := s.Update(t.Context(), f)
		wantErr(t, what+" that is taken", err, auth.ErrExists)
		var taken *auth.Taken
		if !errors.As(err, &taken) || taken.Field != fields[what] {
			t.Errorf("%s that is taken is told as %v, want %q", what, err, fields[what])
		}
	}
	update(t, s, func(tx auth.Tx) error { // the same elsewhere is no conflict
		return errors.Join(
			tx.PutAccount(&auth.Account{Level: auth.Organization, Tenant: at.other, Parent: at.other, Number: 101, Code: "WEST"}),
			tx.PutKey(&auth.Key{Account: at.div1, Name: "k", Digest: secret.Digest{7}}),
			tx.PutUser(&auth.User{Tenant: at.other, Account: at.other, Name: "u"}))
	})
	// A name may be given on within one transaction.
	update(t, s, func(tx auth.Tx) error {
		a, err := tx.Account(at.org)
		a.Code = "OLD"
		return errors.Join(err, tx.PutAccount(&a), tx.PutAccount(&auth.Account{Level: auth.Organization, Tenant: at.tenant, Parent: at.tenant, Code: "WEST"}))
	})
}

func testMissing(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	view(t, s, func(v auth.Reader) error {
		for what, f := range map[string]func() error{
			"Account":         func() error { _, err := v.Account(999); return err },
			"AccountByNumber": func() error { _, err := v.AccountByNumber(at.other, 101); return err },
			"AccountByCode":   func() error { _, err := v.AccountByCode(at.other, "WEST"); return err },
			"Key":             func() error { _, err := v.Key(999); return err },
			"KeyByDigest":     func() error { _, err := v.KeyByDigest(secret.Digest{}); return err },
			"User":            func() error { _, err := v.User(999); return err },
			"UserByName":      func() error { _, err := v.UserByName(at.other, "u"); return err },
			"App":             func() error { _, err := v.App("a"); return err },
			"Policy":          func() error { _, err := v.Policy("p"); return err },
		} {
			wantErr(t, what, f(), auth.ErrNotFound)
		}
		return nil
	})
	for what, f := range map[string]func(auth.Tx) error{
		"PutAccount": func(tx auth.Tx) error {
			return tx.PutAccount(&auth.Account{ID: 999, Level: auth.Tenant, Tenant: 999, Code: "X"})
		},
		"PutKey": func(tx auth.Tx) error { return tx.PutKey(&auth.Key{ID: 999, Account: at.org, Name: "x"}) },
		"PutUser": func(tx auth.Tx) error {
			return tx.PutUser(&auth.User{ID: 999, Tenant: at.tenant, Account: at.org, Name: "x"})
		},
		"PutKey of no account":  func(tx auth.Tx) error { return tx.PutKey(&auth.Key{Account: 999, Name: "x"}) },
		"PutUser of no account": func(tx auth.Tx) error { return tx.PutUser(&auth.User{Tenant: at.tenant, Account: 999, Name: "x"}) },
		"PutApp of no account":  func(tx auth.Tx) error { return tx.PutApp(&auth.App{Account: 999, Key: "x"}) },
		"PutAccount below none": func(tx auth.Tx) error {
			return tx.PutAccount(&auth.Account{Level: auth.Organization, Tenant: at.tenant, Parent: 999, Code: "X"})
		},
		"DeleteAccount": func(tx auth.Tx) error { return tx.DeleteAccount(999) },
		"DeleteKey":     func(tx auth.Tx) error { return tx.DeleteKey(999) },
		"DeleteUser":    func(tx auth.Tx) error { return tx.DeleteUser(999) },
		"DeleteApp":     func(tx auth.Tx) error { return tx.DeleteApp("x") },
		"DeletePolicy":  func(tx auth.Tx) error { return tx.DeletePolicy("x") },
	} {
		wantErr(t, what, s.Update(t.Context(), f), auth.ErrNotFound)
	}
}

func testDelete(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	key, user := putKey(t, s, at.org, "k"), putUser(t, s, at.tenant, at.div1, "u")
	policy := auth.Policy{Name: "p", Never: true}
	update(t, s, func(tx auth.Tx) error {
		k, err := tx.Key(key)
		k.Policy = "p"
		return errors.Join(err, tx.PutPolicy(&policy), tx.PutKey(&k), tx.PutApp(&auth.App{Key: "a", Account: at.div2}))
	})
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(1, key), session(2, user), session(3, 999)}})
	refused := func(what string, by auth.InUse, f func(auth.Tx) error) {
		t.Helper()
		err := s.Update(t.Context(), f)
		wantErr(t, what, err, auth.ErrConflict)
		var use *auth.InUse
		if !errors.As(err, &use) || *use != by {
			t.Errorf("%s: refused for %v, want %+v", what, err, by)
		}
	}
	refused("deleting an account that has accounts", auth.InUse{By: auth.NounAccount, ID: int64(at.org)},
		func(tx auth.Tx) error { return tx.DeleteAccount(at.tenant) })
	refused("deleting an account that has a user", auth.InUse{By: auth.NounUser, ID: int64(user)},
		func(tx auth.Tx) error { return tx.DeleteAccount(at.div1) })
	refused("deleting an account that has an app", auth.InUse{By: auth.NounApp, App: "a"},
		func(tx auth.Tx) error { return tx.DeleteAccount(at.div2) })
	named := auth.InUse{By: auth.NounKey, ID: int64(key)}
	refused("deleting a policy that a key names", named, func(tx auth.Tx) error { return tx.DeletePolicy("p") })
	update(t, s, func(tx auth.Tx) error { return tx.DeleteKey(key) })
	wantSessions(t, s, 3, 2, 3)
	update(t, s, func(tx auth.Tx) error {
		u, err := tx.User(user)
		u.Policy = "p"
		return errors.Join(err, tx.PutUser(&u))
	})
	named = auth.InUse{By: auth.NounUser, ID: int64(user)}
	refused("deleting a policy that a user names", named, func(tx auth.Tx) error { return tx.DeletePolicy("p") })
	update(t, s, func(tx auth.Tx) error {
		return errors.Join(tx.DeleteUser(user), tx.DeletePolicy("p"), tx.DeleteApp("a"), tx.DeleteAccount(at.div1), tx.DeleteAccount(at.div2),
			tx.DeleteAccount(at.org), tx.DeleteAccount(at.tenant))
	})
	wantSessions(t, s, 3, 3)
	view(t, s, func(v auth.Reader) error {
		list, err := v.Accounts(0)
		if err != nil || len(list) != 1 || list[0].ID != at.other {
			t.Errorf("tenants left: %v, %v", list, err)
		}
		return nil
	})
}

// testAnnounced: every Put and Delete says in the feed what it changed.
func testAnnounced(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	head, _ := s.FeedHead(t.Context())
	announced := func(what string, f func(auth.Tx) error, want ...auth.Notice) {
		t.Helper()
		update(t, s, f)
		got := notices(t, s, head)
		for _, w := range want {
			found := false
			for _, n := range got {
				found = found || (n.Kind == w.Kind && n.ID == w.ID)
			}
			if !found {
				t.Errorf("%s announced %v, without %v", what, got, w)
			}
		}
		head = got[len(got)-1].Position()
	}
	account := auth.Account{Level: auth.Organization, Tenant: at.tenant, Parent: at.tenant, Code: "X"}
	key := auth.Key{Account: at.org, Name: "x"}
	user := auth.User{Tenant: at.tenant, Account: at.org, Name: "x"}
	app, policy := auth.App{Key: "x", Account: at.org}, auth.Policy{Name: "x", Never: true}
	update(t, s, func(tx auth.Tx) error {
		return errors.Join(tx.PutAccount(&account), tx.PutKey(&key), tx.PutUser(&user))
	})
	made := notices(t, s, head)
	if len(made) != 3 || made[0].Kind != auth.ChangedAccount || made[0].ID != uint64(account.ID) ||
		made[1].Kind != auth.ChangedPrincipal || made[1].ID != uint64(key.ID) || made[2].ID != uint64(user.ID) {
		t.Errorf("creating announced %v", made)
	}
	head = made[2].Position()
	principal := func(id auth.PrincipalID) auth.Notice { return auth.Notice{Kind: auth.ChangedPrincipal, ID: uint64(id)} }
	other := auth.Notice{Kind: auth.ChangedOther}
	announced("altering an account", func(tx auth.Tx) error { return tx.PutAccount(&account) }, auth.Notice{Kind: auth.ChangedAccount, ID: uint64(account.ID)})
	announced("altering a key", func(tx auth.Tx) error { return tx.PutKey(&key) }, principal(key.ID))
	announced("altering a user", func(tx auth.Tx) error { return tx.PutUser(&user) }, principal(user.ID))
	announced("writing an app", func(tx auth.Tx) error { return tx.PutApp(&app) }, other)
	announced("writing a policy", func(tx auth.Tx) error { return tx.PutPolicy(&policy) }, other)
	announced("deleting an account", func(tx auth.Tx) error { return tx.DeleteAccount(account.ID) }, auth.Notice{Kind: auth.ChangedAccount, ID: uint64(account.ID)})
	announced("deleting a key", func(tx auth.Tx) error { return tx.DeleteKey(key.ID) }, principal(key.ID), auth.Notice{Kind: auth.EndedPrincipal, ID: uint64(key.ID)})
	announced("deleting a user", func(tx auth.Tx) error { return tx.DeleteUser(user.ID) }, principal(user.ID), auth.Notice{Kind: auth.EndedPrincipal, ID: uint64(user.ID)})
	announced("deleting an app", func(tx auth.Tx) error { return tx.DeleteApp("x") }, other)
	announced("deleting a policy", func(tx auth.Tx) error { return tx.DeletePolicy("x") }, other)
}

// testUpdateUndone: an error or a panic in f leaves nothing, and the store goes on.
func testUpdateUndone(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(1, 1)}})
	head, _ := s.FeedHead(t.Context())
	change := func(tx auth.Tx) {
		k := auth.Key{Account: at.org, Name: "undone", Digest: secret.Digest{9}}
		_, err := tx.End(auth.End{Principal: 1})
		if err := errors.Join(err, tx.PutKey(&k), tx.DeleteAccount(at.other), tx.Record(audit.Event{At: epoch, Kind: audit.Change})); err != nil {
			t.Error(err)
		}
	}
	stop := errors.New("stop")
	wantErr(t, "Update whose f fails", s.Update(t.Context(), func(tx auth.Tx) error { change(tx); return stop }), stop)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic of f was swallowed")
			}
		}()
		_ = s.Update(t.Context(), func(tx auth.Tx) error { change(tx); panic("on purpose") })
	}()
	view(t, s, func(v auth.Reader) error {
		_, err := v.KeyByDigest(secret.Digest{9})
		wantErr(t, "a key of an undone Update", err, auth.ErrNotFound)
		if _, err := v.Account(at.other); err != nil {
			t.Error("an account that an undone Update deleted:", err)
		}
		return nil
	})
	wantSessions(t, s, 1, 1)
	if n := notices(t, s, head); len(n) != 0 {
		t.Errorf("undone Updates announced %v", n)
	}
	if b := batches(t, s); len(b) != 0 {
		t.Errorf("undone Updates left %d audit batches", len(b))
	}
	if r := apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(2, 1)}, End: []auth.End{{Principal: 1}}}); r.Ended != 2 {
		t.Errorf("then ended %d, want 2", r.Ended)
	}
}

// testViewIsSnapshot: what is committed while f runs does not show in it, and f
// does not make the writer wait.
func testViewIsSnapshot(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	view(t, s, func(v auth.Reader) error {
		if _, err := v.Account(at.org); err != nil {
			t.Error(err)
		}
		k := putKey(t, s, at.org, "k")
		_, err := v.Key(k)
		wantErr(t, "a key from after the snapshot", err, auth.ErrNotFound)
		list, err := v.Keys(at.org)
		if err != nil || len(list) != 0 {
			t.Errorf("keys in the snapshot: %v, %v", list, err)
		}
		return nil
	})
	view(t, s, func(v auth.Reader) error {
		list, err := v.Keys(at.org)
		if err != nil || len(list) != 1 {
			t.Errorf("keys afterwards: %v, %v", list, err)
		}
		return nil
	})
	stop := errors.New("stop")
	wantErr(t, "View whose f fails", s.View(t.Context(), func(auth.Reader) error { return stop }), stop)
}
