package gate

import (
	"errors"
	"net/http"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// decision is what became of one call. Without an error the session is live.
type decision struct {
	session auth.Session
	route   *target         // that the call takes; nil: none
	dialect dialect.Dialect // whose words refuse; nil: nobody's, the gate speaks for itself
	guessed bool            // nobody's session was found, and the words could be another's
	admit   *admission      // nil: the dialect has nothing to add to a yes
	err     error
}

// errUncovered says that no mount covers the call, so that nobody could check it.
var errUncovered = errors.New("no mount covers this call")

// Refusals without a cause, made once. They are never changed.
var (
	insecure  = auth.Refuse(auth.Insecure, nil)
	noToken   = auth.Refuse(auth.NoToken, nil)
	twoTokens = auth.Refuse(auth.TwoTokens, nil)

	unknownToken = auth.Refuse(auth.UnknownToken, nil)
)

// candidate is a token as one of the covering mounts found it.
type candidate struct {
	bearer  auth.Bearer
	dialect dialect.Dialect
}

// decide checks a call that is described by call and came to the proxy, or to
// us, over a secure channel or not.
func (g *Gate) decide(call *http.Request, secure bool) decision {
	if !plainPath(call.URL.Path) {
		return decision{err: errAmbiguous}
	}
	path := merged(call.URL.Path)
	covering := g.o.Router.Covering(call.Host, path)
	if len(covering) == 0 {
		return decision{err: errUncovered}
	}
	native := g.o.Router.Native(call.Host, path)
	d := g.judge(call, covering, native, secure)
	if d.guessed && native != nil {
		d.dialect = native.Dialect
	}
	if d.err == nil && g.routes != nil {
		g.hold(call, &d)
	}
	return d
}

// hold holds a session to the conditions of the call's route, however the call
// is checked. A call on no route is for the reverse proxy alone to refuse.
func (g *Gate) hold(call *http.Request, d *decision) {
	rt, err := g.routes.find(call.Host, call.URL.Path)
	switch {
	case err != nil:
		*d = decision{err: err}
	case rt != nil:
		d.route, d.err = rt, rt.permits(call.Context(), g.o.Service, &d.session)
	}
}

// judge checks a call that some mounts cover, and that may be native to one.
func (g *Gate) judge(call *http.Request, covering []dialect.Mounted, native *dialect.Mounted, secure bool) decision {
	if !secure {
		return decision{dialect: covering[0].Dialect, guessed: true, err: insecure}
	}
	var room [4]candidate // more are rare, and then it grows
	found, refused := find(call, covering, room[:0])
	if refused.err != nil {
		return refused
	}
	return g.open(call, found, native)
}

// find asks every covering mount for the call's token. The same string found by
// several is one credential. Two different ones are refused: whichever of them
// was believed here, the API behind might look at the other. So is a call that
// one of the mounts cannot read at all. A body that is only too large for one of
// them to search does not speak against a token of another.
func find(call *http.Request, covering []dialect.Mounted, found []candidate) ([]candidate, decision) {
	var unsearched error
	var by dialect.Dialect
	for i := range covering {
		m := &covering[i]
		bearer, err := m.Dialect.Token(call)
		switch {
		case err == nil && len(found) > 0 && carried(&bearer) != carried(&found[0].bearer):
			return nil, decision{dialect: covering[0].Dialect, guessed: true, err: twoTokens}
		case err == nil:
			found = append(found, candidate{bearer, m.Dialect})
		case auth.RefusalOf(err).Reason == auth.NoToken:
		case errors.Is(err, dialect.ErrUnsearched):
			unsearched, by = err, m.Dialect
		default:
			return nil, decision{dialect: m.Dialect, guessed: true, err: err}
		}
	}
	switch {
	case len(found) == 0 && unsearched != nil:
		return nil, decision{dialect: by, guessed: true, err: unsearched}
	case len(found) == 0:
		return nil, decision{dialect: covering[0].Dialect, guessed: true, err: noToken}
	}
	return found, decision{}
}

// carried is the credential as the call carries it.
func carried(b *auth.Bearer) string {
	if b.Carried != "" {
		return b.Carried
	}
	return b.Value
}

// open tries the token as each mount would until one knows it. A session looks
// unknown over any dialect but its own; every other refusal comes from the mount
// whose session it is, and is the last word. Where the path is native to one
// dialect, the sessions of the others look unknown too: their token is no key to
// an API that is not theirs.
func (g *Gate) open(call *http.Request, found []candidate, native *dialect.Mounted) decision {
	for i := range found {
		c := &found[i]
		if native != nil && !admitted(c.bearer.Mount.Dialect, native.Mount.Dialect) {
			continue
		}
		session, err := g.o.Service.Try(call.Context(), &c.bearer)
		if err == nil {
			return decision{session: session, dialect: c.dialect, admit: admissionOf(c)}
		}
		if auth.RefusalOf(err).Reason != auth.UnknownToken {
			return decision{dialect: c.dialect, err: err}
		}
	}
	answering := found[0].bearer.Mount
	if native != nil {
		answering = native.Mount
	}
	g.o.Service.Unknown(answering)
	return decision{dialect: found[0].dialect, guessed: true, err: unknownToken}
}

// successor is the dialect that customers of any other may move to, and then call
// the same API with its tokens.
const successor = "oauth2"

// admitted says whether sessions of one dialect open paths that are native to
// another.
func admitted(over, native string) bool { return over == native || over == successor }
