package auth

import (
	"context"
	"log/slog"
)

// sweepSteps bounds the store's steps in one go: what is left is for the next
// second.
const sweepSteps = 32

// sweepDelay is how many seconds after its start a server first looks for what
// is over in the store: then it has logins to catch up with.
const sweepDelay = 30

// sweepGrace is how long the store keeps what is over by its own account: an
// idle span may have been moved in memory, and the note of it be under way.
const sweepGrace = 12 * flushInterval

// sweep is one step of clearing away what is over: everything that grows has to
// shrink somewhere, and for all of it that is here.
func (s *Service) sweep(ctx context.Context) {
	now := s.clock()
	s.sweeps++
	s.cache.sweep(s.sweeps, now)
	s.usage.turn(now)
	if s.sweeps%60 == 0 {
		s.guard.sweep(now)
		s.rates.sweep(now)
		s.dir.sweep(now)
	}
	if s.sweeps < sweepDelay {
		return
	}
	for range sweepSteps {
		swept, err := s.store.Sweep(ctx, now.Add(-sweepGrace), s.keep)
		if err != nil {
			if ctx.Err() == nil {
				s.lament(&s.troubles.sweep, slog.LevelWarn, "could not clear away what is over", slog.Any("error", err))
			}
			return
		}
		s.relieved(&s.troubles.sweep, "what is over is cleared away again")
		if !swept.More {
			return
		}
	}
}
