package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// InitOptions say what [Init] makes. Only Dir, Listen and Out are required.
type InitOptions struct {
	Dir         string   // made if it is not there
	Dialects    []string // to mount; none: electa and oauth2
	Listen      string   // host:port for logins and the gate
	AdminListen string   // loopback host:port for administration; "": none
	Hosts       []string // names and addresses that clients call, for the certificate, beside localhost and 127.0.0.1
	NoTLS       bool     // a proxy in front, on this machine, speaks https
	TLSCert     string   // PEM files to use instead of making a certificate
	TLSKey      string
	Admin       string // user name of the first administrator; "": admin
	Program     string // how the commands to paste call this program; "": sallyport
	JSON        bool   // write one JSON object instead of words for people
	Out         io.Writer
}

// ErrInTheWay says that a file which [Init] would make is there already.
var ErrInTheWay = errors.New("nothing was made, because something is there already")

// What Init makes, beside the certificate.
const (
	initConfig    = "config.yaml"
	initCustomers = "customers.yaml"
	initKeys      = "keys.json"
	initData      = "sallyport.db"
	initCert      = "tls.crt"
	initCertKey   = "tls.key"
)

// operatorsTenant holds those who administer the server and nothing else.
const operatorsTenant = "OPERATORS"

// Init makes all that a server needs to start in a folder: a configuration, a
// file with an example customer, key set, database, a certificate to try with, and
// the first administrator, whose password it writes to Out, this once. Files have
// mode 0600. It makes all of it or nothing, and never replaces a file: then the
// error wraps [ErrInTheWay] and names it.
func Init(ctx context.Context, o InitOptions) (err error) {
	n, err := newInitiation(o)
	if err != nil {
		return err
	}
	madeDir, err := makeDir(o.Dir)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil && madeDir {
			_ = os.Remove(o.Dir) // the first error counts
		}
	}()
	if err := nothingInTheWay(o.Dir, n.files()); err != nil {
		return err
	}
	// Made aside, on the same file system, and given their names when all are there.
	aside, err := os.MkdirTemp(o.Dir, ".init-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(aside)) }()
	if err := n.make(ctx, aside); err != nil {
		return err
	}
	if err := placeAll(aside, o.Dir, n.files()); err != nil {
		return err
	}
	return tell(o.Out, o.JSON, n.report())
}

// make makes everything in a folder.
func (n *initiation) make(ctx context.Context, dir string) error {
	for name, text := range map[string]string{initConfig: n.configText(), initCustomers: n.customersText()} {
		if err := writeNew(filepath.Join(dir, name), []byte(text)); err != nil {
			return err
		}
	}
	if n.makesCertificate() {
		if err := makeCertificate(filepath.Join(dir, initCert), filepath.Join(dir, initCertKey), n.hosts, auth.SystemClock()); err != nil {
			return err
		}
	}
	keys, err := secret.GenerateKeys()
	if err != nil {
		return err
	}
	if err := keys.SaveNew(filepath.Join(dir, initKeys)); err != nil {
		return err
	}
	return n.makeDatabase(ctx, filepath.Join(dir, initData), keys)
}

// files are what will be there at the end, the configuration last: a server that
// starts too early finds all or nothing.
func (n *initiation) files() []string {
	list := []string{initKeys, initData}
	if n.makesCertificate() {
		list = append(list, initCert, initCertKey)
	}
	return append(list, initCustomers, initConfig)
}

// nothingInTheWay looks for files that would be replaced, and for what an earlier
// database left: SQLite would take its log for the new one's.
func nothingInTheWay(dir string, files []string) error {
	var found []string
	for _, name := range append([]string{initData + "-wal", initData + "-shm"}, files...) {
		path := filepath.Join(dir, name)
		switch _, err := os.Lstat(path); {
		case err == nil:
			found = append(found, path)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s: name another folder with --dir, or move it away", ErrInTheWay, strings.Join(found, ", "))
}

// placeAll gives files their names in another folder, durably, and takes back
// what it did if it cannot go on. A link, unlike a rename, never replaces.
func placeAll(from, to string, files []string) (err error) {
	var placed []string
	defer func() {
		if err != nil {
			for _, path := range placed {
				_ = os.Remove(path) // the first error counts
			}
		}
	}()
	for _, name := range files {
		path := filepath.Join(to, name)
		switch err := os.Link(filepath.Join(from, name), path); {
		case errors.Is(err, fs.ErrExist): // since nothingInTheWay
			return fmt.Errorf("%w: %s", ErrInTheWay, path)
		case err != nil:
			return err
		}
		placed = append(placed, path)
	}
	return syncDir(to)
}

// makeDir makes a folder that is not there, for its owner alone.
func makeDir(path string) (made bool, err error) {
	switch err := os.Mkdir(path, 0o700); {
	case err == nil:
		return true, nil
	case !errors.Is(err, fs.ErrExist):
		return false, fmt.Errorf("%w: make the folder above it first", err)
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return false, errors.Join(err, fmt.Errorf("%s is no folder: name one with --dir", path))
	}
	return false, nil
}

// writeNew writes a file that is not there yet, mode 0600, durably.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}
