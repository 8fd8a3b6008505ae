package verify

import (
	"context"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// The identity headers, as Sallyport's gate sets them for an API behind it.
const (
	AccountHeader = "Sallyport-Account" // number of the account, else its code
	SubjectHeader = "Sallyport-Subject" // name of the user, else of the API key
	SessionHeader = "Sallyport-Session" // id of the session
	DialectHeader = "Sallyport-Dialect" // short name of the dialect it was opened over
)

// Handler is next behind the check: it gets the calls whose credential, as find
// sees it, opens a live session. [FromContext] tells whose, and so do the identity
// headers, as for an API behind Sallyport's gate; what a client sends under
// their names, in any spelling, is removed, and so are trailers. The credential
// stays in the call. All other calls are refused, see [Options].Refuse.
func (v *Verifier) Handler(next http.Handler, find Finder) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := find(r)
		if err != nil {
			v.o.Refuse(w, r, err)
			return
		}
		s, err := v.check(r.Context(), &c)
		if err != nil {
			v.o.Refuse(w, r, err)
			return
		}
		in := r.WithContext(context.WithValue(r.Context(), contextKey{}, s))
		in.Header = r.Header.Clone()
		in.Trailer = nil // it would arrive after the headers were cleaned
		clean(in.Header)
		in.Header[AccountHeader] = []string{headerSafe(s.Account)}
		in.Header[SubjectHeader] = []string{headerSafe(s.Subject)}
		in.Header[SessionHeader] = []string{strconv.FormatUint(s.ID, 10)}
		in.Header[DialectHeader] = []string{headerSafe(s.Dialect)}
		next.ServeHTTP(w, in)
	})
}

// clean removes everything that claims an identity, and does not let Connection
// (RFC 9110, 7.6.1) have a next hop throw away what is set.
func clean(h http.Header) {
	delete(h, "Trailer")
	for name := range h {
		if claimsIdentity(name) {
			delete(h, name)
		}
	}
	for i, list := range h["Connection"] {
		var kept []string
		for name := range strings.SplitSeq(list, ",") {
			if name = textproto.TrimString(name); !claimsIdentity(name) {
				kept = append(kept, name)
			}
		}
		h["Connection"][i] = strings.Join(kept, ", ")
	}
}

// claimsIdentity says whether some server could take a header for one of ours: CGI
// and its heirs read every character that is no letter or digit as an underscore.
func claimsIdentity(name string) bool {
	const own = "sallyport"
	if len(name) < len(own) || !strings.EqualFold(name[:len(own)], own) {
		return false
	}
	return len(name) == len(own) || !alphanumeric(name[len(own)])
}

func alphanumeric(c byte) bool { return c-'0' < 10 || c|0x20-'a' < 26 }

// headerSafe percent-encodes what is not printable ASCII, and the percent sign.
func headerSafe(s string) string {
	const hex = "0123456789ABCDEF"
	var b []byte
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c <= '~' && c != '%' {
			if b != nil {
				b = append(b, c)
			}
			continue
		}
		if b == nil {
			b = append(make([]byte, 0, len(s)+8), s[:i]...)
		}
		b = append(b, '%', hex[c>>4], hex[c&15])
	}
	if b == nil {
		return s
	}
	return string(b)
}
