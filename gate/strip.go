package gate

import (
	"net/http"
	"net/url"

	"github.com/sallyport/sallyport/dialect"
)

// strip has every dialect that clients may speak at a host and path take its
// credential out of a call that goes on there, and every other dialect of the host
// its cookie: browsers send cookies to all paths of a host.
func (g *Gate) strip(out *http.Request, host, path string) {
	path = merged(path)
	for _, m := range g.o.Router.Covering(host, path) {
		if s, ok := m.Dialect.(dialect.Stripper); ok {
			s.Strip(out)
		}
	}
	cookies := out.Header["Cookie"]
	if len(cookies) == 0 {
		return
	}
	// Parameters and Authorization of the same names are another API's own here.
	alone := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: http.Header{"Cookie": cookies}, Body: http.NoBody}
	for _, m := range g.o.Router.Elsewhere(host, path) {
		if s, ok := m.Dialect.(dialect.Stripper); ok {
			s.Strip(alone)
		}
	}
	if cookies = alone.Header["Cookie"]; len(cookies) > 0 {
		out.Header["Cookie"] = cookies
	} else {
		delete(out.Header, "Cookie")
	}
}
