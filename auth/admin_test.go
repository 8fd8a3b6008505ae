package auth_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

func usageOf(k *kit, p auth.PrincipalID) auth.Usage {
	k.Helper()
	time.Sleep(time.Second) // what the cache saw is not asked for more often
	_, list := k.service.Usage()
	for _, u := range list {
		if u.Principal == p {
			return u
		}
	}
	k.Fatalf("nothing is counted of %d", p)
	return auth.Usage{}
}

// A client that logs in before every call, and one that keeps its token.
func TestUsageTellsWhoLogsInBeforeEveryCall(t *testing.T) {
	inBubble(t, func(k *kit) {
		often := byKey(electaMount())
		for range 5 {
			g := k.login(often)
			k.wantCheck(bearer(often, g), "")
		}
		seldom := byPassword(calampMount())
		g := k.login(seldom)
		for range 50 {
			time.Sleep(time.Second)
			k.wantCheck(bearer(seldom, g), "")
		}
		u := usageOf(k, k.key)
		if u.Logins != 5 || u.WhileLive != 4 || u.Checks != 5 || u.Used != 5 || u.NeverUsed() != 0 || len(u.Dialects) != 1 || u.Dialects[0].Dialect != "electa" {
			k.Errorf("of the one that logs in often: %+v", u)
		}
		if u := usageOf(k, k.user); u.Logins != 1 || u.WhileLive != 0 || u.Checks != 50 {
			k.Errorf("of the one that keeps its token: %+v", u)
		}
		if _, list := k.service.Usage(); list[0].Principal != k.key {
			k.Errorf("%d stands first, not who logs in needlessly", list[0].Principal)
		}
		time.Sleep(25 * time.Minute)
		if u := usageOf(k, k.key); u.Used != 5 || u.NeverUsed() != 0 {
			k.Errorf("after their span: %+v", u)
		}
		if u := usageOf(k, k.user); u.Used != 1 || u.UsedFor < 45*time.Second || u.UsedFor > 51*time.Second {
			k.Errorf("the last use is said to be after %v, want about 50s", u.UsedFor)
		}
	})
}

func TestUsageForgets(t *testing.T) {
	inBubble(t, func(k *kit) {
		var ahead atomic.Int64 // hours; sleeping for a day would have the janitor work all day
		k.options.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load()) * time.Hour) }
		k.restart()
		k.login(byKey(electaMount()))
		ahead.Add(13)
		time.Sleep(5 * time.Second)
		if u := usageOf(k, k.key); u.Logins != 1 {
			k.Errorf("after half a day: %+v", u)
		}
		since, _ := k.service.Usage()
		if age := k.service.Now().Sub(since); age < 12*time.Hour || age > 24*time.Hour+time.Minute {
			k.Errorf("counted since %v ago", age)
		}
		ahead.Add(12)
		time.Sleep(5 * time.Second)
		if _, list := k.service.Usage(); len(list) != 0 {
			k.Errorf("after a day: %+v", list)
		}
	})
}

// Logins over several dialects are told apart, in the running half day and the one before.
func TestUsageTellsDialectsApart(t *testing.T) {
	inBubble(t, func(k *kit) {
		var ahead atomic.Int64 // hours
		k.options.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load()) * time.Hour) }
		k.restart()
		other := electaMount()
		other.Dialect = "oauth2"
		k.login(byKey(electaMount()))
		ahead.Add(13)
		time.Sleep(5 * time.Second) // the half day is over
		k.login(byKey(electaMount()))
		k.login(byKey(other))
		u := usageOf(k, k.key)
		want := []auth.Dialogue{{Dialect: "electa", Logins: 2}, {Dialect: "oauth2", Logins: 1, WhileLive: 1}}
		if !slices.Equal(u.Dialects, want) || u.Logins != 3 || u.WhileLive != 1 || u.Sources[0].Logins != 2 || u.Cost != (auth.Cost{Commits: 1, Rows: 2}) {
			k.Errorf("%+v", u)
		}
	})
}

// Whoever comes from very many addresses takes no more room, and the busiest is told.
func TestUsageSourcesAreBounded(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		for i := range 60 {
			a.Origin.Source = home
			if i%2 == 0 {
				a.Origin.Source = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
			}
			k.login(a)
		}
		u := usageOf(k, k.key)
		if len(u.Sources) > 8 || u.Sources[0].Addr != home || u.Sources[0].Logins != 30 {
			k.Errorf("sources %v", u.Sources)
		}
	})
}

func listOf(k *kit, f auth.SessionFilter) (ids []auth.SessionID, list []auth.ListedSession) {
	k.Helper()
	f.Limit = 2
	for {
		page, next, err := k.service.Sessions(k.Context(), f)
		if err != nil {
			k.Fatal(err)
		}
		for _, s := range page {
			ids, list = append(ids, s.Row.ID), append(list, s)
		}
		if next == 0 {
			return ids, list
		}
		f.Before = next
	}
}

func TestSessionsAreListed(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := electaMount()
		m.Policy = auth.Policy{Span: time.Hour, Idle: 10 * time.Minute}
		byKey, byUser := byKey(m), byPassword(calampMount())
		idle, user, division := k.login(byKey), k.login(byUser), k.login(onNewAttempt())
		time.Sleep(9 * time.Minute)
		k.wantCheck(bearer(byKey, idle), "")
		time.Sleep(9 * time.Minute)
		all := []auth.SessionID{division.Session.ID, user.Session.ID, idle.Session.ID}
		for _, c := range []struct {
			what string
			f    auth.SessionFilter
			want []auth.SessionID
		}{
			{"all", auth.SessionFilter{}, all},
			{"of the tenant", auth.SessionFilter{Account: k.tenant}, all},
			{"of an organization and below", auth.SessionFilter{Account: k.west}, all},
			{"of a division", auth.SessionFilter{Account: k.division}, all[:1]},
			{"of another tenant", auth.SessionFilter{Account: k.other}, nil},
			{"of a key", auth.SessionFilter{Principal: k.key}, all[2:]},
			{"over a dialect", auth.SessionFilter{Dialect: "calamp"}, all[1:2]},
			{"older than one", auth.SessionFilter{Before: all[0]}, all[1:]},
			{"alive: one by its last use", auth.SessionFilter{Live: true}, all},
		} {
			if got, _ := listOf(k, c.f); !slices.Equal(got, c.want) {
				k.Errorf("%s: %v, want %v", c.what, got, c.want)
			}
		}
		_, list := listOf(k, auth.SessionFilter{Principal: k.key})
		if l := list[0]; l.Row.Digest != (secret.Digest{}) || !l.Alive || l.Who.Subject != "main" || time.Since(l.LastUsed) != 9*time.Minute ||
			time.Until(l.Row.Ends) > time.Minute+time.Millisecond {
			k.Errorf("listed %+v", l)
		}
		time.Sleep(3 * time.Minute)
		if got, _ := listOf(k, auth.SessionFilter{Live: true}); !slices.Equal(got, all[:1]) {
			k.Errorf("alive after their ends: %v, want %v", got, all[:1])
		}
		if one, err := k.service.SessionOf(k.Context(), all[2]); err == nil && one.Alive {
			k.Error("a session that is over is shown alive")
		}
		if _, err := k.service.SessionOf(k.Context(), 1<<40); !errors.Is(err, auth.ErrNotFound) {
			k.Errorf("a session that never was: %v", err)
		}
	})
}

// What a dry run says is what ends, and until then everything is as it was.
func TestDryRunOfARevocation(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		first, _ := k.login(a), k.login(byPassword(calampMount()))
		k.login(onNewAttempt())
		for _, r := range []auth.Revocation{{Session: first.Session.ID}, {Principal: k.key}, {Account: k.tenant}} {
			would, err := k.service.WouldRevoke(k.Context(), r)
			if err != nil {
				k.Fatal(err)
			}
			k.wantCheck(bearer(a, first), "")
			again, _ := k.service.WouldRevoke(k.Context(), r)
			ended, err := k.service.Revoke(k.Context(), r)
			if err != nil || ended != would || again != would || ended == 0 {
				k.Errorf("%+v: %d, then %d would end, %d did (%v)", r, would, again, ended, err)
			}
			first = k.login(a)
		}
		for range 1010 { // more than are read at a time
			k.login(a)
		}
		if would, err := k.service.WouldRevoke(k.Context(), auth.Revocation{Account: k.tenant}); err != nil || would != 1011 {
			k.Errorf("of many: %d, %v", would, err)
		}
		if _, err := k.service.WouldRevoke(k.Context(), auth.Revocation{}); !errors.Is(err, auth.ErrInvalid) {
			k.Errorf("of nothing: %v", err)
		}
	})
}

func TestLocksSayWhoseTheyAre(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := electaMount()
		m.Addresses = auth.Limits{Failures: 3, Window: time.Hour, Lock: time.Hour}
		m.Name = "electa user account" // a name made to be misread
		a := byKey(m)
		a.Secret = "wrong"
		for range 3 {
			k.wantLogin(a, auth.BadCredentials)
		}
		a.Number, a.Origin.Source = 0, netip.MustParseAddr("2001:db8::7")
		k.wantLogin(a, auth.BadCredentials)
		locks, err := k.service.Locks(k.Context())
		if err != nil {
			k.Fatal(err)
		}
		got := map[auth.LockKind]auth.Lock{}
		for _, l := range locks {
			if l.Mount != m.Name {
				k.Errorf("%+v is of no mount", l)
			}
			got[l.Kind+"/"+auth.LockKind(l.Name)] = l
		}
		if l := got["account/123456"]; l.Failures != 3 || !l.Known || !l.Until.IsZero() {
			k.Errorf("of the account: %+v", l)
		}
		if l := got["address/192.0.2.10"]; l.Failures != 3 || time.Until(l.Until) != time.Hour {
			k.Errorf("of the address: %+v", l)
		}
		if _, ok := got["nameless from/2001:db8::/64"]; !ok || len(got) != 4 {
			k.Errorf("locks %+v", locks)
		}
		time.Sleep(time.Hour)
		if locks, err = k.service.Locks(k.Context()); err != nil || len(locks) != 0 {
			k.Errorf("when all are over: %+v, %v", locks, err)
		}
	})
}

// A key that is given an end takes along the sessions that it opened before.
func TestKeyIsGivenAnEnd(t *testing.T) {
	inBubble(t, func(k *kit) {
		never, idle := electaMount(), electaMount()
		never.Policy = auth.Policy{Never: true}
		idle.Policy = auth.Policy{Span: 24 * time.Hour, Idle: 20 * time.Minute}
		a, b := byKey(never), byKey(idle)
		ga, gb := k.login(a), k.login(b)
		set := func(at time.Time) {
			k.update(func(tx auth.Tx) error {
				key, err := tx.Key(k.key)
				key.Expires = at
				return errors.Join(err, tx.PutKey(&key))
			})
		}
		set(time.Now().Add(10 * time.Minute))
		k.wantCheck(bearer(b, gb), "") // while memory still holds it as it was before
		for range 9 {
			time.Sleep(time.Minute)
			k.wantCheck(bearer(a, ga), "")
			k.wantCheck(bearer(b, gb), "")
		}
		if _, list := listOf(k, auth.SessionFilter{}); len(list) != 2 || time.Until(list[0].Row.Ends) > time.Minute || time.Until(list[1].Row.Ends) > time.Minute {
			k.Errorf("listed with ends beyond the key's: %+v", list)
		}
		time.Sleep(time.Minute)
		k.wantCheck(bearer(a, ga), auth.UnknownToken)
		k.wantCheck(bearer(b, gb), auth.UnknownToken)
		if ids, _ := listOf(k, auth.SessionFilter{Live: true}); len(ids) != 0 {
			k.Errorf("listed as alive: %v", ids)
		}
		set(time.Time{})
		k.wantCheck(bearer(a, ga), "")
	})
}

func TestNewSecretLogsIn(t *testing.T) {
	inBubble(t, func(k *kit) {
		key := auth.Key{Account: k.other, Name: "new"}
		plain := k.service.NewSecret(&key)
		k.update(func(tx auth.Tx) error { return tx.PutKey(&key) })
		a := byKey(electaMount())
		a.Number, a.Secret = 99, plain
		k.login(a)
		if again := k.service.NewSecret(&key); again == plain || len(plain) < 32 {
			k.Errorf("secrets %d bytes long, the same twice: %v", len(plain), again == plain)
		}
	})
}

func TestFairUseWarns(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := electaMount()
		m.FairUse = auth.FairUse{Logins: 2, Answer: auth.AnswerWarn}
		a := byKey(m)
		for i := range 5 {
			a.Origin.Advice = &auth.Advice{}
			k.login(a)
			want := auth.Advice{}
			if i > 2 { // the first begins when nothing is alive, two are free
				want = auth.Advice{Budget: 2, Until: time.Hour}
			}
			if *a.Origin.Advice != want {
				k.Errorf("login %d: advice %+v, want %+v", i+1, *a.Origin.Advice, want)
			}
		}
		a.Origin.Advice = nil // nobody passes it on
		k.login(a)
		m.FairUse.Answer = "shout"
		if err := m.Validate(); !errors.Is(err, auth.ErrInvalid) {
			k.Errorf("an answer that does not exist: %v", err)
		}
	})
}

// A late answer is late for the one who asked, and only for as long as he waits.
func TestFairUseDelays(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := electaMount()
		m.MaxSessions = 100
		m.FairUse = auth.FairUse{Logins: 1, Answer: auth.AnswerDelay}
		a := byKey(m)
		took := func(ctx context.Context) time.Duration {
			began := time.Now()
			if _, err := k.service.Login(ctx, a); err != nil {
				k.Fatal(err)
			}
			return time.Since(began)
		}
		if d := took(k.Context()) + took(k.Context()); d != 0 {
			k.Errorf("within the budget it took %v", d)
		}
		if d := took(k.Context()); d != time.Second {
			k.Errorf("over the budget it took %v", d)
		}
		gone, cancel := context.WithTimeout(k.Context(), 300*time.Millisecond)
		defer cancel()
		if d := took(gone); d != 300*time.Millisecond {
			k.Errorf("a client that hung up was kept for %v", d)
		}
		began, done := time.Now(), make(chan struct{})
		go func() { defer close(done); took(k.Context()) }()
		synctest.Wait()
		b := byPassword(m) // shares the cap of live sessions
		k.login(b)
		if d := time.Since(began); d != 0 {
			k.Errorf("another login waited %v for the late one", d)
		}
		<-done
	})
}
