package auth

import (
	"sync/atomic"

	"github.com/sallyport/sallyport/secret"
)

// Sealer makes texts that a client carries and nobody but this server's nodes
// can read or make: how a dialect hands out what it wants to find again without
// keeping it. It says nothing of time: a text that must not be good for ever
// holds its own.
type Sealer struct {
	service *Service
	label   string
	now     atomic.Pointer[sealing]
}

// sealing is a sealer of the key set that it was made from.
type sealing struct {
	keys   *secret.Keys
	sealer *secret.Sealer
}

// Sealer is the sealer of one use; the label, which is for ever, says which. What
// was sealed for another use does not open.
func (s *Service) Sealer(label string) *Sealer { return &Sealer{service: s, label: label} }

// Seal seals a text under the newest key.
func (s *Sealer) Seal(plain string) string { return s.of(s.service.Keys()).Seal(plain) }

// Open is the inverse, under any key of the set; false for what was not sealed
// for this use, was changed, or is longer than [secret.MaxSealed].
func (s *Sealer) Open(sealed string) (plain string, ok bool) {
	return s.of(s.service.Keys()).Open(sealed)
}

// of makes the sealer anew when the key set was rotated. Two callers may both do
// so; what they make is the same.
func (s *Sealer) of(keys *secret.Keys) *secret.Sealer {
	if at := s.now.Load(); at != nil && at.keys == keys {
		return at.sealer
	}
	at := &sealing{keys, keys.Sealer(s.label)}
	s.now.Store(at)
	return at.sealer
}
