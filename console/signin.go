package console

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/auth"
)

const (
	signInPath = "/sign-in"
	factorPath = "/second-factor"
)

// signInPage is the form, again if something was wrong with it.
type signInPage struct {
	User, Tenant, Next string
	Failed             string
}

// signIn shows the form of the sign-in, and takes it.
func (v *visit) signIn() error {
	p := &signInPage{Next: v.r.FormValue("next")}
	if v.r.Method != http.MethodPost {
		if v.by != nil {
			return v.see(local(p.Next))
		}
		return v.showSignIn(http.StatusOK, p)
	}
	p.User, p.Tenant = v.r.PostForm.Get("user"), v.r.PostForm.Get("tenant")
	grant, err := v.service.Login(v.r.Context(), v.attempt(p))
	if err != nil {
		status := http.StatusForbidden
		// One answer to whatever is wrong with what was typed. A lock covers names
		// that are nobody's too, so that it may be told.
		p.Failed = "That is not right: the name, the password or the code is wrong."
		switch reason := auth.RefusalOf(err).Reason; {
		case reason == auth.Locked || reason == auth.Throttled:
			status, p.Failed = http.StatusTooManyRequests, "There were too many wrong attempts under this name or from here. Wait some minutes."
		case reason == auth.Busy || reason == auth.Unavailable:
			status, p.Failed = http.StatusServiceUnavailable, "The server cannot look this up now. Try again."
		}
		return errors.Join(err, v.showSignIn(status, p))
	}
	if v.token != "" { // who signs in anew gives up the session before
		_ = v.service.Logout(v.r.Context(), v.bearer(v.token), v.peer.Origin) // it may be over already
	}
	v.setCookie(v.cookieName(), grant.Token)
	v.setCookie(v.formCookie(), "")
	return v.see(local(p.Next))
}

// attempt is what was typed. All of it is judged at once, so that no answer tells
// which part was wrong.
func (v *visit) attempt(p *signInPage) *auth.Attempt {
	f := v.r.PostForm
	code := strings.Join(strings.Fields(f.Get("code")), "") // apps show it as two groups
	return &auth.Attempt{Mount: v.mountOf(strings.TrimSpace(p.Tenant)), Scheme: auth.Password, User: p.User,
		Secret: f.Get("password"), Factor: code, Form: auth.FormNative, Origin: v.peer.Origin}
}

// maxTenants bounds the mounts that are made for tenants as people type them.
const maxTenants = 100

// mountOf is the mount at which the names of a tenant are looked for.
func (c *Console) mountOf(tenant string) *auth.Mount {
	if tenant == "" {
		tenant = c.o.Tenant
	}
	if tenant == "" || len(tenant) > auth.MaxCode || !utf8.ValidString(tenant) {
		return c.mount
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.tenants[tenant]
	if m == nil {
		if len(c.tenants) >= maxTenants {
			clear(c.tenants)
		}
		own := *c.mount
		own.Tenant = tenant
		m = &own
		c.tenants[tenant] = m
	}
	return m
}

// showSignIn shows the form, tied to the browser that it is shown in: nobody can have
// another's browser sign in as somebody else.
func (v *visit) showSignIn(status int, p *signInPage) error {
	nonce := rand.Text()
	if c := v.r.CookiesNamed(v.formCookie()); len(c) == 1 && len(c[0].Value) == len(nonce) {
		nonce = c[0].Value // of another tab
	}
	v.setCookie(v.formCookie(), nonce)
	v.by = nil
	v.showWith(status, "sign-in", "Sign in", p, formToken(nonce))
	return nil
}

// signOut ends the session, at the core.
func (v *visit) signOut() error {
	if err := v.service.Logout(v.r.Context(), v.bearer(v.token), v.peer.Origin); err != nil && auth.RefusalOf(err).Reason != auth.UnknownToken {
		return err
	}
	v.setCookie(v.cookieName(), "")
	return v.see(signInPath)
}

// local is a path of the console, whatever was asked for.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(next, signInPath) {
		return "/"
	}
	return u.RequestURI()
}
