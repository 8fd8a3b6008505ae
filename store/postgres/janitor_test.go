//go:build unix

package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/auth"
)

// However many nodes sweep, what is over is swept once, and one who dies in the
// middle is in nobody's way.
func TestOneJanitor(t *testing.T) {
	url := inSchema(t, t.TempDir())
	n := openNodes(t, url)
	defer func() { _ = n.Close() }()
	for _, s := range n.stores {
		if !strings.Contains(s.sweep.take, "advisory") {
			t.Fatalf("the turn is taken with %q", s.sweep.take)
		}
	}
	oneJanitor(t, url, "BEGIN; "+n.stores[0].sweep.take, n.stores[:]...)
}

const over = sweepRead + 4000 // sessions: two steps

func oneJanitor(t *testing.T, url, turn string, nodes ...*Store) {
	t.Helper()
	now := time.UnixMicro(1_900_000_000_000_000).UTC()
	expired := func(from, n int) {
		t.Helper()
		exec(t, url, fmt.Sprintf(`INSERT INTO sessions (id, ends, principal, issued, cap, idle, capped, uses, expire_on_new, digest, dialect, app, source, attrs)
			SELECT i, %d, 7, 0, 0, 0, 0, 0, false, '', '', '', '', '' FROM generate_series(%d, %d) AS i`, micros(now)-1, from, from+n-1))
	}
	sweep := func(s *Store, at time.Time) auth.Swept {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), tolerance)
		defer cancel()
		swept, err := s.Sweep(ctx, at, auth.Retention{Feed: time.Hour})
		if err != nil {
			t.Error(err)
		}
		return swept
	}
	left := func() (n int) {
		t.Helper()
		if err := nodes[0].cold.QueryRow(t.Context(), "SELECT count(*) FROM sessions").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	expired(1, over)

	// Somebody has the turn: nobody waits, and nothing is swept. Then it dies.
	holder, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Close(context.Background()) }()
	if _, err := holder.PgConn().Exec(t.Context(), turn).ReadAll(); err != nil {
		t.Fatal(err)
	}
	for _, s := range nodes {
		if swept := sweep(s, now); swept != (auth.Swept{}) {
			t.Errorf("while another has the turn it swept %+v", swept)
		}
	}
	exec(t, url, fmt.Sprintf("SELECT pg_terminate_backend(%d, 60000)", holder.PgConn().PID()))

	var mu sync.Mutex
	var wg sync.WaitGroup
	swept, steps := 0, map[*Store]int{}
	for _, s := range nodes {
		wg.Go(func() {
			for left() > 0 {
				out := sweep(s, now)
				mu.Lock()
				swept += out.Sessions
				steps[s] += out.Sessions
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if swept != over {
		t.Errorf("of %d sessions the nodes swept %d: %v", over, swept, steps)
	}

	// The round is over for all, until enough time has passed on whichever clock.
	expired(over+1, 10)
	for _, s := range nodes {
		if swept := sweep(s, now.Add(time.Microsecond)); swept.Sessions != 0 {
			t.Errorf("another round began at once, and swept %d", swept.Sessions)
		}
	}
	if swept := sweep(nodes[1], now.Add(over*sweepPace)); swept.Sessions != 10 {
		t.Errorf("the next round swept %d", swept.Sessions)
	}
	expired(over+100, 5)
	if swept := sweep(nodes[0], now.Add(time.Second)); swept.Sessions != 5 {
		t.Errorf("on a node whose clock is behind that of the last round it swept %d", swept.Sessions)
	}
}
