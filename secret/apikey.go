package secret

import "crypto/rand"

// NewKeySecret makes the secret of an API key: 32 characters, two letters and two
// digits eight times over, as in the vendors' samples. It holds 128 random bits,
// and no dialect's field is too narrow or too choosy for it.
func NewKeySecret() string {
	var text [32]byte
	var draw [64]byte
	next := len(draw)
	for i := 0; i < len(text); {
		if next == len(draw) {
			_, _ = rand.Read(draw[:]) // never fails
			next = 0
		}
		b := int(draw[next])
		next++
		first, n := byte('A'), 26
		if i%4 >= 2 {
			first, n = '0', 10
		}
		// Bytes from the last, incomplete round of n would favour the first
		// characters: they are passed over.
		if b < 256/n*n {
			text[i] = first + byte(b%n)
			i++
		}
	}
	return string(text[:])
}
