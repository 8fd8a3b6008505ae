package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/server"
	"github.com/spf13/cobra"
)

// whereItGoes is what the help says of it.
const whereItGoes = `Where it goes:
  --server URL     the admin listener of a server, as the key whose account and secret
                   are in SALLYPORT_CLIENT_ID and SALLYPORT_CLIENT_SECRET, or in the file
                   of --credentials. SALLYPORT_SERVER stands for --server.
  --config FILE    the database itself, as an owner of everything: for whoever may read
                   the server's files. The server may run meanwhile. It obeys within a
                   second, and lifts locks within two; what it has in memory only, which
                   is the use of its sessions, is not seen.
  --data FILE      the same without a configuration, on the file of a server that does
                   not run, or on a copy. --keys names the key set, else keys.json beside
                   the file. With --data postgres://... servers run on, and --keys is
                   needed.
  Without any, config.yaml in the working directory, which sallyport init writes.

Accounts are named by number or code, or by more of the path: 123456, ACME/123456.
Keys are ACCOUNT/NAME, users LOGIN or ACCOUNT/LOGIN. id:7 is what has the id 7.`

// The environment's names.
const (
	envServer = "SALLYPORT_SERVER"
	envID     = "SALLYPORT_CLIENT_ID"
	envSecret = "SALLYPORT_CLIENT_SECRET"
)

// target is where operations go.
type target struct{ server, credentials, ca, config, data, keys string }

func (t *target) add(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&t.server, "server", "", "address of the admin listener, such as https://admin.example.com")
	f.StringVar(&t.credentials, "credentials", "", "file with "+envID+"=... and "+envSecret+"=... (default the environment)")
	f.StringVar(&t.ca, "ca", "", "certificates to trust of the server, PEM (default the system's)")
	f.StringVarP(&t.config, "config", "c", "", "the server's configuration, to work on its database")
	f.StringVar(&t.data, "data", "", "the database itself, a file or postgres://..., without a configuration")
	f.StringVar(&t.keys, "keys", "", "the key set of --data (default keys.json beside the file)")
	cmd.MarkFlagsMutuallyExclusive("server", "config", "data")
}

// opener connects. local says that it is to the database itself.
type opener func(ctx context.Context, log io.Writer) (c *client.Client, local bool, done func() error, err error)

var errNowhere = errors.New("say where: --server URL, --config FILE or --data FILE; there is no " + defaultConfig + " here")

var errKeysAlone = errors.New("--keys belongs to --data")

var errNotOverThere = errors.New("--credentials and --ca belong to --server")

// opener says where the flags, the environment and the working directory lead to.
func (t *target) opener() (opener, error) {
	address, file := t.server, t.config
	if t.keys != "" && t.data == "" {
		return nil, errKeysAlone
	}
	if t.data != "" {
		if t.credentials != "" || t.ca != "" {
			return nil, errNotOverThere
		}
		return t.database()
	}
	if address == "" && file == "" {
		address = os.Getenv(envServer)
	}
	if address == "" && file == "" {
		if _, err := os.Stat(defaultConfig); err != nil {
			return nil, errNowhere
		}
		file = defaultConfig
	}
	if address == "" {
		if t.credentials != "" || t.ca != "" {
			return nil, errNotOverThere
		}
		return func(ctx context.Context, log io.Writer) (*client.Client, bool, func() error, error) {
			cfg, err := loadConfig(file)
			if err != nil {
				return nil, true, nil, err
			}
			return openDatabase(ctx, cfg, server.AdminOptions{Log: log})
		}, nil
	}
	return func(context.Context, io.Writer) (*client.Client, bool, func() error, error) {
		c, err := t.dial(address)
		return c, false, func() error { return nil }, err
	}, nil
}

// defaultKeys is the key set beside a database, as sallyport init makes it.
const defaultKeys = "keys.json"

// keysOf is the key set of --data: what --keys names, or the one beside the file.
func keysOf(data, keys string) (string, error) {
	if !strings.HasPrefix(data, "postgres://") && !strings.HasPrefix(data, "postgresql://") {
		return cmp.Or(keys, filepath.Join(filepath.Dir(data), defaultKeys)), nil
	}
	u, err := url.Parse(data)
	if err != nil { // whose text has the URL
		return "", errors.New("--data: this is no URL: write it like postgres://user@host/database")
	}
	if _, has := u.User.Password(); has || u.Query().Has("password") {
		return "", errors.New("--data: leave the password out, everybody on this machine can read it here: set PGPASSWORD or write ~/.pgpass, or use --config")
	}
	if keys == "" {
		return "", errors.New("--data: name the key set of the database in PostgreSQL too, with --keys")
	}
	return keys, nil
}

// database says how the database of --data is opened: a file by nobody else.
func (t *target) database() (opener, error) {
	keys, err := keysOf(t.data, t.keys)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, log io.Writer) (*client.Client, bool, func() error, error) {
		if there(t.data) && t.keys == "" && !there(keys) {
			return nil, true, nil, fmt.Errorf("--keys: there is no %s: name the key set that belongs to %s", keys, t.data)
		}
		return openDatabase(ctx, server.BareConfig(t.data, keys), server.AdminOptions{Log: log, Alone: true})
	}, nil
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// openDatabase opens a database, by the name of who runs this program.
func openDatabase(ctx context.Context, cfg *config.Config, o server.AdminOptions) (*client.Client, bool, func() error, error) {
	o.Name, o.Version = server.Operator(), versionLine()
	a, err := server.OpenAdmin(ctx, cfg, o)
	if err != nil {
		return nil, true, nil, err
	}
	return client.InProcess(a), true, a.Close, nil
}

// dial makes the client of a server.
func (t *target) dial(address string) (*client.Client, error) {
	who := credentials{os.Getenv(envID), os.Getenv(envSecret)}
	if t.credentials != "" {
		var err error
		if who, err = readCredentials(t.credentials); err != nil {
			return nil, err
		}
	}
	if who.id == "" || who.secret == "" {
		return nil, fmt.Errorf("who asks? Set %s to the number or code of an account and %s to the secret of one of its keys that has a role, or name a file with --credentials", envID, envSecret)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if t.ca != "" {
		pem, err := os.ReadFile(t.ca)
		if err != nil {
			return nil, named("--ca", t.ca, err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca: there is no certificate in %s: name a PEM file", t.ca)
		}
	}
	c, err := client.New(client.Options{URL: address, Account: who.id, Secret: who.secret, HTTP: &http.Client{Transport: transport}})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmp.Or(flagIf(t.server != "", "--server"), envServer), err)
	}
	return c, nil
}

func flagIf(is bool, name string) string {
	if is {
		return name
	}
	return ""
}
