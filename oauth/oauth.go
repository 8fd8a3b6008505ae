package oauth

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// Definition describes the dialect. The RFCs leave all its numbers to the server.
func Definition() dialect.Definition {
	return dialect.Definition{
		Name:      "oauth2",
		Title:     "OAuth 2.0",
		Policy:    auth.Policy{Name: "oauth2-1-hour", Span: time.Hour},
		Names:     auth.Limits{Failures: 10, Window: 15 * time.Minute, Lock: time.Minute},
		Addresses: auth.Limits{Failures: 100, Window: 15 * time.Minute, Lock: time.Minute},
		FairUse:   auth.FairUse{Logins: 60},
		Risks: []dialect.Risk{
			{
				What:   "A client proves who it is with a secret that it sends, and not with a key that stays with it.",
				Clause: "RFC 9700, 2.5",
				Answer: "Secrets are API keys: kept as a keyed digest, bound to networks if wanted, guesses slowed down by name and by address.",
			},
			{
				What:   "Whoever holds a token can use it: it is not bound to its sender.",
				Clause: "RFC 9700, 2.2.1",
				Answer: "A token lives for an hour and is revoked at once; it is never taken from a query and never goes on to the API.",
			},
		},
		Recipe: dialect.Recipe{
			Login: `curl -sS -u '{code}:{secret}' -d grant_type=client_credentials '{base}/oauth2/token'`,
			Call:  `curl -sS -H 'Authorization: Bearer {token}' '{base}/v1/orders'`,
		},
		New: New,
	}
}

// Options are what a mount may configure.
type Options struct {
	// Issuer is the server's name (RFC 8414, 2), a URL that clients compare byte by
	// byte. "": https, the host that the client asked for, and the mount's prefix.
	Issuer string `yaml:"issuer"`

	// Audience is whom tokens are for (RFC 7662, 2.2). "": the issuer.
	Audience string `yaml:"audience"`

	// Scopes are all that a client may ask for. A login that asks for none gets all.
	Scopes []string `yaml:"scopes"`

	// JWKS is where the keys of signed assertions are, a URL for the metadata. "":
	// where the server publishes them, if it signs under the issuer's name; else the
	// metadata says nothing of them.
	JWKS string `yaml:"jwks_uri"`

	// PlainAddress makes the issuer http where the request came over plain HTTP: for
	// a demo on loopback, never behind a proxy.
	PlainAddress bool `yaml:"plain_address"`
}

// Bounds of options.
const (
	maxText   = 200 // bytes of a URL, and of a scope
	maxScopes = 400 // bytes of all scopes; they are kept with each session
)

func (o *Options) validate() error {
	for _, u := range []struct{ name, text string }{{"issuer", o.Issuer}, {"jwks_uri", o.JWKS}} {
		if u.text != "" && !isURL(u.text) {
			return fmt.Errorf("%w: %s %q is not a URL of scheme, host and path", auth.ErrInvalid, u.name, u.text)
		}
	}
	if strings.HasSuffix(o.Issuer, "/") {
		return fmt.Errorf("%w: issuer %q ends with a slash, which clients would not put there", auth.ErrInvalid, o.Issuer)
	}
	if len(o.Audience) > maxText || strings.ContainsFunc(o.Audience, unprintable) {
		return fmt.Errorf("%w: audience must be at most %d printable ASCII characters", auth.ErrInvalid, maxText)
	}
	seen := map[string]bool{}
	for _, s := range o.Scopes {
		if !isScope(s) || seen[s] {
			return fmt.Errorf("%w: scope %q: give each once, in printable ASCII without space, quote and backslash", auth.ErrInvalid, s)
		}
		seen[s] = true
	}
	if len(strings.Join(o.Scopes, " ")) > maxScopes {
		return fmt.Errorf("%w: scopes have more than %d characters together", auth.ErrInvalid, maxScopes)
	}
	return nil
}

// isURL says whether a text can be an issuer: without query and fragment, and
// without credentials (RFC 8414, 2).
func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && len(text) <= maxText && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" &&
		u.User == nil && !strings.ContainsAny(text, "?#") && !strings.ContainsFunc(text, unprintable)
}

func unprintable(c rune) bool { return c <= ' ' || c > '~' }

// isScope says whether a text is one scope (RFC 6749, 3.3).
func isScope(s string) bool {
	return s != "" && len(s) <= maxText && !strings.ContainsFunc(s, unprintable) && !strings.ContainsAny(s, `"\`)
}

type oauth struct {
	service  *auth.Service
	mount    *auth.Mount
	o        Options
	allScope string // of a client that asks for none
	places   places
}

// New configures the dialect for a mount. Errors say which option is wrong.
func New(c dialect.Config) (dialect.Dialect, error) {
	o := Options{Scopes: []string{"api"}}
	if err := c.Decode(&o); err != nil {
		return nil, err
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	d := &oauth{service: c.Service, mount: c.Mount, o: o, allScope: strings.Join(o.Scopes, " ")}
	d.places = places{router: c.Router, own: dialect.Mounted{Mount: c.Mount, Dialect: d}}
	return d, nil
}

// The endpoints.
const (
	tokenPath      = "/oauth2/token" //nolint:gosec // a path
	introspectPath = "/oauth2/introspect"
	revokePath     = "/oauth2/revoke"
	metadataPath   = "/.well-known/oauth-authorization-server"
)

// Routes serves the endpoints. That of introspection is asked as often as the API
// is called.
func (o *oauth) Routes(m dialect.Mux) {
	m.Handle(tokenPath, o.token)
	m.Handle(introspectPath, o.introspect, dialect.Quiet)
	m.Handle(revokePath, o.revoke)
	m.Handle(metadataPath, o.metadata, dialect.WellKnown, dialect.Quiet)
}

// token is the token endpoint (RFC 6749, 3.2).
func (o *oauth) token(w http.ResponseWriter, r *http.Request, from auth.Origin) {
	form, ok := o.post(w, r)
	if !ok {
		return
	}
	var g granted
	grantType, err := form.Get("grant_type")
	switch {
	case err != nil:
	case grantType == clientCredentials:
		g, err = o.logIn(r, form, from)
	case grantType == tokenExchange:
		g, err = o.exchange(r, form, from)
	case grantType == "":
		err = auth.Refuse(auth.Malformed, errNoGrantType)
	default:
		err = auth.Refuse(auth.Malformed, errGrantType)
	}
	if err != nil {
		refuse(w, err, atEndpoint)
		return
	}
	writeGrant(w, &g)
}

// The grant types.
const (
	clientCredentials = "client_credentials"
	tokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange" //nolint:gosec // a name
)

// logIn is the client credentials grant (RFC 6749, 4.4).
func (o *oauth) logIn(r *http.Request, form dialect.Values, from auth.Origin) (granted, error) {
	who, err := readClient(r, form)
	if err != nil {
		return granted{}, err
	}
	scope, err := o.scope(r, form)
	if err != nil {
		return granted{}, err
	}
	attempt := o.attempt(who, from)
	attempt.Attrs = attrs{scope: scope}.String()
	grant, err := o.service.Login(r.Context(), &attempt)
	return granted{Grant: grant, scope: scope}, err
}
