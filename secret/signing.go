package secret

import (
	"crypto/ed25519"
	"encoding/binary"
)

// SigningKey is the Ed25519 key (RFC 8032) that the i-th key of the set gives
// for one period of rotation, and that key's id. What a period is, and which of
// these keys signs when, is the caller's to say: the same set and number give the
// same key on every node and after every restart, so none is ever stored. Like an
// index into a slice, i outside [0, Len) panics.
//
// The seed is HMAC-SHA-256 over the number, under a key of this use alone: who
// gets hold of one period's key learns nothing of another's.
func (k *Keys) SigningKey(i int, period uint64) (key ed25519.PrivateKey, id uint32) {
	s := k.list[i]
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], period)
	seed := sum(s.signing, n[:])
	return ed25519.NewKeyFromSeed(seed[:]), s.id
}
