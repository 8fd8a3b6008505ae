package console

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/auth"
)

// tokenField is the name of the token in forms.
const tokenField = "form_token"

// cookieName is the cookie of the session. Over TLS it is bound to this very host
// (RFC 6265bis, 4.1.3.2); over plain HTTP, which only this machine may speak, browsers
// take no such cookie.
func (v *visit) cookieName() string {
	if v.peer.TLS {
		return admin.SecureCookieName
	}
	return admin.CookieName
}

// formCookie is what ties the form of the sign-in to the browser that it was shown in.
func (v *visit) formCookie() string { return v.cookieName() + "-form" }

func (v *visit) setCookie(name, value string) {
	//nolint:gosec // Secure wherever there is TLS; without it only this machine is answered
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: v.peer.TLS, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(v.w, c)
}

// identify finds out who is signed in. A session that is over is no error: nobody is.
func (v *visit) identify() error {
	cookies := v.r.CookiesNamed(v.cookieName())
	if len(cookies) != 1 || cookies[0].Value == "" {
		return nil
	}
	s, err := v.service.Check(v.r.Context(), v.bearer(cookies[0].Value))
	if err != nil {
		var refusal *auth.Refusal
		if errors.As(err, &refusal) && refusal.Reason == auth.UnknownToken {
			return nil
		}
		return err
	}
	v.by, v.session, v.token = &auth.Caller{Identity: s.Identity}, s.ID, cookies[0].Value
	return nil
}

func (v *visit) bearer(token string) *auth.Bearer {
	return &auth.Bearer{Mount: v.mount, Form: auth.FormNative, Value: token}
}

// lacksFactor says whether a second factor has to be enrolled before anything else.
func (v *visit) lacksFactor() bool {
	return v.by != nil && !v.o.FactorOptional && !v.by.HasFactor
}

// formToken is what every form of a session carries. Who knows it cannot tell the
// session's token from it, and nobody else's session has the same.
func formToken(of string) string {
	sum := sha256.Sum256([]byte("sallyport console form\x00" + of))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// formTokenOf is the token of this visit's forms: of the session, or of the form of the
// sign-in; "" where there is neither.
func (v *visit) formTokenOf() string {
	if v.by != nil {
		return formToken(v.token)
	}
	if c := v.r.CookiesNamed(v.formCookie()); len(c) == 1 && c[0].Value != "" {
		return formToken(c[0].Value)
	}
	return ""
}

// tokenFits says whether a form was made for this visitor.
func (v *visit) tokenFits() bool {
	want, have := v.formTokenOf(), v.r.PostForm[tokenField]
	return want != "" && len(have) == 1 && subtle.ConstantTimeCompare([]byte(want), []byte(have[0])) == 1
}

// toSignIn leads to the sign-in, and from there back to a page.
func (v *visit) toSignIn() error {
	to := signInPath
	if v.r.Method == http.MethodGet && v.r.URL.Path != "/" {
		to += "?" + url.Values{"next": {v.r.URL.RequestURI()}}.Encode()
	}
	return v.see(to)
}
