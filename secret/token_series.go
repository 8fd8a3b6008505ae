package secret

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
)

// The series form is, byte for byte in shape, the cookie of Spring Security's
// persistent remember-me login, as the sample on the vendor's page decodes:
//
//	base64( urlencode(base64(series)) ":" urlencode(base64(token)) )
//
// with 16 bytes of series and 16 of token, the outer base64 without padding. In
// Spring the series finds a row; here it is one AES-256 block over
//
//	session id 8 | MAC 8
//
// so that it finds the session without an index of its own and looks as random
// as Spring's. The MAC is over id and token: what is made up is refused without
// asking the store. 64 bits of it do, as the token's 128 decide in the end.
//
// The payload is session id 8 | token 16 | MAC 8.
const (
	seriesMACAt = 8 + 16          // where the MAC starts in the payload, and what it covers
	seriesSize  = seriesMACAt + 8 // 32
	seriesHalf  = 22              // 16 bytes in base64, without the padding
	seriesPad   = "%3D%3D"        // its padding, URL-encoded
	seriesInner = 2*(seriesHalf+len(seriesPad)) + 1
	seriesText  = seriesInner / 3 * 4 // 57 bytes: 76 characters, and never any padding
)

var (
	outerEncoding = base64.StdEncoding.Strict()
	innerEncoding = base64.RawStdEncoding.Strict() // four bits too many, which must be 0
)

func (s *subkeys) mintSeries(id uint64, t *Token) string {
	t.ID, t.form = id, FormSeries
	p := t.payload[:seriesSize]
	binary.BigEndian.PutUint64(p, id)
	// A '+' or '/' in either half would be URL-encoded as three characters and
	// change the length, so halves without them are drawn for: four draws on
	// average, at the price of two of the 128 bits.
	var block, token [16]byte
	var inner [seriesInner]byte
	for {
		_, _ = rand.Read(token[:]) // never fails
		copy(p[8:], token[:])
		if !putHalf(inner[:], token) {
			continue
		}
		code := sum(s.seriesMAC, p[:seriesMACAt])
		copy(p[seriesMACAt:], code[:])
		copy(block[:], p[:8])
		copy(block[8:], p[seriesMACAt:])
		if putHalf(inner[:], encrypt(s.series, block)) {
			break
		}
	}
	inner[seriesHalf+len(seriesPad)] = ':'
	putHalf(inner[seriesHalf+len(seriesPad)+1:], token)
	return outerEncoding.EncodeToString(inner[:])
}

// putHalf writes a half with its padding to the start of dst; false if it has a
// character that a URL would have to escape.
func putHalf(dst []byte, half [16]byte) bool {
	innerEncoding.Encode(dst, half[:])
	copy(dst[seriesHalf:], seriesPad)
	return plain(dst[:seriesHalf])
}

// getHalf is the strict inverse of putHalf.
func getHalf(src []byte) (half [16]byte, ok bool) {
	if string(src[seriesHalf:]) != seriesPad || !plain(src[:seriesHalf]) {
		return half, false
	}
	n, err := innerEncoding.Decode(half[:], src[:seriesHalf])
	return half, err == nil && n == len(half) // the decoder passes over line breaks
}

func plain(b []byte) bool {
	return bytes.IndexByte(b, '+') < 0 && bytes.IndexByte(b, '/') < 0
}

func (s *subkeys) parseSeries(wire string) (t Token, ok bool) {
	if len(wire) != seriesText {
		return t, false
	}
	var text [seriesText]byte
	var inner [seriesInner]byte
	copy(text[:], wire)
	n, err := outerEncoding.Decode(inner[:], text[:])
	const colon = seriesHalf + len(seriesPad)
	if err != nil || n != seriesInner || inner[colon] != ':' {
		return t, false
	}
	block, ok1 := getHalf(inner[:colon])
	token, ok2 := getHalf(inner[colon+1:])
	if !ok1 || !ok2 {
		return t, false
	}
	block = decrypt(s.series, block)
	copy(t.payload[:], block[:8])
	copy(t.payload[8:], token[:])
	copy(t.payload[seriesMACAt:], block[8:])
	t.ID, t.form = binary.BigEndian.Uint64(block[:]), FormSeries
	return t, true
}

func (s *subkeys) authenticSeries(t *Token) bool {
	want := sum(s.seriesMAC, t.payload[:seriesMACAt])
	return hmac.Equal(t.payload[seriesMACAt:seriesSize], want[:seriesSize-seriesMACAt])
}
