package auth

import "fmt"

// Position is how far somebody has followed the feed.
type Position struct {
	Seq uint64 // of the last notice; 0: before the first

	// Mark is that notice's. A number alone would look the same in a store that lost
	// the end of its feed and has written another since. So a mark is made of what is
	// drawn at random with each notice, and of the history of the store, which is
	// another when it may have lost what was durable.
	Mark uint64
}

// Position is that of the notice.
func (n *Notice) Position() Position { return Position{n.Seq, n.Mark} }

// Onwards is what a store answers who asks for the notices after p. found are those
// from p's own on, which is the proof that nothing is missing; first is the mark
// of the position before the first. [ErrNotFound] says that the feed does not go on
// from p.
func (p Position) Onwards(found []Notice, first uint64) ([]Notice, error) {
	switch {
	case p.Seq == 0 && p.Mark == first && (len(found) == 0 || found[0].Seq == 1):
		return found, nil
	case p.Seq > 0 && len(found) > 0 && found[0].Position() == p:
		return found[1:], nil
	}
	return nil, fmt.Errorf("feed position %d: %w", p.Seq, ErrNotFound)
}
