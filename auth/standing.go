package auth

import "time"

// Standing is how an attempt that is no guess is refused: one without a name or
// without a secret, where the dialect does not count such. Nothing is compared,
// counted or recorded. It is [Locked] if the name or the address is, and else
// [BadCredentials] with the failures that the name has so far, both as far as this
// node has heard: no secret is judged, so the store is not asked.
func (s *Service) Standing(a *Attempt) *Refusal {
	return s.guard.standing(s.clock(), a)
}

func (g *guard) standing(now time.Time, a *Attempt) *Refusal {
	refusal := &Refusal{Reason: BadCredentials, Allowed: a.Mount.Names.Failures}
	list, n := guardedBy(a)
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, what := range list[:n] {
		here := g.entries[what.key]
		if here == nil {
			continue
		}
		if locked := here.refuses(now); locked != nil {
			return &Refusal{Reason: Locked, RetryAfter: locked.RetryAfter}
		}
		if i == 0 && refusal.Allowed > 0 { // the name: it comes first, if names lock at all
			refusal.Failures = here.stored.at(now, what.limits.Window).Failures
		}
	}
	return refusal
}
