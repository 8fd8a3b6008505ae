package config

import (
	"net"
	"net/netip"

	"github.com/sallyport/sallyport/config/strict"
)

// ExtAuthz is where Envoy asks about calls, over gRPC. The zero ExtAuthz is
// nowhere.
type ExtAuthz struct {
	Listen string    `yaml:"listen" like:"127.0.0.1:*"` // host:port; "": off
	TLS    MutualTLS `yaml:"tls"`                       // zero: unencrypted, on loopback only
}

// MutualTLS names PEM files. Clients need a certificate as well.
type MutualTLS struct {
	Cert     string `yaml:"cert"`      // certificate chain, the server's own first
	Key      string `yaml:"key"`       // of the certificate
	ClientCA string `yaml:"client_ca"` // who signs the clients' certificates
}

// On says whether the listener speaks TLS.
func (t MutualTLS) On() bool { return t.Cert != "" }

// checkExtAuthz refuses a listener over which tokens would cross a network
// unencrypted, or that would believe nobody.
func (c *Config) checkExtAuthz(errs *strict.Errors) {
	x := &c.ExtAuthz
	given := 0
	for _, f := range [...]string{x.TLS.Cert, x.TLS.Key, x.TLS.ClientCA} {
		if f != "" {
			given++
		}
	}
	switch {
	case x.Listen == "" && given > 0:
		errs.Add(c.Errorf("ext_authz.listen", "is missing: say where Envoy asks, such as 127.0.0.1:9191"))
	case x.Listen == "":
	case given > 0 && given < 3:
		errs.Add(c.Errorf("ext_authz.tls", "needs cert, key and client_ca: whoever may ask shows a certificate"))
	case !c.checkListen(errs, "ext_authz.listen", x.Listen):
	case given == 0 && !isLoopback(x.Listen):
		errs.Add(c.Errorf("ext_authz.listen", "%q can be reached from elsewhere, and tokens would cross the network unencrypted: "+
			"listen on 127.0.0.1, or give ext_authz.tls", x.Listen))
	case len(c.TrustedProxies) == 0:
		errs.Add(c.Errorf("ext_authz", "only trusted_proxies are answered, and there are none: name Envoy's address"))
	}
}

// isLoopback says whether an address to listen on is reached from this machine
// alone. What a name stands for is for others to say.
func isLoopback(listen string) bool {
	host, _, _ := net.SplitHostPort(listen)
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}
