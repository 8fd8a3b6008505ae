package auth

import (
	"context"
	"log/slog"
	"time"
)

// What becomes of guard entries when no attempt touches them.

// restore takes up a row that the store kept over a restart. The limits follow
// with the next attempt; until then the row's own Forget stands for them. Of
// strangers no more are taken up than there may be: the others are still counted
// where they are stored.
func (g *guard) restore(row *GuardRow, now time.Time) {
	if row.Name == "" || !now.Before(row.Forget) {
		return
	}
	span := row.Forget.Sub(row.Last)
	e := &guardEntry{key: row.Key, name: row.Name, known: row.Known, stored: row.Count(),
		limits: Limits{Failures: row.Failures + 1, Window: span, Lock: span}}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !e.known {
		if len(g.strangers) >= maxStrangers {
			return
		}
		g.strangers[e.key] = e
	}
	g.entries[e.key] = e
}

// sweep forgets entries that are over.
func (g *guard) sweep(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.entries {
		if e.idle() && e.stored.at(now, e.limits.Window) == (GuardCount{}) {
			g.forget(e)
		}
	}
}

// lift goes by the store again where a notice said that locks were lifted by hand.
func (s *Service) lift(ctx context.Context) {
	if !s.guard.reload.Swap(false) {
		return
	}
	kept := map[GuardKey]GuardCount{}
	err := s.store.Guards(ctx, func(row GuardRow) error { kept[row.Key] = row.Count(); return nil })
	if err != nil {
		s.guard.reload.Store(true)
		if ctx.Err() == nil {
			s.lament(&s.troubles.lift, slog.LevelWarn, "could not read which locks were lifted", slog.Any("error", err))
		}
		return
	}
	s.relieved(&s.troubles.lift, "which locks were lifted was read")
	s.guard.lifted(kept)
}

// lifted goes by what the store has now of all that is remembered.
func (g *guard) lifted(kept map[GuardKey]GuardCount) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, e := range g.entries {
		if e.stored != (GuardCount{}) {
			e.stored = kept[key]
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
	if e := g.entries[key]; e != nil && now.Before(e.stored.Locked) {
		return e.stored.Locked.Sub(now), true
	}
	return 0, false
}
