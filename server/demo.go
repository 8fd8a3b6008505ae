package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/config/strict"
	"github.com/sallyport/sallyport/dialect"
)

// DemoOptions say where a demo runs.
type DemoOptions struct {
	Addr           string    // a loopback address with port
	Admin          string    // the same, for administrators; "": nowhere
	AdminElsewhere bool      // any port, if that one is taken
	Data           string    // directory to keep; "": a temporary one, removed at the end
	Log            io.Writer // nil: standard error
}

// Demo is a [Server] with every dialect mounted for every host, example
// customers, and an API behind the gate that says what reached it.
type Demo struct {
	*Server
	api       *http.Server // what the reverse proxy leads to; nil: none yet
	temporary string       // directory to remove; "": none
}

// ErrNotLoopback says that a demo was asked to serve others than this machine.
// It speaks plain HTTP, and everybody knows its keys.
var ErrNotLoopback = errors.New("the demo serves this machine only: give it a loopback address such as 127.0.0.1:8080")

// CheckLoopback refuses an address that is not loopback, written as a number:
// what a name stands for is for others to say.
func CheckLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%w: %q is not host:port", ErrNotLoopback, addr)
	}
	if host == "localhost" {
		return nil
	}
	if a, err := netip.ParseAddr(host); err != nil || !a.IsLoopback() {
		return fmt.Errorf("%w: not %q", ErrNotLoopback, addr)
	}
	return nil
}

// NewDemo makes the example customers and listens.
func NewDemo(ctx context.Context, o DemoOptions) (_ *Demo, err error) {
	if err := CheckLoopback(o.Addr); err != nil {
		return nil, err
	}
	if err := CheckLoopback(o.Admin); o.Admin != "" && err != nil {
		return nil, err
	}
	d := &Demo{}
	if o.Data == "" {
		if o.Data, err = os.MkdirTemp("", "sallyport-demo-"); err != nil {
			return nil, err
		}
		d.temporary = o.Data
	}
	defer func() {
		if err != nil {
			_ = d.remove() // the first error counts
		}
	}()
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return nil, err
	}
	cfg, err := demoConfig(o)
	if err != nil {
		return nil, err
	}
	if err := applyDemo(ctx, cfg, o.Log); err != nil {
		return nil, fmt.Errorf("making the demo's customers: %w", err)
	}
	if err := d.startAPI(ctx, cfg); err != nil {
		return nil, err
	}
	d.Server, err = New(ctx, cfg, Options{Log: o.Log, InsecureLoopback: true, AdminElsewhere: o.AdminElsewhere})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func demoConfig(o DemoOptions) (*config.Config, error) {
	var err error
	cfg := new(config.Config)
	cfg.SetDefaults()
	cfg.Listen = strings.Replace(o.Addr, "localhost:", "127.0.0.1:", 1)
	cfg.Admin.Listen = strings.Replace(o.Admin, "localhost:", "127.0.0.1:", 1)
	cfg.Admin.Tenant, cfg.Admin.SecondFactor = "SALLYPORT", config.FactorOptional // its password is everybody's anyway
	cfg.Assertion = config.Assertion{Issuer: "http://" + cfg.Listen}
	cfg.Data = filepath.Join(o.Data, "sallyport.db")
	cfg.Keys = filepath.Join(o.Data, "keys.json")
	cfg.Log.Level = "warn" // the terminal is for the commands to paste
	for _, def := range Dialects() {
		m := config.Mount{Name: def.Name, Dialect: def.Name, Prefix: "/", Tenant: demoTenants[def.Name]}
		if m.Options, err = demoOptions(def.Name); err != nil {
			return nil, err
		}
		cfg.Mounts = append(cfg.Mounts, m)
	}
	return cfg, nil
}

// startAPI has the echo API listen on this machine, and the reverse proxy lead to
// it.
func (d *Demo) startAPI(ctx context.Context, cfg *config.Config) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	d.api = &http.Server{Handler: http.HandlerFunc(echo), ReadHeaderTimeout: cfg.Limits.ReadHeaderTimeout}
	go func() { _ = d.api.Serve(l) }() // until remove
	r := config.Route{Name: "echo", Upstream: "http://" + l.Addr().String()}
	r.SetDefaults()
	cfg.Routes = []config.Route{r}
	return nil
}

// Run is the server's, and removes what was temporary.
func (d *Demo) Run(ctx context.Context) error {
	return errors.Join(d.Server.Run(ctx), d.remove())
}

// Close is the server's, and removes what was temporary.
func (d *Demo) Close() error { return errors.Join(d.Server.Close(), d.remove()) }

func (d *Demo) remove() error {
	if d.api != nil {
		_ = d.api.Close() // it holds nothing
	}
	if d.temporary == "" {
		return nil
	}
	return os.RemoveAll(d.temporary)
}

// Example is a login and a checked call over one dialect, as lines for a shell.
type Example struct {
	Title string `json:"title"` // of the dialect
	Login string `json:"login"`
	Call  string `json:"call"`
}

// demoTenants are whose mount each dialect's is; oauth2 is everybody's.
var demoTenants = map[string]string{
	"electa": "ELECTA", "sbt": "ACME", "edubrite": "EDUBRITE", "calamp": "CALAMP", "domainpunch": "DOMAINPUNCH",
}

// demoOptions are the options of a dialect's mount: over plain HTTP the SOAP
// clients of sbt have to be told so by the WSDL, and those of oauth2 by the metadata.
func demoOptions(name string) (strict.Raw, error) {
	var m struct {
		Options strict.Raw `yaml:"options"`
	}
	text := map[string]string{"sbt": "options: {plain_address: true}", "oauth2": "options: {plain_address: true}"}[name]
	err := strict.Decode("demo", []byte(text), &m, strict.Options{})
	return m.Options, err
}

// demoCredentials are who logs in, for the placeholders of each dialect's recipe.
var demoCredentials = map[string][]string{
	"electa":      {"{number}", "123456", "{secret}", "UO86CN11XY73SF72TT40PG18ZE76VV71"},
	"calamp":      {"{user}", "demo@calamp.example", "{secret}", "demo-password", "{app}", "c0ffee00-0000-4000-8000-000000000001"},
	"sbt":         {"{secret}", "demo-sbt-1-week", "{code}", "ACME-WEST-1"},
	"edubrite":    {"{user}", "api_11111111-2222-3333-4444-555555555555", "{secret}", "Abc-_0*|123456789012", "{member}", "charles"},
	"domainpunch": {"{user}", "setup-admin", "{secret}", "demo-password"},
	"oauth2":      {"{code}", "demo-client", "{secret}", "demo-secret"},
}

// anyToken finds a token, in any of the forms there are, in what a login answers.
const anyToken = `[0-9a-f]{88}|[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}|[A-Za-z0-9+/]{76}|sp_[A-Za-z0-9_-]{59}|sp_[A-Za-z0-9_-]{28}\*` //nolint:gosec // the pattern of a token is none

// Examples are commands to paste, two for each dialect. The second logs in for
// itself.
func (d *Demo) Examples() []Example {
	var list []Example
	for _, def := range Dialects() {
		list = append(list, example(&def, d.Addr()))
	}
	return list
}

func example(def *dialect.Definition, addr net.Addr) Example {
	fill := strings.NewReplacer(append([]string{"{base}", "http://" + addr.String(), "{token}", `'"$TOKEN"'`}, demoCredentials[def.Name]...)...)
	login, call := fill.Replace(def.Recipe.Login), fill.Replace(def.Recipe.Call)
	if strings.Contains(def.Recipe.Call, "{token}") { // else the call logs in for itself
		call = "TOKEN=$(" + login + " | grep -oE '" + anyToken + "' | head -n 1); " + call
	}
	return Example{Title: def.Title, Login: login, Call: call}
}
