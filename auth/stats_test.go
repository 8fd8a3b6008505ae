package auth_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/sqlite"
)

func mountStats(t *testing.T, s auth.Stats, name string) auth.MountStats {
	t.Helper()
	for _, m := range s.Mounts {
		if m.Mount == name {
			return m
		}
	}
	t.Fatalf("nothing is counted of mount %q: %+v", name, s.Mounts)
	return auth.MountStats{}
}

func TestStatsCountLoginsAndChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		m := electaMount()
		a := byKey(m)
		wrong := byKey(m)
		wrong.Secret = "wrong"
		k.wantLogin(wrong, auth.BadCredentials)
		b := bearer(a, k.login(a))
		made := *b
		made.Value = "not a token"
		other := *b
		other.Number = 7
		for range 3 {
			k.wantCheck(b, "")
		}
		k.wantCheck(&made, auth.UnknownToken)
		k.wantCheck(&other, auth.WrongAccount)

		// A node that has just started has to ask the store, once.
		before := k.service.Stats()
		k.restart()
		k.wantCheck(b, "")
		k.wantCheck(b, "")
		after := k.service.Stats()

		if s := mountStats(t, before, m.Name); s.Dialect != m.Dialect || s.Logins[""] != 1 || s.Logins[auth.BadCredentials] != 1 ||
			s.Checks[""] != 3 || s.Checks[auth.UnknownToken] != 1 || s.Checks[auth.WrongAccount] != 1 || s.Checks[auth.Locked] != 0 {
			t.Errorf("counted %+v", s)
		}
		if before.FromMemory != 3 || before.FromStore != 0 || after.FromMemory != 1 || after.FromStore != 1 {
			t.Errorf("from memory %d, then %d; from the store %d, then %d", before.FromMemory, after.FromMemory, before.FromStore, after.FromStore)
		}
		if before.CachedSessions != 1 || before.Identities != 1 || before.Guarded != 0 {
			t.Errorf("alive are %+v", before)
		}
		for range m.Names.Failures {
			_, _ = k.service.Login(k.Context(), wrong)
		}
		if s := k.service.Stats(); s.Locked != 1 || s.Guarded != 1 {
			t.Errorf("%d of %d are locked", s.Locked, s.Guarded)
		}
		time.Sleep(m.Names.Lock)
		if s := k.service.Stats(); s.Locked != 0 {
			t.Errorf("%d are locked after the end of the lock", s.Locked)
		}
	})
}

// Each reason has a counter of its own; what is none of ours has one together.
func TestStatsTellReasonsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		reasons := []auth.Reason{auth.BadCredentials, auth.Inactive, auth.Locked, auth.Throttled, auth.UnknownApp, auth.MissingApp, auth.Malformed,
			auth.Busy, auth.Unavailable, auth.NoToken, auth.UnknownToken, auth.TwoTokens, auth.WrongAccount, auth.Insecure, ""}
		for i, r := range reasons {
			for range i + 1 {
				k.service.Verdict(auth.Proxy, auth.SessionID(i), r)
			}
		}
		k.service.Verdict(auth.Proxy, 0, "none")
		k.service.Verdict(auth.Proxy, 0, "a reason of the future")
		got := k.service.Stats().Verdicts
		if len(got[auth.Proxy]) != len(reasons)+1 || got[auth.Proxy]["none"] != 2 || got[auth.ForwardAuth][""] != 0 {
			t.Errorf("counted %v", got)
		}
		for i, r := range reasons {
			if got[auth.Proxy][r] != uint64(i)+1 {
				t.Errorf("%q is counted %d times", r, got[auth.Proxy][r])
			}
		}
	})
}

// Whatever makes mounts without end, a server's counters stay few.
func TestStatsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		b := &auth.Bearer{Form: auth.FormGUID, Value: "x"}
		for i := range 5000 {
			m := electaMount()
			m.Name = string(rune('a'+i%26)) + string(rune(i))
			b.Mount = m
			k.wantCheck(b, auth.UnknownToken)
			k.wantCheck(b, auth.UnknownToken)
		}
		total := uint64(0)
		s := k.service.Stats()
		for _, m := range s.Mounts {
			total += m.Checks[auth.UnknownToken]
		}
		if len(s.Mounts) > 1025 || total != 10_000 {
			t.Errorf("%d mounts are told apart, %d checks counted", len(s.Mounts), total)
		}
	})
}

// stamped is a store whose clock is the test's: SQLite has its own.
type stamped struct {
	auth.Store
	mu  sync.Mutex
	at  []time.Time // of the notices, by position
	now func() time.Time
}

func (s *stamped) Apply(ctx context.Context, w *auth.WriteSet) (auth.Result, error) {
	r, err := s.Store.Apply(ctx, w)
	s.stamp(ctx)
	return r, err
}

func (s *stamped) Update(ctx context.Context, f func(auth.Tx) error) error {
	err := s.Store.Update(ctx, f)
	s.stamp(ctx)
	return err
}

func (s *stamped) stamp(ctx context.Context) {
	head, _ := s.FeedHead(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	for uint64(len(s.at)) <= head.Seq {
		s.at = append(s.at, s.now())
	}
}

func (s *stamped) Feed(ctx context.Context, after auth.Position, limit int) ([]auth.Notice, error) {
	list, err := s.Store.Feed(ctx, after, limit)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range list {
		list[i].At = s.at[list[i].Seq]
	}
	return list, err
}

// What a node ends itself it obeys at once, whenever it reads of it; what another
// one ends, when it reads of it.
func TestRevocationLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		store := &stamped{Store: k.store, now: time.Now}
		store.stamp(k.Context())
		open := func() *auth.Service {
			s, err := auth.Open(k.Context(), store, auth.Options{Keys: k.keys, Hasher: k.hasher})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		one, other := open(), open()
		defer one.Close()
		defer other.Close()
		const ends = 20
		for range ends {
			g, err := one.Login(k.Context(), byKey(electaMount()))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(137 * time.Millisecond)
			if n, err := one.Revoke(k.Context(), auth.Revocation{Session: g.Session.ID, Actor: "test"}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		time.Sleep(time.Second)
		read := func(s *auth.Service) (total, late uint64, sum time.Duration) {
			h := s.Stats().RevocationLag
			for i, n := range h.Counts {
				total += n
				if i > 0 { // above a millisecond
					late += n
				}
			}
			if len(h.Counts) != len(h.Bounds)+1 {
				t.Errorf("%d counts of %d bounds", len(h.Counts), len(h.Bounds))
			}
			return total, late, h.Sum
		}
		if total, late, sum := read(one); total != ends || late != 0 || sum != 0 {
			t.Errorf("the node that ends: %d of %d late, by %v", late, total, sum)
		}
		// It looks five times a second, so the mean is about a tenth.
		if total, late, sum := read(other); total != ends || late < ends/2 || sum < ends*50*time.Millisecond || sum > ends*200*time.Millisecond {
			t.Errorf("the other node: %d of %d late, by %v", late, total, sum)
		}
		if n := auth.OwnEnds(one); n != 0 {
			t.Errorf("%d ends are remembered after they were read of", n)
		}
		if age := other.Stats().FeedAge; age > 200*time.Millisecond {
			t.Errorf("the feed was heard of %v ago", age)
		}
	})
}

// BenchmarkCheckCached is a check of a session in memory.
func BenchmarkCheckCached(b *testing.B) {
	keys, err := secret.GenerateKeys()
	if err != nil {
		b.Fatal(err)
	}
	store, err := sqlite.Open(b.Context(), sqlite.Options{Path: filepath.Join(b.TempDir(), "b.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	s, err := auth.Open(b.Context(), store, auth.Options{Keys: keys})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	err = s.Update(b.Context(), func(tx auth.Tx) error {
		a := auth.Account{Level: auth.Tenant, Code: "ACME", Number: 123456}
		if err := tx.PutAccount(&a); err != nil {
			return err
		}
		return tx.PutKey(&auth.Key{Account: a.ID, Name: "k", Digest: keys.KeyDigest(goodSecret), Pepper: keys.Pepper()})
	})
	if err != nil {
		b.Fatal(err)
	}
	a := byKey(electaMount())
	g, err := s.Login(b.Context(), a)
	if err != nil {
		b.Fatal(err)
	}
	token := bearer(a, g)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := s.Check(context.Background(), token); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
