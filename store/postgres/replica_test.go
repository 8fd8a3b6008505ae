//go:build unix

package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

// TestReplicaAway: while no replica takes a commit, nobody is answered that it is
// made: not when the server is told to wait no longer, not when it is killed and
// comes back, where everybody can see what it committed alone.
func TestReplicaAway(t *testing.T) {
	cluster := pgtest.Run(t, "synchronous_standby_names = 'nobody'")
	url := cluster.URL("postgres")
	openAt(t, url+"?synchronous_commit=local", Options{}) // makes the schema
	s := openAt(t, url, Options{patience: time.Second})
	login := func(id auth.SessionID) <-chan error {
		answered := make(chan error, 1)
		go func() {
			_, err := s.Apply(context.Background(), &auth.WriteSet{Begin: []auth.SessionRow{{ID: id}}})
			answered <- err
		}()
		return answered
	}
	const waits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

	answered := login(1)
	until(t, url, "SELECT count(*) > 0 "+waits)
	exec(t, url, "SELECT pg_cancel_backend(pid) "+waits)
	if err := <-answered; !errors.Is(err, ErrUnknown) {
		t.Errorf("a commit whose wait was cancelled: %v", err)
	}
	exec(t, url, "SELECT pg_terminate_backend(pid) "+waits) // those that ask what became of it

	answered = login(2)
	until(t, url, "SELECT count(*) > 0 "+waits)
	if err := errors.Join(cluster.Kill(t.Context()), cluster.Up(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; !errors.Is(err, ErrUnknown) {
		t.Errorf("a commit of a server that was killed while it waited: %v", err)
	}

	exec(t, url, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
	if err := <-login(3); err != nil {
		t.Errorf("a login once the replica is back: %v", err)
	}
}

// until waits for a query to say true.
func until(t *testing.T, url, query string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var yes bool
		if err := c.QueryRow(t.Context(), query).Scan(&yes); err != nil {
			t.Fatal(err)
		}
		if yes {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: never", query)
		}
	}
}

// TestDecidedTwice: whoever asks what became of a commit may lose the answer and
// ask again. That the first question left its row there does not make the commit
// one that was made.
func TestDecidedTwice(t *testing.T) {
	s := openAt(t, inSchema(t, t.TempDir()), Options{})
	decide := func(n int) (made bool) {
		t.Helper()
		err := s.write.with(t.Context(), func(c *conn) error { return c.QueryRow(t.Context(), decided, int64(1), int64(n)).Scan(&made) })
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	err := s.write.with(t.Context(), func(c *conn) error { _, err := c.Exec(t.Context(), mark, int64(1), int64(2)); return err })
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if decide(1) {
			t.Error("a commit that never came is said to be made")
		}
		if !decide(2) {
			t.Error("a commit that was made is said not to be")
		}
	}
}
