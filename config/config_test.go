package config_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/config/strict"
)

func TestExample(t *testing.T) {
	c, err := config.Parse("example.yaml", config.Example())
	if err != nil {
		t.Fatal(err)
	}
	want := auth.Mount{
		Name: "electa", Dialect: "electa", Tenant: "ACME",
		Policy:    auth.Policy{Span: 8 * time.Hour, Idle: 20 * time.Minute, Uses: 100_000, ExpireOnNew: true},
		Names:     auth.Limits{Failures: 5, Window: 15 * time.Minute, Lock: 15 * time.Minute},
		Addresses: auth.Limits{Failures: 100, Window: 15 * time.Minute, Lock: time.Minute},
		Rate:      auth.Rate{Attempts: 30, Window: time.Minute},
		FairUse:   auth.FairUse{Logins: 60},
	}
	if got := c.Mounts[0].Auth(); got != want {
		t.Errorf("mount is\n%+v, want\n%+v", got, want)
	}
	if err := want.Validate(); err != nil {
		t.Error(err)
	}
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32")}
	if !reflect.DeepEqual(c.TrustedProxies, proxies) {
		t.Errorf("trusted proxies %v, want %v", c.TrustedProxies, proxies)
	}
	if c.Limits.Header != 16*config.KiB || c.Audit.Keep != 90*24*time.Hour {
		t.Errorf("header %d, keep %v", c.Limits.Header, c.Audit.Keep)
	}
}

// Whoever adds a field documents it.
func TestExampleStatesEveryField(t *testing.T) {
	c, err := config.Parse("example.yaml", config.Example())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range leaves(reflect.TypeFor[config.Config](), "") {
		if f != "mounts" && f != "routes" && !c.Has(f) {
			t.Errorf("example.yaml does not state %s", f)
		}
	}
	for _, f := range leaves(reflect.TypeFor[config.Mount](), "") {
		if !c.Mounts[0].Has(f) {
			t.Errorf("example.yaml does not state %s of a mount", f)
		}
	}
	for _, f := range leaves(reflect.TypeFor[config.Route](), "") {
		if !c.Routes[0].Has(f) {
			t.Errorf("example.yaml does not state %s of a route", f)
		}
	}
}

// leaves lists the paths of the fields of t.
func leaves(t reflect.Type, under string) (list []string) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[strict.Raw]() {
		return []string{strings.TrimSuffix(under, ".")}
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type != reflect.TypeFor[strict.Mark]() {
			list = append(list, leaves(f.Type, under+f.Tag.Get("yaml")+".")...)
		}
	}
	return list
}

// The comments of the example say which values are the defaults.
func TestExampleTellsTheDefaults(t *testing.T) {
	full, err := config.Parse("example.yaml", config.Example())
	if err != nil {
		t.Fatal(err)
	}
	least, err := config.Parse("least.yaml", []byte("mounts: [{dialect: electa}]\ntrusted_proxies: [10.0.0.0/8]\n"))
	if err != nil {
		t.Fatal(err)
	}
	f, l := full.Mounts[0], least.Mounts[0]
	if f.Lockout != l.Lockout || f.FairUse != l.FairUse || f.Prefix != l.Prefix || f.Name != l.Name {
		t.Errorf("the example's mount %+v differs from the default %+v", f, l)
	}
	if full.Listen != least.Listen || full.Data != least.Data || full.Keys != least.Keys ||
		full.Limits != least.Limits || full.Log != least.Log || full.Audit != least.Audit {
		t.Errorf("the example %+v differs from the default %+v", full, least)
	}
	if l.Policy != nil || l.Hosts != nil || l.Tenant != "" || least.TLS.On() {
		t.Errorf("a mount of a dialect alone has a policy, hosts or a tenant: %+v", l)
	}
	if l.Has("lockout.names") || !f.Has("lockout.names.window") || !f.Has("policy") {
		t.Error("a mount does not know what the file states")
	}
}

func TestZeroIsUsable(t *testing.T) {
	var c config.Config
	c.SetDefaults()
	if c.Limits.Connections == 0 || c.Log.Level == "" || c.Data == "" {
		t.Errorf("%+v", c)
	}
	if e := c.Errorf("listen", "is wrong").Error(); e != "listen: is wrong" {
		t.Errorf("error of a configuration without a file: %q", e)
	}
	var m config.Mount
	m.SetDefaults()
	if err := m.DecodeOptions(&struct{ A int }{}); err != nil || m.Prefix != "/" {
		t.Error(m, err)
	}
}

func TestStatedZeroIsKept(t *testing.T) {
	c, err := config.Parse("f", []byte(`
trusted_proxies: [10.0.0.0/8]
audit: {keep: 0s}
limits: {hashing: {waiting: 0}}
mounts:
  - dialect: electa
    lockout: {names: {failures: 0}}
    fair_use: {logins_per_hour: 0}
`))
	if err != nil {
		t.Fatal(err)
	}
	m := c.Mounts[0]
	if c.Audit.Keep != 0 || c.Limits.Hashing.Waiting != 0 || m.Lockout.Names.Failures != 0 || m.FairUse.LoginsPerHour != 0 {
		t.Errorf("a stated zero became the default: %+v", c)
	}
	if m.Lockout.Addresses.Failures != 100 {
		t.Errorf("lockout by address is off, too: %+v", m.Lockout)
	}
}

func TestOptions(t *testing.T) {
	c, err := config.Parse("f.yaml", []byte(`trusted_proxies: [10.0.0.0/8]
mounts:
  - dialect: electa
    options:
      answer: xml
      wait_time: 2w
      lokc: true
`))
	if err != nil {
		t.Fatal(err)
	}
	m := &c.Mounts[0]
	o := struct {
		Answer   string `enum:"xml|csv"`
		WaitTime time.Duration
		Lock     bool `yaml:"lock"`
		Kept     int
	}{Kept: 7}
	err = m.DecodeOptions(&o)
	if want := `f.yaml:7:7: mounts[0].options: unknown field "lokc", did you mean "lock"?`; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if o.Answer != "xml" || o.WaitTime != 14*24*time.Hour || o.Kept != 7 {
		t.Errorf("decoded %+v", o)
	}
	if got, want := m.Errorf("options.wait_time", "too long").Error(), "f.yaml:6:18: mounts[0].options.wait_time: too long"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := m.Errorf("dialect", "no dialect of that name").Error(), "f.yaml:3:14: mounts[0].dialect: no dialect of that name"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := m.Errorf("tenant", "missing").Error(), "f.yaml:3:5: mounts[0].tenant: missing"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := config.Load(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := config.Load(dir); err == nil {
		t.Error("a directory was read")
	}
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, []byte(strings.Repeat("#\n", 1<<19)+"#"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(big); !errors.Is(err, strict.ErrFile) || !strings.Contains(err.Error(), "split it") {
		t.Errorf("a file that is too large: %v", err)
	}
	good := filepath.Join(dir, "good")
	if err := os.WriteFile(good, config.Example(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(good); err != nil {
		t.Error(err)
	}
}

// The same file means the same database, wherever a command is called.
func TestPathsStartAtTheFile(t *testing.T) {
	dir := t.TempDir()
	file := []byte("data: sallyport.db\nkeys: ../keys.json\ntls: {cert: tls/a.crt, key: /etc/a.key}\nmounts: [{dialect: electa}]\n")
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	got := func(c *config.Config, err error) [4]string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return [4]string{c.Data, c.Keys, c.TLS.Cert, c.TLS.Key}
	}
	if got, want := got(config.Load(filepath.Join(dir, "config.yaml"))), [4]string{filepath.Join(dir, "sallyport.db"),
		filepath.Join(filepath.Dir(dir), "keys.json"), filepath.Join(dir, "tls/a.crt"), "/etc/a.key"}; got != want {
		t.Errorf("loaded from elsewhere: %q, want %q", got, want)
	}
	t.Chdir(dir)
	if got, want := got(config.Load("config.yaml")), [4]string{"sallyport.db", "../keys.json", "tls/a.crt", "/etc/a.key"}; got != want {
		t.Errorf("loaded where it stands: %q, want %q", got, want)
	}
	if got, want := got(config.Parse("x/config.yaml", file)), [4]string{"sallyport.db", "../keys.json", "tls/a.crt", "/etc/a.key"}; got != want {
		t.Errorf("parsed: %q, want %q", got, want)
	}
	least := filepath.Join(dir, "least.yaml")
	if err := os.WriteFile(least, []byte("trusted_proxies: [10.0.0.1]\nmounts: [{dialect: electa}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := got(config.Load(least)); got[0] != "/var/lib/sallyport/sallyport.db" || got[2] != "" || got[3] != "" {
		t.Errorf("without a word about files: %q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(config.Example())
	for _, c := range wrong {
		f.Add([]byte(c.in))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse("f", data)
		if (c == nil) == (err == nil) {
			t.Fatalf("configuration %v with error %v", c, err)
		}
		if err != nil {
			if !errors.Is(err, strict.ErrFile) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		for i := range c.Mounts {
			m := c.Mounts[i].Auth()
			if m.Policy == (auth.Policy{}) {
				m.Policy.Never = true
			}
			if err := m.Validate(); err != nil {
				t.Fatalf("accepted a mount that the core refuses: %v", err)
			}
		}
	})
}
