package storetest

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/auth"
)

// testFeedHistories: a position is good in the feed that it was read from, and in no
// other, however much that one looks like it. As a store that was set back and has
// grown again: same positions, same notices, even.
func testFeedHistories(t *testing.T, h Harness) {
	dir := t.TempDir()
	s, other := open(t, h, dir), fresh(t, h)
	positions := func(s auth.Store) []auth.Position {
		at := []auth.Position{headOf(t, s)}
		for i := range 5 {
			apply(t, s, auth.WriteSet{End: []auth.End{{Principal: auth.PrincipalID(1 + i)}}})
			at = append(at, headOf(t, s))
		}
		update(t, s, func(tx auth.Tx) error { return tx.PutPolicy(&auth.Policy{Name: "p", Never: true}) })
		return append(at, headOf(t, s))
	}
	mine, theirs := positions(s), positions(other)
	seen := map[uint64]bool{}
	for i, at := range append(mine, theirs...) {
		if want := uint64(i % len(mine)); at.Seq != want || seen[at.Mark] {
			t.Errorf("position %d is %v; another has that mark: %v", want, at, seen[at.Mark])
		}
		seen[at.Mark] = true
	}
	check := func(when string) {
		t.Helper()
		for i, at := range mine {
			if n, err := s.Feed(t.Context(), at, 10); err != nil || len(n) != len(mine)-1-i {
				t.Errorf("%s: after its own position %d: %d notices, %v", when, i, len(n), err)
			}
			for what, wrong := range map[string]auth.Position{
				"another store's":    theirs[i],
				"without a mark":     {Seq: at.Seq},
				"of another notice":  {Seq: at.Seq, Mark: mine[(i+1)%len(mine)].Mark},
				"beyond the newest":  {Seq: uint64(len(mine)), Mark: at.Mark},
				"far beyond it":      {Seq: 1 << 40, Mark: at.Mark},
				"beyond all numbers": {Seq: 1<<64 - 1, Mark: at.Mark},
			} {
				_, err := s.Feed(t.Context(), wrong, 10)
				wantErr(t, fmt.Sprintf("%s: position %d, %s", when, i, what), err, auth.ErrNotFound)
			}
		}
	}
	check("at once")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, h, dir)
	check("after a restart")
}

// testLeaseAfterLoss: sessions that a store knows although it does not know that
// their ids were leased, as after it was set back and a node went on, are in
// nobody's way.
func testLeaseAfterLoss(t *testing.T, h Harness) {
	s := fresh(t, h)
	lease := func(beyond auth.SessionID) auth.SessionID {
		t.Helper()
		first, err := s.Lease(t.Context(), 100)
		if err != nil || first <= beyond {
			t.Fatalf("leased from %d, %v, although there is %d", first, err, beyond)
		}
		return first
	}
	first := lease(0)
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(first+5000, 1)}})
	second := lease(first + 5000)
	apply(t, s, auth.WriteSet{HandOffs: []auth.HandOffRow{{ID: second + 70_000, Expires: epoch}}})
	third := lease(second + 70_000)
	apply(t, s, auth.WriteSet{End: []auth.End{{Session: first + 5000}}, Redeem: second + 70_000})
	lease(third + 99) // and never back
}
