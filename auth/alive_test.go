package auth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// alive asks about a session and fails the test if nobody knows.
func (k *kit) alive(s *auth.Service, checked *auth.Session) bool {
	k.Helper()
	alive, err := s.Alive(k.Context(), checked)
	if err != nil {
		k.Fatalf("nobody knows: %v", err)
	}
	return alive
}

func (k *kit) checked(b *auth.Bearer) *auth.Session {
	k.Helper()
	s, err := k.service.Check(k.Context(), b)
	if err != nil {
		k.Fatal(err)
	}
	return &s
}

// A call that is under way ends with its session, here and on other nodes.
func TestAliveUntilTheEnd(t *testing.T) {
	inBubble(t, func(k *kit) {
		other := k.node()
		defer other.Close()
		a := byKey(electaMount())
		for name, end := range map[string]func(*auth.Bearer, *auth.Session){
			"logout": func(b *auth.Bearer, _ *auth.Session) {
				if err := k.service.Logout(k.Context(), b, auth.Origin{Source: home}); err != nil {
					t.Fatal(err)
				}
			},
			"revocation": func(_ *auth.Bearer, s *auth.Session) {
				if _, err := k.service.Revoke(k.Context(), auth.Revocation{Session: s.ID, Actor: "test"}); err != nil {
					t.Fatal(err)
				}
			},
			"of all": func(*auth.Bearer, *auth.Session) {
				if _, err := k.service.Revoke(k.Context(), auth.Revocation{Account: k.tenant, Actor: "test"}); err != nil {
					t.Fatal(err)
				}
			},
			"time": func(*auth.Bearer, *auth.Session) { time.Sleep(span.Span) },
		} {
			b := bearer(a, k.login(a))
			s := k.checked(b)
			if !k.alive(k.service, s) || !k.alive(other, s) {
				t.Errorf("%s: a live session is not alive", name)
			}
			end(b, s)
			if k.alive(k.service, s) {
				t.Errorf("%s: alive after the end", name)
			}
			time.Sleep(time.Second)
			if k.alive(other, s) {
				t.Errorf("%s: alive on another node", name)
			}
		}
	})
}

// An open call keeps an idle session, and outlives the last of a number of uses
// without taking one.
func TestAliveIsAUseOfTheIdleSpanOnly(t *testing.T) {
	inBubble(t, func(k *kit) {
		m := electaMount()
		m.Policy = auth.Policy{Idle: time.Minute, Span: time.Hour}
		a := byKey(m)
		b := bearer(a, k.login(a))
		s := k.checked(b)
		for range 4 {
			time.Sleep(50 * time.Second)
			if !k.alive(k.service, s) {
				t.Fatal("an open call does not keep its session")
			}
		}
		k.wantCheck(b, "")
		time.Sleep(time.Minute)
		if k.alive(k.service, s) {
			t.Error("an idle session is alive after its end")
		}

		m = electaMount()
		m.Policy = auth.Policy{Uses: 2, Span: time.Hour}
		a = byKey(m)
		b = bearer(a, k.login(a))
		s = k.checked(b)
		for range 3 {
			if !k.alive(k.service, s) {
				t.Fatal("a session with a use left is not alive")
			}
		}
		s = k.checked(b) // the last
		if !k.alive(k.service, s) {
			t.Error("the last use's own call is cut")
		}
		k.wantCheck(b, auth.UnknownToken)
		if _, err := k.service.Revoke(k.Context(), auth.Revocation{Account: k.tenant, Actor: "test"}); err != nil {
			t.Fatal(err)
		}
		k.update(func(tx auth.Tx) error {
			org, err := tx.Account(k.west)
			if err != nil {
				return err
			}
			org.Disabled = true
			return tx.PutAccount(&org)
		})
		if k.alive(k.service, s) {
			t.Error("a call of a disabled account goes on")
		}
	})
}

// Nobody vouches for what they cannot know.
func TestAliveWithoutTheStore(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		s := k.checked(bearer(a, k.login(a)))
		k.store.broken.Store(true)
		if !k.alive(k.service, s) {
			t.Error("not alive while the feed is fresh")
		}
		time.Sleep(2 * time.Second)
		if _, err := k.service.Alive(k.Context(), s); reason(t, err) != auth.Unavailable {
			t.Errorf("without feed and store: %v", err)
		}
		used := *s
		used.Life.Uses = 1
		if _, err := k.service.Alive(k.Context(), &used); reason(t, err) != auth.Unavailable {
			t.Errorf("of a session with uses: %v", err)
		}
	})
}

func TestWithin(t *testing.T) {
	inBubble(t, func(k *kit) {
		west, division := byKey(electaMount()), onNewAttempt()
		who := map[string]*auth.Identity{"west": k.checked(bearer(west, k.login(west))).Identity, "division": k.checked(bearer(division, k.login(division))).Identity}
		for _, c := range []struct {
			code           string
			west, division auth.Reason
		}{
			{"ACME", "", ""}, {"ACME-WEST", "", ""}, {"ACME-WEST-1", auth.WrongAccount, ""},
			{"OTHER", auth.WrongAccount, auth.WrongAccount}, {"nobody", auth.WrongAccount, auth.WrongAccount}, {"", auth.WrongAccount, auth.WrongAccount},
		} {
			for range 2 { // the second time from memory
				for name, want := range map[string]auth.Reason{"west": c.west, "division": c.division} {
					if got := reason(t, k.service.Within(k.Context(), who[name], c.code)); got != want {
						t.Errorf("%s within %q: %q, want %q", name, c.code, got, want)
					}
				}
			}
		}
		k.store.broken.Store(true)
		time.Sleep(2 * time.Second)
		if got := reason(t, k.service.Within(k.Context(), who["west"], "ACME")); got != auth.Unavailable {
			t.Errorf("without the store: %q", got)
		}
	})
}

// A session that another node keeps in use goes on where it was last used so long ago
// that its idle span is over by what is remembered there.
func TestIdleSpanOverNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		m := electaMount()
		m.Policy = auth.Policy{Idle: time.Minute, Span: time.Hour}
		a := byKey(m)
		b := bearer(a, k.login(a))
		other := k.node()
		defer other.Close()
		checked := k.checked(b)
		time.Sleep(50 * time.Second)
		if got := k.check(other, b); got != "" {
			t.Fatalf("where it is in use: %q", got)
		}
		time.Sleep(11 * time.Second) // before the cache is swept
		if !k.alive(k.service, checked) {
			t.Error("a call under way is cut where it was not used")
		}
		k.wantCheck(b, "")
		time.Sleep(time.Minute)
		k.wantCheck(b, auth.UnknownToken)
		if got := k.check(other, b); got != auth.UnknownToken {
			t.Errorf("when nobody has used it: %q", got)
		}
	})
}
