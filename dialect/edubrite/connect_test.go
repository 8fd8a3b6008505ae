package edubrite

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/dialecttest"
)

// TestPages: what is sent to a page of the site with a session is a later call,
// unless it could be a login: that it cannot be read is said, not passed on.
func TestPages(t *testing.T) {
	d := newDesk(t, "")
	c := client()
	wrong := dialecttest.Credential{Name: c.Good.Name, Secret: "wrong"}
	with := func(raw string) string {
		return strings.Replace(raw, "\r\n", "\r\n"+d.api+"REAL_UNAME: charles\r\n", 1)
	}
	for what, sent := range map[string]struct {
		raw  string
		want int
	}{
		"a form of the site's own":   {post("index.do", dialect.FormType, "dispatch=search&q=x"), http.StatusOK},
		"a large one":                {post("home.do", dialect.FormType, "q="+strings.Repeat("x", dialect.DefaultMaxBody)), http.StatusOK},
		"JSON":                       {post("index.do", "application/json", `{"username":"x"}`), http.StatusOK},
		"one that cannot be read":    {post("index.do", dialect.FormType, "q=x&username=%zz"), http.StatusBadRequest},
		"one that cannot be decoded": {post("signin.do", dialect.FormType+"; charset=utf-16", "dispatch=createSessionApi"), http.StatusUnsupportedMediaType},
		"a login":                    {c.Login(c.Good), http.StatusOK},
		"a login that is refused":    {strings.Replace(c.Login(wrong), "connect.do", "home.do", 1), http.StatusUnauthorized},
	} {
		r := d.Send(with(sent.raw))
		passed := strings.HasPrefix(r.Body, "account ")
		if r.Status != sent.want || passed != (sent.want == http.StatusOK && what != "a login") {
			t.Errorf("%s is answered %d: %.80s", what, r.Status, r.Body)
		}
	}
}
