package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// parallel calls f(0) to f(n-1) at once and waits for all.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			f(i)
		})
	}
	close(gate)
	wg.Wait()
}

// testAtomic: a set that fails at its end leaves nothing of its beginning.
func testAtomic(t *testing.T, h Harness) {
	s := fresh(t, h)
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(1, 1)}, HandOffs: []auth.HandOffRow{{ID: 5}}, Events: []audit.Event{login(epoch, 1)}})
	head, _ := s.FeedHead(t.Context())
	_, err := s.Apply(t.Context(), &auth.WriteSet{
		Redeem: 5, Begin: []auth.SessionRow{session(2, 1)}, HandOffs: []auth.HandOffRow{{ID: 6}, {ID: 6}},
		End: []auth.End{{Principal: 1}}, Guards: []auth.GuardChange{{GuardRow: auth.GuardRow{Failures: 1}}}, Events: []audit.Event{login(epoch, 2)},
	})
	wantErr(t, "a set with one hand-off twice", err, auth.ErrExists)
	wantSessions(t, s, 2, 1)
	if _, err := s.HandOff(t.Context(), 5); err != nil {
		t.Error("the hand-off was redeemed:", err)
	}
	_, err = s.HandOff(t.Context(), 6)
	wantErr(t, "a hand-off of the failed set", err, auth.ErrNotFound)
	if n := notices(t, s, head); len(n) != 0 {
		t.Errorf("the failed set announced %v", n)
	}
	if b := batches(t, s); len(b) != 1 || b[0].Count != 1 {
		t.Errorf("the failed set left %d audit batches, want the one before it", len(b))
	}
	if err := s.Guards(t.Context(), func(auth.GuardRow) error { return errors.New("a guard row") }); err != nil {
		t.Error("the failed set left", err)
	}
}

// testConflictAmongMany: sets that fail do not take the others with them,
// however the store groups them.
func testConflictAmongMany(t *testing.T, h Harness) {
	s := fresh(t, h)
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(1, 1)}})
	const n = 300
	var wrong atomic.Int64
	parallel(n, func(i int) {
		id := auth.SessionID(10 + i)
		w := auth.WriteSet{Begin: []auth.SessionRow{session(id, 2)}, Events: []audit.Event{login(epoch, id)}}
		var want error
		switch i % 3 {
		case 1:
			w.Redeem, want = 77, auth.ErrConflict
		case 2:
			w.Begin, want = append(w.Begin, session(1, 3)), auth.ErrExists
		}
		if _, err := s.Apply(context.Background(), &w); !errors.Is(err, want) {
			wrong.Add(1)
			t.Errorf("set %d: %v, want %v", i, err, want)
		}
	})
	for i := range n {
		if got, want := has(t, s, auth.SessionID(10+i)), i%3 == 0; got != want {
			t.Errorf("session of set %d is there: %v, want %v", i, got, want)
		}
	}
	count := 0
	for _, b := range batches(t, s) {
		count += b.Count
	}
	if count != n/3 {
		t.Errorf("%d events, want those of the %d sets that succeeded", count, n/3)
	}
	if r := apply(t, s, auth.WriteSet{End: []auth.End{{Principal: 2}}}); r.Ended != n/3 {
		t.Errorf("ended %d, want %d", r.Ended, n/3)
	}
}

// testRacingLogins: 64 callers; each sees at once what was answered to it, and
// later callers see what earlier ones were answered.
func testRacingLogins(t *testing.T, h Harness) {
	dir := t.TempDir()
	s := open(t, h, dir)
	const callers, each = 64, 25
	parallel(callers, func(i int) {
		for j := range each {
			id := auth.SessionID(1 + i*each + j)
			p := auth.PrincipalID(1 + i%8)
			if _, err := s.Apply(context.Background(), &auth.WriteSet{Begin: []auth.SessionRow{session(id, p)}, Events: []audit.Event{login(epoch, id)}}); err != nil {
				t.Error(err)
				return
			}
			if r, err := s.Session(context.Background(), id); err != nil || r != session(id, p) {
				t.Errorf("session %d right after it was begun: %+v, %v", id, r, err)
			}
		}
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, h, dir)
	for id := auth.SessionID(1); id <= callers*each; id++ {
		if !has(t, s, id) {
			t.Fatalf("session %d did not survive", id)
		}
	}
	for p := auth.PrincipalID(1); p <= 8; p++ {
		if r := apply(t, s, auth.WriteSet{End: []auth.End{{Principal: p}}}); r.Ended != callers*each/8 {
			t.Errorf("principal %d: ended %d, want %d", p, r.Ended, callers*each/8)
		}
	}
	wantSessions(t, s, callers*each)
}

func testRacingRedeem(t *testing.T, h Harness) {
	s := fresh(t, h)
	for round := range 20 {
		handOff := auth.SessionID(1000 + round)
		apply(t, s, auth.WriteSet{HandOffs: []auth.HandOffRow{{ID: handOff, Principal: 1}}})
		var won atomic.Int64
		parallel(16, func(i int) {
			id := auth.SessionID(1 + round*16 + i)
			_, err := s.Apply(context.Background(), &auth.WriteSet{Redeem: handOff, Begin: []auth.SessionRow{session(id, 1)}})
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, auth.ErrConflict):
				t.Error(err)
			}
		})
		if won.Load() != 1 {
			t.Fatalf("round %d: %d redeemed one hand-off", round, won.Load())
		}
	}
	if r := apply(t, s, auth.WriteSet{End: []auth.End{{Principal: 1}}}); r.Ended != 20 {
		t.Errorf("%d sessions from 20 hand-offs", r.Ended)
	}
}

func testRacingExpireOnNew(t *testing.T, h Harness) {
	s := fresh(t, h)
	next := auth.SessionID(1)
	for round := range 20 {
		first := next
		next += 32
		var ended atomic.Int64
		parallel(32, func(i int) {
			id := first + auth.SessionID(i)
			r, err := s.Apply(context.Background(), &auth.WriteSet{Begin: []auth.SessionRow{session(id, 1)}, End: []auth.End{{Principal: 1, Except: id}}})
			if err != nil {
				t.Error(err)
			}
			ended.Add(int64(r.Ended))
		})
		var live []auth.SessionID
		for id := auth.SessionID(1); id < next; id++ {
			if has(t, s, id) {
				live = append(live, id)
			}
		}
		if len(live) != 1 || live[0] < first {
			t.Fatalf("round %d: live sessions %v, want one of this round", round, live)
		}
		if want := int64(min(round, 1) + 31); ended.Load() != want {
			t.Fatalf("round %d: %d ended, want %d", round, ended.Load(), want)
		}
	}
}

func testRacingUses(t *testing.T, h Harness) {
	s := fresh(t, h)
	row := session(1, 1)
	row.Uses = 10
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{row}})
	var used atomic.Int64
	parallel(64, func(int) {
		switch _, err := s.Apply(context.Background(), &auth.WriteSet{Use: 1}); {
		case err == nil:
			used.Add(1)
		case !errors.Is(err, auth.ErrConflict):
			t.Error(err)
		}
	})
	if used.Load() != 10 || has(t, s, 1) {
		t.Errorf("%d uses of a session good for 10; still there: %v", used.Load(), has(t, s, 1))
	}
}

// testFeedUnderLoad: a follower that reads while many write sees each notice
// once, in order, and none is filled in behind it.
func testFeedUnderLoad(t *testing.T, h Harness) {
	s := fresh(t, h)
	const callers, each = 32, 20
	after := headOf(t, s)
	done := make(chan error, 1)
	go func() {
		seen := map[uint64]bool{}
		for len(seen) < callers*each {
			part, err := s.Feed(context.Background(), after, 7)
			if err != nil {
				done <- err
				return
			}
			for _, n := range part {
				if n.Seq != after.Seq+1 || seen[n.ID] {
					done <- fmt.Errorf("after position %d came %+v", after.Seq, n)
					return
				}
				after, seen[n.ID] = n.Position(), true
			}
		}
		done <- nil
	}()
	parallel(callers, func(i int) {
		for j := range each {
			p := auth.PrincipalID(1 + i*each + j)
			var err error
			if j%5 == 4 {
				err = s.Update(context.Background(), func(tx auth.Tx) error { _, err := tx.End(auth.End{Principal: p}); return err })
			} else {
				_, err = s.Apply(context.Background(), &auth.WriteSet{End: []auth.End{{Principal: p}}})
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func testClosed(t *testing.T, h Harness) {
	s := h.Open(t, t.TempDir())
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(1, 1)}})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for what, f := range map[string]func() error{
		"Session":   func() error { _, err := s.Session(ctx, 1); return err },
		"HandOff":   func() error { _, err := s.HandOff(ctx, 1); return err },
		"Apply":     func() error { _, err := s.Apply(ctx, &auth.WriteSet{}); return err },
		"Lease":     func() error { _, err := s.Lease(ctx, 1); return err },
		"Feed":      func() error { _, err := s.Feed(ctx, auth.Position{}, 1); return err },
		"FeedHead":  func() error { _, err := s.FeedHead(ctx); return err },
		"Guards":    func() error { return s.Guards(ctx, func(auth.GuardRow) error { return nil }) },
		"GuardRows": func() error { _, err := s.GuardRows(ctx, auth.GuardKey{}); return err },
		"Latest":    func() error { _, err := s.Latest(ctx, 1, epoch); return err },
		"Live": func() error {
			_, _, err := s.Live(ctx, auth.Capped{Tenant: 1, Dialect: "electa"}, epoch, 1)
			return err
		},
		"Sweep":  func() error { _, err := s.Sweep(ctx, epoch, auth.Retention{}); return err },
		"Audit":  func() error { _, err := s.Audit(ctx, 0, 1); return err },
		"View":   func() error { return s.View(ctx, func(auth.Reader) error { return nil }) },
		"Update": func() error { return s.Update(ctx, func(auth.Tx) error { return nil }) },
	} {
		wantErr(t, what+" after Close", f(), auth.ErrClosed)
	}
}

func testCancelled(t *testing.T, h Harness) {
	s := fresh(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Apply(ctx, &auth.WriteSet{Begin: []auth.SessionRow{session(1, 1)}})
	wantErr(t, "Apply for a caller that has left", err, context.Canceled)
	_, err = s.Session(ctx, 1)
	wantErr(t, "Session for a caller that has left", err, context.Canceled)
	wantErr(t, "View for a caller that has left", s.View(ctx, func(auth.Reader) error { return nil }), context.Canceled)
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(2, 1)}}) // and the store goes on
	if !has(t, s, 2) {
		t.Error("the store is stuck")
	}
}
