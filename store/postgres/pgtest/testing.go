//go:build unix

package pgtest

import (
	"errors"
	"testing"
)

// Run starts a server for one test, as [Start] does, and stops it when the test is
// over. Where PostgreSQL is not installed the test is skipped.
func Run(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), settings...)
	if errors.Is(err, ErrMissing) {
		t.Skip("PostgreSQL is ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop() })
	return c
}
