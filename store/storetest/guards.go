package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// failures are changes that make rows where none is.
func failures(rows ...auth.GuardRow) (list []auth.GuardChange) {
	for _, r := range rows {
		list = append(list, auth.GuardChange{GuardRow: r})
	}
	return list
}

func guardKey(n int) auth.GuardKey { return auth.GuardKey{byte(n), byte(n >> 8), 15: 0xff} }

// guardRows is all there are.
func guardRows(t *testing.T, s auth.Store) map[auth.GuardKey]auth.GuardRow {
	t.Helper()
	all := map[auth.GuardKey]auth.GuardRow{}
	if err := s.Guards(context.Background(), func(r auth.GuardRow) error { all[r.Key] = r; return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func testGuards(t *testing.T, h Harness) {
	dir := t.TempDir()
	s := open(t, h, dir)
	rows := map[auth.GuardKey]auth.GuardRow{}
	put := func(r auth.GuardRow) {
		t.Helper()
		was := rows[r.Key]
		apply(t, s, auth.WriteSet{Guards: []auth.GuardChange{{GuardRow: r, Was: was.Count()}}})
		rows[r.Key] = r
	}
	check := func(what string) {
		t.Helper()
		got := guardRows(t, s)
		for key, r := range got {
			if r != rows[key] {
				t.Errorf("%s: %+v, want %+v", what, r, rows[key])
			}
		}
		keys := []auth.GuardKey{{77}}
		for key := range rows {
			keys = append(keys, key)
		}
		some, err := s.GuardRows(t.Context(), keys...)
		if err != nil || len(some) != len(rows) || len(got) != len(rows) {
			t.Errorf("%s: %d rows, and %d by their keys, %v; want %d", what, len(got), len(some), err, len(rows))
		}
		for _, r := range some {
			if r != rows[r.Key] {
				t.Errorf("%s: by its key %+v, want %+v", what, r, rows[r.Key])
			}
		}
	}
	if list, err := s.GuardRows(t.Context()); len(list) != 0 || err != nil {
		t.Errorf("rows of no key: %v, %v", list, err)
	}
	put(auth.GuardRow{Key: auth.GuardKey{1}, Name: "electa ä", Known: true, Failures: 2, Last: epoch, Locked: epoch.Add(time.Minute), Forget: epoch.Add(time.Hour)})
	put(auth.GuardRow{Key: auth.GuardKey{2}, Failures: 1, Last: epoch})
	put(auth.GuardRow{Key: auth.GuardKey{3}, Locked: epoch}) // locked, without failures
	check("written")
	put(auth.GuardRow{Key: auth.GuardKey{1}, Failures: 3, Last: epoch.Add(time.Second)})
	check("overwritten")
	put(auth.GuardRow{Key: auth.GuardKey{2}})
	delete(rows, auth.GuardKey{2})
	check("without failures and lock")
	stop := errors.New("stop")
	if err := s.Guards(t.Context(), func(auth.GuardRow) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Guards returned %v, not what f returned", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, h, dir)
	check("after a restart")

	head, _ := s.FeedHead(t.Context())
	cleared := func(want int, match func(auth.GuardRow) bool) {
		t.Helper()
		update(t, s, func(tx auth.Tx) error {
			n, err := tx.ClearGuards(match)
			if n != want {
				t.Errorf("cleared %d, want %d", n, want)
			}
			return err
		})
	}
	cleared(1, func(r auth.GuardRow) bool { return r.Failures == 3 })
	delete(rows, auth.GuardKey{1})
	check("cleared")
	if n := notices(t, s, head); len(n) != 1 || n[0].Kind != auth.ChangedGuard || n[0].ID != 0 {
		t.Errorf("ClearGuards announced %v", n)
	}
	cleared(0, func(auth.GuardRow) bool { return false })
	check("nothing cleared")
}

// testGuardChanges: a change is made of what was thought to be there, or not at all.
func testGuardChanges(t *testing.T, h Harness) {
	s := fresh(t, h)
	one := auth.GuardRow{Key: guardKey(1), Name: "n", Failures: 1, Last: epoch, Forget: epoch.Add(time.Hour)}
	two := one
	two.Failures, two.Last, two.Locked = 2, epoch.Add(time.Microsecond), epoch.Add(time.Hour)
	change := func(r auth.GuardRow, was auth.GuardCount) auth.WriteSet {
		return auth.WriteSet{Guards: []auth.GuardChange{{GuardRow: r, Was: was}}, Events: []audit.Event{login(epoch, 1)}}
	}
	refused(t, s, "a change of a row that is not there", change(two, one.Count()))
	apply(t, s, change(one, auth.GuardCount{}))
	refused(t, s, "a first failure that is the second", change(one, auth.GuardCount{}))
	apply(t, s, change(two, one.Count()))
	refused(t, s, "a change of what was before", change(two, one.Count()))
	for what, was := range map[string]auth.GuardCount{
		"failures": {Failures: 3, Last: two.Last, Locked: two.Locked},
		"last":     {Failures: 2, Last: two.Last.Add(time.Microsecond), Locked: two.Locked},
		"lock":     {Failures: 2, Last: two.Last, Locked: two.Locked.Add(time.Microsecond)},
		"no lock":  {Failures: 2, Last: two.Last},
	} {
		refused(t, s, "a change of a row with other "+what, change(one, was))
	}
	// One that removes leaves alone what is not as it was thought to be.
	gone := auth.GuardRow{Key: one.Key}
	apply(t, s, change(gone, one.Count()))
	apply(t, s, change(gone, auth.GuardCount{}))
	if got := guardRows(t, s); len(got) != 1 || got[one.Key] != two {
		t.Errorf("there are %+v, want %+v", got, two)
	}
	apply(t, s, change(gone, two.Count()))
	if got := guardRows(t, s); len(got) != 0 {
		t.Errorf("there are %+v, want none", got)
	}
	apply(t, s, change(gone, two.Count())) // nothing is there to remove
	// Of several changes in a set all are made or none.
	apply(t, s, change(one, auth.GuardCount{}))
	other := auth.GuardRow{Key: guardKey(2), Name: "m", Failures: 1, Last: epoch}
	refused(t, s, "two changes of which one cannot be", auth.WriteSet{Guards: failures(other, one)})
	if got := guardRows(t, s); len(got) != 1 {
		t.Errorf("half of a set was written: %+v", got)
	}
	count := 0
	for _, b := range batches(t, s) {
		count += b.Count
	}
	if count != 7 {
		t.Errorf("%d sets have left their event, want those 7 that were written", count)
	}
}
