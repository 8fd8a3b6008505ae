package auth_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// Ending by session, key, user, account and subtree: at once on the node that
// ends it, within a second on another, and only what was named.
func TestRevoke(t *testing.T) {
	for name, c := range map[string]struct {
		of    func(k *kit, grants map[string]auth.Grant) auth.Revocation
		ended []string
	}{
		"session": {func(_ *kit, g map[string]auth.Grant) auth.Revocation {
			return auth.Revocation{Session: g["key"].Session.ID}
		}, []string{"key"}},
		"key": {func(k *kit, _ map[string]auth.Grant) auth.Revocation {
			return auth.Revocation{Principal: k.key}
		}, []string{"key", "key again"}},
		"user": {func(k *kit, _ map[string]auth.Grant) auth.Revocation {
			return auth.Revocation{Principal: k.user}
		}, []string{"user"}},
		"division": {func(k *kit, _ map[string]auth.Grant) auth.Revocation {
			return auth.Revocation{Account: k.division}
		}, []string{"division"}},
		"organization": {func(k *kit, _ map[string]auth.Grant) auth.Revocation {
			return auth.Revocation{Account: k.west}
		}, []string{"key", "key again", "user", "division"}},
		"tenant": {func(k *kit, _ map[string]auth.Grant) auth.Revocation {
			return auth.Revocation{Account: k.tenant}
		}, []string{"key", "key again", "user", "division"}},
		"another tenant": {func(k *kit, _ map[string]auth.Grant) auth.Revocation {
			return auth.Revocation{Account: k.other}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(k *kit) {
				attempts := map[string]*auth.Attempt{"key": byKey(electaMount()), "key again": byKey(electaMount()),
					"user": byPassword(calampMount()), "division": onNewAttempt()}
				second := k.node()
				defer func() { _ = second.Close() }()
				grants := map[string]auth.Grant{}
				for name, a := range attempts {
					grants[name] = k.login(a)
					for _, node := range []*auth.Service{k.service, second} {
						if got := k.check(node, bearer(a, grants[name])); got != "" {
							k.Fatalf("before: %s: %s", name, got)
						}
					}
				}
				r := c.of(k, grants)
				r.Actor, r.Why = "admin", "test"
				n, err := k.service.Revoke(k.Context(), r)
				if err != nil || n != len(c.ended) {
					k.Fatalf("ended %d (%v), want %d", n, err, len(c.ended))
				}
				verify := func(where string, node *auth.Service) {
					ended := map[string]bool{}
					for _, name := range c.ended {
						ended[name] = true
					}
					for name, a := range attempts {
						if got := k.check(node, bearer(a, grants[name])); (got == auth.UnknownToken) != ended[name] || (got != "") != ended[name] {
							k.Errorf("%s: %s: check says %q", where, name, got)
						}
					}
				}
				verify("here", k.service)
				time.Sleep(time.Second)
				verify("elsewhere", second)
				k.restart()
				verify("after a restart", k.service)
				if e := k.events(audit.Revocation); len(e) != 1 || e[0].Count != len(c.ended) || e[0].Actor != "admin" || e[0].Tenant == "" {
					k.Errorf("audit: %+v", e)
				}
			})
		})
	}
}

func TestRevokeNamesOneThing(t *testing.T) {
	inBubble(t, func(k *kit) {
		for _, r := range []auth.Revocation{{}, {Session: 1, Principal: 1}, {Principal: k.key, Account: k.west}} {
			if _, err := k.service.Revoke(k.Context(), r); !errors.Is(err, auth.ErrInvalid) {
				k.Errorf("%+v: %v, want ErrInvalid", r, err)
			}
		}
		for _, r := range []auth.Revocation{{Session: 1 << 40}, {Principal: 4711}, {Account: 4711}} {
			if _, err := k.service.Revoke(k.Context(), r); !errors.Is(err, auth.ErrNotFound) {
				k.Errorf("%+v: %v, want ErrNotFound", r, err)
			}
		}
	})
}

// A record that is changed behind the server's back, as `sallyport apply` does,
// is obeyed within a second.
func TestChangesFromElsewhere(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		g := k.login(a)
		b := byPassword(calampMount())
		h := k.login(b)
		k.wantCheck(bearer(a, g), "")
		err := k.store.Update(k.Context(), func(tx auth.Tx) error {
			key, err := tx.Key(k.key)
			if err != nil {
				return err
			}
			key.Disabled = true
			user, err := tx.User(k.user)
			if err != nil {
				return err
			}
			user.Active = false
			fresh := auth.Key{Account: k.west, Name: "fresh", Digest: k.keys.KeyDigest("fresh"), Pepper: k.keys.Pepper()}
			return errors.Join(tx.PutKey(&key), tx.PutUser(&user), tx.PutKey(&fresh))
		})
		if err != nil {
			k.Fatal(err)
		}
		time.Sleep(time.Second)
		k.wantCheck(bearer(a, g), auth.UnknownToken)
		k.wantCheck(bearer(b, h), auth.UnknownToken)
		k.wantLogin(a, auth.BadCredentials)
		k.wantLogin(b, auth.Inactive)
		a.Secret = "fresh"
		k.login(a)
	})
}

// A node that has lost the feed asks the store; one that has lost the store too
// refuses; both come back by themselves.
func TestLostFeed(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		g := k.login(a)
		k.wantCheck(bearer(a, g), "")
		k.store.broken.Store(true)
		time.Sleep(500 * time.Millisecond)
		k.wantCheck(bearer(a, g), "") // heard of the feed a moment ago
		time.Sleep(time.Second)
		k.wantCheck(bearer(a, g), auth.Unavailable)
		if k.service.Healthy(k.Context()) == nil {
			k.Error("healthy without feed and store")
		}
		k.store.broken.Store(false)
		k.wantCheck(bearer(a, g), "") // by asking the store
		time.Sleep(time.Second)
		reads := k.store.reads.Load()
		k.wantCheck(bearer(a, g), "")
		if k.store.reads.Load() != reads {
			k.Error("the feed is back, and the store is still asked")
		}
		if err := k.service.Healthy(k.Context()); err != nil {
			k.Error(err)
		}
	})
}

// What is disabled while a node has lost the feed is not believed either, at
// calls and at logins.
func TestLostFeedAndRecords(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := calampMount()
		m.AppOnCalls = true
		a := byPassword(m)
		a.App = goodApp
		b := bearer(a, k.login(a))
		b.App = goodApp
		k.wantCheck(b, "")
		k.store.deaf.Store(true)
		time.Sleep(2 * time.Second)
		k.wantCheck(b, "")
		err := k.store.Update(k.Context(), func(tx auth.Tx) error {
			return tx.PutApp(&auth.App{Key: goodApp, Account: k.tenant, Name: "app", Disabled: true})
		})
		if err != nil {
			k.Fatal(err)
		}
		k.wantCheck(b, auth.UnknownApp)
		k.wantLogin(a, auth.UnknownApp)

		key := byKey(electaMount())
		k.login(key)
		err = k.store.Update(k.Context(), func(tx auth.Tx) error {
			row, err := tx.Key(k.key)
			row.Disabled = true
			return errors.Join(err, tx.PutKey(&row))
		})
		if err != nil {
			k.Fatal(err)
		}
		k.wantLogin(key, auth.BadCredentials)
	})
}

// A follower that was away for longer than notices are kept starts afresh.
func TestFeedThatMovedOn(t *testing.T) {
	inBubble(t, func(k *kit) {
		k.options.Retention = auth.Retention{Feed: time.Minute, Audit: time.Hour}
		k.restart()
		a := byKey(electaMount())
		g := k.login(a)
		second := k.node()
		defer func() { _ = second.Close() }()
		k.wantCheck(bearer(a, g), "")
		if got := k.check(second, bearer(a, g)); got != "" {
			k.Fatal(got)
		}
		// The store is away for this node only; both look through k.store, so the
		// revocation goes to the real one.
		k.store.broken.Store(true)
		time.Sleep(2 * time.Second)
		err := k.store.Update(k.Context(), func(tx auth.Tx) error {
			_, err := tx.End(auth.End{Session: g.Session.ID})
			return err
		})
		if err != nil {
			k.Fatal(err)
		}
		for range 10 { // notices age and are swept
			time.Sleep(30 * time.Second)
			if _, err := k.store.Sweep(k.Context(), time.Now(), k.options.Retention); err != nil {
				k.Fatal(err)
			}
			err := k.store.Update(k.Context(), func(tx auth.Tx) error {
				_, err := tx.End(auth.End{Principal: k.user})
				return err
			})
			if err != nil {
				k.Fatal(err)
			}
		}
		k.store.broken.Store(false)
		time.Sleep(time.Second)
		k.wantCheck(bearer(a, g), auth.UnknownToken)
		if got := k.check(second, bearer(a, g)); got != auth.UnknownToken {
			k.Error(got)
		}
	})
}

// A made-up token never reaches the store, in whatever form.
func TestMadeUpTokensReadNothing(t *testing.T) {
	inBubble(t, func(k *kit) {
		k.login(byKey(electaMount()))
		foreign, err := secret.GenerateKeys()
		if err != nil {
			k.Fatal(err)
		}
		reads := k.store.reads.Load()
		for i := range 1000 {
			for _, form := range []secret.Form{secret.FormNative, secret.FormGUID, secret.FormSeries} {
				token, _ := foreign.Mint(form, uint64(i+1))
				k.wantCheck(&auth.Bearer{Mount: electaMount(), Form: form, Value: token}, auth.UnknownToken)
			}
		}
		if n := k.store.reads.Load() - reads; n != 0 {
			k.Errorf("tokens of another key set: %d reads of the store", n)
		}
		// Whoever has a token knows the key's id and how sessions are numbered.
		a := byKey(electaMount())
		a.Form = secret.FormNative
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(k.login(a).Token, "sp_"))
		if err != nil {
			k.Fatal(err)
		}
		reads = k.store.reads.Load()
		for i := range byte(100) {
			raw[11]++ // the last byte of the selector
			raw[12] = i
			k.wantCheck(&auth.Bearer{Mount: electaMount(), Value: "sp_" + base64.RawURLEncoding.EncodeToString(raw)}, auth.UnknownToken)
		}
		for _, value := range []string{"", "sp_", "x", "9C467079-FE3B-45C5-8AA5-9726397081AA", string(make([]byte, 1<<16))} {
			k.wantCheck(&auth.Bearer{Mount: electaMount(), Form: secret.FormGUID, Value: value}, auth.UnknownToken)
		}
		if n := k.store.reads.Load() - reads; n != 0 {
			k.Errorf("%d reads of the store", n)
		}
	})
}

// More sessions than the cache holds are all good, and the cache stays small.
func TestCacheIsBounded(t *testing.T) {
	inBubble(t, func(k *kit) {
		k.options.CacheSessions = 1024
		k.restart()
		a := byKey(electaMount())
		var grants []auth.Grant
		for range 3000 {
			grants = append(grants, k.login(a))
		}
		for _, g := range grants {
			k.wantCheck(bearer(a, g), "")
		}
		if n := k.service.CachedSessions(); n > 1024 {
			k.Errorf("%d sessions in memory", n)
		}
	})
}

// A session that ends between being read from the store and being taken into
// memory stays ended: what was read is older than its end. So does one that ends
// between its commit and being taken into memory.
func TestRevocationBeatsLoading(t *testing.T) {
	for name, of := range map[string]func(k *kit, id auth.SessionID) auth.Revocation{
		"session": func(_ *kit, id auth.SessionID) auth.Revocation { return auth.Revocation{Session: id} },
		"key":     func(k *kit, _ auth.SessionID) auth.Revocation { return auth.Revocation{Principal: k.key} },
		"account": func(k *kit, _ auth.SessionID) auth.Revocation { return auth.Revocation{Account: k.tenant} },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(k *kit) {
				a := byKey(electaMount())
				g := k.login(a)
				revoke := func() {
					if _, err := k.service.Revoke(k.Context(), of(k, g.Session.ID)); err != nil {
						k.Error(err)
					}
				}
				k.restart() // nothing is in memory
				k.login(a)  // but the identity
				k.store.afterRead.Store(&revoke)
				k.check(k.service, bearer(a, g)) // at the same time: either answer is right
				k.wantCheck(bearer(a, g), auth.UnknownToken)

				revoke = func() {
					latest, err := k.store.Latest(k.Context(), k.key, time.Now())
					if err != nil {
						k.Error(err)
					}
					if _, err := k.service.Revoke(k.Context(), of(k, latest.ID)); err != nil {
						k.Error(err)
					}
				}
				k.store.afterWrite.Store(&revoke)
				g = k.login(a)
				k.wantCheck(bearer(a, g), auth.UnknownToken)
			})
		})
	}
}

func TestHandOff(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := electaMount()
		issue := func() string {
			token, err := k.service.IssueHandOff(k.Context(), &auth.HandOff{Mount: m, Principal: k.user, Span: 5 * time.Minute, Attrs: "as=demo"})
			if err != nil {
				k.Fatal(err)
			}
			return token
		}
		redeem := func(m *auth.Mount, token string) (auth.Grant, auth.Reason) {
			g, err := k.service.Redeem(k.Context(), m, token, secret.FormNative, auth.Origin{Source: home})
			return g, reason(k.T, err)
		}
		token := issue()
		k.wantCheck(&auth.Bearer{Mount: m, Value: token}, auth.UnknownToken) // a hand-off is no session
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				if g, why := redeem(m, token); why == "" {
					won.Add(1)
					if s, err := k.service.Check(k.Context(), &auth.Bearer{Mount: m, Value: g.Token}); err != nil || s.Identity.Subject != "demo" || s.Attrs != "as=demo" {
						k.Errorf("the session is %+v, %v", s, err)
					}
				} else if why != auth.UnknownToken {
					k.Error(why)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			k.Errorf("redeemed %d times", won.Load())
		}
		late := issue()
		if _, why := redeem(calampMount(), late); why != auth.UnknownToken {
			k.Errorf("over another dialect: %q", why)
		}
		k.restart()
		time.Sleep(5*time.Minute - time.Nanosecond)
		early := late
		late = issue()
		if _, why := redeem(m, early); why != "" {
			k.Errorf("a nanosecond before its end: %q", why)
		}
		time.Sleep(5 * time.Minute)
		if _, why := redeem(m, late); why != auth.UnknownToken {
			k.Errorf("at its end: %q", why)
		}
		inactive := func(tx auth.Tx) error {
			u, err := tx.User(k.user)
			u.Active = false
			return errors.Join(err, tx.PutUser(&u))
		}
		last := issue()
		k.update(inactive)
		if _, why := redeem(m, last); why != auth.UnknownToken {
			k.Errorf("of an inactive user: %q", why)
		}
	})
}

// Many nodes' worth of everything at once, for the race detector: whatever
// happens, an ended session stays ended.
func TestEverythingAtOnce(t *testing.T) {
	inBubble(t, func(k *kit) {
		k.options.CacheSessions = 256
		k.restart()
		second := k.node()
		defer func() { _ = second.Close() }()
		nodes := []*auth.Service{k.service, second}
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(worker)))
				a := byKey(electaMount())
				for i := range 60 {
					node := nodes[random.IntN(2)]
					g, err := node.Login(k.Context(), a)
					if err != nil {
						k.Error(err)
						return
					}
					k.check(nodes[random.IntN(2)], bearer(a, g))
					if err := node.Logout(k.Context(), bearer(a, g), auth.Origin{}); err != nil {
						k.Error(fmt.Errorf("worker %d, login %d: %w", worker, i, err))
					}
					if got := k.check(node, bearer(a, g)); got != auth.UnknownToken {
						k.Errorf("after logout: %q", got)
					}
				}
			})
		}
		wg.Wait()
	})
}
