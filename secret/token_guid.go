package secret

import (
	"crypto/rand"
	"encoding/binary"
)

// The GUID form: one AES-256 block over session id 8 | random 8, big-endian,
// written as 8-4-4-4-12 hexadecimal digits. A GUID has 128 bits and no more:
// encrypting the id hides it and leaves 64 bits for the verifier, and a made-up
// GUID opens to an id that never was. A guess at one of N live sessions succeeds
// with a chance of N in 2^128, a guess at a known one with 1 in 2^64.
//
// The payload is the block as written, so that the digest is the same whichever
// key it is read under.
const guidSize = 16

const upperHex = "0123456789ABCDEF"

// unhex is the value of a hexadecimal digit of either case, 0xFF for others.
var unhex = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xFF
	}
	for i := range 16 {
		t[upperHex[i]] = byte(i)
		t["0123456789abcdef"[i]] = byte(i)
	}
	return t
}()

// dashBefore: the bytes of a GUID in front of which a dash stands.
func dashBefore(i int) bool { return i == 4 || i == 6 || i == 8 || i == 10 }

func (s *subkeys) mintGUID(id uint64, t *Token) string {
	var b [guidSize]byte
	binary.BigEndian.PutUint64(b[:], id)
	_, _ = rand.Read(b[8:]) // never fails
	b = encrypt(s.guid, b)
	t.ID, t.form = id, FormGUID
	copy(t.payload[:], b[:])

	var text [36]byte
	w := text[:0]
	for i, c := range b {
		if dashBefore(i) {
			w = append(w, '-')
		}
		w = append(w, upperHex[c>>4], upperHex[c&15])
	}
	return string(w)
}

func (s *subkeys) parseGUID(wire string) (t Token, ok bool) {
	if len(wire) != 36 {
		return t, false
	}
	var b [guidSize]byte
	at := 0
	for i := range b {
		if dashBefore(i) {
			if wire[at] != '-' {
				return t, false
			}
			at++
		}
		hi, lo := unhex[wire[at]], unhex[wire[at+1]]
		if hi|lo > 15 {
			return t, false
		}
		b[i] = hi<<4 | lo
		at += 2
	}
	copy(t.payload[:], b[:])
	b = decrypt(s.guid, b)
	t.ID, t.form = binary.BigEndian.Uint64(b[:]), FormGUID
	return t, true
}
