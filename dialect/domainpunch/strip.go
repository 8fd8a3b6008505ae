package domainpunch

import (
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/dialect"
)

// Strip takes the credentials out of a call that goes on to the API: the
// session's cookie, and a Bearer token wherever it stands. An Authorization of
// another scheme stays: Apache's basic authentication may be layered on top.
func (d *domainpunch) Strip(r *http.Request) {
	dialect.StripCookie(r, d.o.Cookie)
	var kept []string
	for _, line := range r.Header["Authorization"] {
		if !isBearer(line) {
			kept = append(kept, line)
		}
	}
	if kept == nil {
		delete(r.Header, "Authorization")
		return
	}
	r.Header["Authorization"] = kept
}

func isBearer(line string) bool {
	end := strings.IndexAny(line, " \t")
	if end < 0 {
		end = len(line)
	}
	return strings.EqualFold(line[:end], "Bearer")
}
