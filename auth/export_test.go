package auth

import "github.com/sallyport/sallyport/audit"

// WaitingTurns is how many turns the service keeps.
func WaitingTurns(s *Service) int {
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	return len(s.turns.of)
}

// Reseal is what a service has a store move the seal with.
func Reseal(s *Service) func(string, audit.Head) string { return s.reseal }

// OwnEnds is how many ends of its own the service remembers until it reads of them.
func OwnEnds(s *Service) int {
	s.counts.lag.mu.Lock()
	defer s.counts.lag.mu.Unlock()
	return len(s.counts.lag.own) + len(s.counts.lag.past)
}

// CountNow counts what the sessions in memory have seen.
func CountNow(s *Service) { s.cache.countAll() }

// ForgetSessions drops all of them, as losing the feed does.
func ForgetSessions(s *Service) { s.cache.clear() }
