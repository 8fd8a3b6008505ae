package storetest

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// testNodesLockHoldsEverywhere: what one node locked, no other lets in, though it
// never heard of it.
func testNodesLockHoldsEverywhere(t *testing.T, s *site) {
	t.Helper()
	m := nodesMount()
	m.Addresses = auth.Limits{Failures: 10, Window: time.Hour, Lock: time.Hour}
	for range 5 {
		s.want(0, attempt(m, nodesNumber, "guess"), auth.BadCredentials)
	}
	if r := s.answer(1, attempt(m, nodesNumber, nodesSecret), auth.Locked); r.RetryAfter <= 14*time.Minute || r.RetryAfter > 15*time.Minute {
		t.Errorf("to come back in %v, want 15m", r.RetryAfter)
	}
	s.want(2, attempt(m, nodesNumber, "guess"), auth.Locked)
	for range 5 {
		s.want(0, attempt(m, 99, "guess"), auth.BadCredentials)
	}
	s.want(1, attempt(m, 99, "guess"), auth.Locked) // nobody of that name, and the address is locked too
	s.want(2, attempt(m, 97, "guess"), auth.Locked)
	if locks, err := s.nodes[1].Locks(t.Context()); err != nil || len(locks) != 3 {
		t.Errorf("there are %d locks, %v; want two names and an address", len(locks), err)
	}
}

// testNodesLockOfCallers: so it is where nothing is written for a right secret.
func testNodesLockOfCallers(t *testing.T, s *site) {
	t.Helper()
	m := nodesMount()
	caller := func(password string) *auth.Attempt {
		return &auth.Attempt{Mount: m, Scheme: auth.Password, User: nodesUser, Secret: password, Origin: auth.Origin{Source: netip.MustParseAddr("192.0.2.10")}}
	}
	want := func(node int, password string, want auth.Reason) {
		t.Helper()
		got := auth.Reason("")
		if _, err := s.nodes[node].Authenticate(context.Background(), caller(password), auth.Owner); err != nil {
			got = auth.RefusalOf(err).Reason
		}
		if got != want {
			t.Fatalf("node %d says %q, want %q", node, got, want)
		}
	}
	for range 4 {
		want(0, "guess", auth.BadCredentials)
	}
	want(1, nodesPassword, "") // and forgets
	for range 5 {
		want(0, "guess", auth.BadCredentials)
	}
	want(2, nodesPassword, auth.Locked)
	want(1, "guess", auth.Locked)
}

// testNodesLockEnds: a lock ends by itself, at every node, and not later because
// of guesses while it holds.
func testNodesLockEnds(t *testing.T, s *site) {
	t.Helper()
	m := nodesMount()
	wrong, right := attempt(m, nodesNumber, "guess"), attempt(m, nodesNumber, nodesSecret)
	for i := range 5 {
		s.want(i%3, wrong, auth.BadCredentials)
	}
	s.ahead.Add(int64(14 * time.Minute))
	for node := range s.nodes {
		s.want(node, wrong, auth.Locked)
	}
	s.ahead.Add(int64(time.Minute))
	if r := s.answer(1, wrong, auth.BadCredentials); r.Failures != 1 {
		t.Errorf("the first failure after the lock is told as %d", r.Failures)
	}
	for node := range s.nodes {
		s.want(node, right, "")
	}
}

// testNodesRestart: a node that was away counts with the others.
func testNodesRestart(t *testing.T, s *site) {
	t.Helper()
	m := nodesMount()
	wrong := attempt(m, nodesNumber, "guess")
	s.want(0, wrong, auth.BadCredentials)
	s.want(1, wrong, auth.BadCredentials)
	s.stop(0)
	s.want(1, wrong, auth.BadCredentials)
	s.start(0)
	if r := s.answer(0, wrong, auth.BadCredentials); r.Failures != 4 {
		t.Errorf("after a restart the fourth failure is told as %d", r.Failures)
	}
	s.stop(1)
	s.want(2, wrong, auth.BadCredentials)
	s.start(1)
	for node := range s.nodes {
		s.want(node, attempt(m, nodesNumber, nodesSecret), auth.Locked)
	}
}

// testNodesLift: what is lifted at one node is soon forgotten by all.
func testNodesLift(t *testing.T, s *site) {
	t.Helper()
	m := nodesMount()
	right := attempt(m, nodesNumber, nodesSecret)
	for i := range 5 {
		s.want(i%3, attempt(m, nodesNumber, "guess"), auth.BadCredentials)
	}
	for node := range s.nodes {
		s.want(node, right, auth.Locked) // all have heard of it
	}
	err := s.nodes[0].Update(t.Context(), func(tx auth.Tx) error {
		_, err := tx.ClearGuards(func(auth.GuardRow) bool { return true })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.want(0, right, "")
	began := auth.SystemClock()
	for node := 1; node < len(s.nodes); node++ {
		for s.try(node, right).Reason != "" {
			if auth.SystemClock().Sub(began) > 30*time.Second {
				t.Fatalf("node %d never heard that the lock was lifted", node)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	t.Logf("lifted on all nodes after %v", auth.SystemClock().Sub(began))
}
