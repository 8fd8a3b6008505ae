package server

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// expiresSoon is when a certificate should have been renewed: those who renew by
// themselves do so a month ahead.
const expiresSoon = 30 * 24 * time.Hour

func (d *doctor) certificates() {
	if d.cfg.TLS.On() {
		if leaf := d.pair("tls", d.cfg.TLS.Cert, d.cfg.TLS.Key); leaf != nil {
			d.names(leaf)
		}
	} else {
		d.fine("tls", "none here: trusted_proxies speak https")
	}
	if x := &d.cfg.ExtAuthz.TLS; x.On() {
		d.pair("ext_authz.tls", x.Cert, x.Key)
		d.authority(x.ClientCA)
	}
}

// pair looks at a certificate and its key; nil: they cannot be used.
func (d *doctor) pair(area, cert, key string) *x509.Certificate {
	since := len(d.found)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		d.bad(area, "give the certificate (chain), its own first, and the key that belongs to it, both PEM and readable for the server's user", "%s and %s: %v", cert, key, err)
		return nil
	}
	if info, err := os.Stat(key); err == nil && info.Mode().Perm()&0o007 != 0 {
		d.bad(area, "chmod o-rwx "+quoted(key)+", and have a new certificate made if somebody may have read it", "everybody on this machine can open %s (mode %04o)", key, info.Mode().Perm())
	}
	left := pair.Leaf.NotAfter.Sub(d.now)
	switch {
	case left <= 0:
		d.bad(area, "put a renewed one there: it is taken up within seconds", "the certificate %s expired on %s: clients refuse it", cert, day(pair.Leaf.NotAfter))
	case pair.Leaf.NotBefore.After(d.now):
		d.bad(area, "look at the clock, or wait", "the certificate %s is not good before %s: clients refuse it", cert, pair.Leaf.NotBefore.UTC().Format(time.RFC3339))
	case left < expiresSoon:
		d.warn(area, "renew it, and find out why that has not happened by itself", "the certificate %s expires on %s, in %d days", cert, day(pair.Leaf.NotAfter), int(left.Hours()/24))
	default:
		d.chain(area, cert, &pair)
	}
	if !d.troubled(since) {
		d.fine(area, "%s is good until %s", cert, day(pair.Leaf.NotAfter))
	}
	return pair.Leaf
}

// chain looks whether clients find their way to an authority that they know. This
// machine's authorities stand for theirs.
func (d *doctor) chain(area, cert string, pair *tls.Certificate) {
	if bytes.Equal(pair.Leaf.RawIssuer, pair.Leaf.RawSubject) {
		d.warn(area, "have one made by an authority that your clients trust", "the certificate %s is signed by itself: clients refuse it unless they were given it", cert)
		return
	}
	between := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Intermediates: between, CurrentTime: d.now}); err != nil {
		d.warn(area, "put the authority's intermediate certificates below your own in the file; an authority of your own has to be known to your clients",
			"this machine does not trust the certificate %s: %v", cert, err)
	}
}

// names looks whether the certificate is for every host that a mount names.
func (d *doctor) names(leaf *x509.Certificate) {
	for i := range d.cfg.Mounts {
		m := &d.cfg.Mounts[i]
		for _, host := range m.Hosts {
			if leaf.VerifyHostname(host) != nil {
				d.bad("tls", "have a certificate made that names it", "the certificate is not for %s, where mount %s is served: clients refuse it", host, m.Name)
			}
		}
	}
}

// authority looks at the file of those who sign the certificates of clients.
func (d *doctor) authority(path string) {
	b, err := os.ReadFile(filepath.Clean(path))
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(b) {
		err = fmt.Errorf("%s holds no certificate", path)
	}
	if err != nil {
		d.bad("ext_authz.tls", "name the PEM file of the authority that signs Envoy's certificate", "client_ca: %v", err)
	}
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
