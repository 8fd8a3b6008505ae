package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/config"
)

// certificatePoll is how often the certificate's files are looked at. Renewal
// is weeks ahead of expiry; seconds are for the operator who waits for it.
const certificatePoll = 2 * time.Second

// certificate is a key pair kept in two files. It is read anew when they change;
// a pair that cannot be used leaves the one before it in service.
type certificate struct {
	cert, key string
	log       *slog.Logger
	pair      atomic.Pointer[tls.Certificate]
	seen      [2]fs.FileInfo // as of the last attempt; only poll touches it
}

// newCertificate reads the pair; the error says which file is at fault.
func newCertificate(cert, key string, log *slog.Logger) (*certificate, error) {
	c := &certificate{cert: cert, key: key, log: log}
	seen, err := c.stat()
	if err == nil {
		err = c.load()
	}
	if err != nil {
		return nil, fmt.Errorf("TLS certificate: %w", err)
	}
	c.seen = seen
	return c, nil
}

// badCertificate says which line of the configuration is at fault and what to do.
func badCertificate(cfg *config.Config, err error) error {
	field, todo := "tls", "give the certificate (chain) and the key that belongs to it, both PEM"
	var path *fs.PathError
	if errors.As(err, &path) {
		field, todo = "tls.cert", "let the user that runs this read it"
		if path.Path == cfg.TLS.Key {
			field = "tls.key"
		}
		if errors.Is(err, fs.ErrNotExist) {
			todo = "put the file there, or name the right one"
		}
		err = path
	}
	return cfg.Errorf(field, "%v: %s", err, todo)
}

func (c *certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", c.cert, c.key, err)
	}
	c.pair.Store(&pair)
	return nil
}

func (c *certificate) stat() (seen [2]fs.FileInfo, err error) {
	if seen[0], err = os.Stat(c.cert); err != nil {
		return seen, err
	}
	seen[1], err = os.Stat(c.key)
	return seen, err
}

// poll reads the pair if its files changed. One file is written before the
// other: a pair that does not fit is tried again at the next change.
func (c *certificate) poll() {
	seen, err := c.stat()
	if err != nil {
		// Some tools remove before they write; there is a certificate to go on with.
		if c.seen[0] != nil { // once
			c.log.Warn("TLS certificate is not there; going on with the one in use", "cause", err)
		}
		c.seen = [2]fs.FileInfo{}
		return
	}
	if same(seen[0], c.seen[0]) && same(seen[1], c.seen[1]) {
		return
	}
	c.seen = seen
	if err := c.load(); err != nil {
		c.log.Error("new TLS certificate cannot be used, the old one stays", "cause", err)
		return
	}
	c.log.Info("TLS certificate reloaded", "file", c.cert)
}

func same(a, b fs.FileInfo) bool {
	return a != nil && b != nil && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && os.SameFile(a, b)
}

// config is TLS 1.2 or later, with Go's choice of suites, HTTP/2 and HTTP/1.1.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.pair.Load(), nil
		},
	}
}
