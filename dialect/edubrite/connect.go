package edubrite

import (
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// isConnect says whether a request to a page of the site is one of the handshake:
// it carries credentials, or no session that could open the page.
func (e *edubrite) isConnect(r *http.Request) bool {
	if _, err := pairOf(r); err != nil && auth.RefusalOf(err).Reason == auth.NoToken {
		return true
	}
	return carries(r, func(p dialect.Values) bool { return p.Has("username") || p.Has("password") })
}

// carries says whether the query or the form of a request fulfils a condition. A
// body that cannot be read is for the handler to refuse; one that is too large is
// no login's.
func carries(r *http.Request, condition func(dialect.Values) bool) bool {
	if condition(names(r.URL.RawQuery)) {
		return true
	}
	form, err := dialect.PeekForm(r, dialect.DefaultMaxBody)
	if err != nil {
		return !errors.Is(err, dialect.ErrTooLarge)
	}
	return condition(form)
}

// connect is both steps of the handshake: the one with credentials and the one
// without, whose parameters do not matter.
func (e *edubrite) connect(w http.ResponseWriter, r *http.Request, from auth.Origin) {
	if !dialect.Allowed(w, r, http.MethodGet, http.MethodPost) {
		write(w, wrongMethod)
		return
	}
	p, err := readForm(r)
	switch {
	case err != nil:
		refuse(w, err, true)
	case p.Query.Has("username") || p.Query.Has("password") || p.Form.Has("username") || p.Form.Has("password"):
		e.authenticate(w, r, &p, from)
	case e.Disconnect && asksTo(&p, "disconnect"):
		e.disconnect(w, r, from)
	default:
		// The first step. The string stands for nothing yet and is kept nowhere;
		// the second step replaces it, so that none can be planted on a client.
		setCookie(w, idCookie, anonymous(), "")
		write(w, success)
	}
}

// authenticate is the second step. Clients take both cookies from its answer.
func (e *edubrite) authenticate(w http.ResponseWriter, r *http.Request, p *dialect.Params, from auth.Origin) {
	attempt, err := e.read(p, from)
	if err != nil {
		refuse(w, err, true)
		return
	}
	grant, err := e.service.Login(r.Context(), &attempt)
	if err != nil {
		refuse(w, err, true)
		return
	}
	id, info := split(grant.Token)
	setCookie(w, idCookie, id, "")
	setCookie(w, infoCookie, info, "")
	write(w, success)
}

// read makes an attempt of the credentials. Whoever is no API user, but perhaps a
// user of the site with a password of another dialect, is judged with a password
// that is nobody's, at the price of any other guess: an API session may act for
// everybody.
func (e *edubrite) read(p *dialect.Params, from auth.Origin) (a auth.Attempt, err error) {
	a = auth.Attempt{Mount: e.mount, Scheme: auth.Password, Form: auth.FormNative, Attrs: apiSession, Origin: from}
	if !e.QueryCredentials && (p.Query.Has("username") || p.Query.Has("password")) {
		return a, auth.Refuse(auth.Malformed, errInQuery)
	}
	if a.User, err = value(p, "username"); err != nil {
		return a, err
	}
	if a.Secret, err = value(p, "password"); err != nil {
		return a, err
	}
	if e.APIPrefix != "" && !e.isAPIUser(a.User) {
		a.Secret = rand.Text()
	}
	return a, nil
}

// disconnect ends the API session that the call carries.
func (e *edubrite) disconnect(w http.ResponseWriter, r *http.Request, from auth.Origin) {
	bearer, _, err := e.caller(r)
	if err == nil {
		err = e.service.Logout(r.Context(), &bearer, from)
	}
	if err != nil {
		refuse(w, err, false)
		return
	}
	setCookie(w, idCookie, "", "; Max-Age=0")
	setCookie(w, infoCookie, "", "; Max-Age=0")
	write(w, success)
}

// caller is the API session that a call carries, whoever it is made for.
func (e *edubrite) caller(r *http.Request) (auth.Bearer, auth.Session, error) {
	token, err := pairOf(r)
	if err != nil {
		return auth.Bearer{}, auth.Session{}, err
	}
	b := auth.Bearer{Mount: e.mount, Form: auth.FormNative, Value: token, Attrs: apiSession}
	s, err := e.service.Check(r.Context(), &b)
	return b, s, err
}
