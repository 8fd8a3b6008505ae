//go:build unix

package nodes

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

// sql does what an operator does in the database, beside the server.
func sql(t *testing.T, url string, statements ...string) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	for _, s := range statements {
		if _, err := c.Exec(ctx, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// says waits until a node's log says something.
func (n *node) says(t *testing.T, what string) {
	t.Helper()
	until(t, n.name+" says "+what, func() bool { return strings.Contains(n.log.String(), what) })
}

// A database that takes no writes: a server does not start on it, one that runs
// says so, refuses logins, vouches for nobody, and goes on by itself afterwards.
func TestReadOnly(t *testing.T) {
	whole(t)
	c := pgtest.Run(t)
	sql(t, c.URL("postgres"), "CREATE DATABASE logins")
	s := newSite(t, c.URL("logins"))
	n := s.start(t, "node", "127.0.0.1:0", "")
	token, _, err := n.login()
	if err != nil || token == "" {
		t.Fatal(err)
	}
	sql(t, c.URL("postgres"), "ALTER DATABASE logins SET default_transaction_read_only = on",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'logins'")
	until(t, "the node says that it is not ready", func() bool { return n.ready() == http.StatusServiceUnavailable })
	if token, status, err := n.login(); status != http.StatusServiceUnavailable {
		t.Errorf("a login is answered %d %q %v", status, token, err)
	}
	if status, err := n.check(token); status != http.StatusServiceUnavailable {
		t.Errorf("a check is answered %d, %v", status, err)
	}
	const why = "the database takes no writes: it is a replica, or was made read-only"
	n.says(t, why)
	s.refuses(t, why)

	sql(t, c.URL("postgres"), "ALTER DATABASE logins RESET default_transaction_read_only")
	until(t, "the node is ready again", func() bool { return n.ready() == http.StatusOK })
	if token, status, err := n.login(); token == "" {
		t.Errorf("a login is answered %d %v", status, err)
	}
	if status, err := n.check(token); status != http.StatusOK {
		t.Errorf("a check is answered %d, %v", status, err)
	}
}

// refuses: a server does not start, says why, and nothing of the kind that a
// programmer reads.
func (s *site) refuses(t *testing.T, why string) {
	t.Helper()
	s.configure(t, "another", "127.0.0.1:0", "")
	for _, command := range []string{"serve", "doctor"} {
		out, err := s.command(command, "--config", "another.yaml").CombinedOutput()
		if err == nil || !strings.Contains(string(out), why) || strings.Contains(string(out), "goroutine") {
			t.Errorf("%s: %v: %s; want %s", command, err, out, why)
		}
	}
}

// A schema that is newer, or somebody else's, is told of, and left as it is.
func TestOtherSchemas(t *testing.T) {
	whole(t)
	c := pgtest.Run(t)
	for name, test := range map[string]struct {
		before []string // in an empty database
		after  []string // in one of ours
		why    string
	}{
		"newer":  {after: []string{"INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)"}, why: "the database is of a newer Sallyport: its schema has version 99"},
		"theirs": {before: []string{"CREATE TABLE sessions (id text, owner text)", "INSERT INTO sessions VALUES ('a', 'b')"}, why: "the database holds tables of another program"},
	} {
		url := c.URL(name)
		sql(t, c.URL("postgres"), "CREATE DATABASE "+name)
		s := &site{dir: t.TempDir(), data: url}
		sql(t, url, test.before...)
		if test.after != nil {
			s = newSite(t, url)
			sql(t, url, test.after...)
		}
		s.configure(t, "node", "127.0.0.1:0", "")
		out, err := s.command("serve", "--config", "node.yaml").CombinedOutput()
		if err == nil || !strings.Contains(string(out), test.why) {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		t.Logf("%s: %s", name, out)
		if test.before != nil {
			sql(t, url, "SELECT owner FROM sessions") // is theirs still
		}
	}
}

// A database that is restarted under load, with a crash, loses nothing that was
// answered.
func TestRestarts(t *testing.T) {
	whole(t)
	c := pgtest.Run(t)
	s := newSite(t, c.URL("postgres"))
	l := startLoad(t, s.start(t, "one", "127.0.0.1:0", ""), s.start(t, "two", "127.0.0.1:0", ""))
	for _, down := range []func(context.Context) error{c.Kill, c.Down, c.Kill} {
		l.more(50)
		if err := down(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l.more(50)
	l.verify()
}

// A database whose disk is full: logins are refused and write nothing, calls go on,
// and when there is room so do logins.
func TestFull(t *testing.T) {
	whole(t)
	c := pgtest.Run(t)
	disk := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=24m,mode=0777", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("a disk to fill needs root: %s", out)
	}
	t.Cleanup(func() { _ = c.Stop(); _ = exec.Command("umount", "-l", disk).Run() })
	if err := os.Chmod(filepath.Dir(disk), 0o755); err != nil {
		t.Fatal(err)
	}
	space := filepath.Join(disk, "space")
	if err := c.Own(space); err != nil {
		t.Fatal(err)
	}
	sql(t, c.URL("postgres"), "CREATE TABLESPACE small LOCATION '"+space+"'", "CREATE DATABASE logins TABLESPACE small")
	s := newSite(t, c.URL("logins"))
	n := s.start(t, "node", "127.0.0.1:0", "")
	var tokens []string
	for range 3 {
		token, status, err := n.login()
		if token == "" {
			t.Fatalf("a login is answered %d, %v", status, err)
		}
		tokens = append(tokens, token)
	}
	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	until(t, "a login is refused", func() bool {
		token, status, err := n.login()
		if err != nil || (status != http.StatusOK && status != http.StatusServiceUnavailable) {
			t.Fatalf("a login is answered %d, %v", status, err)
		}
		if token != "" {
			tokens = append(tokens, token)
			fill(t, ballast+strconv.Itoa(len(tokens)))
		}
		return token == ""
	})
	n.says(t, "the database's disk is full: make room, nothing was written")
	if status := n.ready(); status != http.StatusOK {
		t.Errorf("calls go on, and ready is answered %d", status)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, "logins go on", func() bool {
		token, _, _ := n.login()
		return token != ""
	})
	for _, token := range tokens {
		if status, err := n.check(token); status != http.StatusOK {
			t.Errorf("a login was answered, and a check is answered %d, %v", status, err)
		}
	}
	t.Logf("%d logins before the disk was full", len(tokens))
}

// fill writes a file until the disk is full.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		return // not even for that
	}
	defer func() { _ = f.Close() }()
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// A database that is slow makes logins slow and nothing else. While one answers
// nothing, what waits for it is bounded: all are answered, and memory does not grow
// with them.
func TestSlow(t *testing.T) {
	whole(t)
	c := pgtest.Run(t)
	s, w := newSite(t, c.URL("postgres")), lay(t, c)
	s.data = w.URL("postgres")
	n := s.start(t, "node", "127.0.0.1:0", "limits: {read_header_timeout: 1m, read_timeout: 1m}\n") // the clients below are slow
	w.Slow(20 * time.Millisecond)
	l := startLoad(t, n)
	l.more(50)
	l.verify()
	if trouble := l.trouble.Load(); trouble > 0 {
		t.Errorf("%d calls failed because the database is slow", trouble)
	}

	before := n.memory(t)
	resume := w.Stall()
	const callers = 2000
	var answered, refused atomic.Int64
	var wg sync.WaitGroup
	tokens := make([]string, callers)
	for i := range callers {
		wg.Go(func() {
			token, status, err := n.login()
			switch {
			case err == nil && status == http.StatusOK:
				tokens[i] = token
				answered.Add(1)
			case err == nil && status == http.StatusServiceUnavailable:
				refused.Add(1)
			default:
				t.Errorf("a login is answered %d, %v", status, err)
			}
		})
	}
	until(t, "some are told to come again", func() bool { return refused.Load() > 100 })
	grown := n.memory(t) - before
	resume()
	wg.Wait()
	until(t, "the node is ready again", func() bool { return n.ready() == http.StatusOK })
	for _, token := range tokens {
		if token == "" {
			continue
		}
		if status, err := n.check(token); status != http.StatusOK {
			t.Errorf("a login was answered, and a check is answered %d, %v", status, err)
		}
	}
	t.Logf("of %d logins at a database that does not answer, %d were refused; memory grew by %d MiB", callers, refused.Load(), grown>>20)
	if grown > 256<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
}

// memory is what a node has of the machine's, in bytes.
func (n *node) memory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(n.cmd.Process.Pid) + "/status")
	if err != nil {
		t.Skip("how much memory a process has is asked of Linux: ", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
