package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport/sallyport/auth"
)

func openTest(t *testing.T, path string, o Options) *Store {
	t.Helper()
	o.Path = path
	if o.Logger == nil {
		o.Logger = quiet
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error("Close:", err)
		}
	})
	return s
}

// session is a plain row; what the fields do is the suite's matter.
func session(id auth.SessionID, p auth.PrincipalID) auth.SessionRow {
	r := benchRow(uint64(id))
	r.Principal = p
	return r
}

func begin64(t *testing.T, s *Store, first auth.SessionID, n int) {
	t.Helper()
	var w auth.WriteSet
	for i := range n {
		w.Begin = append(w.Begin, session(first+auth.SessionID(i), auth.PrincipalID(1+i%5)))
	}
	if _, err := s.Apply(t.Context(), &w); err != nil {
		t.Fatal(err)
	}
}

// execute runs statements over database/sql, as another program would.
func execute(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, q := range statements {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(q, err)
		}
	}
}

func refused(t *testing.T, path string, want error, says ...string) {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: path, Logger: quiet, checkBudget: time.Minute})
	if err == nil {
		_ = s.Close()
		t.Fatal("the store opened")
	}
	if !errors.Is(err, want) {
		t.Errorf("error %q is not %q", err, want)
	}
	for _, word := range append(says, filepath.Base(path)) {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a #folder?%20", file) // and a path that is no URL
	if _, err := Open(t.Context(), Options{Path: path}); err == nil || !strings.Contains(err.Error(), "create it first") {
		t.Errorf("a missing folder: %v", err)
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	private := func() {
		t.Helper()
		for _, suffix := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", suffix, info.Mode())
			}
		}
	}
	s := openTest(t, path, Options{})
	begin64(t, s, 1, 1)
	private()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, path, Options{})
	begin64(t, s, 2, 1)
	private()
	for _, bad := range []string{"", t.TempDir()} {
		if _, err := Open(t.Context(), Options{Path: bad}); err == nil {
			t.Errorf("opened %q", bad)
		}
	}
}

func TestNewerIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	begin64(t, openTest(t, path, Options{}), 1, 1)
	execute(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, 1)")
	refused(t, path, ErrNewer, "4711", fmt.Sprint("up to ", len(migrationFiles(t))), "use the newer sallyport")
}

// TestMigration: a later program's migration finds the data of this one, and one
// that fails leaves the database at the version it had.
func TestMigration(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	s := openTest(t, path, Options{})
	begin64(t, s, 1, 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files := migrationFiles(t)
	have := len(files)
	next := fmt.Sprintf("%05d_two.sql", have+1)
	files[next] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE two (n INTEGER);\nINSERT INTO two SELECT count(*) FROM sessions;\nINSERT INTO nowhere VALUES (1);\n")}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := migrateFrom(t.Context(), db, files, quiet); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("from version %d to %d", have, have+1)) {
		t.Errorf("a migration that fails: %v", err)
	}
	if _, err := db.ExecContext(t.Context(), "SELECT * FROM two"); err == nil {
		t.Error("a failed migration left its table")
	}
	files[next].Data = bytes.ReplaceAll(files[next].Data, []byte("nowhere"), []byte("two"))
	if err := migrateFrom(t.Context(), db, files, quiet); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT max(n) FROM two").Scan(&n); err != nil || n != 3 {
		t.Errorf("the migration saw %d sessions, %v", n, err)
	}
	refused(t, path, ErrNewer, fmt.Sprint("version ", have+1), fmt.Sprint("up to ", have))
}

// migrationFiles are the program's own migrations.
func migrationFiles(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	list, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range list {
		data, err := migrations.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = &fstest.MapFile{Data: data}
	}
	return files
}

func TestForeignIsRefused(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain.db")
	execute(t, plain, "CREATE TABLE t (a)")
	refused(t, plain, ErrForeign)
	named := filepath.Join(dir, "named.db")
	execute(t, named, "PRAGMA application_id = 42", "CREATE TABLE t (a)")
	refused(t, named, ErrForeign, "0x2a")
	before, err := os.ReadFile(named)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, named, ErrForeign)
	after, err := os.ReadFile(named)
	if err != nil || !bytes.Equal(before, after) {
		t.Error("the refused file was changed", err)
	}
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, bytes.Repeat([]byte("no database at all. "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, text, ErrDamaged, "backup")
}

// damaged makes a database of some hundred pages, closes it and damages it.
func damaged(t *testing.T, harm func(f *os.File, size int64) error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), file)
	s := openTest(t, path, Options{})
	for i := range 10 {
		begin64(t, s, auth.SessionID(1+i*1000), 1000)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(harm(f, info.Size()), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func write(at int64, b []byte) func(*os.File, int64) error {
	return func(f *os.File, _ int64) error { _, err := f.WriteAt(b, at); return err }
}

func TestDamagedIsRefused(t *testing.T) {
	for name, harm := range map[string]func(*os.File, int64) error{
		"magic":      write(0, []byte("SQLite forget 3\x00")),
		"header":     write(0, bytes.Repeat([]byte{0xa5}, 100)),
		"first page": write(0, make([]byte, 4096)),
		"truncated":  func(f *os.File, size int64) error { return f.Truncate(size / 2) },
		"cut short":  func(f *os.File, size int64) error { return f.Truncate(size - 1000) },
		"one page":   func(f *os.File, _ int64) error { return f.Truncate(4096) },
		"scribbled": func(f *os.File, size int64) error {
			return write(size/2/4096*4096, bytes.Repeat([]byte{0xa5}, 4096))(f, size)
		},
		"zeroed": func(f *os.File, size int64) error { return write(size/2/4096*4096, make([]byte, 8192))(f, size) },
	} {
		t.Run(name, func(t *testing.T) { refused(t, damaged(t, harm), ErrDamaged, "restore it from a backup") })
	}
}

// TestDamageFoundLater: a check that takes too long goes on in the background.
func TestDamageFoundLater(t *testing.T) {
	path := damaged(t, func(f *os.File, size int64) error {
		return write(size/2/4096*4096, bytes.Repeat([]byte{0xa5}, 4096))(f, size)
	})
	var log bytes.Buffer
	s, err := Open(t.Context(), Options{Path: path, Logger: slog.New(slog.NewTextHandler(&log, nil)), checkBudget: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	for s.Healthy() == nil { // the test's own time limit ends it
		time.Sleep(time.Millisecond)
	}
	if err := s.Healthy(); !errors.Is(err, ErrDamaged) {
		t.Errorf("Healthy says %v", err)
	}
	if err := s.Close(); err != nil {
		t.Log("closing a damaged store:", err)
	}
	if !strings.Contains(log.String(), "failed its check") {
		t.Errorf("the log says %q", log.String())
	}
}

func TestHealthy(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), file), Options{checkBudget: time.Nanosecond})
	if err := s.Close(); err != nil || s.Healthy() != nil {
		t.Errorf("Close %v, Healthy %v", err, s.Healthy())
	}
}

// TestOpenedTogether: two processes may begin the same file at the same time.
func TestOpenedTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() {
			s, err := Open(context.Background(), Options{Path: path, Logger: quiet})
			if err == nil {
				err = s.Close()
			}
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
