package storetest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// Nodes says how to open several stores over one database.
type Nodes struct {
	// Open opens one more store of what is kept under a folder, or begins it there.
	Open func(t *testing.T, dir string) auth.Store
}

// RunNodes runs what servers that share a database promise together: each has a
// store of its own, and what one has counted all count.
func RunNodes(t *testing.T, n Nodes) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *site)
	}{
		{"Guesses", testNodesGuesses},
		{"GuessesOfStrangers", testNodesGuessesOfStrangers},
		{"GuessesOfAnAddress", testNodesGuessesOfAnAddress},
		{"GuessesWithTheRightOne", testNodesGuessesWithTheRightOne},
		{"SuccessForgets", testNodesSuccessForgets},
		{"LockHoldsEverywhere", testNodesLockHoldsEverywhere},
		{"LockOfCallers", testNodesLockOfCallers},
		{"LockEnds", testNodesLockEnds},
		{"Restart", testNodesRestart},
		{"Lift", testNodesLift},
		{"Cap", testNodesCap},
		{"Rate", testNodesRate},
		{"FairUse", testNodesFairUse},
		{"Codes", testNodesCodes},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, newSite(t, n))
		})
	}
}

// site is three servers over one database, and a clock that all of them have.
type site struct {
	*testing.T
	open   Nodes
	dir    string
	keys   *secret.Keys
	hasher *secret.Hasher
	ahead  atomic.Int64 // the clock is, of the system's
	stores [3]auth.Store
	nodes  [3]*auth.Service
	tenant auth.AccountID
}

const (
	nodesNumber   = 4711
	nodesSecret   = "UO86CN11XY73SF72TT40PG18ZE76VV71" //nolint:gosec // invented, and of tests
	nodesPassword = "demo-password"
	nodesUser     = "demo"
)

func newSite(t *testing.T, n Nodes) *site {
	t.Helper()
	s := &site{T: t, open: n, dir: t.TempDir(), hasher: secret.NewHasher(1, 64)}
	var err error
	if s.keys, err = secret.GenerateKeys(); err != nil {
		t.Fatal(err)
	}
	for i := range s.nodes {
		s.start(i)
	}
	t.Cleanup(func() {
		for i := range s.nodes {
			s.stop(i)
		}
	})
	hash, err := s.hasher.Hash(t.Context(), nodesPassword)
	if err != nil {
		t.Fatal(err)
	}
	err = s.nodes[0].Update(t.Context(), func(tx auth.Tx) error {
		tenant := auth.Account{Level: auth.Tenant, Code: "ACME"}
		if err := tx.PutAccount(&tenant); err != nil {
			return err
		}
		s.tenant = tenant.ID
		org := auth.Account{Level: auth.Organization, Tenant: tenant.ID, Parent: tenant.ID, Number: nodesNumber}
		if err := tx.PutAccount(&org); err != nil {
			return err
		}
		return errors.Join(
			tx.PutKey(&auth.Key{Account: org.ID, Name: "main", Digest: s.keys.KeyDigest(nodesSecret), Pepper: s.keys.Pepper(), Created: epoch}),
			tx.PutUser(&auth.User{Tenant: tenant.ID, Account: tenant.ID, Name: nodesUser, Password: hash, Active: true, Role: auth.Owner, Everywhere: true}))
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start starts a server.
func (s *site) start(i int) {
	s.Helper()
	s.stores[i] = s.open.Open(s.T, s.dir)
	clock := func() time.Time { return auth.SystemClock().Add(time.Duration(s.ahead.Load())) }
	var err error
	if s.nodes[i], err = auth.Open(s.Context(), s.stores[i], auth.Options{Keys: s.keys, Hasher: s.hasher, Clock: clock}); err != nil {
		s.Fatal(err)
	}
}

func (s *site) stop(i int) {
	if err := errors.Join(s.nodes[i].Close(), s.stores[i].Close()); err != nil {
		s.Error(err)
	}
}

// nodesMount locks names after five failures.
func nodesMount() *auth.Mount {
	return &auth.Mount{Name: "electa", Dialect: "electa", Policy: auth.Policy{Span: 20 * time.Minute},
		Names: auth.Limits{Failures: 5, Window: 15 * time.Minute, Lock: 15 * time.Minute}}
}

func attempt(m *auth.Mount, number int64, key string) *auth.Attempt {
	return &auth.Attempt{Mount: m, Scheme: auth.AccountKey, Number: number, Secret: key, Form: secret.FormNative,
		Origin: auth.Origin{Source: netip.MustParseAddr("192.0.2.10")}}
}

// try is what a node answers: "" for a session.
func (s *site) try(node int, a *auth.Attempt) *auth.Refusal {
	s.Helper()
	_, err := s.nodes[node].Login(context.Background(), a)
	if err == nil {
		return &auth.Refusal{}
	}
	return auth.RefusalOf(err)
}

func (s *site) want(node int, a *auth.Attempt, want auth.Reason) {
	s.Helper()
	_ = s.answer(node, a, want)
}

// answer is want, and what else the refusal says.
func (s *site) answer(node int, a *auth.Attempt, want auth.Reason) *auth.Refusal {
	s.Helper()
	r := s.try(node, a)
	if r.Reason != want {
		s.Fatalf("node %d says %q (%v), want %q", node, r.Reason, r, want)
	}
	return r
}

// atOnce sends n attempts to all nodes in turn, all at once, and counts the answers.
func (s *site) atOnce(n int, attempt func(i int) *auth.Attempt) map[auth.Reason]int {
	answers := make([]auth.Reason, n)
	parallel(n, func(i int) { answers[i] = s.try(i%len(s.nodes), attempt(i)).Reason })
	count := map[auth.Reason]int{}
	for _, r := range answers {
		count[r]++
	}
	return count
}

func (s *site) wantAnswers(got map[auth.Reason]int, want map[auth.Reason]int) {
	s.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.Errorf("the answers were %v, want %v", got, want)
	}
}

// events reads the whole audit, in the order in which it was written.
func (s *site) events(kinds ...audit.Kind) (events []audit.Event) {
	s.Helper()
	for _, b := range batches(s.T, s.stores[0]) {
		list, err := b.Events()
		if err != nil {
			s.Fatal(err)
		}
		for _, e := range list {
			for _, kind := range kinds {
				if e.Kind == kind {
					events = append(events, e)
				}
			}
		}
	}
	return events
}
