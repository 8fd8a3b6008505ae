package storetest

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

func testSessions(t *testing.T, h Harness) {
	dir := t.TempDir()
	s := open(t, h, dir)
	full := session(7, 1)
	largest := session(auth.MaxSessionID, 1<<62)
	largest.Source = netip.MustParseAddr("2001:db8::1")
	full.Capped, largest.Capped = 12, 1<<62
	plain := auth.SessionRow{ID: 8, Principal: 2, Dialect: "sbt"} // no times, no address, nothing
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{full, plain, largest}})
	check := func(s auth.Store) {
		t.Helper()
		for _, want := range []auth.SessionRow{full, plain, largest} {
			got, err := s.Session(t.Context(), want.ID)
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if loc := got.Issued.Location(); loc != time.UTC {
				t.Errorf("times are in %v, want UTC", loc)
			}
		}
		_, err := s.Session(t.Context(), 9)
		wantErr(t, "Session that never was", err, auth.ErrNotFound)
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, h, dir))
}

func testDuplicate(t *testing.T, h Harness) {
	s := fresh(t, h)
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(1, 1)}})
	other := session(1, 2)
	_, err := s.Apply(t.Context(), &auth.WriteSet{Begin: []auth.SessionRow{other}})
	wantErr(t, "a session id that is taken", err, auth.ErrExists)
	if got, err := s.Session(t.Context(), 1); err != nil || got.Principal != 1 {
		t.Errorf("the session became %+v, %v", got, err)
	}
	_, err = s.Apply(t.Context(), &auth.WriteSet{Begin: []auth.SessionRow{{ID: 0, Principal: 1}}})
	wantErr(t, "a session without an id", err, auth.ErrInvalid)
	_, err = s.Apply(t.Context(), &auth.WriteSet{Begin: []auth.SessionRow{{ID: auth.MaxSessionID + 1, Principal: 1}}})
	wantErr(t, "a session id of 64 bits", err, auth.ErrInvalid)
}

func testHandOffs(t *testing.T, h Harness) {
	s := fresh(t, h)
	row := auth.HandOffRow{ID: 5, Digest: secret.Digest{1, 2, 3}, Principal: 4, Dialect: "edubrite", Attrs: "a=b",
		Issued: epoch, Expires: epoch.Add(time.Minute)}
	apply(t, s, auth.WriteSet{HandOffs: []auth.HandOffRow{row, {ID: 6, Principal: 4, Dialect: "edubrite"}}})
	if got, err := s.HandOff(t.Context(), 5); err != nil || got != row {
		t.Fatalf("HandOff = %+v, %v; want %+v", got, err, row)
	}
	if has(t, s, 5) {
		t.Error("a hand-off is a session already")
	}
	apply(t, s, auth.WriteSet{Redeem: 5, Begin: []auth.SessionRow{session(50, 4)}})
	if !has(t, s, 50) {
		t.Error("the session of the redeemed hand-off is missing")
	}
	_, err := s.HandOff(t.Context(), 5)
	wantErr(t, "HandOff after it was redeemed", err, auth.ErrNotFound)
	_, err = s.Apply(t.Context(), &auth.WriteSet{Redeem: 5, Begin: []auth.SessionRow{session(51, 4)}, Events: []audit.Event{login(epoch, 51)}})
	wantErr(t, "Redeem again", err, auth.ErrConflict)
	if has(t, s, 51) {
		t.Error("the second Redeem began a session")
	}
	if got, err := s.HandOff(t.Context(), 6); err != nil || !got.Expires.IsZero() {
		t.Errorf("the other hand-off = %+v, %v", got, err)
	}
}

func testUses(t *testing.T, h Harness) {
	s := fresh(t, h)
	unlimited := session(2, 1)
	unlimited.Uses = 0
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(1, 1), unlimited}, HandOffs: []auth.HandOffRow{{ID: 9}}})
	head, _ := s.FeedHead(t.Context())
	for left := 2; left > 0; left-- {
		apply(t, s, auth.WriteSet{Use: 1})
		if r, err := s.Session(t.Context(), 1); err != nil || r.Uses != left {
			t.Fatalf("%d uses left, %v; want %d", r.Uses, err, left)
		}
	}
	if n := notices(t, s, head); len(n) != 0 {
		t.Errorf("a use that is not the last announced %v", n)
	}
	apply(t, s, auth.WriteSet{Use: 1})
	if has(t, s, 1) {
		t.Error("the session outlived its last use")
	}
	if n := notices(t, s, head); len(n) != 1 || n[0].Kind != auth.EndedSession || n[0].ID != 1 {
		t.Errorf("the last use announced %v", n)
	}
	for what, id := range map[string]auth.SessionID{"used up": 1, "never was": 3, "not counted": 2} {
		_, err := s.Apply(t.Context(), &auth.WriteSet{Use: id})
		wantErr(t, "Use of a session that is "+what, err, auth.ErrConflict)
	}
	// A conflict of one condition leaves what the other would have taken.
	_, err := s.Apply(t.Context(), &auth.WriteSet{Redeem: 9, Use: 1})
	wantErr(t, "Use beside Redeem", err, auth.ErrConflict)
	if _, err := s.HandOff(t.Context(), 9); err != nil {
		t.Error("the hand-off is gone although the set was refused:", err)
	}
}

func testTouch(t *testing.T, h Harness) {
	s := fresh(t, h)
	never := session(2, 1)
	never.Ends, never.Cap, never.Idle = time.Time{}, time.Time{}, 0
	row := session(1, 1)
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{row, never}})
	later := row.Ends.Add(time.Minute)
	apply(t, s, auth.WriteSet{Touch: []auth.Touch{{Session: 1, Ends: later}, {Session: 2, Ends: later}, {Session: 3, Ends: later}}})
	row.Ends = later
	if got, _ := s.Session(t.Context(), 1); got != row {
		t.Errorf("after Touch: %+v\nwant         %+v", got, row)
	}
	if got, _ := s.Session(t.Context(), 2); got != never {
		t.Errorf("Touch gave an end to a session that had none: %+v", got)
	}
	if has(t, s, 3) {
		t.Error("Touch made a session")
	}
	apply(t, s, auth.WriteSet{Touch: []auth.Touch{{Session: 1, Ends: later.Add(-time.Second)}, {Session: 1}}})
	if got, _ := s.Session(t.Context(), 1); got != row {
		t.Errorf("an earlier Touch moved the end to %v", got.Ends)
	}
}

func testLatest(t *testing.T, h Harness) {
	s := fresh(t, h)
	now := epoch.Add(time.Second)
	_, err := s.Latest(t.Context(), 1, now)
	wantErr(t, "Latest of nobody", err, auth.ErrNotFound)
	want := func(p auth.PrincipalID, id auth.SessionID, at time.Time) {
		t.Helper()
		r, err := s.Latest(t.Context(), p, at)
		if err != nil || r != session(id, p) {
			t.Errorf("Latest(%d) = session %d, %v; want %d", p, r.ID, err, id)
		}
	}
	for id := auth.SessionID(1); id <= 40; id++ { // more than one of any batch
		apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(id, auth.PrincipalID(1+id%2))}})
	}
	want(1, 40, now)
	want(2, 39, now)
	apply(t, s, auth.WriteSet{End: []auth.End{{Session: 40}}})
	want(1, 38, now)
	short := session(41, 1)
	short.Ends = now
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{short}})
	want(1, 38, now) // session 41 ends at now, and so is over
	_, err = s.Latest(t.Context(), 1, epoch.Add(2*time.Hour))
	wantErr(t, "Latest when all have expired", err, auth.ErrNotFound)
	apply(t, s, auth.WriteSet{End: []auth.End{{Principal: 1}}})
	_, err = s.Latest(t.Context(), 1, now)
	wantErr(t, "Latest when all were ended", err, auth.ErrNotFound)
	want(2, 39, now)
}

// testLive: forty sessions of two principals count against the cap of tenant 7,
// and three kinds of others do not.
func testLive(t *testing.T, h Harness) {
	dir := t.TempDir()
	s := open(t, h, dir)
	now := epoch.Add(time.Second)
	minute := func(n int) time.Time { return epoch.Add(time.Duration(n) * time.Minute) }
	seven := auth.Capped{Tenant: 7, Dialect: "electa"}
	want := func(c auth.Capped, at time.Time, most, n int, first time.Time) {
		t.Helper()
		got, ends, err := s.Live(t.Context(), c, at, most)
		if err != nil || got != n || !ends.Equal(first) {
			t.Errorf("Live(%+v, most %d) = %d, first ends %v, %v; want %d, %v", c, most, got, ends, err, n, first)
		}
	}
	begin := func(id auth.SessionID, ends time.Time, tenant auth.AccountID, dialect string) {
		t.Helper()
		r := session(id, auth.PrincipalID(1+id%2))
		r.Ends, r.Capped, r.Dialect = ends, tenant, dialect
		apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{r}})
	}
	want(seven, now, 10, 0, time.Time{})
	for id := auth.SessionID(1); id <= 40; id++ {
		begin(id, minute(int(id)), 7, "electa")
	}
	begin(41, minute(1), 8, "electa")
	begin(42, minute(1), 7, "sbt")
	begin(43, minute(1), 0, "electa")
	begin(44, time.Time{}, 9, "electa")
	all := func() {
		t.Helper()
		want(seven, now, 100, 40, minute(1))
		want(seven, now, 40, 40, minute(1))
		want(seven, now, 39, 39, minute(2)) // those that end last
		want(seven, now, 3, 3, minute(38))
		want(seven, minute(1), 100, 39, minute(2)) // session 1 ends at that instant, and so is over
		want(seven, minute(40), 100, 0, time.Time{})
		want(auth.Capped{Tenant: 7, Dialect: "electa", Except: 1}, now, 100, 20, minute(1)) // the odd ones
		want(auth.Capped{Tenant: 8, Dialect: "electa"}, now, 100, 1, minute(1))
		want(auth.Capped{Tenant: 7, Dialect: "sbt"}, now, 100, 1, minute(1))
		want(auth.Capped{Tenant: 9, Dialect: "electa"}, minute(1000), 100, 1, time.Time{})
		want(auth.Capped{Tenant: 0, Dialect: "electa"}, now, 100, 0, time.Time{}) // nobody's cap
	}
	all()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, h, dir)
	all()
	apply(t, s, auth.WriteSet{Touch: []auth.Touch{{Session: 1, Ends: minute(60)}}, End: []auth.End{{Session: 2}}})
	want(seven, now, 100, 39, minute(3))
	want(seven, now, 1, 1, minute(60))
	apply(t, s, auth.WriteSet{End: []auth.End{{Principal: 2}}}) // the odd ones, and 41 and 43
	want(seven, now, 100, 19, minute(4))
	begin(45, time.Time{}, 7, "electa")
	want(seven, now, 1, 1, time.Time{}) // what never ends ends last
	want(seven, now, 2, 2, minute(40))
}

func testOrderOfFields(t *testing.T, h Harness) {
	s := fresh(t, h)
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(1, 1)}})
	// What is begun is ended by the same set, but for the exception.
	r := apply(t, s, auth.WriteSet{
		Begin: []auth.SessionRow{session(2, 1), session(3, 1)},
		End:   []auth.End{{Principal: 1, Except: 3}},
		Touch: []auth.Touch{{Session: 3, Ends: epoch.Add(90 * time.Minute)}},
	})
	if r.Ended != 2 {
		t.Errorf("ended %d, want 2", r.Ended)
	}
	wantSessions(t, s, 3, 3)
	if got, _ := s.Session(t.Context(), 3); !got.Ends.Equal(epoch.Add(90 * time.Minute)) {
		t.Errorf("Touch did not see what Begin wrote: ends %v", got.Ends)
	}
	// Redeem comes before HandOffs: an id cannot be redeemed by the set that makes it.
	_, err := s.Apply(t.Context(), &auth.WriteSet{Redeem: 9, HandOffs: []auth.HandOffRow{{ID: 9}}})
	wantErr(t, "Redeem of what the same set hands off", err, auth.ErrConflict)
}

func testLease(t *testing.T, h Harness) {
	dir := t.TempDir()
	s := open(t, h, dir)
	var end auth.SessionID = 1
	take := func(s auth.Store, n uint64) {
		t.Helper()
		first, err := s.Lease(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		if first < end {
			t.Fatalf("leased %d.. although ids below %d were leased before", first, end)
		}
		end = first + auth.SessionID(n)
	}
	take(s, 1)
	take(s, 65536)
	take(s, 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, h, dir)
	take(s, 10)
	for _, n := range []uint64{0, 1 << 63, uint64(auth.MaxSessionID)} {
		_, err := s.Lease(t.Context(), n)
		wantErr(t, "an impossible lease", err, auth.ErrInvalid)
	}
	take(s, 1)

	type block struct{ first, n auth.SessionID }
	blocks := make(chan block, 64)
	parallel(64, func(i int) {
		first, err := s.Lease(t.Context(), uint64(i+1))
		if err != nil {
			t.Error(err)
		}
		blocks <- block{first, auth.SessionID(i + 1)}
	})
	close(blocks)
	taken := map[auth.SessionID]bool{}
	for b := range blocks {
		for id := b.first; id < b.first+b.n; id++ {
			if taken[id] || id < end {
				t.Fatalf("id %d was leased twice", id)
			}
			taken[id] = true
		}
	}
}
