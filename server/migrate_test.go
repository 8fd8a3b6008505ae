//go:build unix

package server

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/gate"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/move"
	"github.com/sallyport/sallyport/store/postgres/pgtest"
	"github.com/sallyport/sallyport/store/sqlite"
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
	cluster := pgtest.Run(t)
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
	sealedToItsEnd(t, back, keys)
	holds(back)
}

// sealedToItsEnd expects a seal of all that is in a database's audit.
func sealedToItsEnd(t *testing.T, database, keys string) {
	t.Helper()
	set, err := secret.LoadKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	store, err := openStore(t.Context(), database, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	text, err := store.AuditSeal(t.Context())
	newest, e := store.AuditBefore(t.Context(), 0, 1)
	if err := errors.Join(err, e, store.Close()); err != nil {
		t.Fatal(err)
	}
	if seal, err := auth.OpenSeal(set, text); err != nil || len(newest) != 1 || seal.To != newest[0].Head() {
		t.Errorf("sealed %v of %v: %v", seal, newest, err)
	}
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

// filled is a database as init and apply leave it, that no server has opened.
func filled(t *testing.T) *patient {
	t.Helper()
	dir, _ := initialized(t, func(*InitOptions) {})
	p := &patient{T: t, dir: dir}
	err := Apply(t.Context(), ApplyOptions{File: filepath.Join(dir, initCustomers), Data: p.path(initData), Keys: p.path(initKeys), Actor: "test", Out: t.Output(), Log: t.Output()})
	p.must(err)
	return p
}

// An audit that is not whole is not moved, and nothing is made: the target cannot
// even be reached.
func TestMigrateStoreHoldsTheAudit(t *testing.T) {
	const nowhere = "postgres://127.0.0.1:1/db"
	for what, c := range map[string]struct {
		harm func(*patient)
		says string
	}{
		"all is gone":       {func(p *patient) { p.execute("DELETE FROM audit_batches") }, "the audit is empty, and came to batch "},
		"the first is gone": {func(p *patient) { p.execute("DELETE FROM audit_batches WHERE seq = 1") }, "is missing, and no retention dropped it"},
		"the last is gone": {func(p *patient) {
			p.execute("DELETE FROM audit_batches WHERE seq = (SELECT max(seq) FROM audit_batches)")
		}, "which was sealed: what followed was taken away"},
		"a batch is altered": {func(p *patient) { p.execute("UPDATE audit_batches SET chain = zeroblob(32) WHERE seq = 1") }, "batch 1 was altered"},
		"one is forged": {func(p *patient) {
			p.execute("INSERT INTO audit_batches SELECT -7, at, count, body, chain FROM audit_batches WHERE seq = 1")
		}, "batch -7 was forged"},
		"the seal is altered": {func(p *patient) { p.execute("UPDATE audit_seal SET seal = 'AAAA' || substr(seal, 5)") }, "the seal was altered, or was not made with this key set"},
	} {
		p := filled(t)
		c.harm(p)
		_, err := MigrateStore(t.Context(), MigrateOptions{From: "sqlite:" + p.path(initData), To: nowhere, Keys: p.path(initKeys), Log: t.Output()})
		if !errors.Is(err, audit.ErrBroken) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "move a database in which it is whole") {
			t.Errorf("%s: %v", what, err)
		}
		_, err = MigrateStore(t.Context(), MigrateOptions{From: "sqlite:" + p.path(initData), To: nowhere, Log: t.Output()}) // under the key set beside it
		if !errors.Is(err, audit.ErrBroken) {
			t.Errorf("%s, and no key set is named: %v", what, err)
		}
	}
	p := filled(t)
	p.must(os.Rename(p.path(initKeys), p.path("elsewhere.json")))
	_, err := MigrateStore(t.Context(), MigrateOptions{From: "sqlite:" + p.path(initData), To: nowhere, Log: t.Output()})
	if !errors.Is(err, move.ErrSealed) || !strings.Contains(err.Error(), "--keys") {
		t.Errorf("without a key set: %v", err)
	}
	for _, unsealed := range []bool{false, true} { // true: one of an older version
		if unsealed {
			p.execute("DELETE FROM audit_seal")
		}
		r, err := MigrateStore(t.Context(), MigrateOptions{From: "sqlite:" + p.path(initData), To: nowhere, Keys: p.path("elsewhere.json"), Log: t.Output()})
		if err == nil || !strings.Contains(err.Error(), "cannot be reached") || r.Unsealed != unsealed {
			t.Errorf("unsealed %v: %v, and it says %v", unsealed, err, r.Unsealed)
		}
	}
}

// What init, apply and restore wrote cannot be taken away either before the first
// server has run: the next command that writes does not cover it up.
func TestCommandsSealWhatTheyWrote(t *testing.T) {
	whole := func(p *patient) error {
		set, err := secret.LoadKeys(p.path(initKeys))
		p.must(err)
		_, err = sqlite.Inspect(t.Context(), p.path(initData), sealUnder(set))
		return err
	}
	dir, _ := initialized(t, func(*InitOptions) {})
	cfg, err := config.Load(filepath.Join(dir, initConfig))
	if err != nil {
		t.Fatal(err)
	}
	p := &patient{T: t, dir: dir}
	apply := func(text string) string {
		t.Helper()
		var log strings.Builder
		p.must(Apply(t.Context(), ApplyOptions{File: "-", In: strings.NewReader(text), Data: cfg.Data, Keys: cfg.Keys, Actor: "test", Out: t.Output(), Log: &log}))
		return log.String()
	}
	for what, write := range map[string]func(){
		"init":  func() {},
		"apply": func() { apply("tenants: [{code: ACME}]") },
		"restore": func() {
			backup := p.path("backup.db")
			p.must(Backup(t.Context(), cfg, BackupOptions{To: backup, Out: t.Output()}))
			p.must(Restore(t.Context(), cfg, RestoreOptions{From: backup, Replace: true, Actor: "test", Out: t.Output()}))
		},
	} {
		write()
		if err := whole(p); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		p.execute("CREATE TABLE kept AS SELECT * FROM audit_batches")
		p.execute("DELETE FROM audit_batches WHERE seq = (SELECT max(seq) FROM audit_batches)")
		if err := whole(p); !errors.Is(err, audit.ErrBroken) || !strings.Contains(err.Error(), "which was sealed") {
			t.Errorf("what %s wrote is gone: %v", what, err)
		}
		p.execute("DELETE FROM audit_batches")
		if log := apply("tenants: [{code: " + strings.ToUpper("after-"+what) + "}]"); !strings.Contains(log, "the audit is not whole: run sallyport audit verify") {
			t.Errorf("apply after %s says %q", what, log)
		}
		if err := whole(p); !errors.Is(err, audit.ErrBroken) {
			t.Errorf("apply sealed over it: %v", err)
		}
		p.execute("DELETE FROM audit_batches")
		p.execute("INSERT INTO audit_batches SELECT * FROM kept")
		p.execute("DROP TABLE kept")
	}
}
