package apply_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/apply"
	"github.com/sallyport/sallyport/config/strict"
)

// in makes a file of one tenant's fields.
func in(tenant string) string { return "tenants:\n  - code: ACME\n    " + tenant + "\n" }

// What an operator sees. Nothing of it may be a secret.
var wrong = []struct{ name, in, want string }{
	{"slip of a field", in("keys: [{name: k, secert: hunter2}]"),
		`f.yaml:3:22: tenants[0].keys[0]: unknown field, did you mean "secret"?`},
	{"unquoted comma", in("keys: [{name: k, secret: ab,hunter2}]"),
		`f.yaml:3:33: tenants[0].keys[0]: unknown field; known here: disabled, everywhere, expires, name, networks, policy, role, secret, state`},
	{"number for a secret", in("users: [{name: u, password: 12345}]"),
		`f.yaml:3:33: tenants[0].users[0].password: reads as a number: put it in quotes`},
	{"yes for a secret", in("users: [{name: u, password: true}]"),
		`f.yaml:3:33: tenants[0].users[0].password: reads as true or false: put it in quotes`},
	{"secret and colon", in("keys: [{name: k, secret: hunter2: x}]"),
		`f.yaml:3:30: a comma is missing here, or text with a colon in it needs quotes`},
	{"comma forgotten", in("keys: [{name: k secret: hunter2}]"),
		`f.yaml:3:19: a comma is missing here, or text with a colon in it needs quotes`},
	{"secret in two lines", in("keys: [{name: k, secret: \"hunter2\n    \\n\"}]"),
		`f.yaml:3:30: tenants[0].keys[0].secret: holds a control character, such as a line break at its end`},
	{"quote left open", in("keys: [{name: k, secret: \"hunter2}]"),
		`f.yaml:3:30: not valid YAML: this quote is not closed`},
	{"no tenants' code", "tenants: [{name: Acme}]",
		`f.yaml:1:11: tenants[0]: an account needs a number, a code or both`},
	{"organization without a name", in("organizations: [{name: West}]"),
		`f.yaml:3:21: tenants[0].organizations[0]: an account needs a number, a code or both`},
	{"negative number", in("organizations: [{number: -1}]"),
		`f.yaml:3:21: tenants[0].organizations[0]: account number -1: must be positive`},
	{"number of zero", in("number: 0"),
		`f.yaml:3:13: tenants[0].number: is 0: numbers begin at 1; remove the line for an account without one`},
	{"number as text", in("number: '7'"),
		`f.yaml:3:13: tenants[0].number: stands in quotes, so that it is text: write the number without quotes and leading zeros`},
	{"number padded with zeros", in("number: 0123"),
		`f.yaml:3:13: tenants[0].number: begins with 0, which YAML takes for octal: write it without the leading zeros`},
	{"code with space around", "tenants: [{code: ' ACME'}]",
		`f.yaml:1:11: tenants[0]: account code begins or ends with white space`},
	{"code of a page", "tenants: [{code: " + strings.Repeat("x", 65) + "}]",
		`f.yaml:1:11: tenants[0]: account code is 65 bytes long, at most 64 are allowed`},
	{"division under a tenant", in("divisions: [{code: D}]"),
		`f.yaml:3:16: tenants[0].divisions: stand under an organization, and this is a tenant`},
	{"organization under an organization", in("organizations: [{code: W, organizations: [{code: X}]}]"),
		`f.yaml:3:46: tenants[0].organizations[0].organizations: stand under a tenant, and this is an organization`},
	{"division under a division", in("organizations: [{code: W, divisions: [{code: X, divisions: [{code: Y}]}]}]"),
		`f.yaml:3:64: tenants[0].organizations[0].divisions[0].divisions: stand under an organization, and this is a division`},
	{"same tenant", "tenants: [{code: A}]\n---\ntenants: [{code: A}]",
		`f.yaml:3:18: tenants[0].code: is the code of the entry in line 1 already: each needs its own`},
	{"same code", in("organizations: [{code: W}, {code: X, divisions: [{code: W}]}]"),
		`f.yaml:3:61: tenants[0].organizations[1].divisions[0].code: is the code of the entry in line 3 already: each needs its own`},
	{"same number", in("organizations: [{number: 7}, {number: 7}]"),
		`f.yaml:3:43: tenants[0].organizations[1].number: is the number of the entry in line 3 already: each needs its own`},
	{"same key name", in("keys: [{name: k}, {name: k}]"),
		`f.yaml:3:30: tenants[0].keys[1].name: is the name of the entry in line 3 already: each needs its own`},
	{"same secret", in("keys: [{name: k, secret: hunter2}, {name: l, secret: hunter2}]"),
		`f.yaml:3:58: tenants[0].keys[1].secret: is the secret of the entry in line 3 already: each needs its own`},
	{"same user name below", in("users: [{name: u}]\n    organizations: [{code: W, users: [{name: u}]}]"),
		`f.yaml:4:46: tenants[0].organizations[0].users[0].name: is the name of the entry in line 3 already: each needs its own`},
	{"same app", in("apps: [{key: a}, {key: a}]"),
		`f.yaml:3:28: tenants[0].apps[1].key: is the application key of the entry in line 3 already: each needs its own`},
	{"same policy", "policies: {p: {span: 1h}}\n---\npolicies: {p: {span: 1h}}",
		`f.yaml:3:15: policies.p: is the name of the entry in line 1 already: each needs its own`},
	{"key without name", in("keys: [{secret: hunter2}]"),
		`f.yaml:3:12: tenants[0].keys[0]: an API key needs a name`},
	{"user without name", in("users: [{password: hunter2}]"),
		`f.yaml:3:13: tenants[0].users[0]: a user needs a login name`},
	{"app without key", in("apps: [{name: a}]"),
		`f.yaml:3:12: tenants[0].apps[0]: an app needs an application key`},
	{"empty secret", in("keys: [{name: k, secret: ''}]"),
		`f.yaml:3:30: tenants[0].keys[0].secret: is empty: remove the line to have one made`},
	{"long secret", in("keys: [{name: k, secret: " + strings.Repeat("hunter2", 147) + "}]"),
		`f.yaml:3:30: tenants[0].keys[0].secret: is longer than 1024 bytes`},
	{"empty password", in("users: [{name: u, password: ''}]"),
		`f.yaml:3:33: tenants[0].users[0].password: is empty: remove the line for a user who cannot log in with a password`},
	{"long password", in("users: [{name: u, password: " + strings.Repeat("hunter2", 147) + "}]"),
		`f.yaml:3:33: tenants[0].users[0].password: is longer than 1024 bytes`},
	{"password and hash", in("users: [{name: u, password: hunter2, password_hash: hunter2}]"),
		`f.yaml:3:57: tenants[0].users[0].password_hash: stands beside password: state one of them`},
	{"bad hash", in("users: [{name: u, password_hash: hunter2}]"),
		`f.yaml:3:38: tenants[0].users[0].password_hash: is no password hash that is read here, or its cost is out of bounds: give it whole, as argon2id, bcrypt ($2y$...), scrypt or PBKDF2 write it`},
	{"hash of dangerous cost", in("users: [{name: u, password_hash: $2y$31$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy}]"),
		`f.yaml:3:38: tenants[0].users[0].password_hash: is no password hash that is read here, or its cost is out of bounds: give it whole, as argon2id, bcrypt ($2y$...), scrypt or PBKDF2 write it`},
	{"network", in("keys: [{name: k, networks: [10.0.0.1/8, hunter2]}]"),
		`f.yaml:3:33: tenants[0].keys[0].networks[0]: this has bits beyond its length: write 10.0.0.0/8, or one address alone
f.yaml:3:45: tenants[0].keys[0].networks[1]: this is not a network: write it like 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7`},
	{"expires", in("keys: [{name: k, expires: tomorrow}]"),
		`f.yaml:3:31: tenants[0].keys[0].expires: this is not a time: write it like 2027-01-31 or 2027-01-31T17:00:00Z`},
	{"state", in("keys: [{name: k, state: gone}]"),
		`f.yaml:3:29: tenants[0].keys[0].state: this is not one of present, absent`},
	{"policy without end", "policies: {p: {}}",
		`f.yaml:1:15: policies.p: policy "p": gives no end: set span, idle, uses or expire_on_new, or never: true`},
	{"policy list", "policies: [{name: p, span: 1h}]",
		`f.yaml:1:11: policies: must be a mapping of names, is a list`},
	{"stays in what goes", in("state: absent\n    keys: [{name: k}]"),
		`f.yaml:4:12: tenants[0].keys[0]: stands in an account with state: absent: give it state: absent too, or move it`},
	{"tenants as mapping", "tenants: {ACME: {}}",
		`f.yaml:1:10: tenants: must be a list, is a mapping: put each entry on a line of its own that begins with a dash`},
	{"not a file of customers", "listen: 127.0.0.1:8443\nmounts: []",
		`f.yaml:1:1: unknown field; known here: policies, tenants
f.yaml:2:1: unknown field; known here: policies, tenants`},
}

func TestWrong(t *testing.T) {
	for _, c := range wrong {
		t.Run(c.name, func(t *testing.T) {
			_, err := apply.Parse("f.yaml", []byte(c.in))
			if !errors.Is(err, strict.ErrFile) {
				t.Fatalf("error %v", err)
			}
			if got := err.Error(); got != c.want {
				t.Errorf("\ngot  %s\nwant %s", got, c.want)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "hunter2") {
				t.Error("the error shows a secret")
			}
		})
	}
}

func TestManyEntries(t *testing.T) {
	file := func(n int) []byte {
		var b strings.Builder
		b.WriteString("tenants:\n  - code: ACME\n    keys:\n")
		for i := range n {
			fmt.Fprintf(&b, "      - {name: k%d}\n", i)
		}
		return []byte(b.String())
	}
	if !testing.Short() {
		if _, err := apply.Parse("f", file(apply.MaxEntries-1)); err != nil {
			t.Error(err)
		}
	}
	if _, err := apply.Parse("f", file(apply.MaxEntries)); !errors.Is(err, strict.ErrFile) || !strings.Contains(err.Error(), "split the file") {
		t.Errorf("one too many: %v", err)
	}
	if _, err := apply.Parse("f", make([]byte, apply.MaxFile+1)); !errors.Is(err, strict.ErrFile) {
		t.Errorf("a file that is too large: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(apply.Example())
	f.Add(apply.Demo())
	for _, c := range wrong {
		f.Add([]byte(c.in))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := apply.Parse("f", data); err != nil && !errors.Is(err, strict.ErrFile) {
			t.Fatalf("untyped error %v", err)
		}
	})
}
