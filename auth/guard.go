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
// What it counts lives in memory, where it is exact for this node, and costs an
// attempt at a locked name nothing. That nodes over one store count as one is for
// the store to say, in the commit that a login or a failure makes anyway: a place is
// kept until the failure is counted there, on top of what is stored, and a success
// is void if somebody else has locked the name. What a guesser is not told was not
// judged; see commit.go.
type guard struct {
	mu      sync.Mutex
	entries map[GuardKey]*guardEntry

	// strangers are the entries of names that nobody has. An outsider can make
	// as many as there are names, so there is a bound, and the oldest goes first.
	strangers map[GuardKey]*guardEntry
	waiting   int // attempts waiting for a place, over all names

	reload atomic.Bool // rows were removed by hand; see Service.lift
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
	stored   GuardCount // what the store has, as far as this node has heard
	inflight int        // attempts that are judged, and failures on their way to the store
	waiters  []chan struct{}

	// turn orders what this node writes of the entry. It is held across the commit.
	turn chan struct{} // holds one; made with the first failure
}

func newGuard() *guard {
	return &guard{entries: map[GuardKey]*guardEntry{}, strangers: map[GuardKey]*guardEntry{}}
}

// reservation is an attempt's place under all that it is counted under.
type reservation struct {
	held [2]*guardEntry
	n    int
	rate Take // what the attempt takes of the rate of its address, once it is judged
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
		if refusal := e.refuses(now); refusal != nil {
			g.mu.Unlock()
			return nil, refusal
		}
		// Where the limits were lowered there may be more failures than lock: then one
		// more is judged, and locks.
		if e.inflight == 0 || e.stored.at(now, e.limits.Window).Failures+e.inflight < e.limits.Failures {
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
		e = &guardEntry{key: what.key}
		g.entries[what.key] = e
	}
	e.who, e.limits, e.anchored = what.who, what.limits, what.anchored
	return e
}

// refuses is the refusal if the entry is locked, as far as this node knows. g.mu is
// held.
func (e *guardEntry) refuses(now time.Time) *Refusal {
	if !now.Before(e.stored.Locked) {
		return nil
	}
	return &Refusal{Reason: Locked, RetryAfter: e.stored.Locked.Sub(now), locked: e.who}
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
	return e.inflight == 0 && len(e.waiters) == 0
}

// drop forgets an entry that says nothing. g.mu is held.
func (g *guard) drop(e *guardEntry) {
	if e.stored == (GuardCount{}) && e.idle() {
		g.forget(e)
	}
}

// forget removes an entry. g.mu is held.
func (g *guard) forget(e *guardEntry) {
	delete(g.entries, e.key)
	delete(g.strangers, e.key)
}

// release gives the places back without a judgement: the attempt could not be
// judged for reasons of our own.
func (g *guard) release(r *reservation) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range r.held[:r.n] {
		g.leave(e)
	}
	r.n = 0
}

// leave gives one place back. g.mu is held.
func (g *guard) leave(e *guardEntry) {
	e.inflight--
	e.wake()
	g.drop(e)
}
