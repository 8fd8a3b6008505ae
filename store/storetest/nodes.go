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
