package auth

import "time"

// What becomes of guard entries when no attempt touches them.

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
