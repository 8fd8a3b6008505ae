package secret

import "crypto/subtle"

// Digest is an output of SHA-256 or of HMAC-SHA-256: what is stored in place of
// a token or an API key.
type Digest [32]byte

// Equal reports whether d and o are the same, in constant time.
func (d Digest) Equal(o Digest) bool {
	return subtle.ConstantTimeCompare(d[:], o[:]) == 1
}
