package config

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/config/strict"
)

// Assertion is what the gate signs for the APIs behind it. The zero Assertion is
// nothing.
type Assertion struct {
	Issuer   string `yaml:"issuer"`   // URL of this server; "": nothing is signed
	Audience string `yaml:"audience"` // of forward-auth and ext_authz; "": they send none
}

// Admin is where administrators look: metrics and profiles. The zero Admin is
// nowhere.
type Admin struct {
	Listen string   `yaml:"listen" like:"127.0.0.1:*"` // host:port; "": off
	Open   bool     `yaml:"open"`                      // may be reached from elsewhere
	Hosts  []string `yaml:"hosts"`                     // names it is called by, beside localhost and addresses

	SecondFactor string `yaml:"second_factor" enum:"required|optional"` // of a sign-in to the console
	Tenant       string `yaml:"tenant"`                                 // code; whose names the console takes if none is typed. "": every tenant's
}

// FactorOptional lets administrators without a second factor into the console.
const FactorOptional = "optional"

// Tracing is where traces go. The zero Tracing is nowhere, unless the environment
// says so.
type Tracing struct {
	Endpoint string `yaml:"endpoint"` // base URL of OTLP over HTTP; "": off
	Sample   Share  `yaml:"sample"`   // of the requests that no trusted proxy traces already
}

// Share is a part of a whole, from 0 to 1.
type Share float64

var errShare = errors.New("is not a share: write a number from 0 to 100 with a percent sign, such as 1% or 0.5%")

// UnmarshalText reads 1% or 0.5%.
func (s *Share) UnmarshalText(text []byte) error {
	digits, ok := strings.CutSuffix(string(text), "%")
	if !ok || digits == "" || strings.Trim(digits, "0123456789.") != "" {
		return errShare
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n < 0 || n > 100 {
		return errShare
	}
	*s = Share(n / 100)
	return nil
}

func (c *Config) checkObserving(errs *strict.Errors) {
	if c.Assertion.Issuer != "" && !isWebAddress(c.Assertion.Issuer) {
		errs.Add(c.Errorf("assertion.issuer", "%q is no address of this server: write it like https://login.example.com", c.Assertion.Issuer))
	}
	switch a := c.Assertion.Audience; {
	case a != "" && c.Assertion.Issuer == "":
		errs.Add(c.Errorf("assertion.issuer", "is missing: say who signs, like https://login.example.com"))
	case len(a) > 200 || strings.ContainsFunc(a, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		errs.Add(c.Errorf("assertion.audience", "use at most 200 plain characters without spaces, like https://api.example.com"))
	}
	c.checkAdmin(errs)
	if c.Tracing.Endpoint != "" && !isWebAddress(c.Tracing.Endpoint) {
		errs.Add(c.Errorf("tracing.endpoint", "%q is no address of a collector: write it like http://127.0.0.1:4318", c.Tracing.Endpoint))
	}
}

// checkAdmin refuses a listener for everybody that nobody asked for: it asks
// nobody who they are.
func (c *Config) checkAdmin(errs *strict.Errors) {
	a := &c.Admin
	switch {
	case a.Listen == "" && (a.Open || len(a.Hosts) > 0):
		errs.Add(c.Errorf("admin.listen", "is missing: say where, such as 127.0.0.1:8081"))
		return
	case a.Listen == "":
		return
	case !a.Open && !isLoopback(a.Listen):
		errs.Add(c.Errorf("admin.listen", "%q can be reached from elsewhere, and asks nobody who they are: listen on 127.0.0.1, "+
			"or say open: true where only administrators and the collector of metrics can reach it", a.Listen))
	}
	c.checkListen(errs, "admin.listen", a.Listen)
	for i, h := range a.Hosts {
		lower := strings.ToLower(h)
		_, err := netip.ParseAddr(lower)
		switch {
		case err == nil:
			errs.Add(c.Errorf("admin.hosts", "%q: addresses need not be listed: remove it", h))
		case !isHostName(lower):
			errs.Add(c.Errorf("admin.hosts", "%q is not a host name: write it like admin.example.com, without scheme, port and path", h))
		case slices.Contains(a.Hosts[:i], lower):
			errs.Add(c.Errorf("admin.hosts", "%q stands there twice: remove one", h))
		}
		a.Hosts[i] = lower
	}
}

// isWebAddress says whether s is an http or https URL of a host and perhaps a
// path, and nothing more.
func isWebAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.Opaque == "" &&
		u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" && len(s) <= 200 && !strings.HasSuffix(s, "#")
}
