package calamp

import (
	"fmt"
	"net/http"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// Definition describes the dialect. All its numbers are inferred: the vendor
// documents that there is an end, a lock and a budget, and not where.
func Definition() dialect.Definition {
	return dialect.Definition{
		Name:  "calamp",
		Title: "CalAmp Telematics Cloud",
		// Spring Security's default for the cookie that authToken is.
		Policy:    auth.Policy{Name: "calamp-14-days", Span: 14 * 24 * time.Hour},
		Names:     auth.Limits{Failures: 10, Window: 15 * time.Minute, Lock: time.Minute},
		Addresses: auth.Limits{Failures: 100, Window: 15 * time.Minute, Lock: time.Minute},
		FairUse:   auth.FairUse{Logins: 60},
		Risks: []dialect.Risk{
			{
				What:   "Programs hold a user's password and hand it over at each login.",
				Clause: "RFC 9700, 2.4",
				Answer: "Passwords are kept as argon2id, guesses are slowed down by user and by address, and every login is in the audit.",
			},
			{
				What:   "The cookie lives for 14 days whether it is used or not, and does not change.",
				Clause: "OWASP ASVS 5.0, 7.3.1",
				Answer: "Logout, revocation and a change of password end it at once; the mount's policy can be shorter.",
			},
			{
				What:   "A cookie is sent by browsers without being asked, also from other sites.",
				Clause: "OWASP ASVS 5.0, 3.5.1",
				Answer: "Every later call needs the header calamp-services-app, which a page of another site cannot add; no CORS permission is given.",
			},
		},
		Recipe: dialect.Recipe{
			Login: `curl -sSi '{base}/connect/services/login?useAuthToken=true' -H 'calamp-services-app: {app}' --data-urlencode 'username={user}' --data-urlencode 'password={secret}'`,
			Call:  `curl -sS '{base}/connect/services/users/currentUser' -H 'calamp-services-app: {app}' -H 'Cookie: authToken={token}'`,
		},
		New: New,
	}
}

// Options are what a mount may configure.
type Options struct {
	// AppAtLogin refuses a login without an application key. The vendor's pages
	// disagree on whether it is needed there.
	AppAtLogin bool `yaml:"app_at_login"`

	// BindApp ties a token to the application key of its login.
	BindApp bool `yaml:"bind_app"`

	// Lenient accepts credentials in the query, and useAuthToken in any case.
	Lenient bool `yaml:"lenient"`

	// UseAuthToken says what a login without useAuthToken=true leads to:
	// "required" refuses it with 400; "optional" answers a right password with 200
	// and no cookie, as the vendor's framework does.
	UseAuthToken string `yaml:"use_auth_token"`
}

// The values of Options.UseAuthToken.
const (
	required = "required"
	optional = "optional"
)

type calamp struct {
	service *auth.Service
	mount   *auth.Mount
	lenient bool
	plain   bool // a login without useAuthToken is judged, and gets no token
}

// New configures the dialect for a mount. Errors say which option is wrong.
func New(c dialect.Config) (dialect.Dialect, error) {
	o := Options{UseAuthToken: required}
	if err := c.Decode(&o); err != nil {
		return nil, err
	}
	if o.UseAuthToken != required && o.UseAuthToken != optional {
		return nil, fmt.Errorf("%w: use_auth_token is %q: must be %s or %s", auth.ErrInvalid, o.UseAuthToken, required, optional)
	}
	c.Mount.AppAtLogin = o.AppAtLogin
	c.Mount.AppOnCalls = true // documented for all calls
	c.Mount.BindApp = o.BindApp
	return &calamp{service: c.Service, mount: c.Mount, lenient: o.Lenient, plain: o.UseAuthToken == optional}, nil
}

// Routes serves the login, and a logout that the vendor has but does not show;
// its path is inferred from a sister product's.
func (c *calamp) Routes(m dialect.Mux) {
	m.Handle("/connect/services/login", c.login)
	m.Handle("/connect/services/logout", c.logout)
}

func (c *calamp) login(w http.ResponseWriter, r *http.Request, from auth.Origin) {
	if !dialect.Allowed(w, r, http.MethodPost) {
		writeMessage(w, wrongMethod)
		return
	}
	attempt, wantsToken, err := c.read(r, from)
	if err != nil {
		refuse(w, err, true)
		return
	}
	grant, err := c.service.Login(r.Context(), &attempt)
	if err == nil && !wantsToken {
		// Judged as it should be, but nobody will ever know the token.
		unsent := c.bearer(grant.Token, attempt.App)
		err = c.service.Logout(r.Context(), &unsent, from)
	}
	if err != nil {
		refuse(w, err, true)
		return
	}
	if wantsToken {
		setCookie(w, grant.Token, expires(&grant.Session.Life))
	}
	writeEmpty(w)
}

// logout ends the presented token and no other. It is a later call like any
// other: it needs the application key, so that no other site's page can log a
// browser out.
func (c *calamp) logout(w http.ResponseWriter, r *http.Request, from auth.Origin) {
	if !dialect.Allowed(w, r, http.MethodGet, http.MethodPost) {
		writeMessage(w, wrongMethod)
		return
	}
	bearer, err := c.Token(r)
	if err == nil {
		_, err = c.service.Check(r.Context(), &bearer)
	}
	if err == nil {
		err = c.service.Logout(r.Context(), &bearer, from)
	}
	if err != nil {
		refuse(w, err, false)
		return
	}
	cancelCookie(w)
	writeEmpty(w)
}
