package secret

import "crypto/subtle"

// Proof shows that its maker holds the key set, to whoever holds it too: HMAC-SHA-256
// of a text under the primary key, in a use of its own. To everybody else it is
// random. The text has to hold what the other side drew, or a proof that was seen once
// would do for ever.
func (k *Keys) Proof(text []byte) Digest { return sum(k.list[0].proof, text) }

// Proves says whether a proof of the text was made under a key of the set, in
// constant time.
func (k *Keys) Proves(text []byte, proof Digest) bool {
	found := 0
	for _, s := range k.list {
		d := sum(s.proof, text)
		found |= subtle.ConstantTimeCompare(d[:], proof[:])
	}
	return found == 1
}
