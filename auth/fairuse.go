package auth

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"
)

// principalState is what changes with every login of a key or user. It outlives
// the identities made for it.
type principalState struct {
	mu     sync.Mutex
	asked  bool      // the store was asked for the latest session
	latest SessionID // the one that ends last; 0: none alive
	ends   time.Time // of latest; zero: never

	budgets  []budget  // one of each mount that was logged in over in the last hour
	noted    time.Time // when the last use was last handed to the store
	signedIn time.Time // a user's last login over this node
	step     int64     // of the newest code of a second factor that was used
}

// budget is what was used of the fair use of one mount.
type budget struct {
	mount    string
	hour     time.Time // when the counted hour began
	logins   int       // in it, while an earlier session was alive
	reported bool      // in it
}

// over says whether the counted hour is.
func (b *budget) over(now time.Time) bool {
	return now.Sub(b.hour) >= time.Hour || now.Before(b.hour)
}

// budget is what was used at a mount in the running hour. It makes room of what is
// over, so there are no more than mounts that were logged in over. st.mu is held, and
// the budget good for as long.
func (st *principalState) budget(mount string, now time.Time) *budget {
	for i := range st.budgets {
		if b := &st.budgets[i]; b.mount == mount && !b.over(now) {
			return b
		}
	}
	st.budgets = slices.DeleteFunc(st.budgets, func(b budget) bool { return b.over(now) })
	st.budgets = append(st.budgets, budget{mount: mount, hour: now})
	return &st.budgets[len(st.budgets)-1]
}

// fairUse is what fair use says of one login.
type fairUse struct {
	over   bool // the budget is exceeded
	report bool // and this node told nobody yet in this hour
	logins int
	until  time.Duration // to the end of the hour

	// take is what the login takes of the budget of all nodes, where clients notice
	// when it is exceeded; no Key: nothing.
	take   Take
	answer FairAnswer
	mount  string
	state  *principalState
}

// countLogin counts a login against the budget of its mount if an earlier session of
// the principal is still alive, whichever mount that is of. What only the audit tells of is counted by each node;
// what a client notices, by all nodes together, in the commit of the login. A node
// that has not heard of an earlier session of another counts its first login as
// needed.
func (s *Service) countLogin(ctx context.Context, p *Identity, m *Mount, now time.Time) (fairUse, error) {
	if m.FairUse.Logins == 0 {
		return fairUse{}, nil
	}
	st := p.live.state
	if err := st.ask(ctx, s.store, p.Principal, now); err != nil {
		return fairUse{}, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.latest == 0 || (!st.ends.IsZero() && !now.Before(st.ends)) {
		return fairUse{}, nil
	}
	b := st.budget(m.Name, now)
	b.logins++
	f := fairUse{logins: b.logins, over: b.logins > m.FairUse.Logins, until: b.hour.Add(time.Hour).Sub(now),
		answer: m.FairUse.Answer, mount: m.Name, state: st}
	if f.over && !b.reported {
		f.report, b.reported = true, true
	}
	if !f.over && f.answer != AnswerReport {
		key := guardKey(claimed{m.Name, "logins of", strconv.FormatInt(int64(p.Principal), 10)})
		f.take = Take{Key: key, Most: m.FairUse.Logins, At: now, Until: now.Add(time.Hour)}
	}
	return f, nil
}

// untold takes back that the budget's hour was reported, where nothing was written.
func (f *fairUse) untold(now time.Time) {
	if !f.report {
		return
	}
	f.state.mu.Lock()
	defer f.state.mu.Unlock()
	f.state.budget(f.mount, now).reported = false
}

// used says that the nodes together have used up the budget, and remembers it: the
// login is refused, or goes on as one that is over it.
func (f *fairUse) used(row *GuardRow, now time.Time) *Refusal {
	st := f.state
	st.mu.Lock()
	defer st.mu.Unlock()
	b := st.budget(f.mount, now)
	f.over, f.report, f.logins, f.until = true, !b.reported, row.Failures+1, row.Forget.Sub(now)
	b.hour, b.logins, b.reported = row.Last, max(b.logins, f.logins), true
	f.take = Take{}
	if f.answer == AnswerRefuse {
		return &Refusal{Reason: Throttled, RetryAfter: f.until}
	}
	return nil
}

// ask learns from the store, once, which session of before a restart is alive.
func (st *principalState) ask(ctx context.Context, store Store, p PrincipalID, now time.Time) error {
	st.mu.Lock()
	asked := st.asked
	st.mu.Unlock()
	if asked {
		return nil
	}
	row, err := store.Latest(ctx, p, now)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.asked {
		st.asked, st.latest, st.ends = true, row.ID, row.Ends
	}
	return nil
}

// began notes a session that begins, unless an earlier one outlives it. Of two nodes
// the ids do not tell which came first.
func (st *principalState) began(row *SessionRow) {
	st.mu.Lock()
	defer st.mu.Unlock()
	outlived := st.latest != 0 && !row.Ends.IsZero() && (st.ends.IsZero() || row.Ends.Before(st.ends))
	if !outlived {
		st.asked, st.latest, st.ends = true, row.ID, row.Ends
	}
}

// forgetLatest makes the next login ask the store again.
func (st *principalState) forgetLatest() {
	st.mu.Lock()
	st.asked, st.latest, st.ends = false, 0, time.Time{}
	st.mu.Unlock()
}

// useNoted says whether a use at now is worth a note to the store: at most one
// in so long.
func (st *principalState) useNoted(now time.Time) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if now.Sub(st.noted) < lastUsedGrain && !now.Before(st.noted) {
		return false
	}
	st.noted = now
	return true
}

// quiet says whether nothing is counted that still matters.
func (st *principalState) quiet(now time.Time) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return !slices.ContainsFunc(st.budgets, func(b budget) bool { return !b.over(now) }) && now.Sub(st.noted) >= lastUsedGrain
}

// ended notes that a session is over.
func (st *principalState) ended(id SessionID) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.latest == id {
		st.asked, st.latest, st.ends = false, 0, time.Time{}
	}
}

// signIn notes a user's login and returns the one before, of which the record
// may not know yet.
func (st *principalState) signIn(recorded, now time.Time) time.Time {
	st.mu.Lock()
	defer st.mu.Unlock()
	before := st.signedIn
	if before.Before(recorded) {
		before = recorded
	}
	st.signedIn = now
	return before
}

// Bounds of how long an answer is held back, and of how many are at a time. One more
// goes out at once: this is for clients that mean well, and no defence.
const (
	lateness = time.Second
	maxLate  = 1000
)

// advise tells a client that is over its budget so, in the way that the mount says.
// Its session is durable already, and no turn of anybody is held.
func (s *Service) advise(ctx context.Context, a *Attempt, use fairUse) {
	switch a.Mount.FairUse.Answer {
	case AnswerReport, AnswerRefuse:
	case AnswerWarn:
		if a.Origin.Advice != nil {
			*a.Origin.Advice = Advice{Budget: a.Mount.FairUse.Logins, Until: use.until}
		}
	case AnswerDelay:
		defer s.late.Add(-1)
		if s.late.Add(1) > maxLate {
			return
		}
		wait := time.NewTimer(lateness)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
	}
}
