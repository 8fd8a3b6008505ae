package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/secret"
)

// initOptions are what the command line gives by default.
func initOptions(dir string, out *strings.Builder) InitOptions {
	return InitOptions{Dir: dir, Listen: "127.0.0.1:8443", AdminListen: "127.0.0.1:8081", Out: out}
}

func initialized(t *testing.T, alter func(*InitOptions)) (dir, printed string) {
	t.Helper()
	var out strings.Builder
	dir = filepath.Join(t.TempDir(), "first")
	o := initOptions(dir, &out)
	alter(&o)
	if err := Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return dir, out.String()
}

// applyAndStart does what Init says comes next.
func applyAndStart(t *testing.T, dir string) *Server {
	t.Helper()
	cfg, err := config.Load(filepath.Join(dir, initConfig))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listen, cfg.Admin.Listen = "127.0.0.1:0", ""
	err = Apply(t.Context(), ApplyOptions{File: filepath.Join(dir, initCustomers), Data: cfg.Data, Keys: cfg.Keys, Actor: "test", Out: t.Output(), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := start(t, cfg)
	return s
}

// What Init writes and prints works, for every dialect and each way to do TLS.
func TestInitLeadsToALogin(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("what is printed is for curl, which is not here (Debian: curl)")
	}
	cases := map[string]func(*InitOptions){
		"default": func(*InitOptions) {},
		"no TLS":  func(o *InitOptions) { o.NoTLS = true },
		"own certificate": func(o *InitOptions) {
			o.TLSCert, o.TLSKey = filepath.Join(t.TempDir(), "c"), filepath.Join(t.TempDir(), "k")
			if err := makeCertificate(o.TLSCert, o.TLSKey, []string{"api.example.com"}, time.Now()); err != nil {
				t.Fatal(err)
			}
			t.Setenv("CURL_CA_BUNDLE", o.TLSCert) // as an authority that this machine trusts
		},
		"more hosts": func(o *InitOptions) { o.Hosts = []string{"api.example.com", "192.0.2.1"} },
	}
	for _, def := range Dialects() {
		cases[def.Name] = func(o *InitOptions) { o.Dialects = []string{def.Name} }
	}
	for name, alter := range cases {
		t.Run(name, func(t *testing.T) {
			dir, printed := initialized(t, alter)
			s := applyAndStart(t, dir)
			logins := regexp.MustCompile(`(?m)^curl .*$`).FindAllString(printed, -1)
			if len(logins) == 0 {
				t.Fatalf("no login to paste in:\n%s", printed)
			}
			_, port, _ := strings.Cut(s.Addr().String(), ":")
			for _, line := range logins {
				if out := shell(t, strings.ReplaceAll(line, "8443", port)); !regexp.MustCompile(anyToken).MatchString(out) {
					t.Errorf("%s\nanswers no token: %s", line, out)
				}
			}
		})
	}
}

// What is made is its owner's alone, and there is nothing besides.
func TestInitMakesPrivateFiles(t *testing.T) {
	dir, printed := initialized(t, func(*InitOptions) {})
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 6 {
		t.Errorf("there is %v", entries)
	}
	password := regexp.MustCompile(`shown this once: (\S+)`).FindStringSubmatch(printed)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v: %v", e.Name(), info.Mode(), err)
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil || strings.Contains(string(content), password[1]) {
			t.Errorf("%s holds the administrator's password: %v", e.Name(), err)
		}
	}
}

func TestInitMakesTheFirstAdministrator(t *testing.T) {
	dir, printed := initialized(t, func(o *InitOptions) { o.Admin = "Root@example.com" })
	password := regexp.MustCompile(`administrator Root@example.com, tenant OPERATORS, password shown this once: (\S+)`).FindStringSubmatch(printed)
	if password == nil {
		t.Fatalf("printed is:\n%s", printed)
	}
	store, err := openStore(t.Context(), filepath.Join(dir, initData), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	err = store.View(t.Context(), func(v auth.Reader) error {
		tenant, err := v.AccountByCode(0, "OPERATORS")
		if err != nil {
			return err
		}
		u, err := v.UserByName(tenant.ID, "Root@example.com")
		if err != nil {
			return err
		}
		same, _, err := secret.NewHasher(0, 0).Verify(t.Context(), u.Password, password[1])
		if !same || u.Role != auth.Owner || !u.Everywhere || !u.Active {
			t.Errorf("the password is good: %v; role %q, everywhere %v, active %v", same, u.Role, u.Everywhere, u.Active)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestInitCertificate(t *testing.T) {
	dir, _ := initialized(t, func(o *InitOptions) { o.Hosts = []string{"API.example.com", "192.0.2.1", "localhost"} })
	b, err := os.ReadFile(filepath.Join(dir, initCert))
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode(b)
	if block == nil || len(rest) > 0 {
		t.Fatalf("the certificate is no single one: %s", b)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"api.example.com", "192.0.2.1", "localhost", "127.0.0.1"} {
		if err := c.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if key, ok := c.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("its key is a %T", c.PublicKey)
	}
	if c.IsCA || len(c.DNSNames) != 2 || len(c.IPAddresses) != 2 {
		t.Errorf("an authority: %v; names %v, addresses %v", c.IsCA, c.DNSNames, c.IPAddresses)
	}
	if left := time.Until(c.NotAfter); left > 366*24*time.Hour || left < 364*24*time.Hour {
		t.Errorf("it is good for %v", left)
	}
}

// Whatever is there already stays as it is, and alone.
func TestInitReplacesNothing(t *testing.T) {
	for _, name := range []string{initConfig, initCustomers, initKeys, initData, initData + "-wal", initData + "-shm", initCert, initCertKey} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			write(t, path, []byte("mine"), 1)
			var out strings.Builder
			err := Init(t.Context(), initOptions(dir, &out))
			if !errors.Is(err, ErrInTheWay) || !strings.Contains(err.Error(), path) {
				t.Errorf("made beside it: %v", err)
			}
			expectAlone(t, dir, name)
			if out.Len() > 0 {
				t.Errorf("printed: %s", &out)
			}
		})
	}
}

// expectAlone expects one file in a folder, as it was.
func expectAlone(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("there is %v: %v", entries, err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != "mine" {
		t.Errorf("%s holds %q: %v", name, b, err)
	}
}

// What gets its name between the look and the end is not replaced either, and what
// had its name by then loses it.
func TestPlacingTakesBack(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	write(t, filepath.Join(from, "a"), []byte("new"), 1)
	write(t, filepath.Join(from, "b"), []byte("new"), 1)
	write(t, filepath.Join(to, "b"), []byte("mine"), 1)
	if err := placeAll(from, to, []string{"a", "b"}); !errors.Is(err, ErrInTheWay) {
		t.Errorf("placed: %v", err)
	}
	expectAlone(t, to, "b")
}

func TestInitLeavesNothingBehind(t *testing.T) {
	var out strings.Builder
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	dir := filepath.Join(t.TempDir(), "new")
	if err := Init(ended, initOptions(dir, &out)); err == nil {
		t.Fatal("made though it was cancelled")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder stays behind: %v", err)
	}
}

func TestInitAskedWrongly(t *testing.T) {
	for want, alter := range map[string]func(*InitOptions){
		"there is no dialect \"elektra\": this program has electa": func(o *InitOptions) { o.Dialects = []string{"elektra"} },
		"--admin \"a'b\"":                              func(o *InitOptions) { o.Admin = "a'b" },
		"--admin \"a\\nb\"":                            func(o *InitOptions) { o.Admin = "a\nb" },
		"leave out --tls-cert":                         func(o *InitOptions) { o.NoTLS, o.TLSCert, o.TLSKey = true, "c", "k" },
		"belong together":                              func(o *InitOptions) { o.TLSKey = "k" },
		"leave it out with --tls-cert":                 func(o *InitOptions) { o.TLSCert, o.TLSKey, o.Hosts = "c", "k", []string{"x"} },
		"c: no such file or directory":                 func(o *InitOptions) { o.TLSCert, o.TLSKey = "c", "k" },
		"--host \"https://x\"":                         func(o *InitOptions) { o.Hosts = []string{"https://x"} },
		"--host \"x:8443\"":                            func(o *InitOptions) { o.Hosts = []string{"x:8443"} },
		"--host \"*.example.com\"":                     func(o *InitOptions) { o.Hosts = []string{"*.example.com"} },
		"\"8443\" is a port alone":                     func(o *InitOptions) { o.Listen = "8443" },
		"can be reached from elsewhere":                func(o *InitOptions) { o.AdminListen = ":8081" },
		"config.yaml:5:9: listen: \"a\\\" : \" is not": func(o *InitOptions) { o.Listen = "a\"\n: " },
	} {
		var out strings.Builder
		dir := filepath.Join(t.TempDir(), "new")
		o := initOptions(dir, &out)
		alter(&o)
		if err := Init(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("\ngot  %v\nwant %s", err, want)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the folder was made: %v", want, err)
		}
	}
	if err := Init(t.Context(), initOptions(filepath.Join(t.TempDir(), "no", "where"), new(strings.Builder))); err == nil || !strings.Contains(err.Error(), "make the folder above it first") {
		t.Errorf("made two folders: %v", err)
	}
}

// A path is one word to a shell, whatever it is called.
func TestQuoted(t *testing.T) {
	for _, word := range []string{"a/b.c", "a b", "it's", "$(x)", "", "a\nb", "*"} {
		if out := shell(t, "printf %s "+quoted(word)); out != word {
			t.Errorf("%q became %q", word, out)
		}
	}
}
