package gate

import (
	"net/http"

	"github.com/sallyport/sallyport/auth"
)

// Check answers GET and HEAD /-/check, forward-auth: may the call that the
// trusted proxy describes go on? It may if the answer is 200, which carries the
// identity headers and no body. Anything else is the dialect's own refusal, with
// its headers and body, and its status as far as a proxy can use it:
//
//   - 401, 403, 429 and 5xx stay what they are;
//   - other client errors become 403, since nginx's auth_request knows 401 and
//     403 alone and turns the rest into 500, which invites trying again;
//   - below 400, where a dialect says "refused" in the body only (Electa answers
//     200), it is 401 for what a new login can mend, 503 for the server's own
//     trouble, and 403 for the rest, which is also what a dialect says is final
//     ([dialect.Final]).
//
// A call that no mount covers, whose description is contradictory, whose path
// can be read in two ways, or that claims an identity in a spelling that the
// proxy would not overwrite is answered 403 in the gate's own words.
func (g *Gate) Check(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		plain(w, http.StatusMethodNotAllowed, "ask with GET")
		return
	}
	peer := g.o.Origin.Of(r)
	call, secure := r, peer.Secure
	if peer.Trusted {
		var err error
		if call, secure, err = describe(r, peer); err != nil {
			g.deny(w, r, &decision{err: err})
			return
		}
	}
	if spoofs(r.Header) {
		g.deny(w, call, &decision{err: errSpoofed})
		return
	}
	d := g.decide(call, secure)
	if d.err == nil {
		d.err = g.assert(w.Header(), &d, g.o.Assertions.Audience)
	}
	if d.err != nil {
		g.deny(w, call, &d)
		return
	}
	g.count(call.Context(), auth.ForwardAuth, &d)
	h := w.Header()
	h["Cache-Control"] = noStore
	setIdentity(h, &d.session)
	d.admit.write(h, call)
}

// deny says no to the proxy that asks.
func (g *Gate) deny(w http.ResponseWriter, call *http.Request, d *decision) {
	g.count(call.Context(), auth.ForwardAuth, d)
	v := &verdict{ResponseWriter: w, reason: auth.RefusalOf(d.err).Reason}
	g.refuse(v, call, d)
	v.WriteHeader(http.StatusOK) // in case the dialect's refusal is an empty 200
}

// verdict keeps a refusal from having a status that a proxy takes for a yes.
type verdict struct {
	http.ResponseWriter
	reason auth.Reason
	final  bool // the dialect says that no login mends it
	said   bool
}

// Final is for [dialect.Final].
func (v *verdict) Final() { v.final = true }

// WriteHeader sends the status that a proxy understands.
func (v *verdict) WriteHeader(status int) {
	if status < 200 { // early hints and the like are not the answer
		return
	}
	if !v.said {
		v.said = true
		status = verdictOf(status, v.reason)
		if v.final && status == http.StatusUnauthorized {
			status = http.StatusForbidden
		}
		v.ResponseWriter.WriteHeader(status)
	}
}

// Write sends the body, and first the status where the dialect sent none.
func (v *verdict) Write(b []byte) (int, error) {
	v.WriteHeader(http.StatusOK)
	return v.ResponseWriter.Write(b)
}

func verdictOf(status int, reason auth.Reason) int {
	switch {
	case status < 400:
		return statusOf(reason)
	case status >= 500, status == http.StatusUnauthorized, status == http.StatusTooManyRequests:
		return status
	}
	return http.StatusForbidden
}

// statusOf is the status of a refusal whose dialect has none of its own.
func statusOf(reason auth.Reason) int {
	switch reason {
	case auth.NoToken, auth.UnknownToken, auth.TwoTokens, auth.WrongAccount, auth.BadCredentials:
		return http.StatusUnauthorized
	case auth.Unavailable, auth.Busy:
		return http.StatusServiceUnavailable
	case auth.Inactive, auth.Locked, auth.Throttled, auth.UnknownApp, auth.MissingApp, auth.Malformed, auth.Insecure:
		return http.StatusForbidden
	}
	return http.StatusForbidden
}
