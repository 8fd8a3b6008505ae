package edubrite

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// Definition describes the dialect. The policy, the limits, the rate and the cap of
// sessions are inferred.
func Definition() dialect.Definition {
	return dialect.Definition{
		Name:      "edubrite",
		Title:     "EduBrite API",
		Policy:    auth.Policy{Name: "edubrite-30-minutes-idle", Idle: 30 * time.Minute, Span: 12 * time.Hour},
		Names:     auth.Limits{Failures: 5, Window: 15 * time.Minute, Lock: time.Minute},
		Addresses: auth.Limits{Failures: 100, Window: 15 * time.Minute, Lock: time.Minute},
		Rate:      auth.Rate{Attempts: 30, Window: time.Minute},
		Risks: []dialect.Risk{
			{
				What:   "The vendor's own client sends the API password in the URL of the login.",
				Clause: "OWASP ASVS 5.0, 14.2.1; RFC 9110, 17.9",
				Answer: "Query strings of the login are never logged, replies are no-store, plain HTTP is refused and not redirected; query_credentials: false refuses it.",
			},
			{
				What:   "The strings that sign a browser in stand in a URL.",
				Clause: "RFC 9700, 4.3.2; OWASP ASVS 5.0, 14.2.1",
				Answer: "They are good once and for five minutes, are no session's cookies, and the answer sends the browser to a URL without them, with Referrer-Policy: no-referrer.",
			},
			{
				What:   "One API password opens calls as any user of the microsite, administrators included.",
				Clause: "RFC 9700, 2.3; OWASP ASVS 5.0, 8.2.1",
				Answer: "Every hand-off is in the audit with the API user as actor, the API is told the named user only after it was found active, and deny_admins keeps administrators from being signed in.",
			},
			{
				What:   "Browser sessions are meant for frames of other sites, so that their cookies are sent from there too.",
				Clause: "OWASP ASVS 5.0, 3.3.2 and 3.5.1",
				Answer: "same_site: lax where nothing is embedded; else the API behind needs a defence of its own against forged requests.",
			},
		},
		Recipe: dialect.Recipe{
			Login: `curl -sSi '{base}/oltpublish/site/connect.do' --data-urlencode 'username={user}' --data-urlencode 'password={secret}'`,
			Call: `jar=$(mktemp); curl -sS -o /dev/null -c "$jar" '{base}/oltpublish/site/connect.do'; ` +
				`curl -sS -o /dev/null -b "$jar" -c "$jar" '{base}/oltpublish/site/index.do' --data-urlencode 'username={user}' --data-urlencode 'password={secret}'; ` +
				`curl -sS -b "$jar" -H 'REAL_UNAME: {member}' '{base}/oltpublish/site/userService.do?dispatch=list'; rm "$jar"`,
			Robot: "api_",
		},
		New: New,
	}
}

// Options are what a mount may configure.
type Options struct {
	// QueryCredentials accepts the API user and password in the query, as the
	// vendor's Java client sends them.
	QueryCredentials bool `yaml:"query_credentials"`

	// MaxSessions is how many live API sessions the API users of a tenant may have
	// together; 0: any number. The vendor says that a site has a limit and not
	// which. Sessions that begin while it is 0 never count.
	MaxSessions int `yaml:"max_sessions"`

	// APIPrefix is how names of API users begin. Who has another name cannot open
	// an API session, whatever the password, and who has such a name cannot be
	// acted for. "": anybody with a password can open one.
	APIPrefix string `yaml:"api_prefix"`

	// AutoCreateUsers lets createSessionApi make a user whom REAL_UNAME names and
	// nobody has made, with the address and name that it gives. Only names of plain
	// letters are made, see creatable.
	AutoCreateUsers bool `yaml:"auto_create_users"`

	// EmptyUname lets a call with an empty REAL_UNAME through as the API user's
	// own. The vendor's Java client sends one where no user was set.
	EmptyUname bool `yaml:"empty_uname"`

	// DenyAdmins keeps createSessionApi from signing in administrators.
	DenyAdmins bool `yaml:"deny_admins"`

	// HandOffSpan is how long sessionId and sInfo wait for the browser.
	HandOffSpan time.Duration `yaml:"hand_off_span"`

	// SameSite of the cookies of browser sessions: "none" for use in frames of
	// other sites, or "lax".
	SameSite string `yaml:"same_site"`

	// SignIn is where a browser is sent whose hand-off is not good: an https URL,
	// a path, or a page beside the one it asked for.
	SignIn string `yaml:"sign_in"`

	// Disconnect also serves connect.do?dispatch=disconnect, which ends the API
	// session. It is no part of the vendor's API.
	Disconnect bool `yaml:"disconnect"`
}

// maxHandOff bounds hand_off_span: the strings are read over shoulders, kept in
// histories and logged by proxies.
const maxHandOff = 24 * time.Hour

var sameSites = map[string]string{"none": "None", "lax": "Lax"}

func (o *Options) validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", auth.ErrInvalid, fmt.Sprintf(format, args...))
	}
	if o.MaxSessions < 0 {
		return bad("max_sessions is negative: 0 sets no cap")
	}
	if o.HandOffSpan <= 0 || o.HandOffSpan > maxHandOff {
		return bad("hand_off_span is %v: must be above zero and at most %v", o.HandOffSpan, maxHandOff)
	}
	if sameSites[o.SameSite] == "" {
		return bad("same_site is %q: must be none or lax", o.SameSite)
	}
	if o.SignIn == "" || o.SignIn != visible(o.SignIn) {
		return bad("sign_in is %q: must be a URL in plain ASCII", o.SignIn)
	}
	return nil
}

type edubrite struct {
	service *auth.Service
	mount   *auth.Mount
	Options
}

// New configures the dialect for a mount. Errors say which option is wrong.
func New(c dialect.Config) (dialect.Dialect, error) {
	o := Options{QueryCredentials: true, MaxSessions: 10, APIPrefix: "api_", HandOffSpan: 5 * time.Minute, SameSite: "none", SignIn: "signin.do"}
	if err := c.Decode(&o); err != nil {
		return nil, err
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	c.Mount.MaxSessions = o.MaxSessions
	return &edubrite{service: c.Service, mount: c.Mount, Options: o}, nil
}

// The attributes of sessions: what kind they are.
const (
	apiSession     = "api"
	browserSession = "browser"
)

// Routes serves the login family below both of the vendor's paths. All but
// connect.do and signinService.do are pages of the site as well, which calls with
// a session are to reach. Which client takes which path: the Java client home.do
// and, for createSessionApi, signin.do; the cURL recipe connect.do and index.do;
// the others connect.do alone.
func (e *edubrite) Routes(m dialect.Mux) {
	for _, site := range [...]string{"/oltpublish/site/", "/site/"} {
		m.Handle(site+"connect.do", e.connect)
		m.Handle(site+"home.do", e.connect, dialect.When(e.isConnect))
		m.Handle(site+"index.do", e.handOffOr(e.connect), dialect.When(func(r *http.Request) bool { return handsOff(r) || e.isConnect(r) }))
		m.Handle(site+"coursePlayer.do", e.handOffOr(nil), dialect.When(handsOff))
		m.Handle(site+"signinService.do", e.signinService)
		m.Handle(site+"signin.do", e.signinService, dialect.When(asksForSession))
	}
}

// isAPIUser says whether a name is that of an API user, and not of a user of the
// site.
func (e *edubrite) isAPIUser(name string) bool {
	return e.APIPrefix != "" && strings.HasPrefix(name, e.APIPrefix)
}
