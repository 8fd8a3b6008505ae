package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
)

// The native form: "sp_" and, in base64url without padding, the big-endian bytes of
//
//	key id 4 | session id 8 | verifier 16 | MAC 16
//
// The prefix is for secret scanners. The key id saves trying every key. The MAC
// lets a made-up token be refused without asking the store; 128 bits of it are
// more than anyone can try.
const (
	nativePrefix = "sp_"
	nativeMACAt  = 4 + 8 + 16       // where the MAC starts, and what it covers
	nativeSize   = nativeMACAt + 16 // 44
	nativeText   = 59               // 44 bytes in base64, without padding
)

// Strict: the last character carries two bits too many, which must be 0, or a
// token would have four spellings.
var nativeEncoding = base64.RawURLEncoding.Strict()

func (s *subkeys) mintNative(id uint64, t *Token) string {
	t.ID, t.form = id, FormNative
	p := t.payload[:]
	binary.BigEndian.PutUint32(p, s.id)
	binary.BigEndian.PutUint64(p[4:], id)
	_, _ = rand.Read(p[12:nativeMACAt]) // never fails: it ends the program instead
	code := sum(s.native, p[:nativeMACAt])
	copy(p[nativeMACAt:], code[:])
	var text [len(nativePrefix) + nativeText]byte
	copy(text[:], nativePrefix)
	nativeEncoding.Encode(text[len(nativePrefix):], p)
	return string(text[:])
}

func (s *subkeys) parseNative(wire string) (t Token, ok bool) {
	if len(wire) != len(nativePrefix)+nativeText || wire[:len(nativePrefix)] != nativePrefix {
		return t, false
	}
	var text [nativeText]byte
	copy(text[:], wire[len(nativePrefix):])
	// The length is compared because the decoder passes over line breaks.
	n, err := nativeEncoding.Decode(t.payload[:], text[:])
	if err != nil || n != nativeSize || binary.BigEndian.Uint32(t.payload[:]) != s.id {
		return Token{}, false
	}
	t.ID, t.form = binary.BigEndian.Uint64(t.payload[4:]), FormNative
	return t, true
}

func (s *subkeys) authenticNative(t *Token) bool {
	want := sum(s.native, t.payload[:nativeMACAt])
	return hmac.Equal(t.payload[nativeMACAt:], want[:nativeSize-nativeMACAt])
}
