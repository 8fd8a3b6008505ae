package server

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/dialect"
)

// The example customer.
const (
	exampleTenant = "EXAMPLE"
	exampleCode   = "FIRST"
	exampleNumber = "100001"
	exampleApp    = "example-app"
)

// exampleUsers are who logs in over the dialects of users and passwords; over the
// others an API key does.
var exampleUsers = map[string]string{
	"calamp": "ann@example.com", "edubrite": "api_example", "domainpunch": "ann",
}

// configText is the configuration, with what a newcomer needs and no more.
func (n *initiation) configText() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# What this server serves. What is not here has its default; config/example.yaml in the source shows every
# field. Files are looked for from this folder. After a change, restart the server.

# Address and port for logins and for the gate.
listen: %s

`, yamlText(n.Listen))
	switch {
	case n.NoTLS:
		b.WriteString(`# Your proxy, which speaks https to the world and says so in X-Forwarded-Proto. Name only addresses that no
# client can send from: a proxy named here is believed about the client's address and https.
trusted_proxies: [127.0.0.1, "::1"]

`)
	case n.makesCertificate():
		fmt.Fprintf(&b, `# Made by sallyport init, to try with: no client trusts it. Put your own certificate (chain) and key in the
# place of these; they are read again when they change.
tls: {cert: %s, key: %s}

`, initCert, initCertKey)
	default:
		fmt.Fprintf(&b, `# The certificate (chain) and its key, read again when they change.
tls:
  cert: %s
  key: %s

`, yamlText(n.TLSCert), yamlText(n.TLSKey))
	}
	fmt.Fprintf(&b, `data: %s    # accounts, keys, users, sessions, audit: sallyport backup copies it
keys: %s       # without it no API key and no token can be checked: keep a copy elsewhere

`, initData, initKeys)
	if n.AdminListen != "" {
		fmt.Fprintf(&b, `# For administrators and for the collector of metrics; this machine alone.
admin:
  listen: %s

`, yamlText(n.AdminListen))
	}
	b.WriteString(`# The dialects: where each is served, and whose accounts log in there.
mounts:
`)
	for _, def := range n.definitions {
		fmt.Fprintf(&b, "  - dialect: %s        # %s\n    tenant: %s\n    # hosts: [api.example.com]    # default: every host\n", def.Name, def.Title, exampleTenant)
	}
	return b.String()
}

// yamlText quotes what would be read as something else. What it is given has no
// quotes and no control characters, or the configuration's check refuses it.
func yamlText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// customersText is the file with the example customer.
func (n *initiation) customersText() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Who may log in. Bring the database to what this file says, now and after each change, while the server runs:
#
#   %s
#
# Rename what is here to your first customer: the tenant here and in %s. What is no longer in the file stays
# in the database until it is said to go (state: absent). apply/example.yaml in the source shows every field.

tenants:
  - code: %s
    organizations:
      - number: %s    # what the customer's programs call it by, in dialects with numbers
        code: %s       # and in the others
        name: First customer
`, n.applyCommand(), initConfig, exampleTenant, exampleNumber, exampleCode)
	if slices.ContainsFunc(n.definitions, hasKeys) {
		fmt.Fprintf(&b, `        keys:
          - name: main
            secret: %s    # made for this file: write the one that the customer's programs have
`, n.keySecret)
	}
	if users := n.exampleUsers(); len(users) > 0 {
		b.WriteString("        users:\n")
		for _, u := range users {
			fmt.Fprintf(&b, "          - {name: %s, password: %s}    # made for this file\n", u, n.customerLogin)
		}
	}
	if slices.ContainsFunc(n.definitions, hasApps) {
		fmt.Fprintf(&b, "        apps:\n          - {key: %s, name: First program}    # what a program calls itself, no secret\n", exampleApp)
	}
	return b.String()
}

func hasKeys(def dialect.Definition) bool { return exampleUsers[def.Name] == "" }
func hasApps(def dialect.Definition) bool { return strings.Contains(def.Recipe.Login, "{app}") }

func (n *initiation) exampleUsers() (names []string) {
	for _, def := range n.definitions {
		if u := exampleUsers[def.Name]; u != "" {
			names = append(names, u)
		}
	}
	return names
}

// initiated is what was made, and what to do next.
type initiated struct {
	Made          []madeFile     `json:"made"`
	Administrator string         `json:"administrator"`
	Tenant        string         `json:"tenant"`
	Password      string         `json:"password"`          // of the administrator, shown this once
	Console       string         `json:"console,omitempty"` // while the server runs
	Trial         bool           `json:"trial_certificate"` // no client trusts the certificate
	Next          []string       `json:"next"`              // commands that bring the example customer in, and run the server
	Logins        []loginExample `json:"logins"`            // commands that log in then
}

type madeFile struct {
	Path string `json:"path"`
	What string `json:"what"`
}

type loginExample struct {
	Dialect string `json:"dialect"`
	Title   string `json:"title"`
	Command string `json:"command"`
}

// report says what was made, and what to paste next.
func (n *initiation) report() *initiated {
	r := &initiated{Administrator: n.Admin, Tenant: operatorsTenant, Password: n.password, Trial: n.makesCertificate(),
		Next: []string{n.applyCommand(), n.command("serve --config", n.path(initConfig))}}
	for _, f := range [...]struct{ name, text string }{
		{initConfig, "what is served"},
		{initCustomers, "who may log in: an example, with a secret"},
		{initKeys, "key set: keep a copy apart from the database"},
		{initData, "database"},
		{initCert, "certificate for " + strings.Join(n.hosts, ", ")},
		{initCertKey, "and its key"},
	} {
		if slices.Contains(n.files(), f.name) {
			r.Made = append(r.Made, madeFile{n.path(f.name), f.text})
		}
	}
	if n.AdminListen != "" {
		r.Console = "http://" + n.AdminListen + "/"
	}
	for i := range n.definitions {
		def := &n.definitions[i]
		r.Logins = append(r.Logins, loginExample{def.Name, def.Title, n.loginCommand(def)})
	}
	return r
}

func (r *initiated) people() string {
	var b strings.Builder
	for _, f := range r.Made {
		fmt.Fprintf(&b, "made %-28s %s\n", f.Path, f.What)
	}
	if r.Trial {
		b.WriteString("The certificate is signed by itself and no client trusts it: it is to try with. Put your own in its place.\n")
	}
	fmt.Fprintf(&b, "\nadministrator %s, tenant %s, password shown this once: %s\n", r.Administrator, r.Tenant, r.Password)
	if r.Console != "" {
		fmt.Fprintf(&b, "whose console, while the server runs, is %s\n", r.Console)
	}
	fmt.Fprintf(&b, "\nNext, bring the example customer into the database, and run the server:\n%s\n", strings.Join(r.Next, "\n"))
	for _, l := range r.Logins {
		fmt.Fprintf(&b, "\nThen, elsewhere, log in over %s:\n%s\n", l.Title, l.Command)
	}
	return b.String()
}

func (n *initiation) path(name string) string { return filepath.Join(n.Dir, name) }

func (n *initiation) command(words, path string) string {
	return quoted(n.Program) + " " + words + " " + quoted(path)
}

func (n *initiation) applyCommand() string {
	return n.command("apply -f", n.path(initCustomers)) + " --config " + quoted(n.path(initConfig))
}

// loginCommand is the dialect's recipe, for the example customer and this server.
func (n *initiation) loginCommand(def *dialect.Definition) string {
	secret, scheme, curl := n.keySecret, "https://", "curl "
	if !hasKeys(*def) {
		secret = n.customerLogin
	}
	switch {
	case n.NoTLS: // curl plays the proxy
		scheme, curl = "http://", "curl -H 'X-Forwarded-Proto: https' "
	case n.makesCertificate():
		curl = "curl --cacert " + quoted(n.path(initCert)) + " "
	}
	address := n.address()
	if n.TLSCert != "" { // the certificate's own name, though it may lead elsewhere yet
		host, port, _ := net.SplitHostPort(address)
		name := host
		if len(n.hosts) > 0 {
			name = strings.Replace(n.hosts[0], "*", "api", 1)
			curl = "curl --resolve " + name + ":" + port + ":" + host + " "
		}
		address = net.JoinHostPort(name, port)
	}
	text := strings.NewReplacer("{base}", scheme+address, "{number}", exampleNumber, "{code}", exampleCode, "{app}", exampleApp,
		"{user}", exampleUsers[def.Name], "{secret}", secret).Replace(def.Recipe.Login)
	return strings.ReplaceAll(text, "curl ", curl)
}

// address is where this machine reaches the server.
func (n *initiation) address() string {
	host, port, err := net.SplitHostPort(n.Listen)
	if ip := net.ParseIP(host); err != nil || host == "" || ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return n.Listen
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./@:") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
