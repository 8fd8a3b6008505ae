package auth_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

const theirSecret = "ZZ00YY11XX22WW33VV44UU55TT66SS77"

// namesake makes an account of the other tenant that bears names, with a key.
func (k *kit) namesake(a auth.Account, key auth.Key) auth.AccountID {
	k.Helper()
	a.Level, a.Tenant, a.Parent = auth.Organization, k.other, k.other
	k.update(func(tx auth.Tx) error {
		if err := a.Put(tx, time.Now()); err != nil {
			return err
		}
		key.Account, key.Digest, key.Pepper, key.Created = a.ID, k.keys.KeyDigest(theirSecret), k.keys.Pepper(), time.Now()
		return tx.PutKey(&key)
	})
	return a.ID
}

// Nobody is shut out by who names an account of another tenant as theirs: where no tenant
// is named, the right secret tells whose it is, with all that is its own.
func TestTheSecretTellsNamesakesApart(t *testing.T) {
	for what, c := range map[string]struct {
		theirs  auth.Account
		attempt auth.Attempt
	}{
		"a number":                 {auth.Account{Number: 123456}, auth.Attempt{Number: 123456}},
		"a code":                   {auth.Account{Code: "ACME-WEST"}, auth.Attempt{Code: "ACME-WEST"}},
		"a number that is a code":  {auth.Account{Number: 42}, auth.Attempt{Number: 42, Code: "42"}},
		"a code that is a number":  {auth.Account{Code: "123456"}, auth.Attempt{Number: 123456, Code: "123456"}},
		"the code of a tenant":     {auth.Account{Code: "TOP"}, auth.Attempt{Code: "TOP"}},
		"a tenant's, by a number":  {auth.Account{Number: 1}, auth.Attempt{Number: 1, Code: "1"}},
		"both a number and a code": {auth.Account{Number: 123456, Code: "123456"}, auth.Attempt{Number: 123456, Code: "123456"}},
	} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(k *kit) {
				ours := k.west
				k.update(func(tx auth.Tx) error {
					west, err := tx.Account(k.west)
					if err != nil {
						return err
					}
					switch what {
					case "a number that is a code":
						west.Code = "42"
						return west.Put(tx, time.Now())
					case "the code of a tenant", "a tenant's, by a number":
						acme, err := tx.Account(k.tenant)
						if err != nil {
							return err
						}
						key, err := tx.Key(k.key)
						if err != nil {
							return err
						}
						acme.Code, key.Account, ours = "TOP", k.tenant, k.tenant
						if err := acme.Put(tx, time.Now()); err != nil {
							return err
						}
						return tx.PutKey(&key)
					}
					return nil
				})
				theirs := k.namesake(c.theirs, auth.Key{Name: "theirs", Policy: "on-new"})
				attempt := func(secret string) *auth.Attempt {
					a := byKey(electaMount())
					a.Number, a.Code, a.Secret = c.attempt.Number, c.attempt.Code, secret
					return a
				}
				for range 2 { // what is read, and what is remembered
					mine, other := k.login(attempt(goodSecret)).Session, k.login(attempt(theirSecret)).Session
					if mine.Identity.Account.ID != ours || mine.Identity.Tenant.ID != k.tenant || mine.Life.ExpireOnNew {
						k.Errorf("our secret opens %+v", mine)
					}
					if other.Identity.Account.ID != theirs || other.Identity.Tenant.ID != k.other || !other.Life.ExpireOnNew {
						k.Errorf("their secret opens %+v", other)
					}
				}
				logins := k.events(audit.Login)
				if e, f := logins[0], logins[1]; e.Subject != "main" || f.Subject != "theirs" || f.Tenant != "OTHER" || e.Tenant == f.Tenant {
					k.Errorf("the audit says %+v, %+v", e, f)
				}
				k.wantLogin(attempt("wrong"), auth.BadCredentials)
				named := attempt(theirSecret)
				named.Mount.Tenant = map[bool]string{true: "TOP", false: "ACME"}[ours == k.tenant]
				k.wantLogin(named, auth.BadCredentials)
				named.Secret = goodSecret
				k.login(named)
				// What becomes of one of them is nothing to the other.
				k.update(func(tx auth.Tx) error {
					a, err := tx.Account(theirs)
					if err != nil {
						return err
					}
					a.Disabled = true
					return a.Put(tx, time.Now())
				})
				k.login(attempt(goodSecret))
				k.wantLogin(attempt(theirSecret), auth.BadCredentials)
			})
		})
	}
}

// Who has an account of another's name does not buy new guesses at its key with the own
// one's right secret: not at this node, and not at one that hears of it from the store.
func TestANamesakeForgetsNoFailures(t *testing.T) {
	inBubble(t, func(k *kit) {
		k.namesake(auth.Account{Number: 123456}, auth.Key{Name: "theirs"})
		second := k.node()
		defer func() { _ = second.Close() }()
		attempt := func(secret string) *auth.Attempt {
			a := byKey(electaMount())
			a.Secret = secret
			return a
		}
		for i := range 5 {
			node := [...]*auth.Service{k.service, second}[i%2]
			k.wantLoginAt(node, attempt("a guess"), auth.BadCredentials)
			if i < 4 {
				k.wantLoginAt(node, attempt(theirSecret), "")
			}
		}
		k.wantLogin(attempt("a guess"), auth.Locked)
		k.wantLogin(attempt(theirSecret), auth.Locked)
		// At a mount of a tenant's the name is its alone.
		for range 7 {
			a, b := attempt("a guess"), attempt(goodSecret)
			a.Mount.Name, a.Mount.Tenant = "own", "ACME"
			b.Mount = a.Mount
			k.wantLogin(a, auth.BadCredentials)
			k.login(b)
		}
	})
}

// A caller of Sallyport's own names no tenant ever.
func TestNamesakesOfACaller(t *testing.T) {
	inBubble(t, func(k *kit) {
		k.update(func(tx auth.Tx) error {
			key, err := tx.Key(k.key)
			if err != nil {
				return err
			}
			key.Role, key.Everywhere = auth.Owner, true
			return tx.PutKey(&key)
		})
		a := byKey(&auth.Mount{Name: "admin", Dialect: "admin"})
		if _, err := k.service.Authenticate(k.Context(), a, auth.Owner); err != nil {
			k.Fatal(err)
		}
		k.namesake(auth.Account{Number: 123456}, auth.Key{Name: "theirs"})
		for range 2 {
			c, err := k.service.Authenticate(k.Context(), a, auth.Owner)
			if err != nil || c.Account.ID != k.west {
				k.Fatalf("the owner is %+v, %v", c, err)
			}
		}
		a.Secret = theirSecret
		if _, err := k.service.Authenticate(k.Context(), a, auth.Owner); reason(k.T, err) != auth.BadCredentials {
			k.Errorf("a namesake without the role: %v", err)
		}
	})
}

// A name that several have costs as many looks into the store as one that nobody has.
func TestNamesakesCostTheSame(t *testing.T) {
	inBubble(t, func(k *kit) {
		k.namesake(auth.Account{Number: 123456}, auth.Key{Name: "theirs"})
		k.update(func(tx auth.Tx) error {
			return tx.PutUser(&auth.User{Tenant: k.other, Account: k.other, Name: "demo", Active: true})
		})
		price := func(a *auth.Attempt) int64 {
			reads := k.store.reads.Load()
			k.wantLogin(a, auth.BadCredentials)
			return k.store.reads.Load() - reads
		}
		for range 3 {
			m := &auth.Mount{Name: "m", Dialect: "electa", Policy: span}
			known, unknown := byKey(m), byKey(m)
			known.Secret, unknown.Number = "wrong", 4711
			if a, b := price(known), price(unknown); a != b {
				k.Errorf("a number that two have costs %d reads, an unknown one %d", a, b)
			}
			known, unknown = byPassword(m), byPassword(m)
			known.Secret, unknown.User = "wrong", "nobody"
			if a, b := price(known), price(unknown); a != b {
				k.Errorf("a user name that two have costs %d reads, an unknown one %d", a, b)
			}
		}
	})
}

// There is a bound to how many a name may mean; beyond it, it means nobody.
func TestNamesakesAreBounded(t *testing.T) {
	inBubble(t, func(k *kit) {
		tenants := func(from, to int) {
			k.update(func(tx auth.Tx) error {
				for i := from; i < to; i++ {
					a := auth.Account{Level: auth.Tenant, Code: fmt.Sprint("T", i), Number: 123456}
					if err := a.Put(tx, time.Now()); err != nil {
						return err
					}
				}
				return nil
			})
		}
		tenants(1, 64)
		k.login(byKey(electaMount()))
		tenants(64, 65)
		k.wantLogin(byKey(electaMount()), auth.BadCredentials)
		a := byKey(electaMount())
		a.Mount.Tenant = "ACME"
		k.login(a)
	})
}

// Where no tenant is typed, the console means whoever may sign in there: a user without
// a role shuts no administrator out. Other dialects, and two administrators, are refused.
func TestTheConsoleMeansAdministrators(t *testing.T) {
	inBubble(t, func(k *kit) {
		hash, err := k.hasher.Hash(k.Context(), "owner-password")
		if err != nil {
			k.Fatal(err)
		}
		owner := auth.User{Tenant: k.other, Account: k.other, Name: "demo", Password: hash, Active: true, Role: auth.Owner, Everywhere: true}
		k.update(func(tx auth.Tx) error { return tx.PutUser(&owner) })
		at := func(dialect, password string) *auth.Attempt {
			a := byPassword(&auth.Mount{Name: dialect, Dialect: dialect, Policy: span})
			a.Secret = password
			return a
		}
		for range 2 {
			g := k.login(at(auth.ConsoleDialect, "owner-password"))
			if g.Session.Identity.Principal != owner.ID || g.Session.Identity.Tenant.ID != k.other {
				k.Errorf("the console lets in %+v", g.Session.Identity)
			}
			k.wantLogin(at(auth.ConsoleDialect, goodPassword), auth.BadCredentials)
			k.wantLogin(at("calamp", "owner-password"), auth.BadCredentials)
			k.wantLogin(at("calamp", goodPassword), auth.BadCredentials)
		}
		k.update(func(tx auth.Tx) error {
			u, err := tx.User(k.user)
			if err != nil {
				return err
			}
			u.Role = auth.Auditor
			return tx.PutUser(&u)
		})
		for _, password := range []string{goodPassword, "owner-password"} {
			k.wantLogin(at(auth.ConsoleDialect, password), auth.BadCredentials)
		}
		named := at(auth.ConsoleDialect, "owner-password")
		named.Mount.Tenant = "OTHER"
		k.login(named)
	})
}
