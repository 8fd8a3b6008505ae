package dialect

import (
	"errors"
	"net/http"

	"github.com/sallyport/sallyport/auth"
)

// Dialect is one login protocol, configured for one mount. Its methods may be
// called from many goroutines.
type Dialect interface {
	// Routes names the endpoints of the login family. It is called once, at start.
	Routes(Mux)

	// Token finds the credential that a later call carries and reads nothing
	// else into it: whether it is good is for the core to say. A call without one
	// is an *auth.Refusal with reason NoToken, one that carries two different ones
	// TwoTokens, one that cannot be read Malformed. What it reads of the body it
	// puts back.
	Token(*http.Request) (auth.Bearer, error)

	// Refuse answers a call that may not pass, in this vendor's words. The gate
	// uses it for later calls, the router for the login family where no handler
	// could answer (plain HTTP, a panic). It calls [Note].
	Refuse(http.ResponseWriter, *http.Request, error)
}

// Admitter is a dialect that says something with the answer to a call that may
// go on and whose credential was taken out of what the call carried
// ([auth.Bearer].Carried): a cookie, say, in which the client finds the session
// as it is. It is told the credential.
type Admitter interface {
	Admit(answer http.Header, call *http.Request, b *auth.Bearer)
}

// Stripper is a dialect that takes its credentials out of a call that goes on to
// the API behind: from wherever its Token looks, and whatever else of its
// secrets clients are known to send along. The request and its headers are a
// copy that it may change; the body may be read and replaced.
type Stripper interface {
	Strip(r *http.Request)
}

// Handler answers one endpoint of the login family. The channel is secure, the
// body bounded and the reply marked no-store before it is called.
type Handler func(w http.ResponseWriter, r *http.Request, from auth.Origin)

// Mux is where a dialect names its endpoints. The path begins with a slash and
// is compared with the decoded path of a request, byte for byte: nothing is
// cleaned, so "//x", "/x/.." and "/./x" are not "/x".
type Mux interface {
	Handle(path string, h Handler, opts ...Option)
}

// Option alters how one endpoint is reached.
type Option func(*route)

// FoldCase accepts the path in any case of its ASCII letters, prefix included,
// as servers on Windows do.
func FoldCase(r *route) { r.fold = true }

// OptionalSlash accepts the path with and without a slash at its end.
func OptionalSlash(r *route) { r.optionalSlash = true }

// Subtree also answers what lies below the path, where no endpoint stands of its
// own. It is for paths that lead nowhere and must not be taken for later calls.
func Subtree(r *route) { r.subtree = true }

// MaxBody bounds the body of a request to the endpoint, in bytes, where
// [DefaultMaxBody] does not fit.
func MaxBody(bytes int64) Option {
	return func(r *route) { r.maxBody = bytes }
}

// When leaves a request to the endpoint to the gate, as a later call, unless
// answers says yes: for vendors with one path for everything. answers is asked
// before the channel and the body's size are looked at; what it reads of the body
// it puts back (see [PeekForm]).
func When(answers func(*http.Request) bool) Option {
	return func(r *route) { r.when = answers }
}

// DefaultMaxBody is how much of a body an endpoint of the login family reads:
// credentials are short.
const DefaultMaxBody = 64 << 10

// Note tells the router's log why a request was refused. Each dialect calls it
// in the one function that writes refusals. A writer that is not the router's is
// left alone.
func Note(w http.ResponseWriter, err error) {
	if rep, ok := w.(*reply); ok {
		rep.refusal = auth.RefusalOf(err)
	}
}

// Final tells a gate that answers a proxy, which goes by the status alone, that no
// new login would mend what is refused: where a dialect has status 200 for it all
// the same, the proxy gets 403 and not 401. A dialect calls it before it writes.
func Final(w http.ResponseWriter) {
	if v, ok := w.(interface{ Final() }); ok {
		v.Final()
	}
}

// ErrUnanswered is the cause of a refusal with reason Unavailable where the call
// had gone on to the API and no answer came: it may have been carried out. A dialect
// promises nothing then and does not invite to try again, at which programs would
// send their message twice. Every other refusal is of a call that went nowhere.
var ErrUnanswered = errors.New("the call went to the API, and no answer came back")

// Allowed says whether the request's method is among the given ones. If not, it
// sets Allow (RFC 9110, 15.5.6), and the caller answers 405.
func Allowed(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	allow := ""
	for _, m := range methods {
		if r.Method == m {
			return true
		}
		if allow != "" {
			allow += ", "
		}
		allow += m
	}
	w.Header().Set("Allow", allow)
	Note(w, auth.Refuse(auth.Malformed, ErrMethod))
	return false
}
