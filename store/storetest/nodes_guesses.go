package storetest

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// testNodesGuesses: of 300 guesses at once over three nodes, five are told that they
// are wrong, and the others of the lock.
func testNodesGuesses(t *testing.T, s *site) {
	t.Helper()
	m := nodesMount()
	for range 2 {
		got := s.atOnce(300, func(int) *auth.Attempt { return attempt(m, nodesNumber, "guess") })
		s.wantAnswers(got, map[auth.Reason]int{auth.BadCredentials: 5, auth.Locked: 295})
		for node := range s.nodes {
			s.want(node, attempt(m, nodesNumber, nodesSecret), auth.Locked)
		}
		s.ahead.Add(int64(m.Names.Lock))
	}
	if n := len(s.events(audit.Lock)); n != 2 {
		t.Errorf("%d lock events, want one for each lock", n)
	}
}

// The same of a name that nobody has, which looks no different.
func testNodesGuessesOfStrangers(t *testing.T, s *site) {
	t.Helper()
	m := nodesMount()
	got := s.atOnce(90, func(int) *auth.Attempt { return attempt(m, 99, "guess") })
	s.wantAnswers(got, map[auth.Reason]int{auth.BadCredentials: 5, auth.Locked: 85})
	m.Names.Failures = 1
	got = s.atOnce(30, func(int) *auth.Attempt { return attempt(m, 98, "guess") })
	s.wantAnswers(got, map[auth.Reason]int{auth.BadCredentials: 1, auth.Locked: 29})
}

// And of an address that tries another name each time.
func testNodesGuessesOfAnAddress(t *testing.T, s *site) {
	t.Helper()
	m := nodesMount()
	m.Addresses = auth.Limits{Failures: 8, Window: time.Hour, Lock: time.Minute}
	got := s.atOnce(90, func(i int) *auth.Attempt { return attempt(m, int64(100+i), "guess") })
	s.wantAnswers(got, map[auth.Reason]int{auth.BadCredentials: 8, auth.Locked: 82})
	for node := range s.nodes {
		s.want(node, attempt(m, nodesNumber, nodesSecret), auth.Locked)
	}
}

// testNodesGuessesWithTheRightOne: the right secret is among the guesses. In the
// order in which all of it was written, no more than five are wrong in a row, then
// there is a lock, and nobody logs in while it holds. A login that came before the
// first failures may be written after them, since no row was there to wait for: they
// count, though it looks as if it had forgotten them.
func testNodesGuessesWithTheRightOne(t *testing.T, s *site) {
	t.Helper()
	m := nodesMount()
	for round := range 6 {
		got := s.atOnce(60, func(i int) *auth.Attempt {
			if i == 7*round {
				return attempt(m, nodesNumber, nodesSecret)
			}
			return attempt(m, nodesNumber, "guess")
		})
		if got[""] > 1 || got[auth.BadCredentials] > 9 || got[auth.BadCredentials] < 5 || got[""]+got[auth.BadCredentials]+got[auth.Locked] != 60 {
			t.Errorf("round %d: the answers were %v", round, got)
		}
		s.ahead.Add(int64(m.Names.Lock))
	}
	wrong, locked, until := 0, 0, time.Time{}
	for _, e := range s.events(audit.Login, audit.Refusal, audit.Lock) {
		switch {
		case e.Kind == audit.Login && (wrong >= 5 || e.At.Before(until)):
			t.Errorf("a login at %v after %d wrong guesses, locked until %v", e.At, wrong, until)
		case e.Kind == audit.Login:
			wrong = 0
		case e.Kind == audit.Lock:
			if wrong < 3 || wrong > 5 {
				t.Errorf("locked after %d wrong guesses", wrong)
			}
			wrong, locked, until = 0, locked+1, e.At.Add(m.Names.Lock)
		case e.Reason == string(auth.BadCredentials):
			wrong++
		}
	}
	if locked != 6 {
		t.Errorf("%d locks in 6 rounds", locked)
	}
}

// testNodesSuccessForgets: a success at one node forgets what others have counted.
func testNodesSuccessForgets(t *testing.T, s *site) {
	t.Helper()
	m := nodesMount()
	wrong, right := attempt(m, nodesNumber, "guess"), attempt(m, nodesNumber, nodesSecret)
	for range 3 {
		for i := range 4 {
			if r := s.answer(i%2, wrong, auth.BadCredentials); r.Failures != i+1 {
				t.Errorf("failure %d over two nodes is told as %d", i+1, r.Failures)
			}
		}
		s.want(2, right, "")
	}
	for i := range 5 {
		s.want(i%3, wrong, auth.BadCredentials)
	}
	s.want(2, right, auth.Locked)
}

// testNodesCodes: a code of a second factor begins one session, whether it is shown to
// all nodes at once, to one after the other, or to one that was restarted. All that are
// refused are told and recorded as a wrong code, and counted.
func testNodesCodes(t *testing.T, s *site) {
	t.Helper()
	key := secret.NewTOTPKey()
	err := s.nodes[0].Update(t.Context(), func(tx auth.Tx) error {
		u, err := tx.UserByName(s.tenant, nodesUser)
		if err != nil {
			return err
		}
		u.Factor = s.nodes[0].SealFactor(u.ID, key)
		return tx.PutUser(&u)
	})
	if err != nil {
		t.Fatal(err)
	}
	m := &auth.Mount{Name: "console", Dialect: auth.ConsoleDialect, Policy: auth.Policy{Span: 20 * time.Minute},
		Names: auth.Limits{Failures: 6, Window: time.Hour, Lock: time.Hour}}
	signIn := &auth.Attempt{Mount: m, Scheme: auth.Password, User: nodesUser, Secret: nodesPassword, Form: secret.FormNative,
		Origin: auth.Origin{Source: netip.MustParseAddr("192.0.2.10")}}
	const rounds = 4
	for range rounds {
		s.ahead.Add(int64(time.Minute))
		// Of the step to come, which is good for a minute at least.
		signIn.Factor, _ = secret.TOTP(key, secret.TOTPStep(s.nodes[0].Now())+1)
		got := s.atOnce(len(s.nodes), func(int) *auth.Attempt { return signIn })
		s.wantAnswers(got, map[auth.Reason]int{"": 1, auth.BadCredentials: 2})
	}
	for node := range s.nodes {
		s.want(node, signIn, auth.BadCredentials)
	}
	s.stop(0)
	s.start(0)
	if r := s.answer(0, signIn, auth.BadCredentials); r.Failures != 6 {
		t.Errorf("the sixth failure since the last session is told as %d", r.Failures)
	}
	s.want(1, signIn, auth.Locked)
	if n := len(s.events(audit.Login)); n != rounds {
		t.Errorf("%d sign-ins in the audit, want %d", n, rounds)
	}
	why := map[string]int{}
	for _, e := range s.events(audit.Refusal) {
		if e.Reason == string(auth.BadCredentials) {
			why[e.Subject+": "+e.Detail]++
		}
	}
	if n := why[nodesUser+": the code of the authenticator is wrong, missing or used already"]; n != 2*rounds+4 || len(why) != 1 {
		t.Errorf("recorded why: %v", why)
	}
}
