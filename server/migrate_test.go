//go:build unix

package server

import (
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/gate"
	"github.com/sallyport/sallyport/store/move"
	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

// demoOn is the demo on a database of another kind than its own.
func demoOn(t *testing.T, dir, data string) *Demo {
	t.Helper()
	cfg, err := demoConfig(DemoOptions{Addr: "127.0.0.1:0", Data: dir})
	if err != nil {
		t.Fatal(err)
	}
	d := &Demo{}
	cfg.Data = data
	if err := d.startAPI(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if d.Server, err = New(t.Context(), cfg, Options{Log: t.Output(), InsecureLoopback: true}); err != nil {
		t.Fatal(err)
	}
	return d
}

// movedClient is a client of each dialect of the demo, which keeps what it was given.
type movedClient struct {
	*testing.T
	dir string
}

// login logs in over a dialect and keeps the token under a name.
func (c *movedClient) login(d *Demo, dialect int, name string) (check string) {
	c.Helper()
	e := d.Examples()[dialect]
	if login, rest, there := strings.Cut(e.Call, "; "); there && strings.HasPrefix(login, "TOKEN=") {
		token := regexp.MustCompile(anyToken).FindString(shell(c.T, e.Login))
		if token == "" {
			c.Fatalf("no token is answered to:\n%s", e.Login)
		}
		return "TOKEN='" + token + "'; " + rest
	}
	// A browser's kind of client, with a jar that it keeps.
	jar := filepath.Join(c.dir, name)
	steps := strings.Split(strings.NewReplacer("$(mktemp)", jar, `; rm "$jar"`, "").Replace(e.Call), "; ")
	last := len(steps) - 1
	shell(c.T, strings.Join(steps[:last], "; "))
	return steps[0] + "; " + steps[last]
}

// id is the session as which the API is told of a call; 0: it was not told.
func (c *movedClient) id(d *Demo, was, check string) int64 {
	c.Helper()
	var said struct{ Identity map[string]string }
	answer := shell(c.T, strings.ReplaceAll(check, was, d.Addr().String()))
	if json.Unmarshal([]byte(answer), &said) != nil || said.Identity == nil {
		return 0
	}
	id, err := strconv.ParseInt(said.Identity[gate.SessionHeader], 10, 64)
	if err != nil {
		c.Errorf("%s: %v", answer, err)
	}
	return id
}

// walk verifies the audit of a server from its first batch on.
func walk(t *testing.T, s *Server) (head audit.Batch, reasons string) {
	t.Helper()
	for {
		list, err := s.store.Audit(t.Context(), head.Seq, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			return head, reasons
		}
		for i := range list {
			if err := audit.Verify(&head, &list[i]); err != nil {
				t.Fatal(err)
			}
			events, err := list[i].Events()
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				reasons += " " + e.Reason
			}
			head = list[i]
		}
	}
}

// A server hands out tokens in each dialect, is moved from its file into
// PostgreSQL and back, and no client notices.
func TestMigrateStore(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("the demo's commands are for curl, which is not here (Debian: curl)")
	}
	cluster, err := pgtest.Start(t.Context())
	if errors.Is(err, pgtest.ErrMissing) {
		t.Skip("PostgreSQL is ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	dir := t.TempDir()
	file, back, url := filepath.Join(dir, "sallyport.db"), filepath.Join(dir, "back.db"), cluster.URL("postgres")
	c := &movedClient{t, dir}

	first, err := NewDemo(t.Context(), DemoOptions{Addr: "127.0.0.1:0", Data: dir, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	stop := running(t, first)
	was := first.Addr().String()
	live, ended, ids := map[string]string{}, map[string]string{}, map[string]int64{}
	newest := int64(0)
	for i, def := range Dialects() {
		ended[def.Name] = c.login(first, i, "ended-"+def.Name)
		id := c.id(first, was, ended[def.Name])
		if _, err := first.service.Revoke(t.Context(), auth.Revocation{Session: auth.SessionID(id)}); id == 0 || err != nil {
			t.Fatalf("%s: session %d: %v", def.Name, id, err)
		}
		live[def.Name] = c.login(first, i, "live-"+def.Name)
		ids[def.Name] = c.id(first, was, live[def.Name])
		newest = max(newest, ids[def.Name])
	}
	guess := func(d *Demo, secret string) string {
		return shell(t, "curl -sS 'http://"+d.Addr().String()+"/connect/services/login?useAuthToken=true' -H 'calamp-services-app: c0ffee00-0000-4000-8000-000000000001'"+
			" --data-urlencode 'username=demo@calamp.example' --data-urlencode 'password="+secret+"'")
	}
	for range 20 {
		guess(first, "wrong")
	}
	locked := guess(first, "demo-password")
	if regexp.MustCompile(anyToken).MatchString(locked) {
		t.Fatal("the name was not locked")
	}
	head, _ := walk(t, first.Server)
	feed, err := first.store.FeedHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := MigrateStore(t.Context(), MigrateOptions{From: "sqlite:" + file, To: url, Log: t.Output()}); !errors.Is(err, ErrServed) || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("a running server's database: %v", err)
	}
	stop()

	// Everything is as it was, wherever it is.
	holds := func(name string) {
		t.Helper()
		d := demoOn(t, dir, name)
		stop := running(t, d)
		defer stop()
		last, reasons := walk(t, d.Server)
		if last.Seq <= head.Seq || !strings.HasSuffix(reasons, " move") {
			t.Errorf("%s: the audit ends at %d, had %d, and tells%s", name, last.Seq, head.Seq, reasons)
		}
		batch, err := d.store.Audit(t.Context(), head.Seq-1, 1)
		if err != nil || batch[0].Chain != head.Chain {
			t.Errorf("%s: %v", name, err)
		}
		if at, err := d.store.FeedHead(t.Context()); err != nil || at.Seq < feed.Seq {
			t.Errorf("%s: the feed is at %d, was at %d, %v", name, at.Seq, feed.Seq, err)
		}
		for i, def := range Dialects() {
			if id := c.id(d, was, live[def.Name]); id != ids[def.Name] {
				t.Errorf("%s: the token of %s is of session %d, was of %d", name, def.Name, id, ids[def.Name])
			}
			if id := c.id(d, was, ended[def.Name]); id != 0 {
				t.Errorf("%s: the ended token of %s is good, of session %d", name, def.Name, id)
			}
			if def.Name == "calamp" { // whose user is locked
				continue
			}
			check := c.login(d, i, "new-"+def.Name)
			id := c.id(d, d.Addr().String(), check)
			if id <= newest {
				t.Errorf("%s: a new session of %s is %d, after %d", name, def.Name, id, newest)
			}
			newest = max(newest, id)
		}
		if answer := guess(d, "demo-password"); answer != locked {
			t.Errorf("%s: the locked name is answered %s, was %s", name, answer, locked)
		}
	}
	keys := filepath.Join(dir, "keys.json")
	var seen []move.Phase
	report, err := MigrateStore(t.Context(), MigrateOptions{From: "sqlite:" + file, To: "postgres:" + url, Keys: keys, Actor: "ann", Log: t.Output(),
		Progress: func(p MigrateProgress) {
			if n := len(seen); n == 0 || seen[n-1] != p.Phase {
				seen = append(seen, p.Phase)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Keys || report.Already || report.Rows < 100 || len(seen) != 2 {
		t.Errorf("%+v, progress %v", report, seen)
	}
	holds(url)
	if _, err := MigrateStore(t.Context(), MigrateOptions{From: url, To: "sqlite:" + back, Keys: keys, Actor: "ann", Log: t.Output()}); err != nil {
		t.Fatal(err)
	}
	holds(back)
}

// A key set that does not fit is noticed before anything is made, and what a
// command line can be wrong about is told.
func TestMigrateStoreIsRefused(t *testing.T) {
	dir := t.TempDir()
	d, err := NewDemo(t.Context(), DemoOptions{Addr: "127.0.0.1:0", Data: dir, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	other := configured(t.TempDir())
	_, stop := start(t, other)
	stop()
	file, nowhere := "sqlite:"+filepath.Join(dir, "sallyport.db"), "postgres://127.0.0.1:1/db"
	for name, c := range map[string]struct {
		from, to, keys string
		want           error
		says           string
	}{
		"another key set":   {file, nowhere, other.Keys, auth.ErrForeignKeys, "restore the key set"},
		"no such file":      {file + "x", nowhere, "", nil, "there is no database"},
		"two files":         {file, "sqlite:" + filepath.Join(dir, "b"), "", ErrUseOthers, "sallyport backup"},
		"two URLs":          {nowhere, nowhere, "", ErrUseOthers, "pg_dump"},
		"no kind":           {filepath.Join(dir, "sallyport.db"), nowhere, "", auth.ErrInvalid, "sqlite:FILE"},
		"a password":        {file, "postgres://ann:hunter2@127.0.0.1:1/db", "", auth.ErrInvalid, "PGPASSFILE"},
		"another password":  {file, "postgres://127.0.0.1:1/db?password=hunter2", "", auth.ErrInvalid, "PGPASSFILE"},
		"a target far away": {file, nowhere, "", nil, "cannot be reached"},
	} {
		_, err := MigrateStore(t.Context(), MigrateOptions{From: c.from, To: c.to, Keys: c.keys, Log: t.Output()})
		if err == nil || (c.want != nil && !errors.Is(err, c.want)) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
