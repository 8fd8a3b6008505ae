//go:build unix

package test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/store/postgres/pgtest"
	"github.com/sallyport/sallyport/store/sqlite"
)

// mover is an operator who moves a database from its file into PostgreSQL.
type mover struct {
	*testing.T
	dir string
	url string
	db  *pgx.Conn // to look at the target
}

func newMover(t *testing.T) *mover {
	t.Helper()
	cluster := pgtest.Run(t)
	m := &mover{T: t, dir: t.TempDir(), url: cluster.URL("postgres")}
	var err error
	if m.db, err = pgx.Connect(t.Context(), m.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.db.Close(context.Background()) })
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{"file.yaml": "sallyport.db", "config.yaml": m.url} {
		text := fmt.Sprintf("listen: %s\ntrusted_proxies: [127.0.0.1]\ndata: %s\nkeys: keys.json\nadmin: {listen: \"\"}\nmounts: [{dialect: electa}]\n", addr, data)
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	customers, err := os.ReadFile(filepath.Join("common", "accounts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.dir, "customers.yaml"), customers, 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *mover) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(m.Context(), filepath.Join(binDir, "sallyport"), args...)
	cmd.Dir = m.dir
	return cmd
}

func (m *mover) move(more ...string) *exec.Cmd {
	return m.command(append([]string{"migrate-store", "--from", "sqlite:sallyport.db", "--to", m.url, "--keys", "keys.json"}, more...)...)
}

// says runs a command and wants its exit code and words in what it says.
func (m *mover) says(code int, words string, args ...string) string {
	m.Helper()
	cmd := m.command(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		m.Fatal(err)
	}
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(out.String(), words) {
		m.Errorf("%v: exit code %d, want %d and %q:\n%s", args, got, code, words, &out)
	}
	return out.String()
}

// fill gives the file's database many sessions.
func (m *mover) fill(sessions int) {
	m.Helper()
	s, err := sqlite.Open(m.Context(), sqlite.Options{Path: filepath.Join(m.dir, "sallyport.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		m.Fatal(err)
	}
	first, err := s.Lease(m.Context(), uint64(sessions))
	if err != nil {
		m.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	for id := first; id < first+auth.SessionID(sessions); {
		var w auth.WriteSet
		for range 200 {
			row := auth.SessionRow{ID: id, Principal: auth.PrincipalID(1 + id%3), Dialect: "electa", Source: netip.MustParseAddr("192.0.2.1"), Attrs: "x",
				Life: auth.Life{Issued: now, Ends: now.Add(24 * time.Hour), Cap: now.Add(24 * time.Hour)}}
			row.Digest[0], row.Digest[1], row.Digest[31] = byte(id), byte(id>>8), byte(id>>16)
			w.Begin = append(w.Begin, row)
			w.Events = append(w.Events, audit.Event{At: now, Kind: audit.Login, Subject: "main", Session: uint64(id), Dialect: "electa"})
			id++
		}
		if _, err := s.Apply(m.Context(), &w); err != nil {
			m.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		m.Fatal(err)
	}
}

// rows are how many of a table are in the target; 0 as long as there is no table.
func (m *mover) rows(table string) (n int) {
	_ = m.db.QueryRow(m.Context(), "SELECT count(*) FROM "+table).Scan(&n)
	return n
}

// kill starts a move and kills it once something is so. It says whether the move
// was faster.
func (m *mover) kill(when func(said string) bool) (ended bool) {
	m.Helper()
	cmd := m.move()
	out, err := cmd.StderrPipe()
	if err != nil {
		m.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.Fatal(err)
	}
	lines, done := make(chan string, 1000), make(chan error, 1)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
		_, _ = io.Copy(io.Discard, out)
		done <- cmd.Wait()
	}()
	said := ""
	for end := time.Now().Add(patience); ; {
		select {
		case line := <-lines:
			said += line + "\n"
		case err := <-done:
			if err != nil {
				for len(lines) > 0 {
					said += <-lines + "\n"
				}
				m.Fatalf("%v:\n%s", err, said)
			}
			return true
		case <-time.After(time.Millisecond):
		}
		if when(said) {
			break
		}
		if time.Now().After(end) {
			m.Fatalf("waited %s in vain:\n%s", patience, said)
		}
	}
	_ = cmd.Process.Kill() // kill -9; it may have ended by itself
	return <-done == nil
}

// A move is killed again and again, and in the end everything is there. Until then
// nobody can serve what is.
func TestMigrateStoreIsKilled(t *testing.T) {
	m := newMover(t)
	sessions := 100_000
	if testing.Short() {
		sessions = 30_000
	}
	m.says(0, "+ tenant EXAMPLE", "apply", "-f", "customers.yaml", "--config", "file.yaml")
	m.fill(sessions)

	kills := 0
	killed := func(when func(string) bool) {
		if !m.kill(when) {
			kills++
		}
	}
	killed(func(string) bool { return m.rows("moves") > 0 })
	m.says(1, "a move into this database is unfinished: run migrate-store again", "serve", "--config", "config.yaml")
	m.says(1, "run the same sallyport migrate-store again", "doctor", "--config", "config.yaml")
	m.says(1, "a move into this database is unfinished", "apply", "-f", "customers.yaml", "--config", "config.yaml")
	for range 6 {
		most := m.rows("sessions") + 1 + rand.IntN(sessions/4)
		killed(func(said string) bool {
			return m.rows("sessions") >= min(most, sessions) || strings.Contains(said, "checking")
		})
	}
	killed(func(said string) bool { return strings.Contains(said, "checking") })
	m.says(1, "a move into this database is unfinished", "serve", "--config", "config.yaml")
	if kills < 3 {
		t.Errorf("it was killed %d times only", kills)
	}

	var out, said bytes.Buffer
	cmd := m.move("--json")
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	var report struct {
		Already, Keys bool
		Rows, Earlier int
		Head          string
		Tables        []struct {
			Table string
			Rows  int
		}
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v: %s", err, &out)
	}
	if report.Already || !report.Keys || report.Rows < sessions || report.Earlier < sessions/4 || m.rows("sessions") != sessions {
		t.Errorf("after %d kills: %+v", kills, report)
	}
	if !strings.Contains(said.String(), "checking: ") {
		t.Errorf("no progress is told: %s", &said)
	}
	t.Logf("killed %d times, of %d rows %d were there at the last start", kills, report.Rows, report.Earlier)
	m.says(0, "ok       yes", "audit", "verify", "--head", report.Head, "--config", "config.yaml")
	m.says(0, "is in postgres://", "migrate-store", "--from", "sqlite:sallyport.db", "--to", m.url)
	m.says(0, "ok    database", "doctor", "--config", "config.yaml")
	m.says(0, "= ", "apply", "-f", "customers.yaml", "--config", "config.yaml")
}

// What a newcomer forgets is told, with what to do.
func TestMigrateStoreIsRefused(t *testing.T) {
	m := newMover(t)
	m.says(0, "+ tenant EXAMPLE", "apply", "-f", "customers.yaml", "--config", "file.yaml")
	server := m.command("serve", "--config", "file.yaml")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	args := []string{"migrate-store", "--from", "sqlite:sallyport.db", "--to", m.url}
	m.untilServed("file.yaml")
	m.says(1, "stop it first", args...)
	if m.rows("moves") != 0 || m.rows("counters") != 0 {
		t.Error("the target was begun all the same")
	}
	_ = server.Process.Kill()
	_ = server.Wait()
	m.says(2, "required flag", "migrate-store", "--from", "sqlite:sallyport.db")
	m.says(0, "moved from sqlite:", args...)

	other := m.command("apply", "-f", "customers.yaml", "--config", "file.yaml")
	if out, err := other.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m.says(0, "nothing was done", args...) // what is applied twice changes nothing
	server = m.command("serve", "--config", "file.yaml")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	m.untilServed("file.yaml")
	_ = server.Process.Kill()
	_ = server.Wait()
	m.says(1, "the target is not empty", args...)
}

// untilServed waits until a server has its database.
func (m *mover) untilServed(config string) {
	m.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		out, _ := m.command("doctor", "--config", config).CombinedOutput()
		if strings.Contains(string(out), "is answered by this server") {
			return
		}
		if time.Now().After(end) {
			m.Fatalf("the server does not start: %s", out)
		}
	}
}

// What docs/postgresql.md says of moving is done, by who did what docs/operating.md
// says.
func TestMovingFromTheFile(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("docs/operating.md calls curl, which is not here (Debian: curl)")
	}
	m, o := newMover(t), newOperator(t)
	for _, b := range blocks(t, "docs/operating.md") {
		o.do(b)
		if strings.Contains(b.text, "enable --now sallyport") {
			break
		}
	}
	list := blocks(t, "docs/postgresql.md")
	for _, b := range list {
		b.text = strings.ReplaceAll(b.text, "postgres://sallyport@db1/sallyport?sslmode=verify-full", m.url)
		o.do(b)
	}
	if len(list) == 0 || !strings.Contains(o.printed, "ok    database") || !strings.Contains(o.printed, "is answered by this server") {
		t.Errorf("doctor says\n%s", o.printed)
	}
	if m.rows("sessions") != 0 || m.rows("users") == 0 {
		t.Error("the users are not there")
	}
}
