//go:build unix

package postgres

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

// startWire lays a wire to a database that the test can cut, slow and stall.
func startWire(t *testing.T, port int, delay time.Duration) *pgtest.Wire {
	t.Helper()
	w, err := pgtest.StartWire(t.Context(), port)
	if err != nil {
		t.Fatal(err)
	}
	w.Slow(delay)
	t.Cleanup(func() { _ = w.Stop() })
	return w
}
