package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config/strict"
)

// check finds what the types alone cannot say.
func (c *Config) check() error {
	var errs strict.Errors
	c.checkAddresses(&errs)
	c.checkExtAuthz(&errs)
	c.checkObserving(&errs)
	c.checkLimits(&errs)
	for _, f := range [...]struct{ name, file string }{{"data", c.Data}, {"keys", c.Keys}} {
		if f.file == "" {
			errs.Add(c.Errorf(f.name, "is empty: name a file"))
		}
	}
	if strings.Contains(c.Data, "://") && !inPostgres(c.Data) {
		errs.Add(c.Errorf("data", "is a URL, but not of PostgreSQL: name a file, or postgres://user@host:5432/database"))
	}
	if filepath.Clean(c.Data) == filepath.Clean(c.Keys) {
		errs.Add(c.Errorf("keys", "is the same file as data: the key set needs one of its own"))
	}
	if len(c.Mounts) == 0 {
		errs.Add(c.Errorf("mounts", "none given, so nobody could log in: add at least one, such as mounts: [{dialect: electa}]"))
	}
	c.checkRoutes(&errs)
	lines := map[string]int{}
	for i := range c.Mounts {
		m := &c.Mounts[i]
		m.check(&errs)
		if line, twice := lines[m.Name]; twice && m.Name != "" {
			errs.Add(m.Errorf("name", "%q is already the mount in line %d: give each a name of its own "+
				"(the name is the dialect's when none is given)", m.Name, line))
		} else {
			lines[m.Name] = m.Line()
		}
	}
	return errs.Err()
}

func (c *Config) checkAddresses(errs *strict.Errors) {
	c.checkListen(errs, "listen", c.Listen)
	for i, p := range c.TrustedProxies {
		if p.Bits() == 0 {
			errs.Add(c.Errorf("trusted_proxies", "entry %d trusts every address, so that any client could claim to have come "+
				"over https and from anywhere: name the proxies", i+1))
		}
	}
	switch {
	case c.TLS.Cert == "" && c.TLS.Key != "":
		errs.Add(c.Errorf("tls.cert", "is missing: tls needs cert and key"))
	case c.TLS.Cert != "" && c.TLS.Key == "":
		errs.Add(c.Errorf("tls.key", "is missing: tls needs cert and key"))
	case !c.TLS.On() && len(c.TrustedProxies) == 0:
		errs.Add(c.Errorf("", "neither tls nor trusted_proxies is given, so every request would be refused as insecure: "+
			"give tls a cert and a key, or name the proxies in front that speak https"))
	}
}

// checkListen refuses what nobody can listen on, and says whether it is
// right. field is what the file calls it.
func (c *Config) checkListen(errs *strict.Errors, field, listen string) bool {
	host, port, err := net.SplitHostPort(listen)
	n, portErr := strconv.ParseUint(port, 10, 16)
	_, ipErr := netip.ParseAddr(host)
	switch {
	case listen != "" && strings.Trim(listen, "0123456789") == "":
		errs.Add(c.Errorf(field, "%q is a port alone: write 127.0.0.1:%s", listen, listen))
	case err != nil || portErr != nil || n > 65535:
		errs.Add(c.Errorf(field, "%q is not an address and a port: write it like 127.0.0.1:8443, [::1]:8443 or :8443", listen))
	case host != "" && ipErr != nil && !isHostName(host):
		errs.Add(c.Errorf(field, "%q is no address of this machine: write it like 127.0.0.1:8443 or :8443", listen))
	default:
		return true
	}
	return false
}

func (c *Config) checkLimits(errs *strict.Errors) {
	l := &c.Limits
	for _, n := range [...]struct {
		name            string
		value, min, max int64
		show            func(int64) string
	}{
		{"connections", int64(l.Connections), 1, 10_000_000, decimal},
		{"header", int64(l.Header), int64(KiB), int64(MiB), size},
		{"body", int64(l.Body), int64(KiB), int64(16 * MiB), size},
		{"read_header_timeout", int64(l.ReadHeaderTimeout), int64(time.Millisecond), int64(time.Hour), span},
		{"read_timeout", int64(l.ReadTimeout), int64(time.Millisecond), int64(time.Hour), span},
		{"write_timeout", int64(l.WriteTimeout), int64(time.Millisecond), int64(time.Hour), span},
		{"idle_timeout", int64(l.IdleTimeout), int64(time.Millisecond), int64(time.Hour), span},
		{"drain", int64(l.Drain), 0, int64(time.Hour), span},
		{"shutdown", int64(l.Shutdown), int64(time.Millisecond), int64(time.Hour), span},
		{"cached_sessions", int64(l.CachedSessions), 1, 1 << 30, decimal},
		{"hashing.at_once", int64(l.Hashing.AtOnce), 0, 1024, decimal},
		{"hashing.waiting", int64(l.Hashing.Waiting), 0, 1 << 20, decimal},
	} {
		if n.value < n.min || n.value > n.max {
			errs.Add(c.Errorf("limits."+n.name, "is %s: must be from %s to %s", n.show(n.value), n.show(n.min), n.show(n.max)))
		}
	}
	if c.Audit.Keep > auth.MaxSpan {
		errs.Add(c.Errorf("audit.keep", "is longer than 100y: write 0s to keep it for ever"))
	}
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// span writes 1h and not 1h0m0s.
func span(n int64) string {
	s := time.Duration(n).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func size(n int64) string {
	switch s := Size(n); {
	case s != 0 && s%MiB == 0:
		return fmt.Sprintf("%dMiB", s/MiB)
	case s != 0 && s%KiB == 0:
		return fmt.Sprintf("%dKiB", s/KiB)
	}
	return fmt.Sprintf("%dB", n)
}

func (m *Mount) check(errs *strict.Errors) {
	if m.Name == "" {
		m.Name = m.Dialect
	}
	if m.Dialect == "" {
		errs.Add(m.Errorf("dialect", "is missing: say which login protocol this mount speaks, such as electa"))
	}
	for _, w := range [...]struct{ field, text string }{{"name", m.Name}, {"dialect", m.Dialect}} {
		if w.text != "" && !isWord(w.text) {
			errs.Add(m.Errorf(w.field, "%q: use 1 to 32 lower-case letters, digits and hyphens", w.text))
		}
	}
	if err := (&auth.Account{Level: auth.Tenant, Code: m.Tenant}).Validate(); err != nil && m.Tenant != "" {
		errs.Add(m.Errorf("tenant", "is no tenant's code: %s", reason(err)))
	}
	checkHosts(&m.Mark, m.Hosts, errs)
	if m.URL != "" && !isPublic(m.URL) {
		errs.Add(m.Errorf("url", "is not where clients reach the mount: write it like https://api.example.com or https://api.example.com:8443, without a path: the prefix follows it"))
	}
	checkPath(&m.Mark, "prefix", &m.Prefix, errs)
	for _, l := range [...]struct {
		field string
		Failures
	}{{"lockout.names", m.Lockout.Names}, {"lockout.addresses", m.Lockout.Addresses}} {
		switch {
		case l.Failures.Failures < 0:
			errs.Add(m.Errorf(l.field+".failures", "is negative: 0 turns the lockout off"))
		case l.Failures.Failures > 0 && (l.Window <= 0 || l.Lock <= 0):
			errs.Add(m.Errorf(l.field, "window and lock must be above zero: failures: 0 turns the lockout off"))
		case l.Window > auth.MaxSpan || l.Lock > auth.MaxSpan:
			errs.Add(m.Errorf(l.field, "window and lock are at most 100y"))
		}
	}
	switch {
	case m.Rate.Attempts < 0:
		errs.Add(m.Errorf("rate.attempts", "is negative: 0 sets no bound"))
	case m.Rate.Window <= 0 || m.Rate.Window > 24*time.Hour:
		errs.Add(m.Errorf("rate.window", "is %s: must be above zero and at most 24h", m.Rate.Window))
	case m.Has("rate.window") && !m.Has("rate.attempts"):
		errs.Add(m.Errorf("rate.attempts", "is missing: say how many logins within the window, or 0 for any number"))
	}
	if m.FairUse.LoginsPerHour < 0 {
		errs.Add(m.Errorf("fair_use.logins_per_hour", "is negative: 0 sets no budget"))
	}
	if m.FairUse.Throttle && m.Has("fair_use.answer") && m.FairUse.Answer != "refuse" {
		errs.Add(m.Errorf("fair_use.answer", "is %s, and throttle: true is answer: refuse: remove throttle, or say refuse", m.FairUse.Answer))
	}
	if m.Policy != nil {
		if err := m.Policy.Auth("").Validate(); err != nil {
			errs.Add(m.Errorf("policy", "%s", reason(err)))
		}
	}
}

// reason is the last part of a core's error, without the noun that it names.
func reason(err error) string {
	text := strings.TrimPrefix(err.Error(), auth.ErrInvalid.Error()+": ")
	return strings.TrimPrefix(text, `policy "": `)
}

// checkHosts refuses what is no host's name, and writes the others in lower case.
func checkHosts(m *strict.Mark, hosts []string, errs *strict.Errors) {
	for i, h := range hosts {
		lower := strings.ToLower(h)
		_, err := netip.ParseAddr(lower)
		switch {
		case strings.Contains(h, "*"):
			errs.Add(m.Errorf("hosts", "%q: wildcards are not supported: list each host, or none for every host", h))
		case err != nil && !isHostName(lower):
			errs.Add(m.Errorf("hosts", "%q is not a host name: write it like api.example.com, without scheme, port and path", h))
		case slices.Contains(hosts[:i], lower):
			errs.Add(m.Errorf("hosts", "%q stands there twice: remove one", h))
		}
		hosts[i] = lower
	}
}

// checkPath refuses what is no plain path, and takes the slash off the end of
// others.
func checkPath(m *strict.Mark, field string, at *string, errs *strict.Errors) {
	p := *at
	switch {
	case !strings.HasPrefix(p, "/"):
		errs.Add(m.Errorf(field, "%q does not begin with a slash: write it like / or /api", p))
	case strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`?#%\{}*`, r) }):
		errs.Add(m.Errorf(field, "%q: use plain characters of a path, without spaces and without any of ?#%%\\{}*", p))
	case path.Clean(p) != p && path.Clean(p)+"/" != p:
		errs.Add(m.Errorf(field, "%q: write it without //, . and .., like %s", p, path.Clean(p)))
	case p == "/-" || strings.HasPrefix(p, "/-/"):
		errs.Add(m.Errorf(field, "%q: /-/ is kept for the server's own endpoints: choose another", p))
	default:
		*at = path.Clean(p)
	}
}

// isWord says whether s can stand in a metric's label and a log line as it is.
func isWord(s string) bool {
	return len(s) <= 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && s[0] != '-'
}

// isPublic says whether s is https, a host in lower case and perhaps a port, and nothing
// else: it stands in commands that people run.
func isPublic(s string) bool {
	u, err := url.Parse(s)
	if err != nil || s != "https://"+u.Host {
		return false
	}
	if _, err := netip.ParseAddr(u.Hostname()); err != nil && !isHostName(u.Hostname()) || strings.Contains(u.Host, "%") {
		return false
	}
	port, err := strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, 16)
	return err == nil && port > 0 && !strings.HasSuffix(u.Host, ":")
}

// isHostName says whether s is a host name in the preferred syntax of RFC 1123
// section 2.1, and underscores, which some hosts have.
func isHostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' {
				return false
			}
		}
	}
	return true
}
