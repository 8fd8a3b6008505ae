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
	"os"

	"github.com/sallyport/sallyport/client"
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
  Without either, config.yaml in the working directory, which sallyport init writes.

Accounts are named by number or code, or by more of the path: 123456, ACME/123456.
Keys are ACCOUNT/NAME, users LOGIN or ACCOUNT/LOGIN. id:7 is what has the id 7.`

// The environment's names.
const (
	envServer = "SALLYPORT_SERVER"
	envID     = "SALLYPORT_CLIENT_ID"
	envSecret = "SALLYPORT_CLIENT_SECRET"
)

// defaultConfig is what sallyport init writes.
const defaultConfig = "config.yaml"

// target is where operations go.
type target struct{ server, credentials, ca, config string }

func (t *target) add(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&t.server, "server", "", "address of the admin listener, such as https://admin.example.com")
	f.StringVar(&t.credentials, "credentials", "", "file with "+envID+"=... and "+envSecret+"=... (default the environment)")
	f.StringVar(&t.ca, "ca", "", "certificates to trust of the server, PEM (default the system's)")
	f.StringVarP(&t.config, "config", "c", "", "the server's configuration, to work on its database")
	cmd.MarkFlagsMutuallyExclusive("server", "config")
}

// opener connects. local says that it is to the database itself.
type opener func(ctx context.Context, log io.Writer) (c *client.Client, local bool, done func() error, err error)

var errNowhere = errors.New("say where: --server URL, or --config FILE; there is no " + defaultConfig + " here")

// opener says where the flags, the environment and the working directory lead to.
func (t *target) opener() (opener, error) {
	address, file := t.server, t.config
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
			return nil, errors.New("--credentials and --ca belong to --server")
		}
		return func(ctx context.Context, log io.Writer) (*client.Client, bool, func() error, error) {
			return openDatabase(ctx, file, log)
		}, nil
	}
	return func(context.Context, io.Writer) (*client.Client, bool, func() error, error) {
		c, err := t.dial(address)
		return c, false, func() error { return nil }, err
	}, nil
}

// openDatabase opens the database that a configuration names.
func openDatabase(ctx context.Context, file string, log io.Writer) (*client.Client, bool, func() error, error) {
	cfg, err := loadConfig(file)
	if err != nil {
		return nil, true, nil, err
	}
	a, err := server.OpenAdmin(ctx, cfg, server.Operator(), versionLine(), log)
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
