package apply

import (
	"io"
	"net/netip"
	"slices"
	"time"

	_ "embed" // the demo's customers and the example

	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/config/strict"
)

// Bounds of a file.
const (
	MaxFile    = 16 << 20 // bytes
	MaxEntries = 100_000
)

// File is what a file says, of one or several YAML documents.
type File struct {
	policies []policy
	tenants  []account
}

// document is one YAML document of a file.
type document struct {
	strict.Mark
	Policies map[string]policy `yaml:"policies"`
	Tenants  []account         `yaml:"tenants"`
}

// policy is stated as a whole.
type policy struct {
	strict.Mark
	config.Policy
	State string `yaml:"state" enum:"present|absent"`
	name  string
}

// account is a tenant, organization or division.
type account struct {
	strict.Mark
	Code          string    `yaml:"code"`
	Number        int64     `yaml:"number"`
	Name          string    `yaml:"name"`
	Disabled      bool      `yaml:"disabled"`
	State         string    `yaml:"state" enum:"present|absent"`
	Keys          []key     `yaml:"keys"`
	Apps          []app     `yaml:"apps"`
	Users         []user    `yaml:"users"`
	Organizations []account `yaml:"organizations"`
	Divisions     []account `yaml:"divisions"`
}

type key struct {
	strict.Mark
	Name     string         `yaml:"name"`
	Secret   string         `yaml:"secret"`
	Policy   string         `yaml:"policy"`
	Networks []netip.Prefix `yaml:"networks"`
	Expires  expiry         `yaml:"expires"`
	Disabled bool           `yaml:"disabled"`
	State    string         `yaml:"state" enum:"present|absent"`

	Role       string `yaml:"role"`
	Everywhere bool   `yaml:"everywhere"`
}

type app struct {
	strict.Mark
	Key      string `yaml:"key"`
	Name     string `yaml:"name"`
	Disabled bool   `yaml:"disabled"`
	State    string `yaml:"state" enum:"present|absent"`
}

type user struct {
	strict.Mark
	Name         string `yaml:"name"`
	Password     string `yaml:"password"`
	PasswordHash string `yaml:"password_hash"`
	Active       bool   `yaml:"active"`
	Admin        bool   `yaml:"admin"`
	Group        string `yaml:"group"`
	Rights       int64  `yaml:"rights"`
	FullName     string `yaml:"full_name"`
	DisplayName  string `yaml:"display_name"`
	Email        string `yaml:"email"`
	Policy       string `yaml:"policy"`
	State        string `yaml:"state" enum:"present|absent"`
	Role         string `yaml:"role"`
	Everywhere   bool   `yaml:"everywhere"`
}

const absent = "absent"

// SetDefaults makes a user that is created without a word about it active.
func (u *user) SetDefaults() { u.Active = true }

// expiry is a time, or never.
type expiry struct{ at time.Time }

// UnmarshalText reads what strict.Time reads, and never.
func (e *expiry) UnmarshalText(text []byte) (err error) {
	if string(text) == "never" {
		*e = expiry{}
		return nil
	}
	e.at, err = strict.Time(string(text))
	return err
}

var options = strict.Options{Max: MaxFile, Secrets: true}

// Load reads a file, of at most 16 MiB and 100,000 entries. An error names the
// line and what to write instead, never a secret; it wraps [strict.ErrFile] if
// the file could be read.
func Load(path string) (*File, error) {
	data, err := strict.Load(path, options)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Read is Load of a stream; name is what errors call it.
func Read(name string, r io.Reader) (*File, error) {
	data, err := strict.Read(name, r, options)
	if err != nil {
		return nil, err
	}
	return Parse(name, data)
}

// Parse reads the content of a file; name is what errors call it.
func Parse(name string, data []byte) (*File, error) {
	docs, err := strict.DecodeAll[document](name, data, options)
	if err != nil {
		return nil, err
	}
	var errs strict.Errors
	f := new(File)
	for i := range docs {
		f.add(&docs[i])
	}
	newChecker(&errs).file(f)
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// add appends a document, its policies in their order there.
func (f *File) add(d *document) {
	from := len(f.policies)
	for name, p := range d.Policies {
		p.name = name
		f.policies = append(f.policies, p)
	}
	slices.SortFunc(f.policies[from:], func(a, b policy) int { return a.Line() - b.Line() })
	f.tenants = append(f.tenants, d.Tenants...)
}

//go:embed demo.yaml
var demo []byte

// Demo is the file of the demo's customers. They exist nowhere else.
func Demo() []byte { return slices.Clone(demo) }

//go:embed example.yaml
var example []byte

// Example is a file with every field in it, explained.
func Example() []byte { return slices.Clone(example) }
