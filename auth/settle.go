package auth

import (
	"time"

	"github.com/sallyport/sallyport/audit"
)

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
