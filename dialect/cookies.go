package dialect

import (
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/auth"
)

var errTwoCookies = auth.Refuse(auth.TwoTokens, nil)

// Cookie is the value of the cookie of that name, "" if there is none, among any
// others and in any of the Cookie lines: old clients send one line for each
// cookie. A second one of the name is refused with reason TwoTokens even if it
// agrees: it would be for another path or domain, and which of them counts is
// anyone's guess. It does not allocate.
func Cookie(r *http.Request, name string) (string, error) {
	found, value := false, ""
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			n, v, _ := strings.Cut(pair, "=") // without "=" it is one to some servers
			if trim(n) != name {
				continue
			}
			if found {
				return "", errTwoCookies
			}
			found, value = true, unquote(trim(v))
		}
	}
	return value, nil
}

// StripCookie takes the cookie of that name out of a call that goes on. All
// others stay.
func StripCookie(r *http.Request, name string) {
	lines := r.Header["Cookie"]
	kept := make([]string, 0, len(lines))
	for _, line := range lines {
		if line = withoutCookie(line, name); line != "" {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		delete(r.Header, "Cookie")
		return
	}
	r.Header["Cookie"] = kept
}

func withoutCookie(line, name string) string {
	var kept []string
	for pair := range strings.SplitSeq(line, ";") {
		n, _, _ := strings.Cut(pair, "=")
		if pair = trim(pair); pair != "" && trim(n) != name {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "; ")
}

// unquote takes off the quotes that RFC 6265, 4.1.1, allows around a value.
func unquote(v string) string {
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		return v[1 : len(v)-1]
	}
	return v
}

// trim takes off optional white space (RFC 9110, 5.6.3).
func trim(s string) string { return strings.Trim(s, " \t") }
