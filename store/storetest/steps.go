package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// wantStep says which step of a user is the newest.
func wantStep(t *testing.T, s auth.Store, user auth.PrincipalID, want int64) {
	t.Helper()
	view(t, s, func(v auth.Reader) error {
		u, err := v.User(user)
		if u.FactorStep != want {
			t.Errorf("the newest step of user %d is %d, want %d", user, u.FactorStep, want)
		}
		return err
	})
}

// testSteps: a sign-in with a step is refused unless the step is newer than all before
// it, wherever they came from; one without a step never is.
func testSteps(t *testing.T, h Harness) {
	dir := t.TempDir()
	s := open(t, h, dir)
	at := plant(t, s)
	ann, ben := putUser(t, s, at.tenant, at.org, "ann"), putUser(t, s, at.tenant, at.org, "ben")
	id := auth.SessionID(0)
	signIn := func(list ...auth.SignIn) auth.WriteSet {
		id++
		return auth.WriteSet{Begin: []auth.SessionRow{session(id, ann)}, SignIns: list, Events: []audit.Event{login(epoch, id)}}
	}
	step := func(user auth.PrincipalID, step int64) auth.SignIn {
		return auth.SignIn{User: user, At: epoch.Add(time.Duration(id) * time.Second), Step: step}
	}
	apply(t, s, signIn(step(ann, 10)))
	refused(t, s, "the same step again", signIn(step(ann, 10)))
	refused(t, s, "an older step", signIn(step(ann, 9)))
	apply(t, s, signIn(step(ann, 0)))
	wantStep(t, s, ann, 10)
	apply(t, s, signIn(step(ann, 11), step(ben, 10))) // each user has its own
	refused(t, s, "a new step of one and an old one of another", signIn(step(ann, 12), step(ben, 10)))
	wantStep(t, s, ann, 11)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, h, dir)
	refused(t, s, "the same step after a restart", signIn(step(ann, 11)))
	put := func(f func(u *auth.User)) {
		t.Helper()
		update(t, s, func(tx auth.Tx) error {
			u, err := tx.User(ann)
			if err != nil {
				return err
			}
			f(&u)
			return tx.PutUser(&u)
		})
	}
	put(func(u *auth.User) { u.Factor, u.FactorStep = "sealed", 20 })
	refused(t, s, "the step of the enrolment", signIn(step(ann, 20)))
	apply(t, s, signIn(step(ann, 21)))
	put(func(u *auth.User) { u.Factor, u.FactorStep = "", 5 })
	wantStep(t, s, ann, 21)
	refused(t, s, "an old step of who has no second factor any more", signIn(step(ann, 21)))
	apply(t, s, signIn(step(ann, 22)))
	update(t, s, func(tx auth.Tx) error { return tx.DeleteUser(ann) }) // which ends the sessions
	refused(t, s, "a step of who is gone", signIn(step(ann, 23)))
	apply(t, s, signIn(step(ann, 0)))
	apply(t, s, signIn(step(ben, 11)))
	wantStep(t, s, ben, 11)
	wantSessions(t, s, int(id), id-1, id)
}

// testRacingSteps: of all that sign in at once with one step, one does, and takes
// along none of those who use another user's or none.
func testRacingSteps(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	users := [4]auth.PrincipalID{}
	for i := range users {
		users[i] = putUser(t, s, at.tenant, at.org, string(rune('a'+i)))
	}
	const callers, rounds = 48, 5
	for round := range int64(rounds) {
		var won [len(users)]atomic.Int64
		parallel(callers, func(i int) {
			n := i % len(users)
			id := auth.SessionID(1 + int(round)*callers + i)
			in := auth.SignIn{User: users[n], At: epoch, Step: 1 + round}
			if n == 0 {
				in.Step = 0
			}
			ok := written(t, s, &auth.WriteSet{Begin: []auth.SessionRow{session(id, users[n])},
				SignIns: []auth.SignIn{in}, Events: []audit.Event{login(epoch, id)}})
			if ok {
				won[n].Add(1)
			}
			if has(t, s, id) != ok {
				t.Errorf("set %d was told that it is written: %v", i, ok)
			}
		})
		for n := range users {
			want, step := int64(1), 1+round
			if n == 0 {
				want, step = callers/int64(len(users)), 0
			}
			if won[n].Load() != want {
				t.Errorf("round %d: %d signed in as user %d, want %d", round, won[n].Load(), n, want)
			}
			wantStep(t, s, users[n], step)
		}
	}
	count := 0
	for _, b := range batches(t, s) {
		count += b.Count
	}
	if want := rounds * (callers/len(users) + len(users) - 1); count != want {
		t.Errorf("%d events, want those of the %d sets that were written", count, want)
	}
}
