package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// written says whether a set was written, from any goroutine: if not, because a condition
// did not hold.
func written(t *testing.T, s auth.Store, w *auth.WriteSet) bool {
	_, err := s.Apply(context.Background(), w)
	if err != nil && !errors.Is(err, auth.ErrConflict) {
		t.Error(err)
	}
	return err == nil
}

func refused(t *testing.T, s auth.Store, what string, w auth.WriteSet) {
	t.Helper()
	_, err := s.Apply(t.Context(), &w)
	wantErr(t, what, err, auth.ErrConflict)
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
