//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

// load is many callers who log in until they are told to stop, and what each was
// answered.
type load struct {
	s    *Store
	stop atomic.Bool
	wg   sync.WaitGroup
	ids  atomic.Uint64

	mu      sync.Mutex
	kept    []auth.SessionID
	refused []auth.SessionID
	unknown []auth.SessionID
	other   []error
}

func startLoad(s *Store, callers int) *load {
	l := &load{s: s}
	for range callers {
		l.wg.Go(func() {
			for !l.stop.Load() {
				l.login()
			}
		})
	}
	return l
}

func (l *load) login() {
	id := auth.SessionID(l.ids.Add(1))
	row := auth.SessionRow{ID: id, Principal: 7, Dialect: "electa"}
	_, err := l.s.Apply(context.Background(), &auth.WriteSet{Begin: []auth.SessionRow{row}, Events: []audit.Event{{Kind: audit.Login, Session: uint64(id)}}})
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.kept = append(l.kept, id)
	case errors.Is(err, ErrUnknown):
		l.unknown = append(l.unknown, id)
	default:
		l.refused = append(l.refused, id)
		if !errors.Is(err, ErrUnreachable) && !errors.Is(err, auth.ErrBusy) {
			l.other = append(l.other, err)
		}
	}
}

// count is how many were answered that their session is kept.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.kept)
}

// more waits until so many more were.
func (l *load) more(t *testing.T, n int) {
	t.Helper()
	want := l.count() + n
	for end := time.Now().Add(30 * time.Second); l.count() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody can log in any more")
		}
	}
}

// verify stops the load and compares what was answered with what is there: in the
// sessions, and in the audit, where what was written twice would be twice.
func (l *load) verify(t *testing.T) {
	t.Helper()
	l.stop.Store(true)
	l.wg.Wait()
	ctx := context.Background()
	for _, err := range l.other {
		t.Errorf("an error that says nothing: %v", err)
	}
	for _, id := range l.kept {
		if _, err := l.s.Session(ctx, id); err != nil {
			t.Errorf("session %d was answered, and now: %v", id, err)
		}
	}
	for _, id := range l.refused {
		if _, err := l.s.Session(ctx, id); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("session %d was refused, and now: %v", id, err)
		}
	}
	var last audit.Batch
	events := map[uint64]int{}
	for {
		part, err := l.s.Audit(ctx, last.Seq, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(part) == 0 {
			break
		}
		for _, b := range part {
			if err := audit.Verify(&last, &b); err != nil {
				t.Fatal(err)
			}
			last = b
			list, err := b.Events()
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				events[e.Session]++
			}
		}
	}
	for _, id := range l.kept {
		if events[uint64(id)] != 1 {
			t.Errorf("session %d has %d events", id, events[uint64(id)])
		}
	}
	for _, id := range l.refused {
		if events[uint64(id)] != 0 {
			t.Errorf("session %d was refused and has %d events", id, events[uint64(id)])
		}
	}
	t.Logf("%d kept, %d refused, %d unknown", len(l.kept), len(l.refused), len(l.unknown))
}

// TestLostAnswers: the network goes away under load, again and again, with answers
// of commits in it. Nothing is lost, nothing is written twice, and nobody is told
// that it is not known: the database itself is there.
func TestLostAnswers(t *testing.T) {
	cluster := need(t)
	makeDatabase(t, cluster, "lost_answers")
	p := startWire(t, cluster.Port, 0)
	s := openAt(t, p.URL("lost_answers"), Options{})
	l := startLoad(s, 32)
	for i := range 60 {
		l.more(t, 20)
		time.Sleep(time.Duration(i%7) * 500 * time.Microsecond)
		p.Cut()
	}
	l.more(t, 1)
	l.verify(t)
	if len(l.unknown) > 0 {
		t.Errorf("of %d it is said not to be known what became of them", len(l.unknown))
	}
}

// TestKilled: the server is killed under load, as a crash does, and comes back.
func TestKilled(t *testing.T) {
	cluster := pgtest.Run(t)
	s := openAt(t, cluster.URL("postgres"), Options{})
	l := startLoad(s, 32)
	for range 3 {
		l.more(t, 200)
		if err := cluster.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := cluster.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l.more(t, 200)
	l.verify(t)
}

// TestRestarted: after a restart, connections that are open lead nowhere, and no
// caller hears of it.
func TestRestarted(t *testing.T) {
	cluster := pgtest.Run(t)
	s := openAt(t, cluster.URL("postgres"), Options{})
	var open []*conn
	for range hot {
		c, err := s.hot.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	for _, c := range open {
		c.Release()
	}
	if err := errors.Join(cluster.Kill(t.Context()), cluster.Up(t.Context())); err != nil {
		t.Fatal(err)
	}
	for range hot {
		if _, err := s.FeedHead(t.Context()); err != nil {
			t.Errorf("the first read after a restart: %v", err)
		}
	}
	if err := s.Update(t.Context(), func(auth.Tx) error { return nil }); err != nil {
		t.Errorf("the first change after a restart: %v", err)
	}
}

// TestGone: a database that does not come back is told to everybody, in time.
func TestGone(t *testing.T) {
	cluster := need(t)
	makeDatabase(t, cluster, "gone")
	p := startWire(t, cluster.Port, 0)
	s := openAt(t, p.URL("gone"), Options{patience: 200 * time.Millisecond})
	login := func(id auth.SessionID) error {
		_, err := s.Apply(t.Context(), &auth.WriteSet{Begin: []auth.SessionRow{{ID: id}}})
		return err
	}
	if err := login(1); err != nil {
		t.Fatal(err)
	}
	_ = p.Stop()
	for id := auth.SessionID(2); id < 20; id++ {
		// Whatever was in a connection when it was cut may be unknown, once.
		if err := login(id); !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrUnknown) {
			t.Errorf("login without a database: %v", err)
		}
	}
	if _, err := s.Session(t.Context(), 1); !errors.Is(err, ErrUnreachable) {
		t.Errorf("Session without a database: %v", err)
	}
	if err := s.Update(t.Context(), func(auth.Tx) error { return nil }); !errors.Is(err, ErrUnreachable) {
		t.Errorf("Update without a database: %v", err)
	}
	if _, err := Open(t.Context(), Options{URL: p.URL("gone"), Logger: quiet}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("Open without a database: %v", err)
	}
}

// TestSlow: a database that is far away is slow and nothing else; one that has
// stopped answering fills the queue, and then callers are told so at once.
func TestSlow(t *testing.T) {
	cluster := need(t)
	makeDatabase(t, cluster, "slow")
	p := startWire(t, cluster.Port, 5*time.Millisecond)
	s := openAt(t, p.URL("slow"), Options{})
	l := startLoad(s, 32)
	l.more(t, 64)
	l.verify(t)

	resume := p.Stall()
	var busy, fine atomic.Int64
	var wg sync.WaitGroup
	const callers = maxQueue + writers*maxGroup + 100
	refused := make(chan struct{}, callers)
	for i := range callers {
		wg.Go(func() {
			_, err := s.Apply(context.Background(), &auth.WriteSet{Begin: []auth.SessionRow{{ID: auth.SessionID(1_000_000 + i)}}})
			switch {
			case err == nil:
				fine.Add(1)
			case errors.Is(err, auth.ErrBusy):
				busy.Add(1)
				refused <- struct{}{}
			default:
				t.Error(err)
			}
		})
	}
	for range 100 {
		<-refused // while nothing moves
	}
	resume()
	wg.Wait()
	if busy.Load() < 100 || busy.Load()+fine.Load() != callers {
		t.Errorf("%d were told to come again and %d were written, of %d", busy.Load(), fine.Load(), callers)
	}
}

// TestReadOnly: a server that has become a replica is told apart, and once it
// takes writes again so does the store.
func TestReadOnly(t *testing.T) {
	cluster := need(t)
	makeDatabase(t, cluster, "read_only")
	url := cluster.URL("read_only")
	s := openAt(t, url, Options{patience: 50 * time.Millisecond})
	login := func(id auth.SessionID) error {
		_, err := s.Apply(t.Context(), &auth.WriteSet{Begin: []auth.SessionRow{{ID: id}}})
		return err
	}
	if err := login(1); err != nil {
		t.Fatal(err)
	}
	exec(t, cluster.URL("postgres"), "ALTER DATABASE read_only SET default_transaction_read_only = on",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'read_only'")
	for id := auth.SessionID(2); id < 5; id++ {
		if err := login(id); !errors.Is(err, ErrReadOnly) && !errors.Is(err, ErrUnknown) {
			t.Errorf("login into a replica: %v", err)
		}
	}
	if err := login(5); !errors.Is(err, ErrReadOnly) {
		t.Errorf("login into a replica: %v", err)
	}
	if _, err := Open(t.Context(), Options{URL: url, Logger: quiet}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("opening a replica: %v", err)
	}
	exec(t, cluster.URL("postgres"), "ALTER DATABASE read_only RESET default_transaction_read_only")
	if err := login(6); err != nil {
		t.Errorf("login once it takes writes again: %v", err)
	}
}

// TestFull: a full disk is said to be one, and writes nothing.
func TestFull(t *testing.T) {
	cluster := need(t)
	makeDatabase(t, cluster, "full_disk")
	url := cluster.URL("full_disk")
	s := openAt(t, url, Options{})
	// As the server says it; a disk of its own that is full would need root.
	exec(t, url, `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$`,
		"CREATE TRIGGER full_disk BEFORE INSERT ON sessions EXECUTE FUNCTION full_disk()")
	set := auth.WriteSet{Begin: []auth.SessionRow{{ID: 1}}, Events: []audit.Event{{Kind: audit.Login}}}
	if _, err := s.Apply(t.Context(), &set); !errors.Is(err, ErrFull) {
		t.Errorf("a login into a full disk: %v", err)
	}
	exec(t, url, "DROP TRIGGER full_disk ON sessions")
	if _, err := s.Apply(t.Context(), &set); err != nil {
		t.Errorf("once there is room: %v", err)
	}
	if list, err := s.Audit(t.Context(), 0, 10); err != nil || len(list) != 1 {
		t.Errorf("%d batches of audit, %v; want one", len(list), err)
	}
}

// TestHosts: of several hosts, the one that is there and takes writes.
func TestHosts(t *testing.T) {
	cluster := need(t)
	replica := pgtest.Run(t, "default_transaction_read_only = on")
	makeDatabase(t, cluster, "hosts")
	exec(t, replica.URL("postgres"), "SET default_transaction_read_only = off", "CREATE DATABASE hosts")
	dead := startWire(t, cluster.Port, 0)
	_ = dead.Stop()
	hosts := fmt.Sprintf("%s,127.0.0.1:%d,127.0.0.1:%d", dead.Addr(), replica.Port, cluster.Port)
	s := openAt(t, "postgres://postgres@"+hosts+"/hosts", Options{})
	if _, err := s.Apply(t.Context(), &auth.WriteSet{Begin: []auth.SessionRow{{ID: 1}}}); err != nil {
		t.Error(err)
	}
	if _, err := s.Session(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

// TestSchema: a newer schema is refused, and what a newer one adds does not
// disturb who runs already.
func TestSchema(t *testing.T) {
	cluster := need(t)
	makeDatabase(t, cluster, "newer")
	url := cluster.URL("newer")
	s := openAt(t, url, Options{})
	exec(t, url, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)",
		"ALTER TABLE sessions ADD COLUMN later bigint NOT NULL DEFAULT 0", "ALTER TABLE keys ADD COLUMN later text NOT NULL DEFAULT ''")
	if _, err := Open(t.Context(), Options{URL: url, Logger: quiet}); !errors.Is(err, ErrNewer) {
		t.Errorf("opening a newer schema: %v", err)
	}
	if _, err := s.Apply(t.Context(), &auth.WriteSet{Begin: []auth.SessionRow{{ID: 1}}}); err != nil {
		t.Errorf("writing beside a newer schema: %v", err)
	}
	if _, err := s.Session(t.Context(), 1); err != nil {
		t.Errorf("reading beside a newer schema: %v", err)
	}
}

// TestSecrets: a password in the URL is in no error, however broken the URL.
func TestSecrets(t *testing.T) {
	const hidden = "hunter2"
	for _, url := range []string{
		"postgres://user:" + hidden + "@127.0.0.1:1/db",
		"postgres://user:" + hidden + "@127.0.0.1:99999/db",
		"postgres://user:" + hidden + "@127.0.0.1:1/db?sslmode=nonsense",
		"postgres://user:" + hidden + "%zz@127.0.0.1/db",
		"postgres://user:" + hidden + "@[::1/db",
		"postgres://user:" + hidden + "@ 127.0.0.1/db",
		"postgres://user:" + hidden + "/x@127.0.0.1:1/db",
		"postgres://127.0.0.1:1/db?password=" + hidden,
		"postgres://127.0.0.1:1/db?sslmode=nonsense&password=" + hidden,
		"postgres://127.0.0.1:1/db?connect_timeout=" + hidden + "&password=" + hidden,
	} {
		_, err := Open(t.Context(), Options{URL: url, Logger: quiet})
		if err == nil {
			t.Errorf("%s: opened", url)
			continue
		}
		if strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: %v", url, err)
		}
		if text := Redact(url); strings.Contains(text, hidden) || strings.Contains(text, "user") {
			t.Errorf("%s is redacted as %s", url, text)
		}
	}
}

// TestInClear: whoever lets secrets travel in clear is told.
func TestInClear(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://db/x":                                  "db",
		"postgres://db/x?sslmode=disable":                  "db",
		"postgres://db/x?sslmode=require":                  "",
		"postgres://127.0.0.1,localhost/x":                 "",
		"postgres:///x?host=/run/postgresql":               "",
		"postgres://127.0.0.1,192.0.2.1/x?sslmode=prefer":  "192.0.2.1",
		"postgres://192.0.2.1,192.0.2.2/x?sslmode=require": "",
		"postgres://[2001:db8::1]:5433/x?sslmode=allow":    "2001:db8::1",
	} {
		c, err := parse(url)
		if err != nil {
			t.Fatal(err)
		}
		if got := inClear(c.ConnConfig); got != want {
			t.Errorf("%s: %q may be reached in clear, want %q", url, got, want)
		}
	}
}

// nobody is ErrNotFound if a list is empty.
func nobody[T any](list []T, err error) error {
	if err == nil && len(list) == 0 {
		err = auth.ErrNotFound
	}
	return err
}

// TestUnspeakable: what outsiders send is looked up, and text that the database
// cannot hold is nobody's name; where it is kept, it is kept.
func TestUnspeakable(t *testing.T) {
	s := openAt(t, inSchema(t, t.TempDir()), Options{})
	for i, name := range []string{"a\x00b", "\xff\xfe"} {
		err := s.View(t.Context(), func(v auth.Reader) error {
			for what, f := range map[string]func() error{
				"user":   func() error { _, err := v.UserByName(1, name); return err },
				"users":  func() error { return nobody(v.UsersByName(name, 2)) },
				"app":    func() error { _, err := v.App(name); return err },
				"code":   func() error { _, err := v.AccountByCode(1, name); return err },
				"codes":  func() error { return nobody(v.AccountsByCode(name, 2)) },
				"policy": func() error { _, err := v.Policy(name); return err },
			} {
				if err := f(); !errors.Is(err, auth.ErrNotFound) {
					t.Errorf("%s %q: %v", what, name, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		row := auth.GuardRow{Key: auth.GuardKey{byte(i)}, Name: name, Failures: 1}
		if _, err := s.Apply(t.Context(), &auth.WriteSet{Guards: []auth.GuardChange{{GuardRow: row}}}); err != nil {
			t.Errorf("a guard row of %q: %v", name, err)
		}
	}
}
