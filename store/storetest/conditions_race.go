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
				ok := written(t, s, &auth.WriteSet{Passes: []auth.Pass{{Key: key, At: epoch, Forget: true}},
					Begin: []auth.SessionRow{session(id, 1)}, Events: []audit.Event{login(epoch, id)}})
				switch {
				case ok && before:
					t.Errorf("a login of name %d after it was locked", n)
				case ok:
					begun.Add(1)
				default:
					refusals.Add(1)
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
		won := written(t, s, &auth.WriteSet{Begin: []auth.SessionRow{session(id, 1)},
			Takes: []auth.Take{{Key: guardKey(n), Most: most, At: epoch, Until: epoch.Add(time.Hour)}}})
		if won {
			got[n].Add(1)
		}
		if has(t, s, id) != won {
			t.Errorf("set %d was told that it is written: %v", i, won)
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
			if written(t, s, &auth.WriteSet{Begin: []auth.SessionRow{r},
				Room: &auth.Room{Capped: auth.Capped{Tenant: tenant, Dialect: r.Dialect}, At: epoch, Most: most}}) {
				got.Add(1)
			}
		})
		n, _, err := s.Live(t.Context(), auth.Capped{Tenant: tenant, Dialect: "electa"}, epoch, 100)
		if got.Load() != most || n != most || err != nil {
			t.Errorf("%d found room, %d are alive, %v; want %d", got.Load(), n, err, most)
		}
	}
}
