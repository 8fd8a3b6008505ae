package oauth

import (
	"net/http"

	"github.com/sallyport/sallyport/dialect"
)

// Strip takes the credentials out of a call that goes on to the API: the
// Authorization header, which may as well hold a client's secret, and a token in
// the query or form. A parameter of the name that is no token of ours stays.
func (o *oauth) Strip(r *http.Request) {
	delete(r.Header, "Authorization")
	if n, _ := scan(r.URL.RawQuery); n > 0 {
		r.URL.RawQuery = dialect.WithoutPairs(r.URL.RawQuery, param)
	}
	if !isForm(r) {
		return
	}
	form, err := dialect.PeekBody(r, maxForm)
	if err != nil { // larger than any that holds a token
		return
	}
	if n, _ := scan(string(form)); n > 0 {
		dialect.ReplaceBody(r, []byte(dialect.WithoutPairs(string(form), param)))
	}
}
