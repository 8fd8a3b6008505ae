package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

// newFolder is a folder as sallyport init makes it, without a server, and the working
// directory.
func newFolder(t *testing.T) *desk {
	d := &desk{T: t, dir: filepath.Join(t.TempDir(), "sp")}
	if err := server.Init(t.Context(), server.InitOptions{Dir: d.dir, Listen: "127.0.0.1:0", NoTLS: true, Out: io.Discard}); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, name := range []string{envServer, envID, envSecret} {
		t.Setenv(name, "")
	}
	return d
}

// Every operation works on the file of a server that does not run, without a
// configuration, and prints what it prints over a server. The audit has whoever it was
// under a name that nobody has who asks a server.
func TestEveryOperationOnAFile(t *testing.T) {
	d := newFolder(t)
	t.Setenv("SUDO_USER", "HQ/desk")
	data := filepath.Join(d.dir, "sallyport.db")
	for _, s := range samples {
		d.stdin = strings.NewReader("correct horse battery staple\n")
		name := strings.Join(strings.Fields(s.command)[:2], " ")
		code, stdout, stderr := d.try(append(strings.Fields(s.command), "--json", "--data", data)...)
		switch {
		case name == "usage list":
			if code != exitError || !strings.Contains(stderr, "ask the server") {
				t.Errorf("%s: exit code %d: %s", name, code, stderr)
			}
		case strings.HasPrefix(name, "session ") && s.path == "-": // there is none
			if code != exitError || !strings.Contains(stderr, "Not found") {
				t.Errorf("%s: exit code %d: %s", name, code, stderr)
			}
		case code != exitOK:
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		case operationOf(name).Output() != reflect.TypeFor[api.Lines]():
			dec := json.NewDecoder(strings.NewReader(stdout))
			dec.DisallowUnknownFields()
			if err := dec.Decode(reflect.New(operationOf(name).Output()).Interface()); err != nil {
				t.Errorf("%s prints %v:\n%s", name, err, stdout)
			}
		}
	}
	var events api.List[api.Event]
	if err := json.Unmarshal([]byte(d.must("audit search --all --kind change --json --data "+data)), &events); err != nil {
		t.Fatal(err)
	}
	byHand := 0
	for _, e := range events.Items {
		if e.Dialect != "admin" {
			continue // of init
		}
		byHand++
		if e.Actor != "local:HQ_desk" || e.Source != "" {
			t.Errorf("%s is recorded as by %q from %q", e.Reason, e.Actor, e.Source)
		}
	}
	if byHand < 15 {
		t.Errorf("%d changes are recorded", byHand)
	}
}

// What --data lacks is said, with what to do about it; nothing is made.
func TestDataHasToBeWhole(t *testing.T) {
	d := newFolder(t)
	data := filepath.Join(d.dir, "sallyport.db")
	b, err := os.ReadFile(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("copy.db", b, 0o600); err != nil {
		t.Fatal(err)
	}
	d.must("account create ACME --data " + data)
	d.must("key create ACME --name main --data " + data)
	other := newFolder(t)
	if err := os.WriteFile("copy.db", b, 0o600); err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string]struct {
		code int
		says string
	}{
		"account list --data none.db":                                                      {exitError, "there is no database none.db"},
		"account list --data copy.db":                                                      {exitError, "--keys: there is no keys.json: name the key set that belongs to copy.db"},
		"account list --data copy.db --keys none.json":                                     {exitError, "the key set is missing: there is no none.json"},
		"account list --data " + data + " --keys " + filepath.Join(other.dir, "keys.json"): {exitError, "the key set is not the one of this database"},
		"account list --data copy.db --keys " + filepath.Join(d.dir, "keys.json"):          {exitOK, ""},
		"account list --data postgres://ann:hid%zzden@h/db --keys k":                       {exitUsage, "this is no URL"},
		"backup --to x":                                                                            {exitUsage, "say which: --config FILE; there is no config.yaml here"},
		"apply -f x --data postgres://a@b/c":                                                       {exitUsage, "with --keys"},
		"account list --keys x":                                                                    {exitUsage, "--keys belongs to --data"},
		"account list --data copy.db --ca x":                                                       {exitUsage, "belong to --server"},
		"account list --data copy.db --config x":                                                   {exitUsage, "[config data]"},
		"account list --data postgres://ann@127.0.0.1:1/db":                                        {exitUsage, "with --keys"},
		"account list --data postgres://ann:hidden@127.0.0.1:1/db --keys k":                        {exitUsage, "leave the password out"},
		"account list --data postgresql://ann@127.0.0.1:1/db?password=hidden --keys k":             {exitUsage, "leave the password out"},
		"account list --data postgres://ann@127.0.0.1:1/db --keys " + filepath.Join(d.dir, "none"): {exitError, "cannot be reached"},
	} {
		code, stdout, stderr := d.try(strings.Fields(words)...)
		if code != want.code || !strings.Contains(stderr, want.says) || strings.Contains(stderr, "hidden") || (code == exitOK) != (stdout != "") {
			t.Errorf("%s: exit code %d: %s%s", words, code, stdout, stderr)
		}
	}
	for _, name := range []string{"none.db", "none.json", "keys.json", "copy.db.lock"} {
		if there(name) {
			t.Errorf("%s was made", name)
		}
	}
}

// A file that a server holds is the server's: --data says whom to ask. --config works
// beside it.
func TestDataOfAServerThatRuns(t *testing.T) {
	d := newDesk(t)
	code, stdout, stderr := d.try("account", "list", "--data", "db")
	if code != exitError || stdout != "" || !strings.Contains(stderr, "a server runs on this database: ask the server with --server URL") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	if out := d.must("account list --config config.yaml"); !strings.Contains(out, "HQ") {
		t.Errorf("beside the server:\n%s", out)
	}
}

// On PostgreSQL a server runs on, and obeys.
func TestDataInPostgres(t *testing.T) {
	cluster := pgtest.Run(t)
	d := newFolder(t)
	cfg, err := config.Load(filepath.Join(d.dir, defaultConfig))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Data, cfg.Admin.Listen = cluster.URL("postgres"), "" // and no administration over the network
	for i := range cfg.Mounts {
		cfg.Mounts[i].Tenant = ""
	}
	s, err := server.New(t.Context(), cfg, server.Options{Log: t.Output()})
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
	on := " --data " + cfg.Data + " --keys " + cfg.Keys
	d.must("account create ACME" + on)
	d.must("account create ACME/100" + on)
	var key api.KeyWithSecret
	if err := json.Unmarshal([]byte(d.must("key create ACME/100 --name main --json"+on)), &key); err != nil {
		t.Fatal(err)
	}
	ask := func(path, call string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-Proto", "https")
		r.Header.Set("X-Forwarded-Uri", call)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	_, body := ask("/token/?"+url.Values{"cid": {"100"}, "appkey": {key.Secret}}.Encode(), "")
	_, token, _ := strings.Cut(body, "<ResponseData>")
	token, _, _ = strings.Cut(token, "<")
	call := "/logs/?cid=100&token=" + token
	if status, body := ask("/-/check", call); status != http.StatusOK {
		t.Fatalf("the call is answered %d %s", status, body)
	}
	if out := d.must("session end-all --account ACME --yes" + on); out != "1 session ended\n" {
		t.Errorf("it says %q", out)
	}
	for { // within a second; if it never did, the test would never end
		if status, _ := ask("/-/check", call); status != http.StatusOK {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
}
