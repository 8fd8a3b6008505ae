package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writePair makes a self-signed certificate for 127.0.0.1 with the given serial
// number, and stamps both files with a time of their own: file systems may not
// tell two writes within a tick apart.
func writePair(t *testing.T, dir string, serial int64) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), serial)
	write(t, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), serial)
	return cert, key
}

func write(t *testing.T, path string, content []byte, stamp int64) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if at := time.Unix(stamp, 0); os.Chtimes(path, at, at) != nil {
		t.Fatal("cannot set the time of", path)
	}
}

func TestCertificateIsReloaded(t *testing.T) {
	dir := t.TempDir()
	cert, key := writePair(t, dir, 1)
	var logged bytes.Buffer
	c, err := newCertificate(cert, key, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	expect := func(what string, serial int64) {
		t.Helper()
		pair, err := c.config().GetCertificate(new(tls.ClientHelloInfo))
		if err != nil || pair.Leaf.SerialNumber.Int64() != serial {
			t.Errorf("%s: serving serial %v (%v), want %d", what, pair.Leaf.SerialNumber, err, serial)
		}
	}
	expect("at the start", 1)

	writePair(t, dir, 2)
	c.poll()
	expect("after a renewal", 2)

	write(t, key, []byte("half a fi"), 3)
	c.poll()
	expect("while the new pair is broken", 2)
	if !strings.Contains(logged.String(), "the old one stays") {
		t.Errorf("nobody was told: %s", logged.String())
	}
	logged.Reset()
	c.poll()
	if logged.Len() > 0 {
		t.Errorf("told again without a change: %s", logged.String())
	}

	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	c.poll()
	expect("while a file is away", 2)

	writePair(t, dir, 4)
	c.poll()
	expect("after the repair", 4)
}

func TestCertificateMustBeThereAtStart(t *testing.T) {
	dir := t.TempDir()
	cert, key := writePair(t, dir, 1)
	for name, pair := range map[string][2]string{
		"no certificate": {filepath.Join(dir, "none"), key},
		"no key":         {cert, filepath.Join(dir, "none")},
		"swapped":        {key, cert},
	} {
		if _, err := newCertificate(pair[0], pair[1], slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestTLSVersions(t *testing.T) {
	dir := t.TempDir()
	cfg := configured(dir)
	cfg.TLS.Cert, cfg.TLS.Key = writePair(t, dir, 1)
	s, _ := start(t, cfg)
	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{
			InsecureSkipVerify: true, MinVersion: version, MaxVersion: version, NextProtos: []string{"h2"},
		})
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			if p := c.ConnectionState().NegotiatedProtocol; p != "h2" {
				t.Errorf("%s: speaks %q, want HTTP/2", tls.VersionName(version), p)
			}
			_ = c.Close()
		}
	}
}
