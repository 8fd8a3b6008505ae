package edubrite

import (
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/dialect"
)

// Strip takes the session out of a call that goes on to the API: its two cookies,
// and a hand-off that stands in the URL of a page that takes none. REAL_UNAME
// stays where a session was checked for the user it names; elsewhere nobody has
// looked at it, and it goes too.
func (e *edubrite) Strip(r *http.Request) {
	_, err := pairOf(r)
	for name := range r.Header {
		if looksLikeUname(name) && (err != nil || name != unameHeader) {
			delete(r.Header, name)
		}
	}
	dialect.StripCookie(r, idCookie)
	dialect.StripCookie(r, infoCookie)
	if query := withoutHandOff(r.URL.RawQuery, isOurs); query != r.URL.RawQuery {
		r.URL.RawQuery = query
		r.RequestURI = r.URL.RequestURI()
	}
}

// isOurs says whether a string looks like one of a hand-off: the site's own
// parameters may have the same names.
func isOurs(value string) bool {
	switch len(value) {
	case half + len(idStar):
		return strings.HasSuffix(value, idStar)
	case half + len(infoStar):
		return strings.HasSuffix(value, infoStar)
	}
	return false
}
