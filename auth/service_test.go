package auth_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// inBubble runs a test over a kit, in a bubble of fake time.
func inBubble(t *testing.T, f func(k *kit)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		defer k.close()
		f(k)
	})
}

func TestLoginCheckLogout(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		g := k.login(a)
		s, err := k.service.Check(k.Context(), bearer(a, g))
		if err != nil {
			k.Fatal(err)
		}
		if s.ID != g.Session.ID || s.Identity.AccountRef != "123456" || s.Identity.Subject != "main" || s.Identity.Tenant.Code != "ACME" || s.Dialect != "electa" {
			k.Errorf("session is %+v of %+v", s, s.Identity)
		}
		if at, why := s.Life.End(); why != auth.EndSpan || !at.Equal(time.Now().Truncate(time.Microsecond).Add(20*time.Minute)) {
			k.Errorf("ends %v because of %s", at, why)
		}
		second := k.login(a)
		if err := k.service.Logout(k.Context(), bearer(a, g), auth.Origin{Source: home}); err != nil {
			k.Fatal(err)
		}
		k.wantCheck(bearer(a, g), auth.UnknownToken)
		k.wantCheck(bearer(a, second), "")
		if err := k.service.Logout(k.Context(), bearer(a, g), auth.Origin{}); reason(k.T, err) != auth.UnknownToken {
			k.Errorf("second logout: %v", err)
		}
	})
}

func TestTokenIsBoundToItsDialectTenantAndAccount(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		g := k.login(a)
		other := *a.Mount
		other.Dialect = "calamp"
		k.wantCheck(&auth.Bearer{Mount: &other, Form: a.Form, Value: g.Token}, auth.UnknownToken)
		tenant := *a.Mount
		tenant.Tenant = "OTHER"
		k.wantCheck(&auth.Bearer{Mount: &tenant, Form: a.Form, Value: g.Token}, auth.UnknownToken)
		tenant.Tenant = "ACME"
		k.wantCheck(&auth.Bearer{Mount: &tenant, Form: a.Form, Value: g.Token}, "")
		k.wantCheck(&auth.Bearer{Mount: a.Mount, Form: a.Form, Value: g.Token, Number: 123457}, auth.WrongAccount)
		k.wantCheck(&auth.Bearer{Mount: a.Mount, Form: a.Form, Value: g.Token, Number: 123456}, "")
		k.wantCheck(&auth.Bearer{Mount: a.Mount, Form: secret.FormNative, Value: g.Token}, auth.UnknownToken)
		k.wantCheck(&auth.Bearer{Mount: a.Mount, Form: a.Form, Value: strings.ToLower(g.Token)}, "")
	})
}

// Wrong secret, unknown name, disabled account, wrong tenant, wrong network,
// expired key, empty secret: one reason.
func TestOneReasonForAllThatIsWrong(t *testing.T) {
	inBubble(t, func(k *kit) {
		k.update(func(tx auth.Tx) error {
			for i, change := range []func(*auth.Key){
				func(key *auth.Key) { key.Disabled = true },
				func(key *auth.Key) { key.Expires = time.Now().Add(-time.Second) },
				func(key *auth.Key) { key.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} },
			} {
				s := fmt.Sprint("secret", i)
				key := auth.Key{Account: k.west, Name: s, Digest: k.keys.KeyDigest(s), Pepper: k.keys.Pepper()}
				change(&key)
				if err := tx.PutKey(&key); err != nil {
					return err
				}
			}
			off := auth.Account{Level: auth.Organization, Tenant: k.tenant, Parent: k.tenant, Number: 77, Disabled: true}
			if err := tx.PutAccount(&off); err != nil {
				return err
			}
			return tx.PutKey(&auth.Key{Account: off.ID, Name: "off", Digest: k.keys.KeyDigest("off"), Pepper: k.keys.Pepper()})
		})
		for name, change := range map[string]func(*auth.Attempt){
			"wrong secret":       func(a *auth.Attempt) { a.Secret = strings.ToLower(goodSecret) },
			"empty secret":       func(a *auth.Attempt) { a.Secret = "" },
			"unknown number":     func(a *auth.Attempt) { a.Number = 4711 },
			"no number":          func(a *auth.Attempt) { a.Number = 0 },
			"negative number":    func(a *auth.Attempt) { a.Number = -5 },
			"another's secret":   func(a *auth.Attempt) { a.Secret = onNewSecret },
			"disabled key":       func(a *auth.Attempt) { a.Secret = "secret0" },
			"expired key":        func(a *auth.Attempt) { a.Secret = "secret1" },
			"wrong network":      func(a *auth.Attempt) { a.Secret = "secret2" },
			"disabled account":   func(a *auth.Attempt) { a.Number, a.Secret = 77, "off" },
			"of another tenant":  func(a *auth.Attempt) { a.Mount.Tenant = "OTHER" },
			"tenant nobody made": func(a *auth.Attempt) { a.Mount.Tenant = "NOBODY" },
		} {
			a := byKey(electaMount())
			a.Mount.Name = name // a guard of its own
			change(a)
			reads := k.store.reads.Load()
			k.wantLogin(a, auth.BadCredentials)
			if n := k.store.reads.Load() - reads; a.Number > 0 && n < 1 {
				k.Errorf("%s: answered without a look into the store", name)
			}
			// What the client must not see, whoever it phones must.
			why := map[string]string{"disabled key": "disabled", "expired key": "expired", "wrong network": "address", "disabled account": "account"}[name]
			events := k.events(audit.Refusal)
			if e := events[len(events)-1]; (e.Detail != "") != (why != "") || !strings.Contains(e.Detail, why) || (why != "" && e.Subject == "") {
				k.Errorf("%s: the audit says %+v", name, e)
			}
		}
		a := byKey(electaMount())
		a.Secret, a.Origin.Source = "secret2", netip.MustParseAddr("::ffff:10.1.2.3")
		k.login(a)
	})
}

// The price of a no is the same whether the name exists: as many looks into the
// store, as many hashes.
func TestUnknownAndWrongCostTheSame(t *testing.T) {
	inBubble(t, func(k *kit) {
		k.login(byKey(electaMount())) // remembered now
		price := func(number int64, wrong string) int64 {
			a := byKey(&auth.Mount{Name: "m", Dialect: "electa", Policy: span})
			a.Number, a.Secret = number, wrong
			reads := k.store.reads.Load()
			k.wantLogin(a, auth.BadCredentials)
			return k.store.reads.Load() - reads
		}
		for range 3 {
			if known, unknown := price(123456, "wrong"), price(4711, "wrong"); known != unknown {
				k.Errorf("a known number costs %d reads, an unknown one %d", known, unknown)
			}
		}
	})
}

func TestExpiryToTheNanosecond(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		g := k.login(a)
		end, _ := g.Session.Life.End()
		time.Sleep(time.Until(end) - time.Nanosecond)
		k.wantCheck(bearer(a, g), "")
		time.Sleep(time.Nanosecond)
		k.wantCheck(bearer(a, g), auth.UnknownToken)
		time.Sleep(70 * time.Second) // the janitor has been there
		if _, err := k.store.Session(k.Context(), g.Session.ID); err == nil {
			k.Error("an expired session is still in the store")
		}
	})
}

func TestIdleSpan(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := electaMount()
		m.Policy = auth.Policy{Span: time.Hour, Idle: 10 * time.Minute}
		a := byKey(m)
		g := k.login(a)
		for range 5 {
			time.Sleep(10*time.Minute - time.Microsecond)
			k.wantCheck(bearer(a, g), "")
		}
		time.Sleep(6 * time.Second) // noted
		k.restart()
		k.wantCheck(bearer(a, g), "") // 50 minutes old: only the notes can say that it was used
		time.Sleep(10 * time.Minute)
		k.wantCheck(bearer(a, g), auth.UnknownToken) // the cap
		g = k.login(a)
		time.Sleep(10 * time.Minute)
		k.wantCheck(bearer(a, g), auth.UnknownToken)
	})
}

// N uses are N, however many race and whatever restarts.
func TestUses(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := electaMount()
		m.Policy = auth.Policy{Uses: 7, Span: time.Hour}
		a := byKey(m)
		g := k.login(a)
		k.wantCheck(bearer(a, g), "")
		k.restart()
		var good atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if k.check(k.service, bearer(a, g)) == "" {
					good.Add(1)
				}
			})
		}
		wg.Wait()
		if good.Load() != 6 {
			k.Errorf("%d of the 6 uses that were left", good.Load())
		}
		k.wantCheck(bearer(a, g), auth.UnknownToken)
	})
}

func TestExpireOnNewLeavesOne(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := onNewAttempt()
		var mu sync.Mutex
		var grants []auth.Grant
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				g, err := k.service.Login(k.Context(), a)
				if err != nil {
					k.Error(err)
					return
				}
				k.check(k.service, bearer(a, g)) // brings it into memory while the others race
				mu.Lock()
				grants = append(grants, g)
				mu.Unlock()
			})
		}
		wg.Wait()
		count := func() (live int) {
			for _, g := range grants {
				if k.check(k.service, bearer(a, g)) == "" {
					live++
				}
			}
			return live
		}
		if n := count(); n != 1 {
			k.Errorf("%d of 64 sessions are live, want 1", n)
		}
		k.restart()
		if n := count(); n != 1 {
			k.Errorf("after a restart %d sessions are live, want 1", n)
		}
	})
}

func TestLock(t *testing.T) {
	inBubble(t, func(k *kit) {
		wrong, right := byKey(electaMount()), byKey(electaMount())
		wrong.Secret = "wrong"
		before := k.login(right)
		for i := range 5 {
			r := k.refused(wrong, auth.BadCredentials)
			if r.Failures != i+1 || r.Allowed != 5 {
				k.Errorf("failure %d is told as %d of %d", i+1, r.Failures, r.Allowed)
			}
		}
		if r := k.refused(right, auth.Locked); r.RetryAfter != 15*time.Minute {
			k.Errorf("retry after %v", r.RetryAfter)
		}
		k.wantCheck(bearer(right, before), "")
		blocking := *right.Mount
		blocking.LockBlocksTokens = true
		k.wantCheck(&auth.Bearer{Mount: &blocking, Form: right.Form, Value: before.Token}, auth.Locked)
		time.Sleep(10 * time.Minute)
		k.wantLogin(wrong, auth.Locked)
		k.restart()
		if r := k.refused(right, auth.Locked); r.RetryAfter != 5*time.Minute {
			k.Errorf("after a restart: retry after %v, want 5m", r.RetryAfter)
		}
		time.Sleep(5 * time.Minute)
		k.login(right)
		if n := len(k.events(audit.Lock)); n != 1 {
			k.Errorf("%d lock events, want 1", n)
		}
	})
}

// An account that does not exist locks as well, and looks the same.
func TestUnknownNamesLock(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		a.Number = 4711
		for range 5 {
			k.wantLogin(a, auth.BadCredentials)
		}
		if r := k.refused(a, auth.Locked); r.RetryAfter != 15*time.Minute {
			k.Errorf("retry after %v", r.RetryAfter)
		}
		k.restart()
		k.wantLogin(a, auth.Locked)
	})
}

func TestGuessesAtOnce(t *testing.T) {
	inBubble(t, func(k *kit) {
		var judged, locked atomic.Int32
		var wg sync.WaitGroup
		for range 300 {
			wg.Go(func() {
				a := byKey(electaMount())
				a.Secret = "guess"
				_, err := k.service.Login(k.Context(), a)
				if why := auth.RefusalOf(err).Reason; why == auth.BadCredentials {
					judged.Add(1)
				} else if why == auth.Locked {
					locked.Add(1)
				} else {
					k.Error(err)
				}
			})
		}
		wg.Wait()
		if judged.Load() != 5 || locked.Load() != 295 {
			k.Errorf("%d judged, %d refused by the lock; want 5 and 295", judged.Load(), locked.Load())
		}
	})
}

func TestPasswords(t *testing.T) {
	inBubble(t, func(k *kit) {
		old, err := bcrypt.GenerateFromPassword([]byte(goodPassword), bcrypt.MinCost)
		if err != nil {
			k.Fatal(err)
		}
		k.update(func(tx auth.Tx) error {
			return tx.PutUser(&auth.User{Tenant: k.tenant, Account: k.west, Name: "old", Password: "$2y$" + string(old[4:]), Active: true})
		})
		a := byPassword(calampMount())
		first := k.login(a)
		if !first.LastSignIn.IsZero() {
			k.Errorf("first login: last sign-in %v", first.LastSignIn)
		}
		issued := time.Now().UTC().Truncate(time.Microsecond)
		time.Sleep(time.Minute)
		if g := k.login(a); !g.LastSignIn.Equal(issued) {
			k.Errorf("second login: last sign-in %v, want %v", g.LastSignIn, issued)
		}
		a.User = "old"
		k.login(a)
		err = k.service.View(k.Context(), func(r auth.Reader) error {
			u, err := r.UserByName(k.tenant, "old")
			if err == nil && !strings.HasPrefix(u.Password, "$argon2id$v=19$m=19456,t=2,p=1$") {
				k.Errorf("the hash was not renewed: %.20s", u.Password)
			}
			return err
		})
		if err != nil {
			k.Fatal(err)
		}
		k.restart()
		k.login(a)
		for user, want := range map[string]auth.Reason{"gone": auth.Inactive, "nobody": auth.BadCredentials, "": auth.BadCredentials} {
			a.User = user
			k.wantLogin(a, want)
		}
		a.User, a.Secret = "gone", "wrong" // inactive is told to who knows the password only
		k.wantLogin(a, auth.BadCredentials)
	})
}

func TestApps(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := calampMount()
		a := byPassword(m)
		a.App = "unknown"
		k.wantLogin(a, auth.UnknownApp)
		a.App = otherTreesApp
		k.wantLogin(a, auth.BadCredentials) // saying more would confirm the password
		a.App = goodApp
		g := k.login(a)
		m.AppOnCalls, m.AppAtLogin, m.BindApp = true, true, true
		b := bearer(a, g)
		k.wantCheck(b, auth.MissingApp)
		b.App = otherTreesApp
		k.wantCheck(b, auth.UnknownApp)
		b.App = goodApp
		k.wantCheck(b, "")
		a.App = ""
		k.wantLogin(a, auth.MissingApp)
		k.update(func(tx auth.Tx) error {
			return tx.PutApp(&auth.App{Key: goodApp, Account: k.tenant, Name: "app", Disabled: true})
		})
		k.wantCheck(b, auth.UnknownApp)
	})
}

func TestFairUse(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := electaMount()
		m.FairUse = auth.FairUse{Logins: 3}
		a := byKey(m)
		for range 10 { // the first begins when nothing is alive
			k.login(a)
		}
		events := k.events(audit.FairUse)
		if len(events) != 1 || events[0].Count != 4 || events[0].Account != "123456" {
			k.Errorf("fair use events: %+v, want one at the fourth", events)
		}
		m.FairUse.Answer = auth.AnswerRefuse
		if r := k.refused(a, auth.Throttled); r.RetryAfter != time.Hour {
			k.Errorf("retry after %v, want 1h", r.RetryAfter)
		}
		k.restart() // the budget is forgotten, the live session is not
		for range 3 {
			k.login(a)
		}
		k.wantLogin(a, auth.Throttled)
		time.Sleep(time.Hour) // nothing is alive, and the hour is over
		for range 4 {
			k.login(a)
		}
		k.wantLogin(a, auth.Throttled)
	})
}

// Who logs out before logging in again keeps within fair use.
func TestFairUseSparesWhoLogsOut(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := electaMount()
		m.FairUse = auth.FairUse{Logins: 1, Answer: auth.AnswerRefuse}
		a := byKey(m)
		for range 5 {
			g := k.login(a)
			if err := k.service.Logout(k.Context(), bearer(a, g), auth.Origin{}); err != nil {
				k.Fatal(err)
			}
		}
	})
}

func TestKeyExpiryCapsItsSessions(t *testing.T) {
	inBubble(t, func(k *kit) {
		expires := time.Now().Add(5 * time.Minute)
		k.update(func(tx auth.Tx) error {
			key, err := tx.Key(k.key)
			if err != nil {
				return err
			}
			key.Expires = expires
			return tx.PutKey(&key)
		})
		a := byKey(electaMount())
		g := k.login(a)
		if end, _ := g.Session.Life.End(); !end.Equal(expires.Truncate(time.Microsecond)) {
			k.Errorf("ends %v, the key %v", end, expires)
		}
		time.Sleep(5 * time.Minute)
		k.wantCheck(bearer(a, g), auth.UnknownToken)
	})
}

// A key set that was rotated still knows what was made before, and keys move to
// the new pepper as they log in.
func TestRotation(t *testing.T) {
	inBubble(t, func(k *kit) {
		a, b := byKey(electaMount()), onNewAttempt()
		g := k.login(a)
		var err error
		if k.keys, err = k.keys.Rotate(); err != nil {
			k.Fatal(err)
		}
		k.restart()
		k.wantCheck(bearer(a, g), "")
		k.login(a)
		k.login(b)
		time.Sleep(6 * time.Second)
		err = k.service.View(k.Context(), func(r auth.Reader) error {
			for _, id := range []auth.PrincipalID{k.key, k.expireOnNew} {
				key, err := r.Key(id)
				if err != nil {
					return err
				}
				if key.Pepper != k.keys.Pepper() {
					k.Errorf("key %s stayed with the old pepper", key.Name)
				}
			}
			return nil
		})
		if err != nil {
			k.Fatal(err)
		}
		k.login(a)
		k.login(b)
		k.wantCheck(bearer(a, g), "")
	})
}

// A login that the store cannot keep is refused, and nothing of it stays.
func TestStoreFailsAtLogin(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		k.login(a)
		k.store.broken.Store(true)
		k.wantLogin(a, auth.Unavailable)
		a.Secret = "wrong"
		k.wantLogin(a, auth.Unavailable)
		k.store.broken.Store(false)
		a.Secret = goodSecret
		k.login(a)
	})
}

// No secret is in the audit, whatever was sent where.
func TestAuditHoldsNoSecret(t *testing.T) {
	inBubble(t, func(k *kit) {
		a, b, c := byKey(electaMount()), byPassword(calampMount()), onNewAttempt()
		tokens := []string{goodSecret, onNewSecret, goodPassword, "wrong-secret"}
		for _, x := range []*auth.Attempt{a, b, c} {
			g := k.login(x)
			tokens = append(tokens, g.Token)
			if err := k.service.Logout(k.Context(), bearer(x, g), x.Origin); err != nil {
				k.Fatal(err)
			}
			wrong := *x
			wrong.Secret = "wrong-secret"
			k.wantLogin(&wrong, auth.BadCredentials)
		}
		events := k.events(audit.Login, audit.Logout, audit.Refusal)
		if len(events) != 9 {
			k.Errorf("%d events, want 9", len(events))
		}
		for _, e := range events {
			line := string(e.AppendJSON(nil))
			for _, s := range tokens {
				if strings.Contains(line, s) {
					k.Errorf("%q is in %s", s, line)
				}
			}
			if e.Source != home.String() || e.At.IsZero() || e.Dialect == "" || e.Mount == "" {
				k.Errorf("an event does not say when, from where or over what: %s", line)
			}
		}
	})
}

// Whoever locks a name cannot fill the audit with what follows, and none of it
// is lost.
func TestRefusalsWhileLockedAreTallied(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		a.Secret = "wrong"
		for range 5 {
			k.wantLogin(a, auth.BadCredentials)
		}
		for range 1000 {
			k.wantLogin(a, auth.Locked)
		}
		count := func() (events, refusals int) {
			for _, e := range k.events(audit.Refusal) {
				if e.Reason == string(auth.Locked) {
					events++
					refusals += max(e.Count, 1)
				}
			}
			return events, refusals
		}
		if events, _ := count(); events != 1 {
			k.Errorf("%d events at once, want the first", events)
		}
		time.Sleep(70 * time.Second)
		if events, refusals := count(); events != 2 || refusals != 1000 {
			k.Errorf("%d events of %d refusals, want 2 of 1000", events, refusals)
		}
		for range 10 {
			k.wantLogin(a, auth.Locked)
		}
		k.restart()
		if events, refusals := count(); events != 3 || refusals != 1010 {
			k.Errorf("after a stop: %d events of %d refusals, want 3 of 1010", events, refusals)
		}
	})
}

// Nor does it help to claim another name each time, once the address is locked.
func TestRefusalsOfALockedAddressAreTallied(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := electaMount()
		m.Addresses = auth.Limits{Failures: 3, Window: time.Hour, Lock: time.Hour}
		for i := range 500 {
			a := byKey(m)
			a.Number, a.Secret = int64(1000+i), "wrong"
			want := auth.Locked
			if i < 3 {
				want = auth.BadCredentials
			}
			k.wantLogin(a, want)
		}
		time.Sleep(70 * time.Second)
		events, refusals := 0, 0
		for _, e := range k.events(audit.Refusal) {
			if e.Reason == string(auth.Locked) {
				events++
				refusals += max(e.Count, 1)
			}
		}
		if events != 2 || refusals != 497 {
			k.Errorf("%d events of %d refusals, want 2 of 497", events, refusals)
		}
	})
}

// Checking writes nothing; what it learns of idle sessions is handed on later.
func TestCheckWritesNothing(t *testing.T) {
	inBubble(t, func(k *kit) {
		idle := electaMount()
		idle.Policy = auth.Policy{Span: time.Hour, Idle: 10 * time.Minute}
		for _, m := range []*auth.Mount{electaMount(), idle} {
			a := byKey(m)
			g := k.login(a)
			writes := k.store.writes.Load()
			for range 100 {
				k.wantCheck(bearer(a, g), "")
			}
			if n := k.store.writes.Load() - writes; n != 0 {
				k.Errorf("100 checks wrote %d times", n)
			}
		}
		time.Sleep(time.Minute)
		writes := k.store.writes.Load()
		time.Sleep(time.Minute)
		if n := k.store.writes.Load() - writes; n != 0 {
			k.Errorf("%d writes in a minute in which nothing happened", n)
		}
	})
}
