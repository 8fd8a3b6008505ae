package domainpunch

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// Definition describes the dialect. The vendor documents that a number of
// failures locks a user for some minutes and shows 6 in a sample, and that a
// session ends by a time-out: the other numbers are inferred, the idle span is
// PHP's own.
func Definition() dialect.Definition {
	return dialect.Definition{
		Name:      "domainpunch",
		Title:     "DomainPunch Watch My Domains SED",
		Policy:    auth.Policy{Name: "domainpunch-idle", Idle: 1440 * time.Second, Span: 12 * time.Hour},
		Names:     auth.Limits{Failures: 6, Window: 30 * time.Minute, Lock: 30 * time.Minute},
		Addresses: auth.Limits{Failures: 100, Window: 15 * time.Minute, Lock: time.Minute},
		Risks: []dialect.Risk{
			{
				What:   "User name and password stand in the URL of the login, where proxies and servers log them.",
				Clause: "OWASP ASVS 5.0, 14.2.1; RFC 9110, 17.9",
				Answer: "POST is accepted as well, query strings of the login are never logged, replies are no-store, plain HTTP is refused and not redirected.",
			},
			{
				What:   "A failed login tells how many failures the name has and how many lock it.",
				Clause: "OWASP ASVS 5.0, 6.3.8",
				Answer: "Names that nobody has are counted and told the same.",
			},
			{
				What:   "Whoever knows a user's name can lock its login.",
				Clause: "OWASP ASVS 5.0, 6.3.1",
				Answer: "The lock ends by itself and is not lengthened; sessions go on working unless lock_blocks_tokens is set.",
			},
			{
				What:   "The session travels in a cookie, which browsers send unasked, and commands that change something are GETs.",
				Clause: "OWASP ASVS 5.0, 3.5.1",
				Answer: "The cookie is SameSite=Lax, logins and changing commands that a browser says come from another site are refused.",
			},
			{
				What:   "An etoken is meant for a single use, and can be used again for two seconds.",
				Clause: "RFC 9700, 2.2",
				Answer: "etoken_once enforces the single use; a token dies with its session.",
			},
		},
		Recipe: dialect.Recipe{
			Login: `curl -sSi '{base}/api.php?c=auth' --data-urlencode 'user={user}' --data-urlencode 'pass={secret}'`,
			Call:  `curl -sS '{base}/api.php?c=set&t=domain&oper=parse&id=191' -H 'Cookie: PHPSESSID={token}'`,
		},
		New: New,
	}
}

type domainpunch struct {
	service *auth.Service
	mount   *auth.Mount
	o       Options
	etokens etokens
}

// New configures the dialect for a mount. Errors say which option is wrong.
func New(c dialect.Config) (dialect.Dialect, error) {
	o := Options{Cookie: "PHPSESSID", EtokenExpiry: 2, ServerID: c.Mount.Name}
	if err := c.Decode(&o); err != nil {
		return nil, err
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	c.Mount.LockBlocksTokens = o.LockBlocksTokens
	d := &domainpunch{service: c.Service, mount: c.Mount, o: o}
	d.etokens = etokens{
		sealer: c.Service.Sealer("domainpunch-etoken"),
		server: o.ServerID,
		expiry: int64(o.EtokenExpiry),
	}
	if o.EtokenOnce {
		d.etokens.used = newUsed(d.etokens.expiry)
	}
	return d, nil
}

// The scripts. Both serve every command; api-sl.php takes the etoken besides.
const (
	script       = "/api.php"
	scriptSecure = "/api-sl.php"
)

// Routes serves logins and logouts, which are one command among all others.
func (d *domainpunch) Routes(m dialect.Mux) {
	m.Handle(script, d.auth, dialect.When(isAuth))
	if !d.o.Legacy {
		m.Handle(scriptSecure, d.auth, dialect.When(isAuth))
	}
}

// secureLayer says whether a call is for the script that takes etokens.
func (d *domainpunch) secureLayer(r *http.Request) bool {
	return !d.o.Legacy && strings.HasSuffix(r.URL.Path, scriptSecure)
}

// auth is the command c=auth.
func (d *domainpunch) auth(w http.ResponseWriter, r *http.Request, from auth.Origin) {
	if !dialect.Allowed(w, r, http.MethodGet, http.MethodPost) {
		writeAuth(w, http.StatusMethodNotAllowed, notOK, "Method not allowed")
		return
	}
	asked, err := read(r)
	switch {
	case err != nil:
		d.refuseLogin(w, err)
	case asked.logout:
		d.logout(w, r, from)
	default:
		d.login(w, r, from, &asked)
	}
}

func (d *domainpunch) login(w http.ResponseWriter, r *http.Request, from auth.Origin, asked *asked) {
	if crossSite(r) {
		d.refuseLogin(w, errCrossSite)
		return
	}
	attempt := auth.Attempt{Mount: d.mount, Scheme: auth.Password, User: asked.user, Secret: asked.pass, Form: auth.FormHex, Origin: from}
	if asked.incomplete {
		d.refuseLogin(w, d.service.Standing(&attempt))
		return
	}
	grant, err := d.service.Login(r.Context(), &attempt)
	if err == nil {
		err = d.oneFactor(r, from, &grant)
	}
	if err == nil {
		err = d.endOld(r, from)
	}
	if err != nil {
		d.refuseLogin(w, err)
		return
	}
	dir := directory(r)
	d.setCookie(w.Header(), dir, grant.Token)
	d.answer(r, dir, &grant).write(w, http.StatusOK)
}

// oneFactor ends the session again if its user needs a second factor, for which
// the API has no command.
func (d *domainpunch) oneFactor(r *http.Request, from auth.Origin, grant *auth.Grant) error {
	if !slices.Contains(d.o.SecondFactorGroups, grant.Session.Identity.User.Group) {
		return nil
	}
	unsent := d.bearer(grant.Token)
	if err := d.service.Logout(r.Context(), &unsent, from); err != nil {
		return err
	}
	return errSecondFactor
}

// endOld ends the session that a successful login came with (inferred).
func (d *domainpunch) endOld(r *http.Request, from auth.Origin) error {
	old, err := d.find(r)
	if err != nil {
		return nil //nolint:nilerr // what cannot be found cannot be ended, and the login does not need it
	}
	err = d.service.Logout(r.Context(), &old, from)
	if err != nil && auth.RefusalOf(err).Reason != auth.UnknownToken {
		return err
	}
	return nil
}

// logout ends the presented session, its etokens included.
func (d *domainpunch) logout(w http.ResponseWriter, r *http.Request, from auth.Origin) {
	bearer, err := d.find(r)
	if err == nil {
		err = d.service.Logout(r.Context(), &bearer, from)
	}
	if err != nil {
		d.refuseLogout(w, r, err)
		return
	}
	d.cancelCookie(w.Header(), directory(r))
	writeAuth(w, http.StatusOK, ok, "")
}
