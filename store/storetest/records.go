package storetest

import (
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

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
