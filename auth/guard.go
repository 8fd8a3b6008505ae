package auth

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/audit"
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

// claimed is what an entry counts, in parts so that a login that fails nothing
// makes no string.
type claimed struct{ mount, kind, name string }

func newGuard() *guard {
	return &guard{entries: map[GuardKey]*guardEntry{}, strangers: map[GuardKey]*guardEntry{}}
}

// guarded is one thing an attempt is counted under.
type guarded struct {
	key      GuardKey
	who      claimed
	limits   Limits
	anchored bool
}

// guardedBy lists what an attempt is counted under: the name it claims, or the
// address when it claims none; and the address across all names if the mount
// says so. The order is the same for all attempts, so that two of them cannot
// wait for each other.
func guardedBy(a *Attempt) (list [2]guarded, n int) {
	add := func(kind, name string, l Limits, anchored bool) {
		if l.Failures > 0 {
			who := claimed{a.Mount.Name, kind, name}
			list[n] = guarded{guardKey(who), who, l, anchored}
			n++
		}
	}
	switch {
	case a.Scheme == AccountKey && a.Number > 0:
		add("account", strconv.FormatInt(a.Number, 10), a.Mount.Names, false)
	case a.Scheme == AccountKey && a.Code != "":
		add("account", clip(a.Code), a.Mount.Names, false)
	case a.Scheme == Password && a.User != "":
		add("user", clip(a.User), a.Mount.Names, false)
	default:
		add("nameless from", addressName(a.Origin.Source), a.Mount.Names, true)
	}
	add("address", addressName(a.Origin.Source), a.Mount.Addresses, true)
	return list, n
}

// clip keeps names of the guard short: two names that differ only after a
// kilobyte are one name to it.
func clip(name string) string {
	if len(name) > 1024 {
		return name[:1024]
	}
	return name
}

// addressName is what an address is counted under: an IPv6 client owns the
// whole /64 it is in and can send from any address of it.
func addressName(a netip.Addr) string {
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
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
			g.drop(e)
			g.mu.Unlock()
			return nil, &Refusal{Reason: Locked, RetryAfter: e.locked.Sub(now)}
		}
		if e.failures+e.inflight < e.limits.Failures {
			e.inflight++
			g.mu.Unlock()
			return e, nil
		}
		if g.waiting >= maxWaiting || len(e.waiters) >= maxWaitingName {
			g.mu.Unlock()
			return nil, &Refusal{Reason: Busy, RetryAfter: time.Second,
				Cause: fmt.Errorf("%w: %d attempts are being judged for one name", ErrBusy, e.inflight)}
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

// settled is what a judgement changed. Its rows are to be written while it is
// held, then done is called.
type settled struct {
	rows     []GuardRow
	turns    []*guardEntry
	failures int  // of the name, this one included
	allowed  int  // how many lock it
	locked   bool // this failure locked the name or the address
	g        *guard
}

// passed settles an attempt whose secret was right. A success forgets the
// failures of the name, not those of the address: an attacker may have one
// right credential.
func (g *guard) passed(r *reservation) settled {
	s := settled{g: g}
	g.mu.Lock()
	var reset [2]*guardEntry
	n := 0
	for _, e := range r.held[:r.n] {
		e.inflight--
		if !e.anchored && (e.failures > 0 || e.rows) && e.locked.IsZero() {
			e.failures, e.last = 0, time.Time{}
			e.expectWrite()
			reset[n], n = e, n+1
		}
		e.wake()
		g.drop(e)
	}
	r.n = 0
	g.mu.Unlock()
	s.take(reset[:n])
	return s
}

// failed settles an attempt whose secret was wrong: counts it, and locks if it
// was one too many.
func (g *guard) failed(now time.Time, r *reservation, known bool) settled {
	s := settled{g: g}
	g.mu.Lock()
	var hit [2]*guardEntry
	n := copy(hit[:], r.held[:r.n])
	var evicted []GuardRow
	for i, e := range hit[:n] {
		e.inflight--
		e.expectWrite()
		e.refresh(now)
		if e.failures == 0 || !e.anchored {
			e.last = now
		}
		e.failures++
		if e.failures >= e.limits.Failures {
			e.locked, s.locked = now.Add(e.limits.Lock), true
		}
		if i == 0 {
			s.failures, s.allowed = e.failures, e.limits.Failures
		}
		e.known = known && !e.anchored
		evicted = append(evicted, g.place(e)...)
		e.wake()
	}
	r.n = 0
	g.mu.Unlock()
	s.take(hit[:n])
	s.rows = append(s.rows, evicted...)
	return s
}

// expectWrite keeps the entry until its state is written. g.mu is held.
func (e *guardEntry) expectWrite() {
	e.pending++
	if e.turn == nil {
		e.turn = make(chan struct{}, 1)
	}
}

// place files an entry under known names or strangers, and makes room among
// the strangers. g.mu is held.
func (g *guard) place(e *guardEntry) (evicted []GuardRow) {
	if e.known {
		delete(g.strangers, e.key)
		return nil
	}
	g.strangers[e.key] = e
	if len(g.strangers) <= maxStrangers {
		return nil
	}
	// The oldest of a random handful, one that is not locked if there is one:
	// close to the oldest of all, at a fixed price.
	var victim *guardEntry
	samples := 0
	for _, c := range g.strangers {
		if c == e || !c.idle() {
			continue
		}
		if victim == nil || older(c, victim) {
			victim = c
		}
		if samples++; samples == evictionSamples {
			break
		}
	}
	if victim == nil {
		return nil
	}
	delete(g.strangers, victim.key)
	delete(g.entries, victim.key)
	return []GuardRow{{Key: victim.key}}
}

func older(a, b *guardEntry) bool {
	if a.locked.IsZero() != b.locked.IsZero() {
		return a.locked.IsZero()
	}
	return a.last.Before(b.last)
}

// take waits for the entries' turns to be written and makes the rows as they
// are then.
func (s *settled) take(list []*guardEntry) {
	for _, e := range list {
		e.turn <- struct{}{}
		s.turns = append(s.turns, e)
	}
	if len(list) == 0 {
		return
	}
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	for _, e := range list {
		s.rows = append(s.rows, e.row())
	}
}

// done ends the turns. written says whether the rows are durable now.
func (s *settled) done(written bool) {
	if len(s.turns) == 0 {
		return
	}
	s.g.mu.Lock()
	for _, e := range s.turns {
		e.pending--
		if written {
			e.rows = e.failures > 0 || !e.locked.IsZero()
		} else {
			e.rows = true // unknown: the next success removes what may be there
		}
		s.g.drop(e)
	}
	s.g.mu.Unlock()
	for _, e := range s.turns {
		<-e.turn
	}
}

func (e *guardEntry) row() GuardRow {
	if e.name == "" {
		e.name = e.who.mount + " " + e.who.kind + " " + audit.Claim(e.who.name)
	}
	row := GuardRow{Key: e.key, Name: e.name, Known: e.known, Failures: e.failures, Last: e.last, Locked: e.locked}
	switch {
	case !e.locked.IsZero():
		row.Forget = e.locked
	case e.failures > 0:
		row.Forget = e.last.Add(e.limits.Window)
	}
	return row
}

// restore takes up a row that the store kept over a restart. The limits follow
// with the next attempt; until then the row's own Forget stands for them.
func (g *guard) restore(row *GuardRow, now time.Time) {
	if !now.Before(row.Forget) {
		return
	}
	span := row.Forget.Sub(row.Last)
	e := &guardEntry{key: row.Key, name: row.Name, known: row.Known, failures: row.Failures,
		last: row.Last, locked: row.Locked, rows: true,
		limits: Limits{Failures: row.Failures + 1, Window: span, Lock: span}}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.entries[e.key] = e
	if !e.known {
		g.strangers[e.key] = e
	}
}

// sweep forgets entries that are over.
func (g *guard) sweep(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.entries {
		if !e.idle() {
			continue
		}
		e.refresh(now)
		if e.failures == 0 && e.locked.IsZero() {
			delete(g.entries, e.key)
			delete(g.strangers, e.key)
		}
	}
}

// lifted forgets every failure and lock that the store has no row of any more.
func (g *guard) lifted(kept map[GuardKey]bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, e := range g.entries {
		if e.rows && e.pending == 0 && !kept[key] {
			e.failures, e.locked, e.last, e.rows = 0, time.Time{}, time.Time{}, false
			e.wake()
			g.drop(e)
		}
	}
}

// lockedNow says whether a name is locked, for mounts where a lock blocks
// tokens too.
func (g *guard) lockedNow(key GuardKey, now time.Time) (time.Duration, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e := g.entries[key]; e != nil && now.Before(e.locked) {
		return e.locked.Sub(now), true
	}
	return 0, false
}
