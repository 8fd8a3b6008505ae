package config

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config/strict"
)

// Route is an API behind the server's reverse proxy: which calls go there, and
// whose.
type Route struct {
	strict.Mark
	Name     string   `yaml:"name"`
	Hosts    []string `yaml:"hosts"`    // lower case, without port; empty: every host
	Path     string   `yaml:"path"`     // "/" or such as "/api", without a slash at its end
	Upstream string   `yaml:"upstream"` // URL; see URL
	CA       string   `yaml:"ca"`       // PEM file; "": the system's
	Host     string   `yaml:"host" enum:"client|upstream"`

	Dialects []string `yaml:"dialects"` // empty: any
	Tenant   string   `yaml:"tenant"`   // code; "": any
	Account  string   `yaml:"account"`  // code in that tenant; "": any
	Level    string   `yaml:"level" enum:"any|tenant|organization|division"`

	Assertion bool `yaml:"assertion"`

	Body           Size          `yaml:"body"` // 0: of any size
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	HeaderTimeout  time.Duration `yaml:"header_timeout"`
	IdleTimeout    time.Duration `yaml:"idle_timeout"`
}

// SetDefaults sets what is zero to its default.
func (r *Route) SetDefaults() {
	def(&r.Name, "api")
	def(&r.Path, "/")
	def(&r.Host, "client")
	def(&r.Level, "any")
	def(&r.Body, GiB)
	def(&r.ConnectTimeout, 5*time.Second)
	def(&r.HeaderTimeout, time.Minute)
	def(&r.IdleTimeout, time.Minute)
}

// AccountLevel is Level as the core has it; 0: any.
func (r *Route) AccountLevel() auth.Level {
	for l := auth.Tenant; l <= auth.Division; l++ {
		if l.String() == r.Level {
			return l
		}
	}
	return 0
}

// What is wrong with an upstream. They do not quote it, as it may hold a password.
var (
	errNoURL       = errors.New("is not the URL of an API: write it like http://127.0.0.1:9000")
	errCredentials = errors.New("has credentials in it: remove them; an API knows its callers by the identity headers")
	errQuery       = errors.New("has a query or fragment: give scheme, host and path only")
)

// URL is where the API is.
func (r *Route) URL() (*url.URL, error) {
	u, err := url.Parse(r.Upstream)
	if err != nil {
		return nil, errNoURL
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.Opaque != "":
		return nil, errNoURL
	case u.User != nil:
		return nil, errCredentials
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errQuery
	}
	return u, nil
}

func (c *Config) checkRoutes(errs *strict.Errors) {
	names := map[string]int{}
	for i := range c.Routes {
		r := &c.Routes[i]
		r.check(errs)
		if line, twice := names[r.Name]; twice {
			errs.Add(r.Errorf("name", "%q is already the route in line %d: give each a name of its own (it is api when none is given)", r.Name, line))
		} else {
			names[r.Name] = r.Line()
		}
		if r.Assertion && c.Assertion.Issuer == "" {
			errs.Add(r.Errorf("assertion", "nobody signs: give assertion.issuer"))
		}
		for j := range i {
			if o := &c.Routes[j]; o.sameAs(r) {
				errs.Add(r.Errorf("path", "%q is already that of the route in line %d for the same host: give one of them another host or path", r.Path, o.Line()))
			}
		}
	}
}

// sameAs says whether two routes are for the same calls.
func (r *Route) sameAs(o *Route) bool {
	if !strings.EqualFold(r.Path, o.Path) {
		return false
	}
	if len(r.Hosts) == 0 || len(o.Hosts) == 0 {
		return len(r.Hosts) == len(o.Hosts)
	}
	return slices.ContainsFunc(r.Hosts, func(h string) bool { return slices.Contains(o.Hosts, h) })
}

func (r *Route) check(errs *strict.Errors) {
	if !isWord(r.Name) {
		errs.Add(r.Errorf("name", "%q: use 1 to 32 lower-case letters, digits and hyphens", r.Name))
	}
	checkHosts(&r.Mark, r.Hosts, errs)
	if checkPath(&r.Mark, "path", &r.Path, errs); strings.Contains(r.Path, ";") {
		errs.Add(r.Errorf("path", "%q: use plain characters of a path, without any of ;?#%%\\{}*", r.Path))
	}
	u, err := r.URL()
	switch {
	case r.Upstream == "":
		errs.Add(r.Errorf("upstream", "is missing: say where the API is, like http://127.0.0.1:9000"))
	case err != nil:
		errs.Add(r.Errorf("upstream", "%v", err))
	case r.CA != "" && u.Scheme != "https":
		errs.Add(r.Errorf("ca", "is for an https upstream: remove it, or write https"))
	}
	for _, f := range [...]struct{ name, code string }{{"tenant", r.Tenant}, {"account", r.Account}} {
		if err := (&auth.Account{Level: auth.Tenant, Code: f.code}).Validate(); err != nil && f.code != "" {
			errs.Add(r.Errorf(f.name, "is no account's code: %s", reason(err)))
		}
	}
	if r.Account != "" && r.Tenant == "" {
		errs.Add(r.Errorf("account", "needs tenant: each tenant has codes of its own"))
	}
	for _, t := range [...]struct {
		name  string
		value time.Duration
	}{{"connect_timeout", r.ConnectTimeout}, {"header_timeout", r.HeaderTimeout}, {"idle_timeout", r.IdleTimeout}} {
		if t.value < time.Millisecond || t.value > 24*time.Hour {
			errs.Add(r.Errorf(t.name, "is %s: must be from 1ms to 24h", span(int64(t.value))))
		}
	}
}
