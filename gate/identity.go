package gate

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/auth"
)

// The identity headers: who calls, as the API behind the gate is told.
const (
	AccountHeader = "Sallyport-Account" // number of the account, else its code
	SubjectHeader = "Sallyport-Subject" // name of the user, else of the API key
	SessionHeader = "Sallyport-Session" // id of the session, never its token
	DialectHeader = "Sallyport-Dialect" // short name of the dialect it was opened over
)

// setIdentity writes the identity headers, replacing any that were there. The
// values are fit for a header: what is not printable ASCII, and the percent sign
// itself, is percent-encoded as UTF-8 (RFC 3986 section 2.1), so that nothing a
// name holds can end a header or be read in two charsets.
func setIdentity(h http.Header, s *auth.Session) {
	v := &[4]string{
		headerSafe(s.Identity.AccountRef),
		headerSafe(s.Identity.Subject),
		strconv.FormatUint(uint64(s.ID), 10),
		headerSafe(s.Dialect),
	}
	// Slices of one array, each full, so that an append to one copies it.
	h[AccountHeader], h[SubjectHeader] = v[0:1:1], v[1:2:2]
	h[SessionHeader], h[DialectHeader] = v[2:3:3], v[3:4:4]
}

func headerSafe(s string) string {
	for i := range len(s) {
		if needsEscape(s[i]) {
			return escape(s)
		}
	}
	return s
}

func needsEscape(c byte) bool { return c < ' ' || c > '~' || c == '%' }

func escape(s string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		if c := s[i]; needsEscape(c) {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// claimsIdentity says whether a header could be taken for one of the gate's by
// some server behind it: CGI and its many heirs read every character that is no
// letter or digit as an underscore, and no server minds case.
func claimsIdentity(name string) bool {
	const own = "sallyport"
	if len(name) < len(own) || !strings.EqualFold(name[:len(own)], own) {
		return false
	}
	return len(name) == len(own) || !alphanumeric(name[len(own)])
}

// withoutIdentity removes what an API echoes of the gate's headers, trailers too.
func withoutIdentity(h http.Header) {
	for name := range h {
		if claimsIdentity(strings.TrimPrefix(name, http.TrailerPrefix)) {
			delete(h, name)
		}
	}
}

func alphanumeric(c byte) bool {
	return c-'0' < 10 || c|0x20-'a' < 26
}

// spoofs says whether the headers claim an identity in a spelling that a proxy
// would pass on. The proper names of those that the gate answers with are let
// be: a proxy that copies them from the answer replaces them. In Connection they
// are not: some proxies would copy them and then throw away what it names, and the
// API would get a call of nobody.
func spoofs(h http.Header) bool {
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			if claimsIdentity(textproto.TrimString(name)) {
				return true
			}
		}
	}
	for name := range h {
		if !claimsIdentity(name) {
			continue
		}
		switch name {
		case AccountHeader, SubjectHeader, SessionHeader, DialectHeader:
		default:
			return true
		}
	}
	return false
}

// clean removes from h everything that claims an identity, and what Connection
// names (RFC 9110 section 7.6.1): were it to stay, a client could have the next
// hop throw away what the gate sets.
func clean(h http.Header) {
	upgrade := false
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			name = textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name))
			if name == "Upgrade" {
				upgrade = true
			} else {
				delete(h, name)
			}
		}
	}
	delete(h, "Connection")
	if upgrade {
		h["Connection"] = []string{"Upgrade"}
	}
	for name := range h {
		if claimsIdentity(name) {
			delete(h, name)
		}
	}
}
