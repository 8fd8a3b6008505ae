package auth

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// The guard stops guessing. Each attempt reserves a place before its secret is
// looked at, is judged, and settles; of N guesses sent at once no more are
// judged than failures are left before the lock. A lock ends by itself, is not
// lengthened by failures while it holds, survives a restart and covers names
// that do not exist.
//
// What it counts lives in memory, where it is exact, and is written through:
// a failure is durable before its answer leaves.
type guard struct {
	mu      sync.Mutex
	entries map[GuardKey]*guardEntry

	// strangers are the entries of names that nobody has. An outsider can make
	// as many as there are names, so there is a bound, and the oldest goes first.
	strangers map[GuardKey]*guardEntry
	waiting   int // attempts waiting for a place, over all names

	reload atomic.Bool // rows were removed by hand; see Service.sweep
}

// Bounds on what an outsider can make the guard hold.
const (
	maxStrangers    = 100_000 // names nobody has; about 20 MiB
	maxWaiting      = 4096    // attempts waiting for a place, over all names
	maxWaitingName  = 1024    // and for one name
	evictionSamples = 16
)

// guardEntry is the state of one name or address.
type guardEntry struct {
	key      GuardKey
	who      claimed
	name     string // of a restored row; else made of who
	limits   Limits
	anchored bool // failures are counted from the first, not the newest: an address
	known    bool
	failures int
	last     time.Time
	locked   time.Time
	inflight int
	waiters  []chan struct{}

	// turn orders durable writes of this entry: rows reach the store in the
	// order of what they describe. It is held across the commit.
	turn    chan struct{} // holds one; made with the first write
	pending int           // attempts that hold the turn or wait for it
	rows    bool          // the store has a row of it
}

func newGuard() *guard {
	return &guard{entries: map[GuardKey]*guardEntry{}, strangers: map[GuardKey]*guardEntry{}}
}

// reservation is an attempt's place under all that it is counted under.
type reservation struct {
	held [2]*guardEntry
	n    int
}

// reserve takes a place for an attempt. It waits while as many attempts are
// being judged as failures are left, and refuses with [Locked] or [Busy].
func (g *guard) reserve(ctx context.Context, now time.Time, a *Attempt) (reservation, *Refusal) {
	var r reservation
	list, n := guardedBy(a)
	for _, what := range list[:n] {
		e, refusal := g.enter(ctx, now, &what)
		if refusal != nil {
			g.release(&r)
			return reservation{}, refusal
		}
		r.held[r.n] = e
		r.n++
	}
	return r, nil
}

func (g *guard) enter(ctx context.Context, now time.Time, what *guarded) (*guardEntry, *Refusal) {
	g.mu.Lock()
	for {
		e := g.entry(what)
		e.refresh(now)
		if now.Before(e.locked) {
			left := e.locked.Sub(now)
			g.mu.Unlock()
			return nil, &Refusal{Reason: Locked, RetryAfter: left, locked: what.who}
		}
		if e.failures+e.inflight < e.limits.Failures {
			e.inflight++
			g.mu.Unlock()
			return e, nil
		}
		if g.waiting >= maxWaiting || len(e.waiters) >= maxWaitingName {
			g.mu.Unlock()
			return nil, &Refusal{Reason: Busy, RetryAfter: time.Second,
				Cause: fmt.Errorf("%w: attempts for one name", ErrBusy)}
		}
		turn := make(chan struct{})
		e.waiters = append(e.waiters, turn)
		g.waiting++
		g.mu.Unlock()
		var gone error
		select {
		case <-turn:
		case <-ctx.Done():
			gone = ctx.Err()
		}
		g.mu.Lock()
		g.waiting--
		if gone != nil {
			e.forgetWaiter(turn)
			g.drop(e)
			g.mu.Unlock()
			return nil, Refuse(Busy, fmt.Errorf("waiting for a place: %w", gone))
		}
	}
}

// entry finds or makes the entry. g.mu is held.
func (g *guard) entry(what *guarded) *guardEntry {
	e := g.entries[what.key]
	if e == nil {
		e = &guardEntry{key: what.key, who: what.who}
		g.entries[what.key] = e
	}
	e.limits, e.anchored = what.limits, what.anchored
	return e
}

// refresh forgets what is over: a lock that ended takes its failures along, and
// failures older than the window count no more.
func (e *guardEntry) refresh(now time.Time) {
	switch {
	case !e.locked.IsZero():
		if !now.Before(e.locked) {
			e.failures, e.locked, e.last = 0, time.Time{}, time.Time{}
		}
	case e.failures > 0 && !now.Before(e.last.Add(e.limits.Window)):
		e.failures, e.last = 0, time.Time{}
	}
}

func (e *guardEntry) forgetWaiter(turn chan struct{}) {
	for i, w := range e.waiters {
		if w == turn {
			e.waiters = append(e.waiters[:i], e.waiters[i+1:]...)
			return
		}
	}
}

// wake lets all that wait for the entry look again. g.mu is held.
func (e *guardEntry) wake() {
	for _, w := range e.waiters {
		close(w)
	}
	e.waiters = nil
}

// idle says whether no attempt is using the entry. g.mu is held.
func (e *guardEntry) idle() bool {
	return e.inflight == 0 && len(e.waiters) == 0 && e.pending == 0
}

// drop forgets an entry that says nothing. g.mu is held.
func (g *guard) drop(e *guardEntry) {
	if e.failures == 0 && e.locked.IsZero() && !e.rows && e.idle() {
		delete(g.entries, e.key)
		delete(g.strangers, e.key)
	}
}

// release gives the places back without a judgement: the attempt could not be
// judged for reasons of our own.
func (g *guard) release(r *reservation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range r.held[:r.n] {
		e.inflight--
		e.wake()
		g.drop(e)
	}
	r.n = 0
}
