//go:build unix

package nodes

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// freshness is how long a node may accept a session after its end was answered by
// another; see auth.feedFreshness. It counts to the start of a check, so that no
// margin is needed for how long one takes.
const freshness = time.Second

// session is what a client holds, and what it knows of it.
type session struct {
	token string

	mu    sync.Mutex
	asked bool      // somebody asked to end it
	ended time.Time // when that was answered; zero: it was not
}

func (s *session) state() (asked bool, ended time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked, s.ended
}

// load is clients of several nodes: they log in, call and log out until they are
// told to stop.
type load struct {
	t     *testing.T
	nodes []*node
	over  chan struct{}
	work  sync.WaitGroup

	mu       sync.Mutex
	sessions []*session
	newest   time.Time     // when the newest login was answered
	gap      time.Duration // the longest time without one

	logins, checks, ends, trouble atomic.Int64 // answered, and refused for the server's trouble
}

func startLoad(t *testing.T, nodes ...*node) *load {
	t.Helper()
	l := &load{t: t, nodes: nodes, over: make(chan struct{}), newest: time.Now()}
	for _, n := range nodes {
		l.every(20*time.Millisecond, 2, func() { l.login(n) })
		l.every(10*time.Millisecond, 3, func() { l.check(n) })
		l.every(30*time.Millisecond, 1, func() { l.end(n) })
	}
	t.Cleanup(l.stop)
	return l
}

// every has so many clients do something again and again.
func (l *load) every(rest time.Duration, clients int, f func()) {
	for range clients {
		l.work.Go(func() {
			for {
				select {
				case <-l.over:
					return
				case <-time.After(rest):
					f()
				}
			}
		})
	}
}

func (l *load) stop() {
	select {
	case <-l.over:
	default:
		close(l.over)
	}
	l.work.Wait()
}

// answered sorts an answer: true if it is good. What is neither good nor the
// server's own trouble is a fault.
func (l *load) answered(n *node, what string, status int, err error, good ...int) bool {
	for _, g := range good {
		if err == nil && status == g {
			return true
		}
	}
	if err != nil || status != http.StatusServiceUnavailable {
		l.t.Errorf("%s at %s is answered %d, %v", what, n.name, status, err)
	}
	l.trouble.Add(1)
	return false
}

func (l *load) login(n *node) {
	token, status, err := n.login()
	if !l.answered(n, "a login", status, err, http.StatusOK) {
		return
	}
	l.logins.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.gap, l.newest = max(l.gap, now.Sub(l.newest)), now
	l.sessions = append(l.sessions, &session{token: token})
}

// any is one of the sessions, more often than not of the newest hundred.
func (l *load) any() *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.sessions)
	if n == 0 {
		return nil
	}
	if rand.IntN(3) > 0 {
		return l.sessions[n-1-rand.IntN(min(n, 100))]
	}
	return l.sessions[rand.IntN(n)]
}

func (l *load) check(n *node) {
	s := l.any()
	if s == nil {
		return
	}
	_, ended := s.state()
	begun := time.Now()
	status, err := n.check(s.token)
	if !l.answered(n, "a check", status, err, http.StatusOK, http.StatusUnauthorized) {
		return
	}
	l.checks.Add(1)
	asked, _ := s.state()
	switch late := begun.Sub(ended); {
	case status == http.StatusOK && !ended.IsZero() && late > freshness:
		l.t.Errorf("%s accepts a session %s after its end was answered", n.name, late)
	case status == http.StatusUnauthorized && !asked:
		l.t.Errorf("%s refuses a session that nobody ended", n.name)
	}
}

func (l *load) end(n *node) {
	s := l.any()
	if s == nil || rand.IntN(2) == 0 {
		return
	}
	s.mu.Lock()
	taken := s.asked
	s.asked = true
	s.mu.Unlock()
	if taken {
		return
	}
	status, err := n.revoke(s.token)
	if !l.answered(n, "a revocation", status, err, http.StatusOK) {
		return
	}
	l.ends.Add(1)
	s.mu.Lock()
	s.ended = time.Now()
	s.mu.Unlock()
}

// more waits for so many more logins.
func (l *load) more(n int64) {
	l.t.Helper()
	want := l.logins.Load() + n
	until(l.t, "more clients logged in", func() bool { return l.logins.Load() >= want })
}

// without is the longest time without a login since it was asked the last time.
func (l *load) without() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	gap := l.gap
	l.gap = 0
	return gap
}

// verify stops the load and asks every node about every session: what was answered
// is true everywhere.
func (l *load) verify() {
	l.t.Helper()
	l.stop()
	time.Sleep(freshness) // for what was ended last
	var wg sync.WaitGroup
	var open atomic.Int64
	for _, n := range l.nodes {
		for part := range 4 {
			wg.Go(func() {
				for i := part; i < len(l.sessions); i += 4 {
					s := l.sessions[i]
					status, err := n.check(s.token)
					asked, ended := s.state()
					switch {
					case err != nil || (status != http.StatusOK && status != http.StatusUnauthorized):
						l.t.Errorf("afterwards a check at %s is answered %d, %v", n.name, status, err)
					case !asked && status != http.StatusOK:
						l.t.Errorf("session %d of %d was answered, and %s does not know it", i, len(l.sessions), n.name)
					case !ended.IsZero() && status == http.StatusOK:
						l.t.Errorf("the end of session %d was answered, and %s accepts it", i, n.name)
					case asked && ended.IsZero():
						open.Add(1)
					}
				}
			})
		}
	}
	wg.Wait()
	l.t.Logf("%d logins, %d checks, %d revocations answered; %d times trouble; of %d revocations it was not answered whether they were made",
		l.logins.Load(), l.checks.Load(), l.ends.Load(), l.trouble.Load(), open.Load()/int64(len(l.nodes)))
}
