package config

import (
	_ "embed" // the example
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/config/strict"
)

// Config is the server's configuration. The zero Config with
// [Config.SetDefaults] called is usable but for its mounts.
type Config struct {
	strict.Mark
	Listen         string         `yaml:"listen" like:"127.0.0.1:*"` // host:port
	TLS            TLS            `yaml:"tls"`                       // zero: only trusted proxies that say https are served
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`           // believed about the client's address and scheme
	Data           string         `yaml:"data"`                      // database file, or a URL of PostgreSQL
	Keys           string         `yaml:"keys"`                      // key set file
	Mounts         []Mount        `yaml:"mounts"`
	Routes         []Route        `yaml:"routes"`
	ExtAuthz       ExtAuthz       `yaml:"ext_authz"`
	Assertion      Assertion      `yaml:"assertion"`
	Admin          Admin          `yaml:"admin"`
	Tracing        Tracing        `yaml:"tracing"`
	Limits         Limits         `yaml:"limits"`
	Log            Log            `yaml:"log"`
	Audit          Audit          `yaml:"audit"`
}

// TLS names PEM files.
type TLS struct {
	Cert string `yaml:"cert"` // certificate chain, the server's own first
	Key  string `yaml:"key"`
}

// On says whether the server itself speaks TLS.
func (t TLS) On() bool { return t.Cert != "" }

// Limits bound what clients can make the server spend. All but Drain are above
// zero.
type Limits struct {
	Connections       int           `yaml:"connections"` // open at once
	Header            Size          `yaml:"header"`      // of a request
	Body              Size          `yaml:"body"`        // of a login request
	ReadHeaderTimeout time.Duration `yaml:"read_header_timeout"`
	ReadTimeout       time.Duration `yaml:"read_timeout"`
	WriteTimeout      time.Duration `yaml:"write_timeout"`
	IdleTimeout       time.Duration `yaml:"idle_timeout"`
	Drain             time.Duration `yaml:"drain"`           // goes on as before after SIGTERM, but says it is not ready
	Shutdown          time.Duration `yaml:"shutdown"`        // then, for answering what was begun
	CachedSessions    int           `yaml:"cached_sessions"` // live sessions kept in memory
	Hashing           Hashing       `yaml:"hashing"`
}

// Hashing bounds the password hashes that are computed at once, 19 MiB each.
type Hashing struct {
	AtOnce  int `yaml:"at_once"` // 0: half of the processors
	Waiting int `yaml:"waiting"` // logins that may wait for it; more are refused as busy
}

// Log says what is logged, on standard error.
type Log struct {
	Level  string `yaml:"level" enum:"debug|info|warn|error"`
	Format string `yaml:"format" enum:"text|json"`
}

// Audit says how long the audit is kept.
type Audit struct {
	Keep time.Duration `yaml:"keep"` // 0: for ever
}

// SetDefaults sets what is zero to its default.
func (c *Config) SetDefaults() {
	def(&c.Listen, "127.0.0.1:8443")
	def(&c.Data, "/var/lib/sallyport/sallyport.db")
	def(&c.Keys, "/var/lib/sallyport/keys.json")
	def(&c.Admin.SecondFactor, "required")
	def(&c.Tracing.Sample, 0.01)
	def(&c.Limits.Connections, 10_000)
	def(&c.Limits.Header, 16*KiB)
	def(&c.Limits.Body, 64*KiB)
	def(&c.Limits.ReadHeaderTimeout, 5*time.Second)
	def(&c.Limits.ReadTimeout, 15*time.Second)
	def(&c.Limits.WriteTimeout, 30*time.Second)
	def(&c.Limits.IdleTimeout, time.Minute)
	def(&c.Limits.Shutdown, 20*time.Second)
	def(&c.Limits.CachedSessions, 1_000_000)
	def(&c.Limits.Hashing.Waiting, 64)
	def(&c.Log.Level, "info")
	def(&c.Log.Format, "text")
	def(&c.Audit.Keep, 90*24*time.Hour)
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// inPostgres says whether data is a URL of PostgreSQL and not a file.
func inPostgres(data string) bool {
	return strings.HasPrefix(data, "postgres://") || strings.HasPrefix(data, "postgresql://")
}

// maxFile bounds a configuration, in bytes.
const maxFile = 1 << 20

// Load reads the configuration in a file. The files that it names are looked for
// from the folder in which it stands, wherever the program was started. An error
// says what to change; it wraps [strict.ErrFile] if the file could be read.
func Load(path string) (*Config, error) {
	data, err := strict.Load(path, strict.Options{Max: maxFile})
	if err != nil {
		return nil, err
	}
	c, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	files := []*string{&c.Data, &c.Keys, &c.TLS.Cert, &c.TLS.Key,
		&c.ExtAuthz.TLS.Cert, &c.ExtAuthz.TLS.Key, &c.ExtAuthz.TLS.ClientCA}
	for i := range c.Routes {
		files = append(files, &c.Routes[i].CA)
	}
	for _, f := range files {
		if *f != "" && !filepath.IsAbs(*f) && !(f == &c.Data && inPostgres(*f)) {
			*f = filepath.Join(filepath.Dir(path), *f)
		}
	}
	return c, nil
}

// Parse reads a configuration; name is what errors call it. Relative paths stay
// as they are.
func Parse(name string, data []byte) (*Config, error) {
	c := new(Config)
	if err := strict.Decode(name, data, c, strict.Options{Max: maxFile}); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

//go:embed example.yaml
var example []byte

// Example is a configuration with every field in it, explained.
func Example() []byte { return slices.Clone(example) }
