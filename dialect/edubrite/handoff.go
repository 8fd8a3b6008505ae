package edubrite

import (
	"errors"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// The two strings of a hand-off in a URL.
const (
	idParam   = "sessionId"
	infoParam = "sInfo"
)

// createSession is the value of dispatch that asks for a hand-off.
const createSession = "createSessionApi"

var (
	errDispatch = errors.New("dispatch is not " + createSession)
	errNobody   = errors.New("no user is named in REAL_UNAME")
	errAPIUser  = errors.New("REAL_UNAME names an API user")
	errAdmin    = errors.New("REAL_UNAME names an administrator, and deny_admins is set")
)

// asksForSession says whether a request to the sign-in page is createSessionApi.
func asksForSession(r *http.Request) bool {
	return carries(r, func(p dialect.Values) bool { v, err := p.Get("dispatch"); return err != nil || v == createSession })
}

// signinService answers createSessionApi with the two strings of a hand-off.
func (e *edubrite) signinService(w http.ResponseWriter, r *http.Request, from auth.Origin) {
	if !dialect.Allowed(w, r, http.MethodGet, http.MethodPost) {
		write(w, wrongMethod)
		return
	}
	p, err := readForm(r)
	if err == nil && !asksTo(&p, createSession) {
		err = auth.Refuse(auth.Malformed, errDispatch)
	}
	token := ""
	if err == nil {
		token, err = e.issue(r, from)
	}
	if err != nil {
		refuse(w, err, false)
		return
	}
	writeSession(w, token)
}

// issue makes a hand-off for the user whom the caller names.
func (e *edubrite) issue(r *http.Request, from auth.Origin) (string, error) {
	_, caller, err := e.caller(r)
	if err != nil {
		return "", err
	}
	user, _, err := realUname(r.Header)
	switch {
	case err != nil:
		return "", err
	case user.name == "":
		return "", auth.Refuse(auth.BadCredentials, errNobody)
	case e.isAPIUser(user.name):
		return "", auth.Refuse(auth.BadCredentials, errAPIUser)
	}
	ask := auth.ActAs{Mount: e.mount, Caller: &caller, User: user.name, Origin: from}
	if e.AutoCreateUsers && creatable(user.name) {
		ask.Create = &auth.NewUser{FullName: user.fullName, Email: user.email}
	}
	who, err := e.service.ActAs(r.Context(), &ask)
	switch {
	case err != nil:
		return "", err
	case e.DenyAdmins && who.User.Admin:
		return "", auth.Refuse(auth.BadCredentials, errAdmin)
	}
	return e.service.IssueHandOff(r.Context(), &auth.HandOff{Mount: e.mount, Principal: who.Principal,
		Actor: caller.Identity, Span: e.HandOffSpan, Attrs: browserSession, Origin: from})
}

// handsOff says whether a page is asked for with a hand-off.
func handsOff(r *http.Request) bool {
	p := names(r.URL.RawQuery)
	return p.Has(idParam) || p.Has(infoParam)
}

// handOffOr takes a hand-off, and leaves every other request to next. Only GET
// redeems: a HEAD of whoever looks at links must not use it up.
func (e *edubrite) handOffOr(next dialect.Handler) dialect.Handler {
	return func(w http.ResponseWriter, r *http.Request, from auth.Origin) {
		if !handsOff(r) {
			next(w, r, from)
			return
		}
		if !dialect.Allowed(w, r, http.MethodGet) {
			write(w, wrongMethod)
			return
		}
		e.signIn(w, r, from)
	}
}

// signIn begins a browser session and sends the browser to the page it asked for,
// without the two strings. What is not good, for whatever reason, leads to the
// sign-in page, as the vendor's server was seen to do. Only the server's own
// trouble is told: the hand-off is still good then.
func (e *edubrite) signIn(w http.ResponseWriter, r *http.Request, from auth.Origin) {
	w.Header().Set("Referrer-Policy", "no-referrer")
	grant, err := e.redeem(r, from)
	if err != nil {
		switch auth.RefusalOf(err).Reason { //nolint:exhaustive // the others are one answer
		case auth.Busy, auth.Unavailable:
			refuse(w, err, false)
		default:
			dialect.Note(w, err)
			redirect(w, e.SignIn)
		}
		return
	}
	id, info := split(grant.Token)
	sameSite := "; SameSite=" + sameSites[e.SameSite]
	setCookie(w, idCookie, id, sameSite)
	setCookie(w, infoCookie, info, sameSite)
	page := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:] // of Routes, and so harmless
	if rest := withoutHandOff(r.URL.RawQuery, func(string) bool { return true }); rest != "" {
		page += "?" + visible(rest)
	}
	redirect(w, page)
}

func (e *edubrite) redeem(r *http.Request, from auth.Origin) (auth.Grant, error) {
	p, err := dialect.ReadParams(r, false)
	if err != nil {
		return auth.Grant{}, err
	}
	id, err := p.Query.Get(idParam)
	if err != nil {
		return auth.Grant{}, err
	}
	info, err := p.Query.Get(infoParam)
	if err != nil {
		return auth.Grant{}, err
	}
	return e.service.Redeem(r.Context(), e.mount, join(id, info), auth.FormNative, from)
}

// redirect sends a browser on. The target is relative, so that it holds behind a
// proxy that rewrites paths, and the answer has no body.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusFound)
}

// withoutHandOff is a raw query without the two strings of a hand-off whose value
// is one to remove. All else stays as it was written.
func withoutHandOff(raw string, remove func(value string) bool) string {
	var kept []byte
	for rest := raw; rest != ""; {
		name, value, after := dialect.NextPair(rest, '&')
		pair := rest[:len(rest)-len(after)] // with its separator
		rest = after
		if n, ok := dialect.Unescape(name); ok && (n == idParam || n == infoParam) {
			if v, _ := dialect.Unescape(value); remove(v) {
				continue
			}
		}
		kept = append(kept, pair...)
	}
	if len(kept) == len(raw) {
		return raw
	}
	return strings.TrimRight(string(kept), "&")
}
