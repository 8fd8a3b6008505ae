package gate

import (
	"net/http"

	"github.com/sallyport/sallyport/auth"
)

// Stripper is a dialect that takes its credentials out of a call that goes on to
// the API behind: from wherever its Token looks, and whatever else of its
// secrets clients are known to send along. The request and its headers are a
// copy that it may change; the body may be read and replaced.
type Stripper interface {
	Strip(r *http.Request)
}

// Guard is next behind the gate: it gets the calls that carry a live session,
// without their credentials and without anything that claims an identity, but
// with the identity headers of the session. All other calls are refused in their
// dialect's own words and status, as the API itself would.
func (g *Gate) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := g.decide(r, g.o.Origin.Of(r).Secure)
		if d.err != nil {
			g.turnAway(w, r, &d)
			return
		}
		out := r.Clone(r.Context())
		clean(out.Header)
		// Trailers arrive after the headers were cleaned.
		out.Trailer = nil
		delete(out.Header, "Trailer")
		for _, m := range g.o.Router.Covering(r.Host, merged(r.URL.Path)) {
			if s, ok := m.Dialect.(Stripper); ok {
				s.Strip(out)
			}
		}
		setIdentity(out.Header, &d.session)
		if d.err = g.assert(out.Header, &d, g.o.Assertions.Audience); d.err != nil {
			g.turnAway(w, r, &d)
			return
		}
		g.count(r.Context(), auth.Proxy, &d)
		d.admit.write(w.Header(), r)
		next.ServeHTTP(w, out)
	})
}

// turnAway refuses a call that came to us, as the API would.
func (g *Gate) turnAway(w http.ResponseWriter, r *http.Request, d *decision) {
	g.count(r.Context(), auth.Proxy, d)
	g.refuse(w, r, d)
}
