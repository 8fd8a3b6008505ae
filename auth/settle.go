package auth

import (
	"time"

	"github.com/sallyport/sallyport/audit"
)

// settled is what a judgement makes of the places that it held, and what must be
// true in the store for it to count. It is to be written, and done called then.
type settled struct {
	g      *guard
	now    time.Time
	right  bool
	known  bool // wrong, at a name that somebody has
	held   [2]*guardEntry
	n      int
	was    [2]GuardCount // right: what was stored of each
	passes [2]Pass       // right
	room   *Room         // right: what the session needs
	use    fairUse       // right
	rate   Take          // no Key: the mount has none

	changes  []GuardChange // wrong
	evicted  []GuardChange // strangers that make room
	failures int           // of the name, this one included
	allowed  int           // how many lock it
	locked   bool          // this failure locked the name or the address
}

// passed settles an attempt whose secret was right, and gives its places back. A
// success forgets the failures of the name, not those of the address: an attacker
// may have one right credential.
func (g *guard) passed(now time.Time, r *reservation) settled {
	s := settled{g: g, now: now, right: true, held: r.held, n: r.n, rate: r.rate}
	r.n = 0
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, e := range s.held[:s.n] {
		s.was[i] = e.stored
		s.passes[i] = Pass{Key: e.key, At: now, Forget: !e.anchored}
		g.leave(e)
	}
	return s
}

// keepFailures is for a name that several have: the success of one says nothing of the
// guesses at the others, and must not give whoever has one of them new ones.
func (s *settled) keepFailures() {
	for i := range s.passes {
		s.passes[i].Forget = false
	}
}

// failed settles an attempt whose secret was wrong. It waits for this node's turn
// to count, and keeps the places until done.
func (g *guard) failed(now time.Time, r *reservation, known bool) settled {
	s := settled{g: g, now: now, known: known, held: r.held, n: r.n, rate: r.rate}
	r.n = 0
	g.mu.Lock()
	for _, e := range s.held[:s.n] {
		if e.turn == nil {
			e.turn = make(chan struct{}, 1)
		}
		e.known = known && !e.anchored
		s.evicted = append(s.evicted, g.place(e)...)
	}
	g.mu.Unlock()
	for _, e := range s.held[:s.n] {
		e.turn <- struct{}{}
	}
	return s
}

// count counts the failure on top of what is stored, as far as is known. Who is
// locked already is refused for it.
func (s *settled) count() *Refusal {
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	s.changes, s.locked = s.changes[:0], false
	for i, e := range s.held[:s.n] {
		if refusal := e.refuses(s.now); refusal != nil {
			return refusal
		}
		next := e.another(s.now)
		if i == 0 {
			s.failures, s.allowed = next.Failures, e.limits.Failures
		}
		s.locked = s.locked || !next.Locked.IsZero()
		s.changes = append(s.changes, GuardChange{GuardRow: e.row(next), Was: e.stored})
	}
	s.changes = append(s.changes, s.evicted...)
	return nil
}

// another is what is stored and one more failure, which locks if it is one too
// many. g.mu is held.
func (e *guardEntry) another(now time.Time) GuardCount {
	now = now.UTC().Truncate(time.Microsecond) // as it will be read again
	c := e.stored.at(now, e.limits.Window)
	if c.Failures == 0 || (!e.anchored && now.After(c.Last)) {
		c.Last = now
	}
	c.Failures++
	if c.Failures >= e.limits.Failures {
		c.Locked = now.Add(e.limits.Lock)
	}
	return c
}

// learn takes up what the store has. It says who is locked, and whether a success
// has failures to forget.
func (s *settled) learn(rows []GuardRow) (refusal *Refusal, forgets bool) {
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	for i, e := range s.held[:s.n] {
		if s.right { // the place was given back, and the entry may be another by now
			e = s.g.again(e)
		}
		e.stored = GuardCount{}
		for j := range rows {
			if rows[j].Key == e.key {
				e.stored = rows[j].Count()
				e.known = rows[j].Known || (e.known && !s.right)
				forgets = forgets || s.passes[i].Forget
			}
		}
		s.held[i], s.was[i] = e, e.stored
		if refusal == nil {
			refusal = e.refuses(s.now)
		}
		e.wake()
		if s.right {
			s.g.place(e) // what this evicts stays in the store until it is over
			s.g.drop(e)
		}
	}
	return refusal, forgets
}

// again is the entry that counts now. g.mu is held.
func (g *guard) again(e *guardEntry) *guardEntry {
	if now := g.entries[e.key]; now != nil {
		return now
	}
	g.entries[e.key] = e
	return e
}

// done ends a judgement. written says whether it counts.
func (s *settled) done(written bool) {
	s.g.mu.Lock()
	for i, e := range s.held[:s.n] {
		switch {
		case !s.right:
			if written {
				e.stored = s.changes[i].Count()
			}
			s.g.leave(e)
			<-e.turn
		case written && s.passes[i].Forget && e.stored == s.was[i]:
			e.stored = GuardCount{}
			e.wake()
			s.g.drop(e)
		}
	}
	s.g.mu.Unlock()
	s.n = 0
}

// keys are those of what was judged and of what is taken.
func (s *settled) keys() (keys []GuardKey) {
	for _, e := range s.held[:s.n] {
		keys = append(keys, e.key)
	}
	for _, t := range s.takes() {
		keys = append(keys, t.Key)
	}
	return keys
}

// takes are what is taken of allowances.
func (s *settled) takes() (list []Take) {
	for _, t := range [...]Take{s.rate, s.use.take} {
		if t != (Take{}) {
			list = append(list, t)
		}
	}
	return list
}

// place files an entry under known names or strangers, and makes room among
// the strangers. g.mu is held.
func (g *guard) place(e *guardEntry) (evicted []GuardChange) {
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
	g.forget(victim)
	return []GuardChange{{GuardRow: GuardRow{Key: victim.key}, Was: victim.stored}}
}

func older(a, b *guardEntry) bool {
	if a.stored.Locked.IsZero() != b.stored.Locked.IsZero() {
		return a.stored.Locked.IsZero()
	}
	return a.stored.Last.Before(b.stored.Last)
}

// row is what is to be stored of the entry. g.mu is held.
func (e *guardEntry) row(c GuardCount) GuardRow {
	if e.name == "" {
		e.name = e.who.mount + " " + e.who.kind + " " + audit.Claim(e.who.name)
	}
	row := GuardRow{Key: e.key, Name: e.name, Known: e.known, Failures: c.Failures, Last: c.Last, Locked: c.Locked}
	switch {
	case !c.Locked.IsZero():
		row.Forget = c.Locked
	case c.Failures > 0:
		row.Forget = c.Last.Add(e.limits.Window)
	}
	return row
}
