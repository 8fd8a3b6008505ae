package auth_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// A node that starts afresh believes nothing that it read before, not even what was
// on its way to memory meanwhile, and hands out no id of the block it had.
func TestStartAfresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		a := byKey(electaMount())
		g := k.login(a)
		other := k.node()
		defer other.Close()
		afresh := func() {
			before, _ := other.Progress()
			k.store.lost.Store(true)
			for {
				time.Sleep(50 * time.Millisecond)
				if p, _ := other.Progress(); p.Epoch > before.Epoch {
					k.store.lost.Store(false)
					return
				}
				k.store.lost.Store(true) // the other node of this test had it
			}
		}
		fromMemory := func() bool {
			t.Helper()
			before := k.store.reads.Load()
			if got := k.check(other, bearer(a, g)); got != "" {
				t.Fatalf("check says %q", got)
			}
			return k.store.reads.Load() == before
		}
		k.store.afterRead.Store(&[]func(){afresh}[0])
		before := k.store.reads.Load()
		fromMemory()
		if n := k.store.reads.Load() - before; n < 3 { // the session, its owner, and again
			t.Errorf("what was read before it started afresh is believed after: %d reads", n)
		}
		if !fromMemory() {
			t.Error("nothing is remembered any more")
		}
		afresh()
		if fromMemory() {
			t.Error("what was in memory before it started afresh is believed after")
		}

		first, err := other.Login(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		leases := k.store.leases.Load()
		afresh()
		second, err := other.Login(t.Context(), a)
		if err != nil || second.Session.ID < first.Session.ID+1<<15 || k.store.leases.Load() == leases {
			t.Errorf("session %d follows %d: %v", second.Session.ID, first.Session.ID, err)
		}
	})
}

// A store that was set back leases ids that are in use. Whoever meets one that is
// taken leases others, and nobody hears of it.
func TestLeasedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		a := byKey(electaMount())
		first := k.login(a)
		k.login(a)
		second := k.login(a)
		handOff := func(s *auth.Service) (string, error) {
			return s.IssueHandOff(t.Context(), &auth.HandOff{Mount: a.Mount, Principal: k.key, Span: time.Minute})
		}
		token, err := handOff(k.service)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct { // in this order: what is redeemed has no id any more
			what  string
			begin func(*auth.Service) error
		}{
			{"login", func(s *auth.Service) error { _, err := s.Login(t.Context(), a); return err }},
			{"hand-off", func(s *auth.Service) error { _, err := handOff(s); return err }},
			{"redeem", func(s *auth.Service) error {
				_, err := s.Redeem(t.Context(), a.Mount, token, auth.FormNative, auth.Origin{Source: home})
				return err
			}},
		} {
			what, begin := c.what, c.begin
			id := first.Session.ID
			if what == "hand-off" {
				id = second.Session.ID + 1 // sessions and hand-offs are taken apart
			}
			k.store.again.Store(uint64(id))
			node := k.node()
			leases := k.store.leases.Load()
			if err := begin(node); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if n := k.store.leases.Load() - leases; n != 1 {
				t.Errorf("%s: %d leases", what, n)
			}
			if err := errors.Join(logsIn(t, node, a), node.Close()); err != nil {
				t.Errorf("after a %s: %v", what, err)
			}
		}
		for _, g := range []auth.Grant{first, second} {
			k.wantCheck(bearer(a, g), "")
		}
	})
}

// A login whose id was taken is held to the locks of other nodes when it is tried
// again with another.
func TestLeasedTwiceWhileLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		a := byKey(electaMount())
		first := k.login(a)
		k.store.again.Store(uint64(first.Session.ID))
		node := k.node()
		defer node.Close()
		wrong := byKey(a.Mount)
		wrong.Secret = "wrong"
		locked := false
		lock := func() {
			locked = true
			for range a.Mount.Names.Failures {
				k.wantLogin(wrong, auth.BadCredentials)
			}
		}
		k.store.onLease.Store(&lock)
		if err := logsIn(t, node, a); auth.RefusalOf(err).Reason != auth.Locked || !locked {
			t.Errorf("a login of a name that was locked meanwhile (%v): %v", locked, err)
		}
	})
}

func logsIn(t *testing.T, s *auth.Service, a *auth.Attempt) error {
	_, err := s.Login(t.Context(), a)
	return err
}

// However often the store says that there is news, it is asked two hundred times a
// second at most, and once for one.
func TestManyNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		k.store = &faulty{Store: k.store.Store, news: make(chan struct{})} // of the node alone
		node := k.node()
		defer node.Close()
		settle(k)
		looks := func() int64 { return k.store.feeds.Load() }
		_, news := node.Progress()
		k.store.news <- struct{}{}
		time.Sleep(time.Millisecond)
		select {
		case <-news:
		default:
			t.Error("news did not make it look")
		}
		stop := make(chan struct{})
		go func() {
			for {
				select {
				case k.store.news <- struct{}{}:
				case <-stop:
					return
				}
			}
		}()
		before := looks()
		time.Sleep(time.Second)
		close(stop)
		if n := looks() - before; n < 100 || n > 220 {
			t.Errorf("%d looks in a second of nothing but news", n)
		}
		synctest.Wait()
		before = looks()
		time.Sleep(time.Second)
		if n := looks() - before; n > 6 {
			t.Errorf("%d looks in a second without", n)
		}
	})
}
