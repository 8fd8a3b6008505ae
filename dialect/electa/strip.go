package electa

import (
	"net/http"

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

// withoutSecrets is raw without the parameters Token and AppKey.
func withoutSecrets(raw string) string { return dialect.WithoutPairs(raw, "token", "appkey") }
