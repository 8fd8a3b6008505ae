//go:build unix

package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/auth"
)

// Migrations add, and change nothing that is there: what docs/postgresql.md promises
// of servers of two versions on one database.
func TestMigrationsAdd(t *testing.T) {
	own, err := newSchema(nil)
	if err != nil {
		t.Fatal(err)
	}
	list, err := fs.Glob(own.files, "*.sql")
	if err != nil || len(list) < 2 {
		t.Fatalf("%v, %v", list, err)
	}
	for i, name := range list {
		if !strings.HasPrefix(name, fmt.Sprintf("%05d_", i+1)) {
			t.Errorf("%s is the migration after %d: numbers have a gap", name, i)
		}
		text, err := fs.ReadFile(own.files, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range takesAway(string(text)) {
			t.Errorf("%s %s", name, problem)
		}
	}
	for _, text := range []string{
		"DROP TABLE apps", "ALTER TABLE apps DROP COLUMN name", "ALTER TABLE apps RENAME COLUMN name TO title", "DELETE FROM apps", "UPDATE apps SET name = ''",
		"ALTER TABLE apps ADD COLUMN x text", "SET LOCAL lock_timeout = '500ms'; ALTER TABLE apps ADD COLUMN x text NOT NULL",
		"SET LOCAL lock_timeout = '500ms'; ALTER TABLE apps ADD COLUMN x text DEFAULT gen_random_uuid()",
		"SET LOCAL lock_timeout = '500ms'; ALTER TABLE apps ADD COLUMN x text UNIQUE", "SET LOCAL lock_timeout = '500ms'; ALTER TABLE apps ADD COLUMN x bigint CHECK (x > 0)",
		"SET LOCAL lock_timeout = '500ms'; ALTER TABLE apps ALTER COLUMN name SET DEFAULT ''", "SET LOCAL lock_timeout = '500ms'; CREATE UNIQUE INDEX x ON apps (name)",
		"SET LOCAL lock_timeout = '500ms'; CREATE INDEX x ON sessions (ends)", "SET LOCAL lock_timeout = '1h'; CREATE INDEX x ON apps (name)", "-- +goose NO TRANSACTION",
		"SET LOCAL lock_timeout = '500ms'; ALTER TABLE apps ADD COLUMN x text; ALTER TABLE keys ADD COLUMN x text",
		"SET LOCAL lock_timeout = '500ms'; CREATE INDEX x ON apps (name); CREATE TABLE x (y bigint REFERENCES accounts (id))",
		"INSERT INTO apps (key) VALUES ('x')", "CREATE TRIGGER x BEFORE INSERT ON apps EXECUTE FUNCTION f()", "-- +goose Down\nCREATE TABLE x (y bigint)",
	} {
		if len(takesAway(text)) == 0 {
			t.Errorf("it would be let through: %s", text)
		}
	}
}

var (
	comment    = regexp.MustCompile(`(?m)--.*$`)
	newTable   = regexp.MustCompile(`^CREATE TABLE (\w+) \(`)
	addColumn  = regexp.MustCompile(`^ALTER TABLE (\w+) ADD COLUMN (\w+) (bigint|integer|smallint|boolean|text|bytea|uuid)( COLLATE "C")?( NOT NULL DEFAULT (-?\d+|''|false|true))?$`)
	setDefault = regexp.MustCompile(`^ALTER TABLE (\w+) ALTER COLUMN (\w+) SET DEFAULT `)
	index      = regexp.MustCompile(`^CREATE (UNIQUE )?INDEX \w+ ON (\w+) \(`)
	references = regexp.MustCompile(`REFERENCES (\w+)`)
	insert     = regexp.MustCompile(`^INSERT INTO (\w+) `)
)

// takesAway says what a server of the version before would not survive, or would
// have to wait for. A column of a table that is there may be left out, and costs no
// writing of the table; an index on one is not unique, and not on what grows with
// the sessions, as nobody could log in while it is built. A table is locked only by
// who gives up soon, and one in each migration: whoever holds one and waits for
// another meets those who do so the other way round, and never gets through.
func takesAway(text string) (problems []string) {
	made, locked, patient := map[string]bool{}, map[string]bool{}, false
	lock := func(table string) {
		if !made[table] {
			locked[table] = true
		}
	}
	if strings.Contains(text, "NO TRANSACTION") || strings.Contains(text, "goose Down") {
		problems = append(problems, "may be done by half, or undone")
	}
	large := []string{"sessions", "feed", "audit_batches", "commits"}
	for statement := range strings.SplitSeq(comment.ReplaceAllString(text, ""), ";") {
		statement = strings.Join(strings.Fields(statement), " ")
		ok := false
		if m := newTable.FindStringSubmatch(statement); m != nil {
			made[m[1]], ok = true, true
			for _, m := range references.FindAllStringSubmatch(statement, -1) {
				lock(m[1])
			}
		} else if m := addColumn.FindStringSubmatch(statement); m != nil {
			made[m[1]+"."+m[2]], ok = true, patient
			lock(m[1])
		} else if m := setDefault.FindStringSubmatch(statement); m != nil {
			ok = patient && made[m[1]+"."+m[2]]
		} else if m := index.FindStringSubmatch(statement); m != nil {
			ok = made[m[2]] || (patient && m[1] == "" && !slices.Contains(large, m[2]))
			lock(m[2])
		} else if m := insert.FindStringSubmatch(statement); m != nil {
			ok = made[m[1]] || m[1] == "counters" || m[1] == "turns"
		} else if statement == "SET LOCAL lock_timeout = '500ms'" {
			patient, ok = true, true
		} else if statement == "DELETE FROM turns WHERE name = 'sweep'" {
			ok = true // older servers who do not find it leave sweeping to newer ones
		}
		if !ok && statement != "" {
			problems = append(problems, "does not only add, or does not say for how long it waits: "+statement)
		}
	}
	if len(locked) > 1 {
		problems = append(problems, fmt.Sprintf("locks several tables: make it several migrations: %v", locked))
	}
	return problems
}

// next is a version after this program's: it adds to every table that is there.
func next(t *testing.T, tables ...string) fs.FS {
	t.Helper()
	own, err := newSchema(nil)
	if err != nil {
		t.Fatal(err)
	}
	out := fstest.MapFS{}
	list, err := fs.Glob(own.files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range list {
		text, err := fs.ReadFile(own.files, name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = &fstest.MapFile{Data: text}
	}
	for i, table := range tables {
		text := "-- +goose Up\nSET LOCAL lock_timeout = '500ms';\nCREATE TABLE more_" + table + " (id bigint PRIMARY KEY);\n" +
			"ALTER TABLE " + table + " ADD COLUMN later bigint NOT NULL DEFAULT 7;\nALTER TABLE " + table + " ADD COLUMN latest text;\n"
		if problems := takesAway(text); len(problems) > 0 {
			t.Fatal(problems)
		}
		out[fmt.Sprintf("%05d_%s.sql", int(own.newest)+1+i, table)] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func tablesOf(t *testing.T, url string) (tables []string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	tables, err = list(t.Context(), c, pgx.RowTo[string], "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'goose_db_version' ORDER BY 1")
	if err != nil || len(tables) < 10 {
		t.Fatalf("tables: %v, %v", tables, err)
	}
	return tables
}

// TestOlderNodeGoesOn: while a newer version brings the schema up to date, under a
// backup that is in its way, a node of the version before goes on with everything,
// through that and after; but it does not start again.
func TestOlderNodeGoesOn(t *testing.T) {
	url := inSchema(t, t.TempDir())
	s := newSite(t)
	older := s.node(url)
	s.customer(older)
	before := s.login(older)

	var stop atomic.Bool
	var rounds atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				s.everything(older, before)
				rounds.Add(1)
			}
		})
	}
	halt := func() { stop.Store(true); wg.Wait() }
	t.Cleanup(halt)
	progress := func(what string) {
		t.Helper()
		from := rounds.Load()
		s.await(what, func() bool { return rounds.Load() > from+8 })
	}
	progress("the older node, before")

	backup, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = backup.Close(context.Background()) }()
	if _, err := backup.PgConn().Exec(t.Context(), "BEGIN; SELECT count(*) FROM feed; SELECT count(*) FROM sessions").ReadAll(); err != nil {
		t.Fatal(err)
	}
	var said syncBuffer
	done := make(chan error, 1)
	go func() {
		newer, err := Open(context.Background(), Options{URL: url, Logger: slog.New(slog.NewTextHandler(&said, nil)), schema: next(t, tablesOf(t, url)...)})
		if err == nil {
			_, err = newer.Session(context.Background(), before.Session.ID)
			err = errors.Join(err, newer.Close())
		}
		done <- err
	}()
	s.await("the backup to be in the way", func() bool { return strings.Contains(said.String(), "trying again") })
	progress("the older node, while the newer one waits")
	if _, err := backup.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("the newer node: %v", err)
		}
	case <-time.After(tolerance):
		t.Fatal("the newer node never started")
	}
	progress("the older node, afterwards")
	halt()
	again, err := Open(t.Context(), Options{URL: url, Logger: quiet})
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "use the newer sallyport") {
		t.Errorf("the older version starts on the newer schema: %v, %v", again, err)
	}
}

// everything is what a node does all day.
func (s *site) everything(n *server, before auth.Grant) {
	s.Helper()
	g := s.login(n)
	for _, g := range []auth.Grant{before, g} {
		if err := s.check(n, g); err != nil {
			s.Errorf("a check: %v", err)
		}
		if _, err := n.store.Session(context.Background(), g.Session.ID); err != nil {
			s.Errorf("reading a session: %v", err)
		}
	}
	if err := n.Logout(context.Background(), &auth.Bearer{Mount: &s.mount, Form: auth.FormNative, Value: g.Token}, auth.Origin{}); err != nil {
		s.Errorf("a logout: %v", err)
	}
	if g.Session.ID%16 == 0 { // more often, and no login would see the records stand still
		if err := n.Update(context.Background(), func(tx auth.Tx) error { return tx.PutPolicy(&auth.Policy{Name: "p", Never: true}) }); err != nil {
			s.Errorf("a change: %v", err)
		}
	}
	if _, err := n.store.Sweep(context.Background(), time.Now(), auth.Retention{Feed: time.Hour}); err != nil {
		s.Errorf("sweeping: %v", err)
	}
	_, err := n.store.Lease(context.Background(), 1)
	if err != nil {
		s.Errorf("a lease: %v", err)
	}
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestStartedTogether: of many nodes that start at once, one makes the schema.
func TestStartedTogether(t *testing.T) {
	url := inSchema(t, t.TempDir())
	var said syncBuffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	start := func(files fs.FS) {
		t.Helper()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				s, err := Open(context.Background(), Options{URL: url, Logger: log, schema: files})
				if err != nil {
					t.Error(err)
					return
				}
				_ = s.Close()
			})
		}
		wg.Wait()
	}
	start(nil)
	own, err := newSchema(nil)
	if err != nil {
		t.Fatal(err)
	}
	tables := tablesOf(t, url)
	start(next(t, tables...))
	if n := strings.Count(said.String(), "database schema brought up to date"); n != 2 {
		t.Errorf("the schema was brought up to date %d times, want twice:\n%s", n, said.String())
	}
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	versions, err := list(t.Context(), c, pgx.RowTo[int64], "SELECT version_id FROM goose_db_version WHERE version_id > 0 ORDER BY id")
	if err != nil || len(versions) != int(own.newest)+len(tables) {
		t.Fatalf("versions %v, %v", versions, err)
	}
	for i, v := range versions {
		if v != int64(i+1) {
			t.Errorf("versions were reached in the order %v", versions)
		}
	}
}

// TestForeign: a database with tables of another program is left as it is, whether
// they have names of ours or are counted by the same means.
func TestForeign(t *testing.T) {
	for what, statement := range map[string]string{
		"a table of ours": "CREATE TABLE sessions (id text)",
		"its own migrations": "CREATE TABLE goose_db_version (version_id bigint, is_applied boolean); CREATE TABLE accounts (id text); " +
			"INSERT INTO goose_db_version VALUES (0, true), (3, true)",
	} {
		t.Run(what, func(t *testing.T) {
			url := inSchema(t, t.TempDir())
			exec(t, url, statement)
			if _, err := Open(t.Context(), Options{URL: url}); !errors.Is(err, ErrForeign) {
				t.Errorf("it is opened: %v", err)
			}
			if _, _, err := Schema(t.Context(), url); !errors.Is(err, ErrForeign) {
				t.Errorf("its schema is looked at: %v", err)
			}
			exec(t, url, "CREATE TABLE turns (name text)") // which would be there had it been migrated
		})
	}
}
