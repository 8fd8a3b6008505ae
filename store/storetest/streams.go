package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

func testFeed(t *testing.T, h Harness) {
	dir := t.TempDir()
	s := open(t, h, dir)
	begin := headOf(t, s)
	if begin.Seq != 0 {
		t.Fatalf("FeedHead of a new store = %v", begin)
	}
	if n, err := s.Feed(t.Context(), begin, 10); len(n) != 0 || err != nil {
		t.Fatalf("Feed of a new store = %v, %v", n, err)
	}
	apply(t, s, auth.WriteSet{End: []auth.End{{Principal: 1}, {Principal: 2}}})
	apply(t, s, auth.WriteSet{End: []auth.End{{Account: 3}}})
	all := notices(t, s, begin)
	var at [4]auth.Position
	for i := range all {
		// The store's clock may be another machine's, but it tells the time.
		if off := auth.SystemClock().Sub(all[i].At).Abs(); off > time.Hour || (i > 0 && all[i].At.Before(all[i-1].At)) || all[i].At.Location() != time.UTC {
			t.Errorf("notice %d was announced at %v", i+1, all[i].At)
		}
		at[i+1] = all[i].Position()
		all[i].At, all[i].Mark = time.Time{}, 0
	}
	want := []auth.Notice{{Seq: 1, Kind: auth.EndedPrincipal, ID: 1}, {Seq: 2, Kind: auth.EndedPrincipal, ID: 2}, {Seq: 3, Kind: auth.EndedAccount, ID: 3}}
	if len(all) != 3 || all[0] != want[0] || all[1] != want[1] || all[2] != want[2] {
		t.Fatalf("feed %v, want %v", all, want)
	}
	if n, err := s.Feed(t.Context(), at[1], 1); err != nil || len(n) != 1 || n[0].Seq != want[1].Seq || n[0].ID != want[1].ID {
		t.Errorf("Feed(1, 1) = %v, %v", n, err)
	}
	if n, err := s.Feed(t.Context(), at[3], 1); err != nil || len(n) != 0 {
		t.Errorf("Feed at the head = %v, %v", n, err)
	}
	_, err := s.Feed(t.Context(), begin, 0)
	wantErr(t, "Feed without a limit", err, auth.ErrInvalid)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, h, dir)
	if head := headOf(t, s); head != at[3] {
		t.Errorf("FeedHead after a restart = %v, want %v", head, at[3])
	}
	apply(t, s, auth.WriteSet{End: []auth.End{{Principal: 4}}})
	if n := notices(t, s, at[3]); len(n) != 1 || n[0].ID != 4 {
		t.Errorf("after a restart the feed goes on with %v", n)
	}
}

func batches(t *testing.T, s auth.Store) (all []audit.Batch) {
	t.Helper()
	var after uint64
	for {
		part, err := s.Audit(context.Background(), after, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(part) == 0 {
			return all
		}
		if len(part) > 3 {
			t.Fatalf("Audit returned %d batches, limit 3", len(part))
		}
		all = append(all, part...)
		after = part[len(part)-1].Seq
	}
}

// verify checks the chain and returns the sessions the events are about.
func verify(t *testing.T, list []audit.Batch, first audit.Batch) (ids []uint64) {
	t.Helper()
	for i := range list {
		if err := audit.Verify(&first, &list[i]); err != nil {
			t.Fatal(err)
		}
		events, err := list[i].Events()
		if err != nil || len(events) != list[i].Count || len(events) == 0 {
			t.Fatalf("batch %d: %d events of %d, %v", list[i].Seq, len(events), list[i].Count, err)
		}
		if at := events[len(events)-1].At; !at.Equal(list[i].At) {
			t.Errorf("batch %d is of %v, its last event of %v", list[i].Seq, list[i].At, at)
		}
		for _, e := range events {
			ids = append(ids, e.Session)
		}
		first = list[i]
	}
	return ids
}

func testAudit(t *testing.T, h Harness) {
	dir := t.TempDir()
	s := open(t, h, dir)
	if b := batches(t, s); len(b) != 0 {
		t.Fatalf("a new store has %d batches", len(b))
	}
	at := epoch
	event := func(id auth.SessionID) audit.Event {
		at = at.Add(time.Microsecond)
		return login(at, id)
	}
	for id := auth.SessionID(1); id <= 5; id++ {
		apply(t, s, auth.WriteSet{Events: []audit.Event{event(2 * id), event(2*id + 1)}})
	}
	apply(t, s, auth.WriteSet{End: []auth.End{{Principal: 1}}}) // without events: no batch
	update(t, s, func(tx auth.Tx) error { return errors.Join(tx.Record(event(12)), tx.Record(event(13))) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, h, dir)
	apply(t, s, auth.WriteSet{Events: []audit.Event{event(14)}})
	all := batches(t, s)
	ids := verify(t, all, audit.Batch{})
	if len(ids) != 13 {
		t.Fatalf("%d events, want 13", len(ids))
	}
	for i, id := range ids {
		if id != uint64(i)+2 {
			t.Fatalf("events are about %v: not in order", ids)
		}
	}
	if len(all) != 7 {
		t.Errorf("%d batches for 7 operations with events, one after the other", len(all))
	}
	_, err := s.Audit(t.Context(), 0, 0)
	wantErr(t, "Audit without a limit", err, auth.ErrInvalid)
}

func wantSeal(t *testing.T, s auth.Store, want string) {
	t.Helper()
	if got, err := s.AuditSeal(t.Context()); got != want || err != nil {
		t.Errorf("AuditSeal = %q, %v; want %q", got, err, want)
	}
}

func testAuditSeal(t *testing.T, h Harness) {
	dir := t.TempDir()
	s := open(t, h, dir)
	set := func(old, text string) error { return s.SetAuditSeal(t.Context(), old, text) }
	wantSeal(t, s, "")
	wantErr(t, "another seal than there is", set("one", "two"), auth.ErrConflict)
	wantSeal(t, s, "")
	if err := set("", "one"); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "a second beginning", set("", "two"), auth.ErrConflict)
	wantErr(t, "another seal than there is", set("two", "three"), auth.ErrConflict)
	wantSeal(t, s, "one")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, h, dir)
	wantSeal(t, s, "one")
	var won atomic.Int64
	parallel(16, func(i int) {
		switch err := set("one", fmt.Sprint("by ", i)); {
		case err == nil:
			won.Add(1)
			wantSeal(t, s, fmt.Sprint("by ", i))
		case !errors.Is(err, auth.ErrConflict):
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d of 16 replaced the one seal", won.Load())
	}
	old, err := s.AuditSeal(t.Context())
	if err := errors.Join(err, set(old, ""), set("", "anew")); err != nil {
		t.Errorf("where an empty seal was put: %v", err)
	}
	if b := batches(t, s); len(b) != 0 {
		t.Errorf("sealing made %d batches", len(b))
	}
}

// testSealNew: of several that begin a new store one seals it, and what was in it
// before is not sealed as if nothing were.
func testSealNew(t *testing.T, h Harness) {
	var sets [2]*secret.Keys
	for i := range sets {
		var err error
		if sets[i], err = secret.GenerateKeys(); err != nil {
			t.Fatal(err)
		}
	}
	s := fresh(t, h)
	var texts [16]string
	parallel(len(texts), func(i int) {
		var err error
		if err = auth.SealNew(t.Context(), s, sets[i%2]); err == nil {
			texts[i], err = s.AuditSeal(t.Context())
		}
		if err != nil {
			t.Error(err)
		}
	})
	for _, text := range texts {
		if text == "" || text != texts[0] {
			t.Errorf("sealed %q and %q", text, texts[0])
		}
	}
	_, first := auth.OpenSeal(sets[0], texts[0])
	_, second := auth.OpenSeal(sets[1], texts[0])
	if (first == nil) == (second == nil) {
		t.Errorf("the one seal opens under two key sets with %v, %v", first, second)
	}
	if b := batches(t, s); len(b) != 0 {
		t.Errorf("sealing made %d batches", len(b))
	}

	s = fresh(t, h)
	plant(t, s)
	if err := auth.SealNew(t.Context(), s, sets[0]); err != nil {
		t.Error(err)
	}
	wantSeal(t, s, "")
	s = fresh(t, h)
	apply(t, s, auth.WriteSet{Events: []audit.Event{{At: epoch, Kind: audit.Login}}})
	if err := auth.SealNew(t.Context(), s, sets[0]); err != nil {
		t.Error(err)
	}
	wantSeal(t, s, "")
}

func testNotes(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	key, user := putKey(t, s, at.org, "k"), putUser(t, s, at.tenant, at.org, "u")
	head, _ := s.FeedHead(t.Context())
	check := func(used, signed time.Time, hash string, step int64) {
		t.Helper()
		view(t, s, func(v auth.Reader) error {
			k, err := v.Key(key)
			if err != nil || !k.LastUsed.Equal(used) {
				t.Errorf("key last used %v, %v; want %v", k.LastUsed, err, used)
			}
			u, err := v.User(user)
			if err != nil || !u.LastSignIn.Equal(signed) || u.Password != hash || u.FactorStep != step {
				t.Errorf("user signed in %v with %q, step %d, %v; want %v with %q, step %d", u.LastSignIn, u.Password, u.FactorStep, err, signed, hash, step)
			}
			return nil
		})
	}
	check(time.Time{}, time.Time{}, "hash-1", 0)
	one, two := epoch.Add(time.Microsecond), epoch.Add(time.Hour)
	apply(t, s, auth.WriteSet{Used: []auth.KeyUse{{Key: key, At: two}}, SignIns: []auth.SignIn{{User: user, At: one, Step: 5}},
		Password: &auth.PasswordChange{User: user, Old: "hash-1", New: "hash-2"}})
	check(two, one, "hash-2", 5)
	// An earlier use that comes late does not move it back; a lost race keeps the other's hash.
	apply(t, s, auth.WriteSet{Used: []auth.KeyUse{{Key: key, At: one}}, SignIns: []auth.SignIn{{User: user, At: two}},
		Password: &auth.PasswordChange{User: user, Old: "hash-1", New: "hash-3"}, Begin: []auth.SessionRow{session(1, user)}})
	check(two, two, "hash-2", 5)
	if !has(t, s, 1) {
		t.Error("the lost race for the hash undid the rest of the set")
	}
	apply(t, s, auth.WriteSet{Used: []auth.KeyUse{{Key: 999, At: two}}, SignIns: []auth.SignIn{{User: 999, At: two}}}) // gone: left alone
	if n := notices(t, s, head); len(n) != 0 {
		t.Errorf("notes were announced: %v", n)
	}
}

// sweepAll sweeps until there is no more.
func sweepAll(t *testing.T, s auth.Store, now time.Time, keep auth.Retention) (sum auth.Swept) {
	t.Helper()
	for range 1000 {
		n, err := s.Sweep(t.Context(), now, keep)
		if err != nil {
			t.Fatal(err)
		}
		sum.Sessions += n.Sessions
		sum.HandOffs += n.HandOffs
		sum.Guards += n.Guards
		sum.Notices += n.Notices
		sum.Batches += n.Batches
		if !n.More {
			return sum
		}
	}
	t.Fatal("Sweep never ends")
	return sum
}

func testSweepSessions(t *testing.T, h Harness) {
	s := fresh(t, h)
	never := session(1, 1)
	never.Ends = time.Time{}
	w := auth.WriteSet{Begin: []auth.SessionRow{never}}
	for id := auth.SessionID(2); id <= 1000; id++ {
		r := session(id, auth.PrincipalID(1+id%7))
		r.Ends = epoch.Add(time.Duration(id) * time.Second)
		w.Begin = append(w.Begin, r)
	}
	apply(t, s, w)
	if n := sweepAll(t, s, epoch, auth.Retention{}); n.Sessions != 0 {
		t.Errorf("swept %d live sessions", n.Sessions)
	}
	head, _ := s.FeedHead(t.Context())
	// A session that ends at now is over: it lives while now < Ends.
	if n := sweepAll(t, s, epoch.Add(600*time.Second), auth.Retention{}); n.Sessions != 599 {
		t.Errorf("swept %d, want 599", n.Sessions)
	}
	for id := auth.SessionID(1); id <= 1000; id++ {
		if got, want := has(t, s, id), id == 1 || id > 600; got != want {
			t.Fatalf("session %d is there: %v, want %v", id, got, want)
		}
	}
	if n := notices(t, s, head); len(n) != 0 {
		t.Errorf("sweeping announced %v: what expired is refused by the clock already", n)
	}
	ended := 0
	for p := auth.PrincipalID(1); p <= 7; p++ {
		ended += apply(t, s, auth.WriteSet{End: []auth.End{{Principal: p}}}).Ended
	}
	if ended != 401 {
		t.Errorf("then %d could be ended, want 401", ended)
	}
	if n := sweepAll(t, s, epoch.AddDate(50, 0, 0), auth.Retention{}); n.Sessions != 0 {
		t.Errorf("swept %d sessions that were ended before", n.Sessions)
	}
}

func testSweepRest(t *testing.T, h Harness) {
	s := fresh(t, h)
	begin, now := headOf(t, s), epoch.Add(time.Hour)
	apply(t, s, auth.WriteSet{
		HandOffs: []auth.HandOffRow{{ID: 1, Expires: now}, {ID: 2, Expires: now.Add(time.Microsecond)}, {ID: 3}},
		Guards: failures(auth.GuardRow{Key: auth.GuardKey{1}, Failures: 1, Forget: now}, auth.GuardRow{Key: auth.GuardKey{2}, Failures: 1, Forget: now.Add(time.Microsecond)},
			auth.GuardRow{Key: auth.GuardKey{3}, Failures: 1}),
		End: []auth.End{{Principal: 1}, {Principal: 2}, {Principal: 3}},
	})
	made := notices(t, s, begin)
	keep := auth.Retention{Feed: time.Hour}
	if n := sweepAll(t, s, now, keep); n.HandOffs != 1 || n.Guards != 1 || n.Notices != 0 || n.Batches != 0 {
		t.Errorf("swept %+v", n)
	}
	_, err := s.HandOff(t.Context(), 1)
	wantErr(t, "a hand-off that expired", err, auth.ErrNotFound)
	for id := auth.SessionID(2); id <= 3; id++ {
		if _, err := s.HandOff(t.Context(), id); err != nil {
			t.Errorf("hand-off %d: %v", id, err)
		}
	}
	var left []byte
	if err := s.Guards(t.Context(), func(r auth.GuardRow) error { left = append(left, r.Key[0]); return nil }); err != nil || len(left) != 2 {
		t.Errorf("guard rows left: %v, %v", left, err)
	}

	apply(t, s, auth.WriteSet{End: []auth.End{{Principal: 4}}})
	later := now.Add(59 * time.Minute)
	if n := sweepAll(t, s, later, keep); n.Notices != 0 {
		t.Errorf("swept %d notices that are young", n.Notices)
	}
	if n := sweepAll(t, s, now.Add(61*time.Minute), keep); n.Notices != 3 {
		t.Errorf("swept %d notices, want the 3 that are an hour old", n.Notices)
	}
	for _, at := range []auth.Position{begin, made[1].Position(), made[2].Position()} {
		_, err = s.Feed(t.Context(), at, 10)
		wantErr(t, "Feed from a position that is not kept", err, auth.ErrNotFound)
	}
	newest := headOf(t, s)
	if newest.Seq != 4 || len(notices(t, s, newest)) != 0 {
		t.Errorf("the feed is at %v after a part was swept", newest)
	}
	// However old, positions go on from the newest.
	for i := range 3 {
		sweepAll(t, s, now.AddDate(1+i, 0, 0), keep)
	}
	if head := headOf(t, s); head != newest {
		t.Errorf("FeedHead = %v after all was swept, want %v", head, newest)
	}
	apply(t, s, auth.WriteSet{End: []auth.End{{Principal: 5}}})
	if n := notices(t, s, newest); len(n) != 1 || n[0].Seq != 5 {
		t.Errorf("the feed goes on with %v", n)
	}
}

func testSweepAudit(t *testing.T, h Harness) {
	s := fresh(t, h)
	for i := range 700 {
		at := epoch.Add(time.Duration(i) * time.Hour)
		if i == 500 {
			at = epoch // a clock that was set back
		}
		apply(t, s, auth.WriteSet{Events: []audit.Event{login(at, auth.SessionID(i+1))}})
	}
	now := epoch.Add(1000 * time.Hour)
	if err := s.SetAuditSeal(t.Context(), "", "whole"); err != nil {
		t.Fatal(err)
	}
	if n := sweepAll(t, s, now, auth.Retention{Reseal: func(string, audit.Head) string { return "asked although nothing goes" }}); n.Batches != 0 {
		t.Fatalf("swept %d batches although they are kept for ever", n.Batches)
	}
	if n := sweepAll(t, s, now, auth.Retention{Audit: 600 * time.Hour}); n.Batches != 400 {
		t.Errorf("swept %d batches, want the 400 before the first that is young enough", n.Batches)
	}
	all := batches(t, s)
	if len(all) != 300 || all[0].Seq != 401 {
		t.Fatalf("%d batches left, from %d", len(all), all[0].Seq)
	}
	verify(t, all[1:], all[0])
	wantSeal(t, s, "whole") // where nobody is asked, it stays
	// Each part that goes moves the seal on to the last of it.
	var gone []audit.Head
	seal := "whole"
	keep := auth.Retention{Audit: time.Hour, Reseal: func(was string, last audit.Head) string {
		if was != seal {
			t.Errorf("the seal is said to be %q, want %q", was, seal)
		}
		gone = append(gone, last)
		seal = last.String()
		return seal
	}}
	if n := sweepAll(t, s, now.AddDate(5, 0, 0), keep); n.Batches != 299 {
		t.Errorf("swept %d batches, want all but the newest", n.Batches)
	}
	if last := all[298]; len(gone) < 2 || gone[len(gone)-1] != last.Head() {
		t.Errorf("the seal moved to %v, want in parts to %v", gone, last.Head())
	}
	wantSeal(t, s, seal)
	apply(t, s, auth.WriteSet{Events: []audit.Event{login(now, 1)}})
	rest := batches(t, s)
	if len(rest) != 2 || rest[0].Seq != 700 {
		t.Fatalf("left: %d batches", len(rest))
	}
	verify(t, rest[1:], rest[0])
}
