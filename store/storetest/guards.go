package storetest

import (
	"context"
	"errors"
	"sync/atomic"
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

func refused(t *testing.T, s auth.Store, what string, w auth.WriteSet) {
	t.Helper()
	_, err := s.Apply(t.Context(), &w)
	wantErr(t, what, err, auth.ErrConflict)
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

// testPasses: a success is void while the name is locked, and takes its failures
// along.
func testPasses(t *testing.T, h Harness) {
	s := fresh(t, h)
	until := epoch.Add(time.Minute)
	row := func(n int, failed int, locked time.Time) auth.GuardRow {
		return auth.GuardRow{Key: guardKey(n), Name: "n", Failures: failed, Last: epoch, Locked: locked, Forget: epoch.Add(time.Hour)}
	}
	id := auth.SessionID(0)
	login := func(passes ...auth.Pass) auth.WriteSet {
		id++
		return auth.WriteSet{Passes: passes, Begin: []auth.SessionRow{session(id, 1)}, Events: []audit.Event{login(epoch, id)}}
	}
	pass := func(n int, at time.Time, forget bool) auth.Pass {
		return auth.Pass{Key: guardKey(n), At: at, Forget: forget}
	}
	left := func(want ...int) {
		t.Helper()
		got := guardRows(t, s)
		for _, n := range want {
			if _, ok := got[guardKey(n)]; !ok {
				t.Errorf("row %d is gone", n)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d rows are left, want %d: %+v", len(got), len(want), got)
		}
	}
	apply(t, s, login(pass(1, epoch, true), pass(2, epoch, false))) // nobody ever failed
	left()
	apply(t, s, auth.WriteSet{Guards: failures(row(1, 2, time.Time{}), row(2, 2, time.Time{}), row(3, 5, until), row(4, 5, until))})
	apply(t, s, login(pass(1, epoch, true), pass(2, epoch, false)))
	left(2, 3, 4)
	just := until.Add(-time.Microsecond)
	refused(t, s, "a login of a locked name", login(pass(3, just, true), pass(2, just, false)))
	refused(t, s, "a login from a locked address", login(pass(1, just, true), pass(4, just, false)))
	refused(t, s, "a login that writes nothing else", auth.WriteSet{Passes: []auth.Pass{pass(3, just, true)}})
	if has(t, s, id) || has(t, s, id-1) {
		t.Error("a session began although its name or address is locked")
	}
	left(2, 3, 4)
	apply(t, s, login(pass(3, until, true), pass(4, until, false))) // until then, and no longer
	left(2, 4)
	apply(t, s, auth.WriteSet{Passes: []auth.Pass{pass(2, until, true)}})
	left(4)
	// What Update and Sweep remove is gone, and what came since is there.
	update(t, s, func(tx auth.Tx) error { _, err := tx.ClearGuards(func(auth.GuardRow) bool { return true }); return err })
	apply(t, s, login(pass(4, epoch, true)))
	apply(t, s, auth.WriteSet{Guards: failures(row(4, 5, until))})
	refused(t, s, "a login of a name that was lifted and locked again", login(pass(4, epoch, true)))
	if n := sweepAll(t, s, epoch.Add(time.Hour), auth.Retention{}); n.Guards != 1 {
		t.Errorf("swept %d rows, want one", n.Guards)
	}
	apply(t, s, login(pass(4, epoch, true)))
	apply(t, s, auth.WriteSet{Guards: failures(row(4, 5, until))})
	refused(t, s, "a login of a name that was swept and locked again", login(pass(4, epoch, true)))
	update(t, s, func(tx auth.Tx) error { // undone
		if _, err := tx.ClearGuards(func(auth.GuardRow) bool { return true }); err != nil {
			t.Error(err)
		}
		return nil
	})
	apply(t, s, login(pass(4, epoch, true)))
}

// testTakes: of an allowance as much is taken as there is, and the next begins when
// it is over.
func testTakes(t *testing.T, h Harness) {
	s := fresh(t, h)
	until := epoch.Add(time.Minute)
	id := auth.SessionID(0)
	take := func(list ...auth.Take) auth.WriteSet {
		id++
		return auth.WriteSet{Takes: list, Begin: []auth.SessionRow{session(id, 1)}}
	}
	of := func(n, most int, at time.Time) auth.Take {
		return auth.Take{Key: guardKey(n), Most: most, At: at, Until: at.Add(time.Minute)}
	}
	want := func(n, taken int, first, until time.Time) {
		t.Helper()
		rows, err := s.GuardRows(t.Context(), guardKey(n))
		if err != nil || len(rows) != 1 || rows[0] != (auth.GuardRow{Key: guardKey(n), Failures: taken, Last: first, Forget: until}) {
			t.Errorf("of %d was taken %+v, %v; want %d until %v", n, rows, err, taken, until)
		}
	}
	apply(t, s, take(of(1, 3, epoch)))
	apply(t, s, take(of(1, 3, epoch.Add(time.Second)), of(2, 1, epoch)))
	apply(t, s, take(of(1, 3, until.Add(-time.Microsecond))))
	want(1, 3, epoch, until)
	refused(t, s, "a fourth of three", take(of(1, 3, until.Add(-time.Microsecond))))
	refused(t, s, "the rest of one and of another nothing", take(of(3, 1, epoch), of(1, 3, epoch)))
	if rows, err := s.GuardRows(t.Context(), guardKey(3)); len(rows) != 0 || err != nil {
		t.Errorf("a set that was refused took %+v, %v", rows, err)
	}
	apply(t, s, take(of(1, 4, epoch))) // who may take more
	want(1, 4, epoch, until)
	apply(t, s, take(of(1, 3, until)))
	want(1, 1, until, until.Add(time.Minute))
	want(2, 1, epoch, until)
	if n := sweepAll(t, s, until, auth.Retention{}); n.Guards != 1 {
		t.Errorf("swept %d allowances, want the one that is over", n.Guards)
	}
	want(1, 1, until, until.Add(time.Minute))
	wantSessions(t, s, int(id), 1, 2, 3, 6, 7)
}

// testRoom: a set that asks for room is refused when there is none, counting as Live
// does.
func testRoom(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	id := auth.SessionID(0)
	ask := func(p auth.PrincipalID, most int, except auth.PrincipalID, now time.Time) auth.WriteSet {
		id++
		r := session(id, p)
		r.Capped, r.Ends = at.tenant, epoch.Add(time.Hour)
		w := auth.WriteSet{Begin: []auth.SessionRow{r}, Events: []audit.Event{login(epoch, id)},
			Room: &auth.Room{Capped: auth.Capped{Tenant: at.tenant, Dialect: r.Dialect, Except: except}, At: now, Most: most}}
		if except != 0 {
			w.End = []auth.End{{Principal: except, Except: id}}
		}
		return w
	}
	apply(t, s, ask(1, 2, 0, epoch))
	apply(t, s, ask(2, 2, 0, epoch))
	refused(t, s, "a third of two", ask(3, 2, 0, epoch))
	apply(t, s, ask(1, 2, 1, epoch)) // replaces its own
	refused(t, s, "a third of two", ask(1, 2, 0, epoch))
	apply(t, s, ask(3, 3, 0, epoch))
	refused(t, s, "a fourth of three", ask(3, 3, 0, epoch.Add(time.Hour-time.Microsecond)))
	apply(t, s, ask(3, 1, 0, epoch.Add(time.Hour))) // none is alive any more
	other := ask(1, 1, 0, epoch)
	other.Room.Tenant = at.other
	apply(t, s, other)
	nobody := ask(1, 1, 0, epoch)
	nobody.Room.Tenant = 1 << 40 // a tenant that is not there
	apply(t, s, nobody)
	wantSessions(t, s, int(id), 2, 4, 6, 8, 9, 10)
}

// testConditionsTogether: a set with a condition that does not hold takes nothing of
// the others.
func testConditionsTogether(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	locked := auth.GuardRow{Key: guardKey(1), Name: "n", Failures: 5, Last: epoch, Locked: epoch.Add(time.Hour), Forget: epoch.Add(time.Hour)}
	failed := auth.GuardRow{Key: guardKey(2), Name: "n", Failures: 1, Last: epoch, Forget: epoch.Add(time.Hour)}
	full := session(1, 1)
	full.Capped = at.tenant
	user, spent := putUser(t, s, at.tenant, at.org, "user"), putUser(t, s, at.tenant, at.org, "spent")
	apply(t, s, auth.WriteSet{SignIns: []auth.SignIn{{User: spent, At: epoch, Step: 7}}})
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{full, session(2, 2)}, HandOffs: []auth.HandOffRow{{ID: 9}}, Guards: failures(locked, failed),
		Takes: []auth.Take{{Key: guardKey(3), Most: 1, At: epoch, Until: epoch.Add(time.Hour)}}})
	good := func() auth.WriteSet {
		return auth.WriteSet{Redeem: 9, Use: 2, Passes: []auth.Pass{{Key: failed.Key, At: epoch, Forget: true}}, Guards: failures(auth.GuardRow{Key: guardKey(4), Failures: 1}),
			Takes:   []auth.Take{{Key: guardKey(5), Most: 1, At: epoch, Until: epoch.Add(time.Hour)}},
			SignIns: []auth.SignIn{{User: user, At: epoch, Step: 7}},
			Room:    &auth.Room{Capped: auth.Capped{Tenant: at.tenant, Dialect: full.Dialect}, At: epoch, Most: 2}}
	}
	before := guardRows(t, s)
	for what, spoil := range map[string]func(*auth.WriteSet){
		"Redeem": func(w *auth.WriteSet) { w.Redeem = 8 },
		"Use":    func(w *auth.WriteSet) { w.Use = 7 },
		"Room":   func(w *auth.WriteSet) { w.Room.Most = 1 },
		"Passes": func(w *auth.WriteSet) { w.Passes = append(w.Passes, auth.Pass{Key: locked.Key, At: epoch}) },
		"Guards": func(w *auth.WriteSet) { w.Guards = append(w.Guards, failures(locked)...) },
		"Takes": func(w *auth.WriteSet) {
			w.Takes = append(w.Takes, auth.Take{Key: guardKey(3), Most: 1, At: epoch, Until: epoch.Add(time.Hour)})
		},
		"SignIns": func(w *auth.WriteSet) {
			w.SignIns = append(w.SignIns, auth.SignIn{User: spent, At: epoch, Step: 7})
		},
	} {
		w := good()
		spoil(&w)
		refused(t, s, what, w)
		after := guardRows(t, s)
		same := len(after) == len(before)
		for key, row := range after {
			same = same && before[key] == row
		}
		if !same {
			t.Errorf("%s: the guard's rows are %+v, were %+v", what, after, before)
		}
		if _, err := s.HandOff(t.Context(), 9); err != nil {
			t.Errorf("%s: the hand-off is gone: %v", what, err)
		}
		if r, err := s.Session(t.Context(), 2); err != nil || r.Uses != 3 {
			t.Errorf("%s: %d uses are left, %v", what, r.Uses, err)
		}
		wantStep(t, s, user, 0)
	}
	apply(t, s, good())
	wantStep(t, s, user, 7)
}

// testRacingFailures: callers that count on top of what they read lose none, and
// none is counted twice.
func testRacingFailures(t *testing.T, h Harness) {
	s := fresh(t, h)
	const callers, each, names = 12, 6, 2
	parallel(callers, func(i int) {
		key := guardKey(i % names)
		was := auth.GuardCount{}
		for j := 0; j < each; {
			next := auth.GuardRow{Key: key, Name: "n", Failures: was.Failures + 1, Last: epoch.Add(time.Duration(i*each+j) * time.Microsecond), Forget: epoch.Add(time.Hour)}
			_, err := s.Apply(context.Background(), &auth.WriteSet{Guards: []auth.GuardChange{{GuardRow: next, Was: was}}})
			switch {
			case err == nil:
				was, j = next.Count(), j+1
				continue
			case !errors.Is(err, auth.ErrConflict):
				t.Error(err)
				return
			}
			rows, err := s.GuardRows(context.Background(), key)
			if err != nil || len(rows) != 1 {
				t.Errorf("after a conflict there are %d rows, %v", len(rows), err)
				return
			}
			was = rows[0].Count()
		}
	})
	for key, row := range guardRows(t, s) {
		if row.Failures != callers*each/names {
			t.Errorf("row %v counts %d, want %d", key, row.Failures, callers*each/names)
		}
	}
}

// testRacingPasses: names are locked while others log in with them. Whoever is told
// of a lock sees no login of that name afterwards.
func testRacingPasses(t *testing.T, h Harness) {
	s := fresh(t, h)
	const names, callers = 12, 6
	var locked [names]atomic.Bool
	var next atomic.Uint64
	var begun, refusals atomic.Int64
	until := epoch.Add(time.Hour)
	parallel(callers+1, func(i int) {
		for n := range names {
			key := guardKey(n)
			if i == callers {
				was := auth.GuardCount{}
				for { // until nobody has forgotten the first failure before the second
					one := auth.GuardRow{Key: key, Name: "n", Failures: 1, Last: epoch, Forget: until}
					two := one
					two.Failures, two.Locked = 2, until
					if was.Failures == 0 {
						two = one
					}
					_, err := s.Apply(context.Background(), &auth.WriteSet{Guards: []auth.GuardChange{{GuardRow: two, Was: was}}})
					switch {
					case err == nil && two.Failures == 2:
						locked[n].Store(true)
					case err == nil:
						was = two.Count()
						continue
					case errors.Is(err, auth.ErrConflict):
						was = auth.GuardCount{}
						continue
					default:
						t.Error(err)
					}
					break
				}
				continue
			}
			for range 4 {
				before := locked[n].Load()
				id := auth.SessionID(next.Add(1))
				_, err := s.Apply(context.Background(), &auth.WriteSet{Passes: []auth.Pass{{Key: key, At: epoch, Forget: true}},
					Begin: []auth.SessionRow{session(id, 1)}, Events: []audit.Event{login(epoch, id)}})
				switch {
				case err == nil && before:
					t.Errorf("a login of name %d after it was locked", n)
				case err == nil:
					begun.Add(1)
				case errors.Is(err, auth.ErrConflict):
					refusals.Add(1)
				default:
					t.Error(err)
				}
			}
		}
	})
	for key, row := range guardRows(t, s) {
		if row.Failures != 2 || !row.Locked.Equal(until) {
			t.Errorf("row %v is %+v", key, row)
		}
	}
	if n := len(guardRows(t, s)); n != names || begun.Load()+refusals.Load() != names*callers*4 {
		t.Errorf("%d locks, %d logins, %d refused", n, begun.Load(), refusals.Load())
	}
}

func testRacingTakes(t *testing.T, h Harness) {
	s := fresh(t, h)
	const callers, most = 48, 7
	var got [3]atomic.Int64
	parallel(callers, func(i int) {
		n := i % len(got)
		id := auth.SessionID(i + 1)
		_, err := s.Apply(context.Background(), &auth.WriteSet{Begin: []auth.SessionRow{session(id, 1)},
			Takes: []auth.Take{{Key: guardKey(n), Most: most, At: epoch, Until: epoch.Add(time.Hour)}}})
		switch {
		case err == nil:
			got[n].Add(1)
		case !errors.Is(err, auth.ErrConflict):
			t.Error(err)
		}
		if has(t, s, id) != (err == nil) {
			t.Errorf("set %d was told %v", i, err)
		}
	})
	for n := range got {
		if got[n].Load() != most {
			t.Errorf("%d were taken of allowance %d, want %d", got[n].Load(), n, most)
		}
	}
}

func testRacingRoom(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	const callers, most = 40, 3
	for round, tenant := range []auth.AccountID{at.tenant, at.other} {
		var got atomic.Int64
		parallel(callers, func(i int) {
			r := session(auth.SessionID(1+round*callers+i), auth.PrincipalID(1+i%5))
			r.Capped = tenant
			_, err := s.Apply(context.Background(), &auth.WriteSet{Begin: []auth.SessionRow{r},
				Room: &auth.Room{Capped: auth.Capped{Tenant: tenant, Dialect: r.Dialect}, At: epoch, Most: most}})
			switch {
			case err == nil:
				got.Add(1)
			case !errors.Is(err, auth.ErrConflict):
				t.Error(err)
			}
		})
		n, _, err := s.Live(t.Context(), auth.Capped{Tenant: tenant, Dialect: "electa"}, epoch, 100)
		if got.Load() != most || n != most || err != nil {
			t.Errorf("%d found room, %d are alive, %v; want %d", got.Load(), n, err, most)
		}
	}
}
