package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// Two stores on one file write groups of logins in turn. Each goes by what it
// remembers of the audit and of the log of begun sessions, which is never true,
// and nothing is lost for that.
func TestTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	stores := []*Store{openTest(t, path, Options{}), openTest(t, path, Options{})}
	const turns = 40
	now := time.UnixMicro(1_790_000_000_000_000).UTC()
	for i := range turns {
		id := auth.SessionID(i + 1)
		_, err := stores[i%2].Apply(t.Context(), &auth.WriteSet{
			Begin:  []auth.SessionRow{{ID: id, Principal: 7, Dialect: "electa", Life: auth.Policy{Span: time.Hour}.Begin(now)}},
			Events: []audit.Event{{At: now, Kind: audit.Login, Session: uint64(id)}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	batches, err := stores[0].Audit(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var last audit.Batch
	events := 0
	for _, b := range batches {
		if err := audit.Verify(&last, &b); err != nil {
			t.Error(err)
		}
		last = b
		events += b.Count
	}
	if events != turns {
		t.Errorf("%d of %d events are in the audit", events, turns)
	}
	// The last to write was the second; the first ends what both have begun, and
	// then once more with what the second began meanwhile.
	end := func(s *Store, want int) {
		t.Helper()
		r, err := s.Apply(t.Context(), &auth.WriteSet{End: []auth.End{{Principal: 7}}})
		if err != nil || r.Ended != want {
			t.Errorf("ended %d, %v, want %d", r.Ended, err, want)
		}
	}
	end(stores[0], turns)
	begin64(t, stores[1], 1000, 5) // of five principals
	for p := auth.PrincipalID(1); p <= 5; p++ {
		r, err := stores[0].Apply(t.Context(), &auth.WriteSet{End: []auth.End{{Principal: p}}})
		if err != nil || r.Ended != 1 {
			t.Errorf("principal %d: ended %d, %v, want 1", p, r.Ended, err)
		}
	}
}
