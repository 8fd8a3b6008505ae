//go:build unix

package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

func endOf(t *testing.T, s *Store, p auth.PrincipalID) {
	t.Helper()
	if _, err := s.Apply(context.Background(), &auth.WriteSet{End: []auth.End{{Principal: p}}}); err != nil {
		t.Fatal(err)
	}
}

func hears(t *testing.T, what string, s *Store) {
	t.Helper()
	select {
	case <-s.News():
	case <-time.After(tolerance):
		t.Fatalf("%s: no news", what)
	}
}

// What is told the feed wakes the other nodes, and a login, which tells it nothing,
// wakes nobody and so waits for nobody who does.
func TestNews(t *testing.T) {
	cluster := need(t)
	makeDatabase(t, cluster, "news")
	url := cluster.URL("news")
	first, second := openAt(t, url, Options{}), openAt(t, url, Options{})
	hears(t, "once it listens", second)
	watch, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watch.Close(context.Background()) }()
	if _, err := watch.Exec(t.Context(), listen); err != nil {
		t.Fatal(err)
	}
	first.tell()
	<-first.News() // of the start

	for id := auth.SessionID(1); id <= 20; id++ {
		set := auth.WriteSet{Begin: []auth.SessionRow{{ID: id, Principal: 7}}, Guards: []auth.GuardChange{{GuardRow: auth.GuardRow{Key: auth.GuardKey{byte(id)}, Failures: 1}}},
			Touch: []auth.Touch{{Session: id}}, Used: []auth.KeyUse{{Key: 7, At: time.Now()}}}
		if _, err := first.Apply(t.Context(), &set); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Update(t.Context(), func(auth.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	exec(t, url, "SELECT pg_notify('sallyport_feed', 'until here')")
	for _, want := range []string{"until here", first.waker.name, second.waker.name} {
		n, err := watch.WaitForNotification(t.Context())
		if err != nil || n.Payload != want {
			t.Fatalf("heard %+v, %v; want one of %q", n, err, want)
		}
		switch want {
		case "until here":
			hears(t, "what somebody notified", second)
			endOf(t, first, 7)
		case first.waker.name:
			hears(t, "an end", second)
			err := second.Update(t.Context(), func(tx auth.Tx) error { return tx.PutPolicy(&auth.Policy{Name: "p", Never: true}) })
			if err != nil {
				t.Fatal(err)
			}
		case second.waker.name:
			hears(t, "a change", first)
		}
	}
}

// A node whose listening connection breaks makes another, and looks at once: it may
// have missed something.
func TestListensAgain(t *testing.T) {
	cluster := need(t)
	makeDatabase(t, cluster, "listens_again")
	url := cluster.URL("listens_again")
	first, second := openAt(t, url, Options{}), openAt(t, url, Options{})
	hears(t, "once it listens", second)
	for range 3 {
		exec(t, url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'listens_again' AND query = '"+listen+"'")
		hears(t, "once it listens again", second)
	}
	endOf(t, first, 7)
	hears(t, "an end", second)
}

// Behind PgBouncer in transaction mode nobody can listen. Nodes there wake those
// that are not, and hear of everything by looking.
func TestNewsBehindPgBouncer(t *testing.T) {
	cluster := need(t)
	bouncer, err := pgtest.StartBouncer(t.Context(), cluster)
	if errors.Is(err, pgtest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bouncer.Stop() })
	makeDatabase(t, cluster, "pooled_news")
	pooled, direct := openAt(t, bouncer.URL("pooled_news"), Options{}), openAt(t, cluster.URL("pooled_news"), Options{})
	if pooled.News() != nil {
		t.Error("a node behind PgBouncer listens")
	}
	hears(t, "once it listens", direct)
	endOf(t, pooled, 7)
	hears(t, "an end over PgBouncer", direct)
	for what, nodes := range map[string][2]*Store{"notified": {pooled, direct}, "polling": {direct, pooled}} {
		t.Logf("%s: a revocation is known on the other node after %v (median of 15)", what, revocations(t, nodes[0], nodes[1], 15))
	}
}

// revocations is how long after a revocation was answered on one node another, which
// had the session in memory, refuses it.
func revocations(t *testing.T, from, to *Store, n int) time.Duration {
	t.Helper()
	s := newSite(t)
	var nodes [2]*server
	for i, store := range []*Store{from, to} {
		service, err := auth.Open(t.Context(), store, auth.Options{Keys: s.keys})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = service.Close() }()
		nodes[i] = &server{store, service}
		if i == 0 {
			s.customer(nodes[0])
			defer exec(t, from.cold.Config().ConnString(), "DELETE FROM keys", "DELETE FROM accounts")
		}
	}
	var took []time.Duration
	for i := range n {
		g := s.login(nodes[0])
		if err := s.check(nodes[1], g); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * 13 * time.Millisecond) // anywhere between two looks
		s.revoke(nodes[0], g)
		begin := time.Now()
		for !s.refused(nodes[1], g) {
			if time.Since(begin) > tolerance {
				t.Fatal("a revoked session is believed on the other node")
			}
			time.Sleep(100 * time.Microsecond)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took[n/2]
}

// A server whose queue of notifications is full takes no more commits that notify:
// then nodes do without, and revocations go on.
func TestNotificationsFull(t *testing.T) {
	url := inSchema(t, t.TempDir())
	s, other := openAt(t, url, Options{}), openAt(t, url, Options{})
	// As the server says it, once to each node and when it commits.
	exec(t, url, "CREATE SEQUENCE fulls", `CREATE FUNCTION full_queue() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('fulls') IN (1, 3) THEN RAISE EXCEPTION 'too many notifications in the NOTIFY queue' USING ERRCODE = '54000'; END IF;
			RETURN NULL; END $$`,
		"CREATE CONSTRAINT TRIGGER full_queue AFTER INSERT ON feed DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION full_queue()")
	endOf(t, s, 7)
	if err := other.Update(t.Context(), func(tx auth.Tx) error { return tx.PutPolicy(&auth.Policy{Name: "p", Never: true}) }); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Store{s, other} {
		if s.waker.on.Load() {
			t.Error("it notifies still")
		}
	}
	endOf(t, s, 8)
	if head, err := s.FeedHead(t.Context()); err != nil || head.Seq != 3 {
		t.Errorf("the feed is at %v, %v; want 3", head, err)
	}
}

// An engine that has neither notifications nor advisory locks, and runs on many
// servers, is found out and served with what every one has.
func TestPlainEngine(t *testing.T) {
	url := inSchema(t, t.TempDir())
	_, schema, _ := strings.Cut(url, "search_path=")
	url += ",pg_catalog" // so that these come first
	for _, f := range []string{"pg_notify(text, text) RETURNS void", "pg_try_advisory_xact_lock(integer, integer) RETURNS boolean", "pg_advisory_xact_lock(bigint) RETURNS void"} {
		exec(t, url, "CREATE FUNCTION "+schema+"."+f+" LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'there is no such thing' USING ERRCODE = '0A000'; END $$")
	}
	exec(t, url, "CREATE FUNCTION "+schema+".version() RETURNS text LANGUAGE sql AS $$ SELECT 'PostgreSQL 15.12-YB-2025.1.0.0-b0'::text $$")
	first, second := openAt(t, url, Options{}), openAt(t, url, Options{})
	if first.News() != nil || first.waker.on.Load() || strings.Contains(first.sweep.take, "advisory") || strings.Contains(first.feed.read, "postmaster") {
		t.Errorf("it relies on what is not there: %q, %q", first.sweep.take, first.feed.read)
	}
	begin, err := second.FeedHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	endOf(t, first, 7)
	if list, err := second.Feed(t.Context(), begin, 10); err != nil || len(list) != 1 {
		t.Errorf("the feed has %v, %v", list, err)
	}
	oneJanitor(t, url, "BEGIN; "+first.sweep.take, first, second)
}
