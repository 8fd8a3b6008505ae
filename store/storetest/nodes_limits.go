package storetest

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// testNodesCap: of 40 logins at once over three nodes under a cap of three, three
// begin a session.
func testNodesCap(t *testing.T, s *site) {
	t.Helper()
	m := nodesMount()
	m.MaxSessions = 3
	for range 2 {
		got := s.atOnce(40, func(int) *auth.Attempt { return attempt(m, nodesNumber, nodesSecret) })
		s.wantAnswers(got, map[auth.Reason]int{"": 3, auth.Throttled: 37})
		n, _, err := s.stores[0].Live(t.Context(), auth.Capped{Tenant: s.tenant, Dialect: m.Dialect}, s.nodes[0].Now(), 100)
		if n != 3 || err != nil {
			t.Errorf("%d sessions are alive, %v; want 3", n, err)
		}
		if r := s.answer(1, attempt(m, nodesNumber, nodesSecret), auth.Throttled); r.RetryAfter <= 0 || r.RetryAfter > 20*time.Minute {
			t.Errorf("to come back in %v, the first session ends within 20m", r.RetryAfter)
		}
		s.ahead.Add(int64(20 * time.Minute))
	}
}

// testNodesRate: three nodes together let no more of an address be judged than the
// rate allows, wrong ones and right ones alike, and say when to come back.
func testNodesRate(t *testing.T, s *site) {
	t.Helper()
	m := nodesMount()
	m.Names.Failures = 0
	m.Rate = auth.Rate{Attempts: 30, Window: time.Minute}
	for round := range 2 {
		got := s.atOnce(150, func(i int) *auth.Attempt {
			return attempt(m, nodesNumber, [2]string{nodesSecret, "guess"}[(i/3)%2])
		})
		if got[""]+got[auth.BadCredentials] != 30 || got[auth.Throttled] != 120 {
			t.Errorf("round %d: the answers were %v, want 30 that were judged", round, got)
		}
		for node := range s.nodes {
			r := s.answer(node, attempt(m, nodesNumber, nodesSecret), auth.Throttled)
			if r.RetryAfter <= 0 || r.RetryAfter > time.Minute {
				t.Errorf("node %d: to come back in %v, want less than a minute", node, r.RetryAfter)
			}
		}
		if locks, err := s.nodes[0].Locks(t.Context()); err != nil || len(locks) != 0 {
			t.Errorf("the rate shows as locks: %+v, %v", locks, err)
		}
		other := attempt(m, nodesNumber, nodesSecret)
		other.Origin.Source = netip.MustParseAddr("192.0.2.11")
		s.want(round, other, "")
		s.ahead.Add(int64(time.Minute))
	}
}

// testNodesFairUse: three nodes count one budget, and a login that is over it is
// refused, or told so.
func testNodesFairUse(t *testing.T, s *site) {
	t.Helper()
	m := nodesMount()
	m.FairUse = auth.FairUse{Logins: 6, Answer: auth.AnswerRefuse}
	right := attempt(m, nodesNumber, nodesSecret)
	s.want(0, right, "") // nothing was alive: it was needed
	for i := range 6 {
		s.want(i%3, right, "")
	}
	for node := range s.nodes {
		if r := s.answer(node, right, auth.Throttled); r.RetryAfter <= 59*time.Minute || r.RetryAfter > time.Hour {
			t.Errorf("node %d: to come back in %v, want an hour", node, r.RetryAfter)
		}
	}
	warned := *m
	warned.FairUse.Answer = auth.AnswerWarn
	for node := range s.nodes {
		a := attempt(&warned, nodesNumber, nodesSecret)
		a.Origin.Advice = &auth.Advice{}
		s.want(node, a, "")
		if a.Origin.Advice.Budget != 6 || a.Origin.Advice.Until <= 0 {
			t.Errorf("node %d advises %+v", node, a.Origin.Advice)
		}
	}
	s.ahead.Add(int64(time.Hour))
	advice := func(node int) int {
		t.Helper()
		a := attempt(&warned, nodesNumber, nodesSecret)
		a.Origin.Advice = &auth.Advice{}
		s.want(node, a, "")
		return a.Origin.Advice.Budget
	}
	for i := range 8 { // of each node the first was needed, as far as it knows
		if budget := advice(i % 2); budget != 0 {
			t.Errorf("login %d of the new hour is told of a budget of %d", i+1, budget)
		}
	}
	for _, node := range []int{0, 1, 0} {
		if budget := advice(node); budget != 6 {
			t.Errorf("node %d does not tell that the budget is used up, but %d", node, budget)
		}
	}
	if n := len(s.events(audit.FairUse)); n != 5 {
		t.Errorf("%d events of fair use, want one of each node that refused or told, once an hour", n)
	}
}
