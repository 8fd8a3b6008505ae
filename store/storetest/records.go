package storetest

import (
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

func equal(t *testing.T, what string, got, want any, err error) {
	t.Helper()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s = %+v, %v\nwant %+v", what, got, err, want)
	}
}

func testAccounts(t *testing.T, h Harness) {
	dir := t.TempDir()
	s := open(t, h, dir)
	at := plant(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, h, dir)
	tenant := auth.Account{ID: at.tenant, Tenant: at.tenant, Level: auth.Tenant, Code: "ACME", Name: "Name of ACME"}
	org := auth.Account{ID: at.org, Tenant: at.tenant, Parent: at.tenant, Level: auth.Organization, Number: 100, Code: "WEST", Name: "Name of WEST"}
	div := auth.Account{ID: at.div1, Tenant: at.tenant, Parent: at.org, Level: auth.Division, Number: 101, Name: "Name of "}
	view(t, s, func(v auth.Reader) error {
		got, err := v.Account(at.tenant)
		equal(t, "a tenant", got, tenant, err)
		got, err = v.Account(at.div1)
		equal(t, "a division", got, div, err)
		got, err = v.AccountByNumber(at.tenant, 100)
		equal(t, "AccountByNumber", got, org, err)
		_, err = v.AccountByNumber(0, 101)
		wantErr(t, "AccountByNumber of no tenant", err, auth.ErrNotFound)
		_, err = v.AccountByNumber(at.tenant, 0)
		wantErr(t, "AccountByNumber 0", err, auth.ErrNotFound)
		got, err = v.AccountByCode(at.tenant, "WEST")
		equal(t, "AccountByCode", got, org, err)
		got, err = v.AccountByCode(0, "ACME")
		equal(t, "AccountByCode of a tenant", got, tenant, err)
		_, err = v.AccountByCode(0, "WEST")
		wantErr(t, "AccountByCode of a tenant that is none", err, auth.ErrNotFound)
		_, err = v.AccountByCode(at.tenant, "west")
		wantErr(t, "AccountByCode in other letters", err, auth.ErrNotFound)
		_, err = v.AccountByCode(at.tenant, "")
		wantErr(t, "AccountByCode without a code", err, auth.ErrNotFound)
		list, err := v.Accounts(0)
		if err != nil || len(list) != 2 || list[0] != tenant || list[1].ID != at.other {
			t.Errorf("tenants: %+v, %v", list, err)
		}
		list, err = v.Accounts(at.org)
		if err != nil || len(list) != 2 || list[0] != div || list[1].ID != at.div2 {
			t.Errorf("children: %+v, %v", list, err)
		}
		return nil
	})
	org.Name, org.Number, org.Code, org.Disabled = "New", 0, "EAST", true
	update(t, s, func(tx auth.Tx) error {
		err := tx.PutAccount(&org)
		got, err2 := tx.Account(at.org) // a transaction sees its own changes
		equal(t, "the altered account inside", got, org, err2)
		return err
	})
	view(t, s, func(v auth.Reader) error {
		got, err := v.AccountByCode(at.tenant, "EAST")
		equal(t, "the altered account", got, org, err)
		_, err = v.AccountByNumber(at.tenant, 100)
		wantErr(t, "the number it gave up", err, auth.ErrNotFound)
		return nil
	})
	// A store keeps what it is told of since when a name is borne.
	named := auth.Account{Level: auth.Division, Tenant: at.tenant, Parent: at.org, Number: 103, Code: "WEST-3",
		NumberSince: epoch.Add(time.Microsecond), CodeSince: epoch.Add(time.Second)}
	update(t, s, func(tx auth.Tx) error { return tx.PutAccount(&named) })
	check := func() {
		t.Helper()
		view(t, s, func(v auth.Reader) error {
			got, err := v.AccountByNumber(at.tenant, 103)
			equal(t, "an account with times", got, named, err)
			list, err := v.PageAccounts(auth.Scope{Account: at.org, Direct: true}, at.div2, 10)
			equal(t, "a page of one with times", list, []auth.Account{named}, err)
			return nil
		})
	}
	check()
	named.NumberSince, named.CodeSince = time.Time{}, epoch.Add(time.Hour)
	update(t, s, func(tx auth.Tx) error { return tx.PutAccount(&named) })
	check()
}

// testNamesakes: who has a name in whatever tenant, by id and no more than asked for.
func testNamesakes(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	var theirs auth.Account
	ours := auth.User{Tenant: at.tenant, Account: at.div1, Name: "dora"}
	other := auth.User{Tenant: at.other, Account: at.other, Name: "dora", Role: auth.Auditor}
	update(t, s, func(tx auth.Tx) (err error) {
		theirs, err = tx.Account(at.other)
		theirs.Code = "WEST"
		return errors.Join(err, tx.PutAccount(&theirs), tx.PutUser(&other), tx.PutUser(&ours))
	})
	view(t, s, func(v auth.Reader) error {
		org, err := v.Account(at.org)
		if err != nil {
			return err
		}
		div, err := v.Account(at.div1)
		if err != nil {
			return err
		}
		for _, c := range []struct {
			what   string
			number int64
			most   int
			want   []auth.Account
		}{
			{"one has", 101, 2, []auth.Account{div}}, {"two have", 100, 2, []auth.Account{org, theirs}}, {"two have, of whom one is asked for", 100, 1, []auth.Account{org}},
			{"nobody has", 102, 2, nil}, {"nobody can have", 0, 2, nil},
		} {
			got, err := v.AccountsByNumber(c.number, c.most)
			equal(t, "AccountsByNumber of one that "+c.what, got, c.want, err)
		}
		for _, c := range []struct {
			code string
			most int
			want []auth.Account
		}{{"WEST", 2, []auth.Account{org, theirs}}, {"WEST", 1, []auth.Account{org}}, {"west", 2, nil}, {"", 2, nil}} {
			got, err := v.AccountsByCode(c.code, c.most)
			equal(t, "AccountsByCode "+c.code, got, c.want, err)
		}
		for _, c := range []struct {
			name string
			most int
			want []auth.User
		}{{"dora", 2, []auth.User{other, ours}}, {"dora", 1, []auth.User{other}}, {"Dora", 2, nil}} {
			got, err := v.UsersByName(c.name, c.most)
			equal(t, "UsersByName "+c.name, got, c.want, err)
		}
		return nil
	})
}

func testKeys(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	full := auth.Key{Account: at.org, Name: "k", Digest: secret.Digest{1, 31: 9}, Pepper: 1<<32 - 1, Policy: "p",
		Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")},
		Expires:  epoch.Add(time.Microsecond), Disabled: true, Created: epoch, LastUsed: epoch.Add(time.Second),
		Role: auth.Verifier, Everywhere: true}
	plain := auth.Key{Account: at.org, Name: "l", Digest: secret.Digest{2}}
	update(t, s, func(tx auth.Tx) error { return errors.Join(tx.PutKey(&full), tx.PutKey(&plain)) })
	if full.ID == 0 || plain.ID <= full.ID {
		t.Errorf("ids %d, %d", full.ID, plain.ID)
	}
	check := func() {
		t.Helper()
		view(t, s, func(v auth.Reader) error {
			got, err := v.Key(full.ID)
			equal(t, "Key", got, full, err)
			got, err = v.KeyByDigest(plain.Digest)
			equal(t, "KeyByDigest", got, plain, err)
			list, err := v.Keys(at.org)
			equal(t, "Keys", list, []auth.Key{full, plain}, err)
			peppers, err := v.Peppers()
			equal(t, "Peppers", peppers, []uint32{0, 1<<32 - 1}, err)
			list, err = v.Keys(at.tenant)
			if err != nil || len(list) != 0 {
				t.Errorf("keys of the account above: %v, %v", list, err)
			}
			return nil
		})
	}
	check()
	full.Name, full.Digest, full.Networks, full.Expires, full.Disabled, full.Account = "n", secret.Digest{3}, nil, time.Time{}, false, at.org
	full.Role, full.Everywhere = auth.Client, false
	update(t, s, func(tx auth.Tx) error { return tx.PutKey(&full) })
	check()
}

func testUsers(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	full := auth.User{Tenant: at.tenant, Account: at.div1, Name: "Charles ä", Password: "a hash", Active: true, Admin: true, Group: "g",
		Rights: -1, FullName: "f", DisplayName: "d", Email: "e@example.com", Policy: "p", LastSignIn: epoch, Role: auth.Auditor, Everywhere: true,
		Factor: "sealed", FactorStep: 7, NameSince: epoch.Add(time.Microsecond)}
	plain := auth.User{Tenant: at.tenant, Account: at.div1, Name: "dora"}
	other := auth.User{Tenant: at.other, Account: at.other, Name: "dora"}
	update(t, s, func(tx auth.Tx) error { return errors.Join(tx.PutUser(&full), tx.PutUser(&plain), tx.PutUser(&other)) })
	check := func() {
		t.Helper()
		view(t, s, func(v auth.Reader) error {
			got, err := v.User(full.ID)
			equal(t, "User", got, full, err)
			got, err = v.UserByName(at.tenant, "dora")
			equal(t, "UserByName", got, plain, err)
			_, err = v.UserByName(0, full.Name)
			wantErr(t, "UserByName of no tenant", err, auth.ErrNotFound)
			_, err = v.UserByName(at.tenant, "Dora")
			wantErr(t, "UserByName in other letters", err, auth.ErrNotFound)
			list, err := v.Users(at.div1)
			equal(t, "Users", list, []auth.User{full, plain}, err)
			return nil
		})
	}
	check()
	full.Name, full.Password, full.Rights, full.Active, full.Account, full.LastSignIn = "C", "", 1<<62, false, at.div1, time.Time{}
	full.Role, full.Everywhere, full.Factor, full.NameSince = auth.Operator, false, "", epoch.Add(time.Hour)
	update(t, s, func(tx auth.Tx) error { return tx.PutUser(&full) })
	check()
	k := putKey(t, s, at.org, "k")
	if k <= other.ID {
		t.Errorf("key %d after user %d: keys and users share one sequence", k, other.ID)
	}
	update(t, s, func(tx auth.Tx) error { return tx.DeleteKey(k) })
	if again := putUser(t, s, at.tenant, at.org, "n"); again <= k {
		t.Errorf("user %d after key %d was deleted: an id is never used again", again, k)
	}
}

func testAppsAndPolicies(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	b, a := auth.App{Key: "b", Account: at.org, Name: "B"}, auth.App{Key: "a", Account: at.org, Disabled: true}
	long := auth.Policy{Name: "long", Span: auth.MaxSpan, Idle: time.Microsecond, Uses: auth.MaxUses, ExpireOnNew: true}
	never := auth.Policy{Name: "Never", Never: true}
	update(t, s, func(tx auth.Tx) error {
		return errors.Join(tx.PutApp(&b), tx.PutApp(&a), tx.PutPolicy(&long), tx.PutPolicy(&never))
	})
	b.Name, b.Disabled = "B2", true
	long.Uses = 1
	update(t, s, func(tx auth.Tx) error { return errors.Join(tx.PutApp(&b), tx.PutPolicy(&long)) })
	view(t, s, func(v auth.Reader) error {
		app, err := v.App("b")
		equal(t, "App", app, b, err)
		apps, err := v.Apps(at.org)
		equal(t, "Apps", apps, []auth.App{a, b}, err)
		p, err := v.Policy("long")
		equal(t, "Policy", p, long, err)
		list, err := v.Policies()
		equal(t, "Policies", list, []auth.Policy{never, long}, err)
		return nil
	})
}

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
