package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// GuardKey names what the guard counts: a claimed name or an address at one
// mount. It is a truncated hash, so that what an outsider claims takes the same
// room however long it is.
type GuardKey [16]byte

// String is the key in hexadecimal.
func (k GuardKey) String() string { return hex.EncodeToString(k[:]) }

// guardKey makes the key of what an attempt claims. Lengths are hashed too, so
// that no two names run together.
func guardKey(c claimed) GuardKey {
	var room [256]byte
	b := room[:0]
	for _, s := range [...]string{c.mount, c.kind, c.name} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	sum := sha256.Sum256(b)
	return GuardKey(sum[:16])
}
