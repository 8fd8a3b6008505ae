package server

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/internal/origin"
)

// way is how a shell gets to a mount, as its clients do.
type way struct {
	base string // scheme, host and port; "": nothing says where it is
	host string // of base, without port
	curl string // options of curl that it takes, each with a space before it

	// here says that base is the listener, and the shell plays the proxy: where no
	// name of the proxy is known.
	here bool
}

// wayTo finds the way to a mount: the url that the configuration gives it, the first of
// its hosts, the server's public name, else the address that is listened to.
func (s *Server) wayTo(m *dialect.Mounted) way {
	c := s.configured(m)
	issuer, err := url.Parse(s.cfg.Assertion.Issuer)
	switch {
	case c.URL != "":
		return s.public(c.URL)
	case len(c.Hosts) > 0:
		return s.named(c.Hosts[0])
	case err == nil && issuer.Scheme == "https" && origin.PlainHost(issuer.Host):
		return s.public("https://" + issuer.Host)
	}
	return s.listening()
}

func (s *Server) configured(m *dialect.Mounted) *config.Mount {
	for i := range s.cfg.Mounts {
		if s.cfg.Mounts[i].Name == m.Mount.Name {
			return &s.cfg.Mounts[i]
		}
	}
	return new(config.Mount)
}

// public is the way to a URL that people gave.
func (s *Server) public(base string) way {
	w := way{base: base}
	if u, err := url.Parse(base); err == nil {
		w.host = u.Hostname()
	}
	w.curl = s.trusting(w.host)
	return w
}

// named is the way to a host of which no port is known. It is that of https where
// somebody is in front: a listener without TLS, or one that this machine alone reaches.
// Nobody is in front of a certificate to try with.
func (s *Server) named(host string) way {
	at, port := s.local()
	trusting := s.trusting(host)
	w := way{base: "https://" + joined(host, "443"), host: host, curl: trusting}
	if s.cert != nil && (trusting != "" || !loopback(at)) {
		w.base = "https://" + joined(host, port)
	}
	if trusting != "" && loopback(at) && net.ParseIP(host) == nil && host != "localhost" {
		w.curl += " --resolve " + host + ":" + port + ":" + at
	}
	return w
}

// listening is the way to the listener itself.
func (s *Server) listening() way {
	at, port := s.local()
	w := way{host: at}
	switch {
	case s.cert != nil:
		w.curl = s.trusting(at)
		if names := s.cert.pair.Load().Leaf.DNSNames; s.cert.pair.Load().Leaf.VerifyHostname(at) != nil && len(names) > 0 {
			// The certificate's own name, though it may lead elsewhere yet.
			w.host = strings.Replace(names[0], "*", "api", 1)
			w.curl = s.trusting(w.host) + " --resolve " + w.host + ":" + port + ":" + at
		}
		w.base = "https://" + joined(w.host, port)
	case len(s.cfg.TrustedProxies) == 0: // the demo
		w.base = "http://" + joined(at, port)
	case s.trusts(at):
		w.base, w.here, w.curl = "http://"+joined(at, port), true, " -H 'X-Forwarded-Proto: https'"
	}
	return w
}

// local is where this machine reaches the listener.
func (s *Server) local() (host, port string) {
	host, port, err := net.SplitHostPort(s.Addr().String())
	if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
		host = "127.0.0.1"
	}
	if err != nil {
		return s.Addr().String(), ""
	}
	return host, port
}

// trusts says whether who asks from an address of this machine is a trusted proxy.
func (s *Server) trusts(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && s.origin.Trusts(a)
}

// trusting has curl trust a certificate that sallyport init made, if it is for the host:
// nobody else does.
func (s *Server) trusting(host string) string {
	if s.cert == nil {
		return ""
	}
	leaf := s.cert.pair.Load().Leaf
	if !slices.Contains(leaf.Subject.Organization, trialOrganization) || leaf.VerifyHostname(host) != nil {
		return ""
	}
	file, err := filepath.Abs(s.cert.cert)
	if err != nil {
		file = s.cert.cert
	}
	return " --cacert " + quoted(file)
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// joined is a host and port as a URL of https or http has them.
func joined(host, port string) string {
	if _, err := strconv.Atoi(port); err != nil || port == "443" {
		if strings.Contains(host, ":") {
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, port)
}
