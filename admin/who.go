package admin

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/auth"
)

// CookieName is the cookie in which the console keeps its session's token.
const CookieName = "sallyport-console"

// SecureCookieName is CookieName over TLS: browsers take it for this very host alone.
const SecureCookieName = "__Host-" + CookieName

// ConsoleHeader has to be with whatever a caller with the cookie changes. A page from
// elsewhere cannot send it, whatever the browser makes of the request's origin.
const ConsoleHeader = "Sallyport-Console"

// mount is what keys with a role ask over: its locks and its failures are its own.
var mount = &auth.Mount{
	Name: Dialect, Dialect: Dialect,
	Policy:    auth.Policy{Span: time.Minute}, // there are no sessions of it
	Addresses: auth.Limits{Failures: 50, Window: 15 * time.Minute, Lock: time.Minute},
}

// viaSession says whether a request was meant to be the console's.
func viaSession(r *http.Request) bool {
	return len(consoleCookies(r)) > 0 || strings.HasPrefix(strings.ToLower(r.Header.Get("Authorization")), "bearer ")
}

func consoleCookies(r *http.Request) []*http.Cookie {
	return append(r.CookiesNamed(CookieName), r.CookiesNamed(SecureCookieName)...)
}

// who finds out who asks: by Basic (RFC 7617), the account's number or code and the
// secret of one of its keys; by a Bearer token (RFC 6750) or the cookie of a session of
// the console.
func (h *handler) who(r *http.Request, from auth.Origin) (*auth.Caller, error) {
	if h.o.As != nil {
		return h.o.As, nil
	}
	lines := r.Header.Values("Authorization")
	if len(lines) > 1 {
		return nil, errNobody
	}
	if len(lines) == 1 {
		scheme, value, _ := strings.Cut(lines[0], " ")
		switch {
		case strings.EqualFold(scheme, "Basic"):
			return h.byKey(r, from)
		case strings.EqualFold(scheme, "Bearer") && h.o.Console != nil:
			return h.bySession(r, strings.TrimSpace(value))
		}
		return nil, errNobody
	}
	cookies := consoleCookies(r)
	if h.o.Console == nil || len(cookies) != 1 {
		return nil, errNobody
	}
	if r.Method != http.MethodGet && (r.Header.Get(ConsoleHeader) == "" || http.NewCrossOriginProtection().Check(r) != nil) {
		return nil, ErrForbidden
	}
	return h.bySession(r, cookies[0].Value)
}

func (h *handler) byKey(r *http.Request, from auth.Origin) (*auth.Caller, error) {
	id, secret, ok := r.BasicAuth()
	if !ok || len(id) > auth.MaxCode || !utf8.ValidString(id) {
		return nil, errNobody
	}
	a := &auth.Attempt{Mount: mount, Scheme: auth.AccountKey, Secret: secret, Code: id, Origin: from}
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && n > 0 && id[0] != '+' && id[0] != '0' {
		a.Number, a.Code = n, ""
	}
	return h.service.Authenticate(r.Context(), a, auth.Auditor, auth.Operator, auth.Owner)
}

func (h *handler) bySession(r *http.Request, token string) (*auth.Caller, error) {
	session, err := h.service.Check(r.Context(), &auth.Bearer{Mount: h.o.Console, Form: auth.FormNative, Value: token})
	if err != nil {
		return nil, err
	}
	switch {
	case !session.Identity.Role.Administers():
		return nil, auth.Refuse(auth.BadCredentials, errNoRole)
	case h.o.lacksFactor(session.Identity):
		return nil, ErrForbidden
	}
	return &auth.Caller{Identity: session.Identity}, nil
}

// lacksFactor says whether somebody signed in with less than is asked for.
func (o *HandlerOptions) lacksFactor(who *auth.Identity) bool {
	return o.FactorRequired && !who.HasFactor
}
