package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
)

// The hex form has the native form's content and a key of its own, in the
// alphabet of PHP's session ids, [A-Za-z0-9,-], which has no room for the prefix:
//
//	hex( key id 4 | session id 8 | verifier 16 | MAC 16 )
//
// in lower-case digits: one spelling a token.
const (
	hexSize = nativeSize
	hexText = 2 * hexSize // 88

	lowerHex = "0123456789abcdef"
)

func (s *subkeys) mintHex(id uint64, t *Token) string {
	t.ID, t.form = id, FormHex
	p := t.payload[:]
	binary.BigEndian.PutUint32(p, s.id)
	binary.BigEndian.PutUint64(p[4:], id)
	_, _ = rand.Read(p[12:nativeMACAt]) // never fails
	code := sum(s.hex, p[:nativeMACAt])
	copy(p[nativeMACAt:], code[:])
	return hex.EncodeToString(p)
}

func (s *subkeys) parseHex(wire string) (t Token, ok bool) {
	if len(wire) != hexText {
		return t, false
	}
	for i := range hexSize {
		hi, lo := unhex[wire[2*i]], unhex[wire[2*i+1]]
		if hi|lo > 15 || lowerHex[hi] != wire[2*i] || lowerHex[lo] != wire[2*i+1] {
			return Token{}, false
		}
		t.payload[i] = hi<<4 | lo
	}
	if binary.BigEndian.Uint32(t.payload[:]) != s.id {
		return Token{}, false
	}
	t.ID, t.form = binary.BigEndian.Uint64(t.payload[4:]), FormHex
	return t, true
}

func (s *subkeys) authenticHex(t *Token) bool {
	want := sum(s.hex, t.payload[:nativeMACAt])
	return hmac.Equal(t.payload[nativeMACAt:], want[:hexSize-nativeMACAt])
}
