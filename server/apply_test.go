package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// applied runs Apply with a file from standard input.
func applied(t *testing.T, dir, file string, dry bool) (out, log string) {
	t.Helper()
	var o, l strings.Builder
	err := Apply(t.Context(), ApplyOptions{File: "-", In: strings.NewReader(file), Data: filepath.Join(dir, "db"),
		Keys: filepath.Join(dir, "keys.json"), DryRun: dry, Actor: "op", Out: &o, Log: &l})
	if err != nil {
		t.Fatal(err)
	}
	return o.String(), l.String()
}

func TestApplyTellsWhatItDid(t *testing.T) {
	dir := t.TempDir()
	const file = "tenants: [{code: ACME, keys: [{name: made}, {name: own, secret: 0123456789abcdef}]}]"

	out, log := applied(t, dir, file, true)
	if want := "+ tenant ACME\n+ key ACME/made\n+ key ACME/own\n= 0 unchanged\n" +
		"a secret would be made for key ACME/made, and shown once\nnothing was changed: this was a dry run\n"; out != want || log != "" {
		t.Errorf("a dry run says\n%s%s, want\n%s", out, log, want)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("a dry run left %v, %v", left, err)
	}

	out, log = applied(t, dir, file, false)
	if want := "created a new key set " + dir + "/keys.json: back it up, apart from the database\n" +
		"created a new database " + dir + "/db\n"; log != want {
		t.Errorf("the first time it says\n%s, want\n%s", log, want)
	}
	if !strings.Contains(out, "secret of key ACME/made, shown this once: ") {
		t.Errorf("no secret in\n%s", out)
	}
	if out, log = applied(t, dir, file, false); out != "= 3 unchanged\n" || log != "" {
		t.Errorf("the second time it says\n%s%s", out, log)
	}

	for _, c := range []struct {
		sessions int
		want     string
	}{{1, "1 session was ended\n"}, {2, "2 sessions were ended\n"}, {0, "= "}} {
		begin(t, dir, c.sessions)
		out, _ := applied(t, dir, "tenants: [{code: ACME, disabled: true}]", false)
		if !strings.Contains(out, c.want) || c.sessions == 0 && strings.Contains(out, "ended") {
			t.Errorf("%d sessions: %s", c.sessions, out)
		}
		applied(t, dir, "tenants: [{code: ACME, disabled: false}]", false)
	}
}

func TestApplyNamesStandardInput(t *testing.T) {
	err := Apply(t.Context(), ApplyOptions{File: "-", In: strings.NewReader("tenant: []"), Data: "none/db", Keys: "none/keys"})
	if err == nil || !strings.HasPrefix(err.Error(), "standard input:1:1: ") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat("none"); !os.IsNotExist(err) {
		t.Error("a wrong file made something:", err)
	}
}

// begin begins sessions of the key own.
func begin(t *testing.T, dir string, sessions int) {
	t.Helper()
	keys, err := secret.LoadKeys(filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := openStore(t.Context(), filepath.Join(dir, "db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	var key auth.Key
	if err := store.View(t.Context(), func(r auth.Reader) (err error) {
		key, err = r.KeyByDigest(keys.KeyDigest("0123456789abcdef"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for range sessions {
		id, err := store.Lease(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		row := auth.SessionRow{ID: id, Principal: key.ID, Dialect: "electa", Digest: secret.Digest{byte(id)},
			Life: auth.Policy{Never: true}.Begin(auth.SystemClock())}
		if _, err := store.Apply(t.Context(), &auth.WriteSet{Begin: []auth.SessionRow{row}}); err != nil {
			t.Fatal(err)
		}
	}
}
