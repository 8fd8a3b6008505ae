package auth_test

import (
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// However sessions end, those whose token was used are told from those whose token
// was not: also where they end by the thousand and nobody looks at each.
func TestUsageCountsTokensNeverUsed(t *testing.T) {
	update := func(f func(k *kit, tx auth.Tx) error) func(*kit, []auth.Grant) {
		return func(k *kit, _ []auth.Grant) { k.update(func(tx auth.Tx) error { return f(k, tx) }) }
	}
	revoke := func(r func(k *kit) auth.Revocation) func(*kit, []auth.Grant) {
		return func(k *kit, _ []auth.Grant) {
			if n, err := k.service.Revoke(k.Context(), r(k)); err != nil || n != 6 {
				k.Errorf("ended %d, %v", n, err)
			}
		}
	}
	for how, end := range map[string]func(*kit, []auth.Grant){
		"not at all": func(*kit, []auth.Grant) {},
		"logout": func(k *kit, g []auth.Grant) {
			for i := range g {
				if err := k.service.Logout(k.Context(), bearer(byKey(electaMount()), g[i]), auth.Origin{}); err != nil {
					k.Error(err)
				}
			}
		},
		"one by one": func(k *kit, g []auth.Grant) {
			for i := range g {
				if _, err := k.service.Revoke(k.Context(), auth.Revocation{Session: g[i].Session.ID}); err != nil {
					k.Error(err)
				}
			}
		},
		"the key's":     revoke(func(k *kit) auth.Revocation { return auth.Revocation{Principal: k.key} }),
		"the subtree's": revoke(func(k *kit) auth.Revocation { return auth.Revocation{Account: k.tenant} }),
		"by another process": func(k *kit, _ []auth.Grant) {
			err := k.store.Update(k.Context(), func(tx auth.Tx) error {
				_, err := tx.End(auth.End{Account: k.west})
				return err
			})
			if err != nil {
				k.Error(err)
			}
			time.Sleep(time.Second)
		},
		"the key is disabled": update(func(k *kit, tx auth.Tx) error {
			key, err := tx.Key(k.key)
			if err != nil {
				return err
			}
			key.Disabled = true
			return tx.PutKey(&key)
		}),
		"by time":               func(*kit, []auth.Grant) { time.Sleep(25 * time.Minute) },
		"the feed was lost":     func(k *kit, _ []auth.Grant) { k.store.lost.Store(true); time.Sleep(time.Second) },
		"the cache is swept":    func(*kit, []auth.Grant) { time.Sleep(2 * time.Minute) },
		"the store is away too": func(k *kit, _ []auth.Grant) { k.store.broken.Store(true); time.Sleep(3 * time.Second) },
	} {
		t.Run(how, func(t *testing.T) {
			inBubble(t, func(k *kit) {
				a := byKey(electaMount())
				var grants []auth.Grant
				for i := range 6 {
					grants = append(grants, k.login(a))
					if i%3 == 0 {
						k.wantCheck(bearer(a, grants[i]), "")
						k.wantCheck(bearer(a, grants[i]), "")
					}
				}
				end(k, grants)
				if u := usageOf(k, k.key); u.Logins != 6 || u.Used != 2 || u.NeverUsed() != 4 || u.Checks != 4 {
					k.Errorf("%+v", u)
				}
				k.store.broken.Store(false)
				time.Sleep(2 * time.Minute) // what the cache still had is gone
				if u := usageOf(k, k.key); u.Logins != 6 || u.Used != 2 || u.Checks != 4 {
					k.Errorf("later: %+v", u)
				}
			})
		})
	}
}

// Each login of such a key ends the sessions before.
func TestUsageOfExpireOnNew(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := onNewAttempt()
		for i := range 4 {
			time.Sleep(time.Second)
			g := k.login(a)
			if i < 2 {
				k.wantCheck(bearer(a, g), "")
			}
		}
		if u := usageOf(k, k.expireOnNew); u.Logins != 4 || u.WhileLive != 3 || u.Used != 2 || u.NeverUsed() != 2 || u.Checks != 2 {
			k.Errorf("%+v", u)
		}
	})
}

// A session that had to leave the cache and is used again is one session, and one
// that is first used then was used.
func TestUsageOutlivesTheCache(t *testing.T) {
	inBubble(t, func(k *kit) {
		k.options.CacheSessions = 1 // 16 in each of 64 shards
		k.restart()
		a := byKey(electaMount())
		const n = 3000
		var grants []auth.Grant
		for i := range n {
			g := k.login(a)
			grants = append(grants, g)
			if i%2 == 0 {
				k.wantCheck(bearer(a, g), "")
			}
		}
		if left := k.service.CachedSessions(); left >= n/2 {
			k.Fatalf("%d are in the cache", left)
		}
		for i := range 1200 { // used again, and for the first time
			k.wantCheck(bearer(a, grants[i]), "")
		}
		if u := usageOf(k, k.key); u.Logins != n || u.Used != n/2+600 || u.NeverUsed() != n/2-600 || u.Checks != n/2+1200 {
			k.Errorf("%+v", u)
		}
		// Another process knows nothing of them, and does not take them for its own.
		k.restart()
		k.login(a)
		for i := range 10 {
			k.wantCheck(bearer(a, grants[i]), "")
		}
		if u := usageOf(k, k.key); u.Logins != 1 || u.Used != 0 || u.NeverUsed() != 1 || u.Checks != 10 {
			k.Errorf("after a restart: %+v", u)
		}
	})
}

// A token of the half day before that is used in this one is used, and one of before
// that is no more counted.
func TestUsageTurns(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := electaMount()
		m.Policy = auth.Policy{Name: "long", Span: 100 * time.Hour}
		a := byKey(m)
		var ahead sync.Mutex
		hours := time.Duration(0)
		k.options.Clock = func() time.Time { ahead.Lock(); defer ahead.Unlock(); return time.Now().Add(hours) }
		k.restart()
		move := func(by time.Duration) {
			ahead.Lock()
			hours += by
			ahead.Unlock()
			time.Sleep(3 * time.Second)
		}
		first, second := k.login(a), k.login(a)
		move(13 * time.Hour)
		third := k.login(a)
		k.wantCheck(bearer(a, first), "")
		if u := usageOf(k, k.key); u.Logins != 3 || u.Used != 1 {
			k.Errorf("in the second half day: %+v", u)
		}
		move(13 * time.Hour)
		k.wantCheck(bearer(a, second), "")
		k.wantCheck(bearer(a, third), "")
		if u := usageOf(k, k.key); u.Logins != 1 || u.Used != 1 || u.NeverUsed() != 0 {
			k.Errorf("in the third: %+v", u)
		}
	})
}

// Calls, logins, ends and lookers race: every token that a call was made with was
// used, whatever happened to its session meanwhile.
func TestUsageRaces(t *testing.T) {
	k := newKit(t)
	k.close()
	k.options.CacheSessions = 1
	k.open()
	a := byKey(electaMount())
	const workers, each = 8, 150
	stop := make(chan struct{})
	var lookers, callers sync.WaitGroup
	for _, f := range []func(){
		func() { k.service.Usage() },
		func() { auth.CountNow(k.service) },
		func() { auth.ForgetSessions(k.service) },
	} {
		lookers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					f()
				}
			}
		})
	}
	for range workers {
		callers.Go(func() {
			for i := range each {
				g, err := k.service.Login(t.Context(), a)
				if err != nil {
					t.Error(err)
					return
				}
				if i%3 == 0 {
					continue
				}
				b := bearer(a, g)
				for range 3 {
					if _, err := k.service.Check(t.Context(), b); err != nil {
						t.Error(err)
						return
					}
				}
				if i%3 == 1 {
					if err := k.service.Logout(t.Context(), b, auth.Origin{}); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	callers.Wait()
	close(stop)
	lookers.Wait()
	auth.CountNow(k.service)
	_, list := k.service.Usage()
	if len(list) != 1 || list[0].Logins != workers*each || list[0].Used != workers*each*2/3 || list[0].Checks != workers*each*2 {
		t.Errorf("%+v", list)
	}
}
