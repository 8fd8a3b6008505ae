package auth

// WaitingTurns is how many turns the service keeps.
func WaitingTurns(s *Service) int {
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	return len(s.turns.of)
}
