//go:build unix

package server

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

// Two servers run on one database in PostgreSQL, with copies of one key set; what
// works on files alone says what to use instead, and nothing tells the password.
func TestInPostgres(t *testing.T) {
	const password = "hunter2"
	cluster := pgtest.Run(t)
	url := strings.Replace(cluster.URL("postgres"), "postgres@", "postgres:"+password+"@", 1)
	var said kept
	silent := func(what string, err error) {
		t.Helper()
		if err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("%s tells the password: %v", what, err)
		}
	}

	dir := t.TempDir()
	first := configured(dir)
	first.Data = url
	s, err := New(t.Context(), first, Options{Log: &said})
	if err != nil {
		t.Fatal(err)
	}
	running(t, s)
	second := configured(t.TempDir())
	second.Data = url
	_, err = New(t.Context(), second, Options{Log: &said})
	if !errors.Is(err, ErrKeysMissing) {
		t.Errorf("a second server without the key set of the first: %v", err)
	}
	silent("a missing key set", err)
	keys, err := os.ReadFile(first.Keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(second.Keys, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	other, _ := start(t, second)
	for _, s := range []*Server{s, other} {
		if status, body := get(t, s, "/-/ready"); status != http.StatusOK {
			t.Errorf("ready is answered %d: %s", status, body)
		}
	}

	file := filepath.Join(dir, "customers.yaml")
	if err := os.WriteFile(file, []byte("tenants: [{code: ACME}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"+ tenant ACME", "= 1 unchanged"} {
		var out bytes.Buffer
		err := Apply(context.Background(), ApplyOptions{File: file, Data: url, Keys: first.Keys, Actor: "test", Out: &out, Log: &said})
		if err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("apply says %q, %v; want %q", out.String(), err, want)
		}
	}

	err = Backup(t.Context(), first, BackupOptions{To: filepath.Join(dir, "copy"), Out: &said})
	if !errors.Is(err, ErrNotAFile) || !strings.Contains(err.Error(), "pg_dump") {
		t.Errorf("backup: %v", err)
	}
	silent("backup", err)
	err = Restore(t.Context(), first, RestoreOptions{From: filepath.Join(dir, "copy"), Out: &said})
	if !errors.Is(err, ErrNotAFile) {
		t.Errorf("restore: %v", err)
	}
	silent("restore", err)
	if entries, _ := filepath.Glob(filepath.Join(dir, "*postgres*")); len(entries) > 0 {
		t.Errorf("files were made for the URL: %v", entries)
	}
	if strings.Contains(said.String(), password) {
		t.Errorf("the password was told: %s", said.String())
	}
}

// Of a key set that does not fit a database in PostgreSQL the doctor says what a
// server does that starts with it: one warns, the other does not start.
func TestDoctorOfKeysInPostgres(t *testing.T) {
	cluster := pgtest.Run(t)
	url := cluster.URL("postgres")
	p := newPatient(t)
	p.edit("data: sallyport.db", "data: '"+url+"'")
	p.applyTo(url, "tenants: [{code: ACME, keys: [{name: main}]}]")
	begins := func() error {
		cfg := configured(t.TempDir())
		cfg.Data, cfg.Keys = url, p.path(initKeys)
		s, err := New(t.Context(), cfg, Options{Log: t.Output()})
		if err == nil {
			err = s.Close()
		}
		return err
	}
	told := func(l Level, what string) {
		t.Helper()
		found := Examine(t.Context(), p.path(initConfig))
		p.expect(found, l, "keys", what)
		if err := begins(); (l == Bad) != (err != nil) || (l == Bad) != (found.Err() != nil) {
			t.Errorf("the server says %v, the doctor %v", err, found.Err())
		}
	}
	told(Fine, "keys: 1")
	p.lostKey(url)
	told(Warning, "they cannot log in (keys lost: 1)")
	p.otherKeys()
	told(Bad, "not the one of this database")
}
