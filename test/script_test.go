package test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // the driver

	"github.com/sallyport/sallyport/internal/loopback"
)

// patience is how long anything that has to happen may take. Nothing is said to
// work because it was fast.
const patience = time.Minute

// binDir holds the program that the scripts run.
var binDir string

func TestMain(m *testing.M) {
	testscript.Main(program{m}, map[string]func(){
		"storm": storm, "guess": guess, "hold": hold, "check": check, "fill": fill,
	})
}

// program builds the program before the tests and removes it after them. It is
// not asked to when this process is one of the script's own programs.
type program struct{ *testing.M }

func (p program) Run() int {
	dir, err := os.MkdirTemp("", "sallyport-test-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		binDir = dir
		build := exec.Command("go", "build", "-o", filepath.Join(dir, "sallyport"), "../cmd/sallyport")
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the program to test:", err)
		return 1
	}
	return p.M.Run()
}

func TestScripts(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("the scripts log in with curl, which is not here (Debian: curl)")
	}
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: setup,
		Condition: func(name string) (bool, error) {
			if name != "tmpfs" {
				return false, fmt.Errorf("no such condition: %s", name)
			}
			return canMount(), nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"until":  until,
			"expand": expand,
			"tmpfs":  tmpfs,
			"damage": damage,
			"pair":   pair,
			"sql":    statement,
		},
	})
}

// setup gives each script an address of its own, a configuration and accounts.
func setup(env *testscript.Env) error {
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	admin, err := freeAddr()
	if err != nil {
		return err
	}
	env.Setenv("ADDR", addr)
	env.Setenv("ADMIN", admin)
	env.Setenv("BASE", "http://"+addr)
	env.Setenv("PATH", binDir+string(os.PathListSeparator)+env.Getenv("PATH"))
	for _, name := range []string{"config.yaml", "accounts.yaml"} {
		b, err := os.ReadFile(filepath.Join("common", name))
		if err != nil {
			return err
		}
		b = []byte(os.Expand(string(b), env.Getenv))
		if err := os.WriteFile(filepath.Join(env.WorkDir, name), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func freeAddr() (string, error) {
	return loopback.FreeAddr(context.Background())
}

// until runs a command again and again until it succeeds; with ! until it fails.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: [!] until command [args]")
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if err := ts.Exec(args[0], args[1:]...); (err == nil) != neg {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("waited %s in vain", patience)
		}
	}
}

// expand replaces $VARIABLES in files.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// tmpfs mounts a small file system, to be filled.
func tmpfs(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: tmpfs directory size")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(mount(dir, args[1]))
	ts.Defer(func() { _ = exec.Command("umount", "-l", dir).Run() })
}

func mount(dir, size string) error {
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// canMount is the condition [tmpfs]: scripts that fill a disk need one of their own.
func canMount() bool {
	dir, err := os.MkdirTemp("", "sallyport-mount-")
	if err != nil {
		return false
	}
	defer func() { _ = os.Remove(dir) }()
	if mount(dir, "64k") != nil {
		return false
	}
	return exec.Command("umount", dir).Run() == nil
}

// damage overwrites the middle of a file, as a dying disk does.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: damage file")
	}
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	for i := range b[:len(b)*3/4] {
		b[i] ^= 0xa5
	}
	ts.Check(os.WriteFile(path, b, 0o600))
}

// statement runs a statement on a database, as somebody does who has the file in
// hands and no business there.
func statement(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sql file statement")
	}
	db, err := sql.Open("sqlite", "file:"+ts.MkAbs(args[0])+"?_pragma=busy_timeout(10000)")
	ts.Check(err)
	defer db.Close()
	result, err := db.Exec(args[1])
	ts.Check(err)
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		ts.Fatalf("%d rows affected, %v", n, err)
	}
}

// pair writes a self-signed certificate for 127.0.0.1 and its key.
func pair(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: pair certificate key name")
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: args[2]},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	ts.Check(err)
	key, err := x509.MarshalPKCS8PrivateKey(private)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
}
