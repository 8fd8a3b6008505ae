package apply_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Secrets that were stated or made are looked for in everything that is said,
// recorded and stored.
func TestSecretsAreNowhere(t *testing.T) {
	w := newWorld(t)
	const hash = "$2y$10$N9qo8uLOickgx2ZMRZoMye" // is stored as it is, and said no more than the others
	secrets := []string{"sekret-key-1", "sekret-key-2", "sekret-key-3", "sekret-password-1", "sekret-password-2", "sekret-unquoted"}
	apply := func(file string) {
		t.Helper()
		out, _ := w.apply(file)
		for _, g := range out.Generated {
			secrets = append(secrets, g.Secret)
		}
	}
	apply(`
tenants:
  - code: ACME
    keys: [{name: a, secret: sekret-key-1}, {name: made}]
    users: [{name: u, password: sekret-password-1}, {name: b, password_hash: "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"}]
`)
	apply(`tenants: [{code: ACME, keys: [{name: a, secret: sekret-key-2}, {name: made2}], users: [{name: u, password: sekret-password-2}, {name: b, password: sekret-password-1}]}]`)
	for _, file := range []string{
		`tenants: [{code: ACME, keys: [{name: x, secret: sekret-key-2}]}]`,               // another key's
		`tenants: [{code: ACME, keys: [{name: x, secret: sekret-key-3, policy: none}]}]`, // refused by the store's state
		`tenants: [{code: ACME, keys: [{name: x, secret: sekret-key-3}, {name: y, secret: sekret-key-3}]}]`,
		`tenants: [{code: ACME, keys: [{name: x, secret: a,sekret-unquoted}]}]`,
		`tenants: [{code: ACME, keys: [{name: x, secret: "sekret-key-3]}]`,
		`tenants: [{code: ACME, keys: [{name: x, expires: sekret-key-3}]}]`,
		"tenants:\n- code: ACME\n  keys:\n  - name: x\n   secret: sekret-key-3\n",
		"tenants:\n- code: ACME\n  keys:\n  - name: x\n    secret:\n      sekret-key-3: x\n",
		"tenants:\n- code: ACME\n  keys:\n  - name: x\n    secret: |sekret-key-3\n",
	} {
		if err := w.refused(file); err == nil {
			t.Errorf("%s: accepted", file)
		}
	}
	said := w.said.String()
	for _, e := range w.events() {
		said += string(e.AppendJSON(nil))
	}
	if !strings.Contains(said, "secret: replaced") || !strings.Contains(said, "+ key ACME/made") {
		t.Fatal("this test looks at nothing")
	}
	for _, s := range append(secrets, hash) {
		if i := strings.Index(said, s); i >= 0 {
			t.Errorf("%.6s... was said: %.200s", s, said[max(0, i-80):])
		}
	}
	files, err := filepath.Glob(filepath.Join(w.dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range secrets {
			if bytes.Contains(b, []byte(s)) {
				t.Errorf("%.6s... is stored in clear in %s", s, filepath.Base(f))
			}
		}
	}
}
