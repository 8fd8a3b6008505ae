package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/server"
)

// desk is a server that runs, with customers, and an owner's key to its administration.
type desk struct {
	*testing.T
	dir, base, secret string
	stdin             io.Reader
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, dir: t.TempDir()}
	text := "listen: 127.0.0.1:0\ntrusted_proxies: [127.0.0.1]\ndata: db\nkeys: keys.json\nadmin: {listen: '127.0.0.1:0'}\nmounts: [{dialect: electa}]\n"
	if err := os.WriteFile(filepath.Join(d.dir, defaultConfig), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(filepath.Join(d.dir, defaultConfig))
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(t.Context(), cfg, server.Options{Log: t.Output(), Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Chdir(d.dir)
	d.base = "http://" + s.AdminAddr().String()
	d.must("account create HQ")
	var key api.KeyWithSecret
	if err := json.Unmarshal([]byte(d.must("key create HQ --name desk --role owner --everywhere --json")), &key); err != nil {
		t.Fatal(err)
	}
	d.secret = key.Secret
	t.Setenv(envServer, d.base)
	t.Setenv(envID, "HQ")
	t.Setenv(envSecret, d.secret)
	return d
}

// try runs a command.
func (d *desk) try(args ...string) (code int, stdout, stderr string) {
	var out, said strings.Builder
	root := newRoot()
	root.SetIn(d.stdin)
	return runRoot(d.Context(), root, args, &out, &said), out.String(), said.String()
}

// must runs a command, of words, that must not fail.
func (d *desk) must(words string) string {
	d.Helper()
	code, stdout, stderr := d.try(strings.Fields(words)...)
	if code != exitOK {
		d.Fatalf("%s: exit code %d: %s", words, code, stderr)
	}
	return stdout
}

// api is what the API itself answers to a GET.
func (d *desk) api(path string) string {
	d.Helper()
	r, err := http.NewRequestWithContext(d.Context(), http.MethodGet, d.base+path, nil)
	if err != nil {
		d.Fatal(err)
	}
	r.SetBasicAuth("HQ", d.secret)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		d.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		d.Fatalf("%s: %s %v %s", path, res.Status, err, b)
	}
	return string(b)
}

// samples call every operation of the table once, in an order that works. For those
// that only read, the same of the API itself is behind it.
var samples = []struct{ command, path string }{
	{"account create ACME --name Acme --why because", ""},
	{"account create ACME/123456 --code WEST", ""},
	{"account list --within ACME", "/accounts?within=2"},
	{"account show ACME/123456", "/accounts/3"},
	{"account update ACME/WEST --name West", ""},
	{"policy create day --span 1d --expire-on-new", ""},
	{"policy list", "/policies"},
	{"policy update day --span 2d", ""},
	{"key create ACME/123456 --name main --policy day --network 10.0.0.0/8,192.0.2.0/24 --expires 90d", ""},
	{"key list --account ACME", "/keys?account=2"},
	{"key show ACME/123456/main", "/keys/2"},
	{"key update ACME/WEST/main --network 10.0.0.0/8 --policy=", ""},
	{"key rotate 123456/main --overlap 3d", ""},
	{"key delete ACME/123456/main-2", ""},
	{"user create ACME/123456 --name ann@example.com --ask-password --full-name Ann", ""},
	{"user list --name ann@example.com", "/users?name=ann@example.com"},
	{"user show ACME/ann@example.com", "/users/4"},
	{"user update ann@example.com --active=false", ""},
	{"user set-password ACME/123456/ann@example.com", ""},
	{"user delete ann@example.com", ""},
	{"app create program --account ACME", ""},
	{"app list", "/apps"},
	{"app update program --disabled", ""},
	{"app delete program", ""},
	{"policy delete day", ""},
	{"session list --live", "/sessions?live=true"},
	{"session show 1", "-"},
	{"session end 1", "-"},
	{"session end-all --account ACME --yes", ""},
	{"lock list --failures", "/locks?failures=true"},
	{"lock lift --name 123456", ""},
	{"audit search --limit 5 --kind change", "/audit?limit=5&kind=change"},
	{"audit verify", "/audit/verify"},
	{"audit export --kind change", "/audit/export?kind=change"},
	{"usage list", "/usage"},
	{"server show", "-"},
	{"account create ACME/EMPTY", ""},
	{"account delete ACME/EMPTY", ""},
}

// Every operation of the table has a command of its name; with --json it prints what
// the API says, and without something for people; nothing but that is on standard
// output.
func TestEveryOperationIsACommand(t *testing.T) {
	d := newDesk(t)
	done := map[string]bool{}
	for _, s := range samples {
		name := strings.Join(strings.Fields(s.command)[:2], " ")
		op := operationOf(name)
		if op == nil {
			t.Errorf("%q is no operation of the table", name)
			continue
		}
		done[name] = true
		d.stdin = strings.NewReader("correct horse battery staple\n")
		code, stdout, stderr := d.try(append(strings.Fields(s.command), "--json")...)
		switch {
		case strings.HasPrefix(name, "session ") && s.path == "-": // there is none
			if code != exitError || !strings.Contains(stderr, "Not found") || stdout != "" {
				t.Errorf("%s: exit code %d: %s%s", s.command, code, stdout, stderr)
			}
			continue
		case code != exitOK:
			t.Errorf("%s: exit code %d: %s", s.command, code, stderr)
			continue
		case s.path != "" && s.path != "-":
			if got, want := steady(stdout), steady(d.api(api.Prefix+s.path)); got != want {
				t.Errorf("%s prints\n%sand the API says\n%s", s.command, got, want)
			}
		case op.Output() != reflect.TypeFor[api.Lines]():
			dec := json.NewDecoder(strings.NewReader(stdout))
			dec.DisallowUnknownFields()
			into := reflect.New(op.Output()).Interface()
			if err := dec.Decode(into); err != nil || dec.More() {
				t.Errorf("%s prints %v:\n%s", s.command, err, stdout)
			}
		}
		if op.Right == api.Read {
			if code, stdout, stderr := d.try(strings.Fields(s.command)...); code != exitOK || (strings.HasPrefix(stdout, "{") != (name == "audit export")) ||
				(stdout == "" && stderr == "") {
				t.Errorf("%s, for people: exit code %d:\n%s%s", s.command, code, stdout, stderr)
			}
		}
	}
	for _, op := range api.Operations() {
		if !done[op.Name] {
			t.Errorf("%s has no sample", op.Name)
		}
		cmd, rest, err := newRoot().Find(strings.Fields(op.Name))
		if err != nil || len(rest) > 0 || cmd.InheritedFlags().Lookup("json") == nil || cmd.InheritedFlags().Lookup("server") == nil {
			t.Errorf("%s is no command with --json and --server: %v", op.Name, err)
			continue
		}
		if !strings.Contains(strings.ReplaceAll(cmd.Long, "\n", " "), strings.TrimSuffix(op.Summary, ".")) {
			t.Errorf("the help of %s does not say %q", op.Name, op.Summary)
		}
		for _, f := range reflect.VisibleFields(op.Input()) {
			name := flagName(f)
			if name == "" || cmd.Flags().Lookup(name) != nil || strings.Contains(cmd.Use, " "+strings.ToUpper(name)) ||
				(name == "name" && strings.HasPrefix(cmd.Use, strings.Fields(op.Name)[1]+" POLICY")) || (name == "key" && strings.Contains(cmd.Use, " APP")) {
				continue
			}
			if name != "password" {
				t.Errorf("%s has no flag for %s", op.Name, name)
			}
		}
		if cmd.Flags().Lookup("password") != nil || cmd.Flags().Lookup("secret") != nil {
			t.Errorf("%s takes a secret as a flag, which everybody on the machine can read", op.Name)
		}
	}
}

// steady leaves out what changes from call to call.
func steady(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, `"kind":"export"`) {
			continue
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "")
}

func operationOf(name string) *api.Operation {
	for _, op := range api.Operations() {
		if op.Name == name {
			return op
		}
	}
	return nil
}

// The page for administrators has the table as it is.
func TestDocumentHasTheTable(t *testing.T) {
	page, err := os.ReadFile("../../docs/administering.md")
	if err != nil {
		t.Fatal(err)
	}
	var missing bytes.Buffer
	for _, op := range api.Operations() {
		cmd, _, err := newRoot().Find(strings.Fields(op.Name))
		if err != nil {
			t.Fatal(err)
		}
		noun, _, _ := strings.Cut(op.Name, " ")
		right := string(op.Right)
		if op.DryRun != "" {
			right += ", `--dry-run` " + string(op.DryRun)
		}
		line := fmt.Sprintf("| %s | `%s %s` | `sallyport %s %s` | %s |\n", op.Name, op.Method, op.Path, noun, cmd.Use, right)
		if !strings.Contains(string(page), line) {
			missing.WriteString(line)
		}
	}
	if missing.Len() > 0 {
		t.Errorf("docs/administering.md lacks\n%s", &missing)
	}
}

// A list of many pages is one list.
func TestAllPages(t *testing.T) {
	d := newDesk(t)
	for i := range 7 {
		d.must(fmt.Sprintf("account create T%d", i))
	}
	var whole, part api.List[api.Account]
	if err := json.Unmarshal([]byte(d.must("account list --all --limit 2 --json")), &whole); err != nil || len(whole.Items) != 8 || whole.Next != "" {
		t.Errorf("all are %+v, %v", whole, err)
	}
	_, stdout, stderr := d.try("account", "list", "--limit", "2", "--json")
	if err := json.Unmarshal([]byte(stdout), &part); err != nil || len(part.Items) != 2 || !strings.Contains(stderr, "--after "+part.Next) {
		t.Errorf("a page is %+v, %v, and says %s", part, err, stderr)
	}
	if err := json.Unmarshal([]byte(d.must("account list --limit 2 --json --after "+part.Next)), &part); err != nil || part.Items[0].Code != "T1" {
		t.Errorf("the next page is %+v, %v", part, err)
	}
}

// Whoever has the files in hands is in the audit by name.
func TestActorOnTheDatabase(t *testing.T) {
	d := newDesk(t)
	t.Setenv("SUDO_USER", "carla")
	d.must("account create NEW -c config.yaml")
	if out := d.must("audit search --actor local:carla"); !strings.Contains(out, "account create") {
		t.Errorf("the audit has\n%s", out)
	}
	if _, _, said := d.try("server", "show", "-c", "config.yaml"); !strings.Contains(said, "over --server") {
		t.Errorf("beside a server it says %q", said)
	}
	if _, _, said := d.try("server", "show"); said != "" {
		t.Errorf("of the server itself it says %q", said)
	}
	for _, words := range []string{"account list --config config.yaml --server " + d.base, "account list --config config.yaml --ca x", "account list --credentials x -c config.yaml"} {
		if code, _, stderr := d.try(strings.Fields(words)...); code != exitUsage {
			t.Errorf("%s: exit code %d: %s", words, code, stderr)
		}
	}
}

// A server that cannot be known is not told the secret.
func TestServerHasToBeTrusted(t *testing.T) {
	newDesk(t)
	if _, err := (&target{}).dial("http://admin.example.com"); err == nil || !strings.Contains(err.Error(), "use https") {
		t.Errorf("over plain HTTP: %v", err)
	}
	if err := os.WriteFile("ca.pem", []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&target{ca: "ca.pem"}).dial("https://admin.example.com"); err == nil || !strings.Contains(err.Error(), "no certificate in ca.pem") {
		t.Errorf("with an empty list of authorities: %v", err)
	}
	if c, err := (&target{}).dial("https://admin.example.com"); err != nil || c == (*client.Client)(nil) {
		t.Errorf("over https: %v", err)
	}
}
