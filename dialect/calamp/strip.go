package calamp

import (
	"net/http"

	"github.com/sallyport/sallyport/dialect"
)

// Strip takes the token out of a call that goes on to the API: the cookie
// authToken, and a Bearer header. The application key, which is no secret, and
// all other cookies stay.
func (c *calamp) Strip(r *http.Request) {
	delete(r.Header, "Authorization")
	dialect.StripCookie(r, "authToken")
}
