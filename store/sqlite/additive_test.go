package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// Migrations add, and change nothing that is there: what docs/operating.md
// promises of an upgrade, and what a server that runs on meanwhile survives.
func TestMigrationsAdd(t *testing.T) {
	for name, file := range migrationFiles(t) {
		for _, problem := range takesAway(string(file.Data)) {
			t.Errorf("%s %s", name, problem)
		}
	}
	for _, text := range []string{
		"DROP TABLE apps", "ALTER TABLE apps DROP COLUMN name", "ALTER TABLE apps RENAME TO programs", "ALTER TABLE apps RENAME COLUMN name TO title",
		"DELETE FROM apps", "UPDATE apps SET name = ''", "INSERT INTO apps (key) VALUES ('x')", "INSERT INTO counters VALUES ('x', 1); DROP TABLE apps",
		"ALTER TABLE apps ADD COLUMN x TEXT NOT NULL", "ALTER TABLE apps ADD COLUMN x TEXT NOT NULL DEFAULT '' REFERENCES keys (id)",
		"ALTER TABLE apps ADD COLUMN x INTEGER NOT NULL DEFAULT 0 CHECK (x > 0)", "CREATE UNIQUE INDEX x ON apps (name)",
		"CREATE TRIGGER x BEFORE INSERT ON apps BEGIN SELECT 1; END", "PRAGMA user_version = 1", "-- +goose NO TRANSACTION", "-- +goose Down\nCREATE TABLE x (y INTEGER) STRICT",
	} {
		if len(takesAway(text)) == 0 {
			t.Errorf("it would be let through: %s", text)
		}
	}
}

var (
	comment  = regexp.MustCompile(`(?m)--.*$`)
	newTable = regexp.MustCompile(`^CREATE TABLE (\w+) \(`)
	index    = regexp.MustCompile(`^CREATE (UNIQUE )?INDEX \w+ ON (\w+) \(`)
	insert   = regexp.MustCompile(`^INSERT INTO (\w+) `)
	adds     = regexp.MustCompile(`^(ALTER TABLE \w+ ADD COLUMN \w+ (TEXT|INTEGER|BLOB)( NOT NULL DEFAULT (''|-?\d+))?|INSERT INTO counters .*)$`)
)

// takesAway says what a server of the version before would not survive. A column of
// a table that is there may be left out, and an index on one is not unique.
func takesAway(text string) (problems []string) {
	if strings.Contains(text, "NO TRANSACTION") || strings.Contains(text, "goose Down") {
		problems = append(problems, "may be done by half, or undone")
	}
	made := map[string]bool{}
	for statement := range strings.SplitSeq(comment.ReplaceAllString(text, ""), ";") {
		statement = strings.Join(strings.Fields(statement), " ")
		ok := statement == "" || adds.MatchString(statement)
		if m := newTable.FindStringSubmatch(statement); m != nil {
			made[m[1]], ok = true, true
		} else if m := index.FindStringSubmatch(statement); m != nil {
			ok = m[1] == "" || made[m[2]]
		} else if m := insert.FindStringSubmatch(statement); m != nil {
			ok = ok || made[m[1]]
		}
		if !ok {
			problems = append(problems, "does not only add: "+statement)
		}
	}
	return problems
}

// TestOlderServerGoesOn: a server runs on while a newer program brings the schema up
// to date, with everything it does; but it does not start again.
func TestOlderServerGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	s := openTest(t, path, Options{})
	var stop atomic.Bool
	var rounds atomic.Int64
	var wg sync.WaitGroup
	halt := func() { stop.Store(true); wg.Wait() }
	t.Cleanup(halt)
	for i := range 4 {
		wg.Go(func() {
			for j := 0; !stop.Load(); j++ {
				if err := everything(s, auth.SessionID(1+i*1_000_000+j)); err != nil {
					t.Error(err)
					return
				}
				rounds.Add(1)
			}
		})
	}
	progress := func() {
		t.Helper()
		from := rounds.Load()
		for end := time.Now().Add(time.Minute); rounds.Load() < from+20; time.Sleep(time.Millisecond) {
			if time.Now().After(end) || t.Failed() {
				t.Fatal("the older server does not go on")
			}
		}
	}
	progress()
	files := migrationFiles(t)
	text := "-- +goose Up\nCREATE TABLE afterwards (id INTEGER PRIMARY KEY) STRICT;\n"
	err := s.cold.with(t.Context(), func(c *conn) error {
		return c.query(func(r row) error {
			text += fmt.Sprintf("ALTER TABLE %s ADD COLUMN later INTEGER NOT NULL DEFAULT 7;\nALTER TABLE %[1]s ADD COLUMN latest TEXT;\n", r.text(0))
			return nil
		}, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'goose%'")
	})
	if problems := takesAway(text); err != nil || len(problems) > 0 || strings.Count(text, "ALTER") < 20 {
		t.Fatal(err, problems, text)
	}
	files[fmt.Sprintf("%05d_next.sql", len(files)+1)] = &fstest.MapFile{Data: []byte(text)}
	db, err := sql.Open("sqlite", dataSource(path)+"&_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(migrateFrom(t.Context(), db, fs.FS(files), quiet), db.Close()); err != nil {
		t.Fatal(err)
	}
	progress()
	halt()
	refused(t, path, ErrNewer, "use the newer sallyport")
}

// everything is what a server does all day.
func everything(s *Store, id auth.SessionID) error {
	ctx := context.Background()
	begin, err := s.FeedHead(ctx)
	if err != nil {
		return err
	}
	row := session(id, 7)
	row.Ends = time.Now().Add(time.Hour) // others sweep meanwhile
	set := auth.WriteSet{Begin: []auth.SessionRow{row}, Guards: []auth.GuardChange{{GuardRow: auth.GuardRow{Key: auth.GuardKey{byte(id), byte(id >> 8), byte(id >> 16)}, Failures: 1}}},
		HandOffs: []auth.HandOffRow{{ID: id, Expires: time.Now().Add(time.Hour)}}, SignIns: []auth.SignIn{{User: 1}}, Used: []auth.KeyUse{{Key: 1}}}
	_, err = s.Apply(ctx, &set)
	if err != nil {
		return err
	}
	_, read := s.Session(ctx, id)
	_, err = s.Apply(ctx, &auth.WriteSet{Redeem: id, End: []auth.End{{Session: id}}, Touch: []auth.Touch{{Session: id}}})
	list, err2 := s.Feed(ctx, begin, 100)
	if len(list) == 0 {
		err2 = errors.Join(err2, errors.New("an end is not in the feed"))
	}
	_, lease := s.Lease(ctx, 1)
	_, sweep := s.Sweep(ctx, time.Now(), auth.Retention{Feed: time.Hour, Audit: time.Hour})
	update := s.Update(ctx, func(tx auth.Tx) error { return tx.PutPolicy(&auth.Policy{Name: "p", Never: true}) })
	return errors.Join(read, err, err2, lease, sweep, update)
}
