package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/apply"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/secret"
)

// initiation is one call of Init: what was asked for, checked, and what was
// drawn for it.
type initiation struct {
	InitOptions
	definitions   []dialect.Definition
	hosts         []string // of the certificate
	password      string   // of the administrator
	keySecret     string   // of the example customer
	customerLogin string   // password of the example customer's user
}

func badInit(format string, args ...any) error { return fmt.Errorf("init: "+format, args...) }

// userName is what needs no quotes in a file or a shell.
var userName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9@._-]{0,63}$`)

func newInitiation(o InitOptions) (*initiation, error) {
	n := &initiation{InitOptions: o, password: secret.NewKeySecret(), keySecret: secret.NewKeySecret(), customerLogin: secret.NewKeySecret()}
	if n.Admin == "" {
		n.Admin = "admin"
	}
	if n.Program == "" {
		n.Program = "sallyport"
	}
	switch {
	case !userName.MatchString(n.Admin):
		return nil, badInit("--admin %q: begin with a letter and use letters, digits, @ . _ and -", n.Admin)
	case n.NoTLS && (n.TLSCert != "" || len(n.Hosts) > 0):
		return nil, badInit("--no-tls stands for no certificate: leave out --tls-cert, --tls-key and --host")
	case (n.TLSCert == "") != (n.TLSKey == ""):
		return nil, badInit("--tls-cert and --tls-key belong together")
	case n.TLSCert != "" && len(n.Hosts) > 0:
		return nil, badInit("--host is for the certificate that is made here: leave it out with --tls-cert")
	}
	if err := errors.Join(n.findDialects(), n.findHosts()); err != nil {
		return nil, err
	}
	return n, n.check()
}

// findDialects looks up what is to be mounted.
func (n *initiation) findDialects() error {
	names := slices.Clone(n.Dialects)
	if len(names) == 0 {
		names = []string{"electa", "oauth2"}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		def, err := definition(&config.Mount{Dialect: name})
		if err != nil {
			return badInit("%w", err)
		}
		n.definitions = append(n.definitions, *def)
	}
	return nil
}

// findHosts says what the certificate is for, and reads the one that is given.
func (n *initiation) findHosts() error {
	switch {
	case n.NoTLS:
		return nil
	case n.TLSCert != "":
		for _, path := range []*string{&n.TLSCert, &n.TLSKey} { // the configuration's are looked for from its own folder
			abs, err := filepath.Abs(*path)
			if err != nil {
				return err
			}
			*path = abs
		}
		pair, err := tls.LoadX509KeyPair(n.TLSCert, n.TLSKey)
		if err != nil {
			return badInit("--tls-cert and --tls-key: %w: give the certificate (chain) and the key that belongs to it, both PEM", err)
		}
		n.hosts = pair.Leaf.DNSNames
		return nil
	}
	for _, h := range append(slices.Clone(n.Hosts), "localhost", "127.0.0.1") {
		if len(h) > 253 || strings.Trim(strings.ToLower(h), "abcdefghijklmnopqrstuvwxyz0123456789-.:") != "" || strings.Contains(h, ":") && net.ParseIP(h) == nil {
			return badInit("--host %q: write it like api.example.com or 192.0.2.1, without scheme and port", h)
		}
		if !slices.Contains(n.hosts, strings.ToLower(h)) {
			n.hosts = append(n.hosts, strings.ToLower(h))
		}
	}
	return nil
}

func (n *initiation) makesCertificate() bool { return !n.NoTLS && n.TLSCert == "" }

// check reads the files that will be written as the server will, before anything
// is there.
func (n *initiation) check() error {
	if _, err := config.Parse(initConfig, []byte(n.configText())); err != nil {
		return badInit("%w", err)
	}
	if _, err := apply.Parse(initCustomers, []byte(n.customersText())); err != nil {
		return badInit("%w", err)
	}
	return nil
}

// makeDatabase makes the database, with the first administrator in it.
func (n *initiation) makeDatabase(ctx context.Context, path string, keys *secret.Keys) (err error) {
	log := slog.New(slog.DiscardHandler)
	store, err := openStore(ctx, path, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	file, err := apply.Parse("administrator", fmt.Appendf(nil,
		"tenants: [{code: %s, name: Who administers Sallyport, users: [{name: %q, password: %q, role: owner, everywhere: true}]}]",
		operatorsTenant, n.Admin, n.password))
	if err != nil {
		return err
	}
	plan, err := apply.Make(ctx, store, file, apply.Options{Keys: keys, Actor: Operator()})
	if err != nil {
		return err
	}
	_, err = execute(ctx, plan, store, keys, log)
	return err
}

// trialOrganization is what the certificate to try with says of its owner.
const trialOrganization = "Sallyport trial certificate"

// trial is how long the certificate to try with is good.
const trial = 365 * 24 * time.Hour

// makeCertificate writes a self-signed certificate and its key. It is no
// authority's: whoever trusts it trusts these names and nothing else.
func makeCertificate(cert, key string, hosts []string, now time.Time) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: hosts[0], Organization: []string{trialOrganization}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(trial), // clocks that go after are welcome
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	return errors.Join(writePEM(cert, "CERTIFICATE", der), writePEM(key, "PRIVATE KEY", keyDER))
}

func writePEM(path, kind string, der []byte) error {
	var b bytes.Buffer
	if err := pem.Encode(&b, &pem.Block{Type: kind, Bytes: der}); err != nil {
		return err
	}
	return writeNew(path, b.Bytes())
}
