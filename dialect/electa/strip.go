package electa

import (
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/dialect"
)

// Strip takes the token out of a call that goes on to the API, and an
// application key that a client sent along, from query and form. The account
// number stays: it is the API's business too. A form that is too large to be
// read for a token is left as it is.
func (e *electa) Strip(r *http.Request) {
	r.URL.RawQuery = withoutSecrets(r.URL.RawQuery)
	r.RequestURI = r.URL.RequestURI()
	if !isForm(r) {
		return
	}
	form, err := dialect.PeekBody(r, maxForm)
	if err != nil {
		return
	}
	if rest := withoutSecrets(string(form)); len(rest) < len(form) {
		dialect.ReplaceBody(r, []byte(rest))
	}
}

// withoutSecrets is raw without the parameters Token and AppKey. All others stay
// as they were written.
func withoutSecrets(raw string) string {
	var kept []byte
	for rest := raw; rest != ""; {
		name, _, after := dialect.NextPair(rest, '&', ';')
		pair := rest[:len(rest)-len(after)] // with its separator
		if !dialect.IsName(name, "token") && !dialect.IsName(name, "appkey") {
			kept = append(kept, pair...)
		}
		rest = after
	}
	if len(kept) == len(raw) {
		return raw
	}
	return strings.TrimRight(string(kept), "&;")
}
