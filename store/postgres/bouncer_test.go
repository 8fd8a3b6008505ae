//go:build unix

package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/store/postgres/pgtest"
	"github.com/sallyport/sallyport/store/storetest"
)

// TestThroughPgBouncer runs the suite through PgBouncer in transaction mode, which
// gives each transaction whichever session is free, of a few that all share. The
// URL says nothing of it.
func TestThroughPgBouncer(t *testing.T) {
	cluster := need(t)
	bouncer, err := pgtest.StartBouncer(t.Context(), cluster)
	if errors.Is(err, pgtest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bouncer.Stop() })
	storetest.Run(t, storetest.Harness{Open: func(t *testing.T, dir string) auth.Store {
		t.Helper()
		sum := sha256.Sum256([]byte(dir))
		name := "b" + hex.EncodeToString(sum[:8])
		makeDatabase(t, cluster, name)
		s, err := Open(t.Context(), Options{URL: bouncer.URL(name), Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}})
}
