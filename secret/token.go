package secret

import (
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
)

// Form is how a token is written on the wire.
type Form uint8

const (
	// FormNative is Sallyport's own: 62 characters, sp_ and base64url.
	FormNative Form = iota
	// FormGUID is an upper-case GUID, 36 characters, as Electa's SESSION_ID.
	FormGUID
	// FormSeries is the cookie of Spring Security's persistent remember-me
	// login, 76 characters of base64, as CalAmp's authToken.
	FormSeries
	// FormHex is in the alphabet of PHP's session ids, 88 characters, as
	// DomainPunch's session cookie.
	FormHex
)

// forms says for each form how many bytes of payload it has and what its digests
// start with. The labels keep the digests of different forms apart, and are
// short enough for label, payload and SHA-256's padding to fit one block.
var forms = [...]struct {
	name, label string
	size        int
}{
	FormNative: {"native", "native:", nativeSize},
	FormGUID:   {"guid", "guid:", guidSize},
	FormSeries: {"series", "series:", seriesSize},
	FormHex:    {"hex", "hex:", hexSize},
}

// String is the form's name.
func (f Form) String() string {
	if int(f) >= len(forms) {
		return fmt.Sprintf("form %d", uint8(f))
	}
	return forms[f].name
}

// Token is a parsed token. Parsing proves nothing: whoever holds a Token has to
// compare its Digest with a stored one, or ask [Keys.Authentic] and then the store.
// It prints as its ID alone.
type Token struct {
	// ID is the selector: the number of the session it claims to be for.
	ID uint64

	form    Form
	payload [nativeSize]byte // the largest; the first forms[form].size bytes count
}

// Digest is the SHA-256 of everything the token is made of: selector, verifier
// and MAC. It is all that the store keeps. As it covers the MAC, a token that
// has the digest of a live session has the right MAC too, and need not be
// checked for it.
func (t *Token) Digest() Digest {
	var b [64]byte
	n := copy(b[:], forms[t.form].label)
	n += copy(b[n:], t.payload[:forms[t.form].size])
	return sha256.Sum256(b[:n])
}

// Mint makes a token for session id under the primary key: what goes on the wire,
// and the digest to store. The wire form of an unknown f is empty, which no
// Parse accepts.
func (k *Keys) Mint(f Form, id uint64) (wire string, digest Digest) {
	var t Token
	switch s := k.list[0]; f {
	case FormNative:
		wire = s.mintNative(id, &t)
	case FormGUID:
		wire = s.mintGUID(id, &t)
	case FormSeries:
		wire = s.mintSeries(id, &t)
	case FormHex:
		wire = s.mintHex(id, &t)
	default:
		return "", Digest{}
	}
	return wire, t.Digest()
}

// Parse reads a token of form f as the i-th key would have written it; false if
// it could not have. Only one spelling of a token is accepted, but for a GUID's
// case. No MAC is checked here: see [Keys.Authentic]. It does not allocate.
//
// A GUID or a series does not say which key it was made under: with each key it
// opens to some ID. A caller tries them all, from 0 to Len.
func (k *Keys) Parse(f Form, i int, wire string) (Token, bool) {
	s := k.at(i)
	if s == nil {
		return Token{}, false
	}
	switch f {
	case FormNative:
		return s.parseNative(wire)
	case FormGUID:
		return s.parseGUID(wire)
	case FormSeries:
		return s.parseSeries(wire)
	case FormHex:
		return s.parseHex(wire)
	}
	return Token{}, false
}

// Authentic reports whether the i-th key made t, in constant time and without
// allocating. A GUID has no room for a MAC: it is made up if its ID is that of no
// session, which the caller alone can know, and Authentic is true for it.
func (k *Keys) Authentic(f Form, i int, t *Token) bool {
	s := k.at(i)
	if s == nil || t.form != f {
		return false
	}
	switch f {
	case FormNative:
		return s.authenticNative(t)
	case FormGUID:
		return true
	case FormSeries:
		return s.authenticSeries(t)
	case FormHex:
		return s.authenticHex(t)
	}
	return false
}

// String names the session, never the verifier.
func (t Token) String() string { return fmt.Sprintf("secret.Token(%d)", t.ID) }

// Format prints the same for every verb.
func (t Token) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, t.String()) }

// LogValue logs the same.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }
