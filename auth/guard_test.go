package auth

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var fiveIn15 = Limits{Failures: 5, Window: 15 * time.Minute, Lock: 15 * time.Minute}

func guessAt(number int64) *Attempt {
	return &Attempt{Mount: &Mount{Name: "m", Dialect: "electa", Names: fiveIn15}, Scheme: AccountKey, Number: number,
		Origin: Origin{Source: netip.MustParseAddr("192.0.2.1")}}
}

// judge runs one attempt through the guard and returns what it said.
func judgeWith(ctx context.Context, g *guard, now time.Time, a *Attempt, right, known bool) (settled, *Refusal) {
	place, refusal := g.reserve(ctx, now, a)
	if refusal != nil {
		return settled{}, refusal
	}
	var s settled
	if right {
		s = g.passed(now, &place)
	} else {
		s = g.failed(now, &place, known)
		refusal = s.count()
	}
	s.done(refusal == nil)
	return s, refusal
}

func (g *guard) mustRefuse(t *testing.T, now time.Time, a *Attempt) time.Duration {
	t.Helper()
	_, refusal := judgeWith(t.Context(), g, now, a, true, true)
	if refusal == nil || refusal.Reason != Locked {
		t.Fatalf("got %v, want locked", refusal)
	}
	return refusal.RetryAfter
}

// Of 300 guesses sent at once no more are judged than the lock allows, however
// long judging takes.
func TestGuardJudgesNoMoreThanTheLockAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		var judged, refused atomic.Int32
		var wg sync.WaitGroup
		for range 300 {
			wg.Go(func() {
				place, refusal := g.reserve(t.Context(), time.Now(), guessAt(123456))
				if refusal != nil {
					refused.Add(1)
					return
				}
				judged.Add(1)
				time.Sleep(30 * time.Millisecond) // a password hash
				s := g.failed(time.Now(), &place, true)
				if refusal := s.count(); refusal != nil {
					t.Error(refusal)
				}
				s.done(true)
			})
		}
		wg.Wait()
		if judged.Load() != 5 || refused.Load() != 295 {
			t.Errorf("%d judged and %d refused, want 5 and 295", judged.Load(), refused.Load())
		}
	})
}

// Right secrets sent at once are all judged: a place that comes back is taken.
func TestGuardLetsManyRightOnesPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		var passed atomic.Int32
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				place, refusal := g.reserve(t.Context(), time.Now(), guessAt(1))
				if refusal != nil {
					t.Error(refusal)
					return
				}
				time.Sleep(30 * time.Millisecond)
				s := g.passed(time.Now(), &place)
				s.done(true)
				passed.Add(1)
			})
		}
		wg.Wait()
		if passed.Load() != 200 {
			t.Errorf("%d of 200 passed", passed.Load())
		}
		if len(g.entries) != 0 || g.waiting != 0 {
			t.Errorf("%d entries and %d waiting are left behind", len(g.entries), g.waiting)
		}
	})
}

func TestGuardLock(t *testing.T) {
	g, a := newGuard(), guessAt(123456)
	for i := range 5 {
		s, refusal := judgeWith(t.Context(), g, t0, a, false, true)
		if refusal != nil {
			t.Fatalf("guess %d: %v", i+1, refusal)
		}
		if s.failures != i+1 || s.allowed != 5 || s.locked != (i == 4) {
			t.Errorf("guess %d settles as %d of %d, locked %v", i+1, s.failures, s.allowed, s.locked)
		}
	}
	if left := g.mustRefuse(t, t0, a); left != 15*time.Minute {
		t.Errorf("retry after %v, want 15m", left)
	}
	// Attempts while locked lengthen nothing.
	if left := g.mustRefuse(t, t0.Add(14*time.Minute), a); left != time.Minute {
		t.Errorf("retry after %v, want 1m", left)
	}
	g.mustRefuse(t, t0.Add(15*time.Minute-time.Nanosecond), a)
	// It ends by itself, and the count starts again.
	s, refusal := judgeWith(t.Context(), g, t0.Add(15*time.Minute), a, false, true)
	if refusal != nil || s.failures != 1 {
		t.Errorf("after the lock: %v, %d failures, want the first", refusal, s.failures)
	}
	// Another name was never locked.
	if _, refusal := judgeWith(t.Context(), g, t0, guessAt(7), true, true); refusal != nil {
		t.Errorf("another name: %v", refusal)
	}
}

func TestGuardForgets(t *testing.T) {
	g, a := newGuard(), guessAt(1)
	fail := func(now time.Time) int {
		s, refusal := judgeWith(t.Context(), g, now, a, false, true)
		if refusal != nil {
			t.Fatal(refusal)
		}
		return s.failures
	}
	for range 4 {
		fail(t0)
	}
	s, refusal := judgeWith(t.Context(), g, t0, a, true, true)
	if refusal != nil || !s.passes[0].Forget || len(g.entries) != 0 {
		t.Fatalf("a success leaves %d entries, and %+v (%v) for the store", len(g.entries), s.passes[0], refusal)
	}
	if n := fail(t0); n != 1 {
		t.Errorf("after a success the next failure is number %d", n)
	}
	if n := fail(t0.Add(15*time.Minute - 1)); n != 2 {
		t.Errorf("within the window the failure is number %d, want 2", n)
	}
	if n := fail(t0.Add(30*time.Minute - 1)); n != 1 {
		t.Errorf("a window after the newest failure the next is number %d, want 1", n)
	}
}

// An address counts across names, and a success does not clear it: an attacker
// may have one right credential.
func TestGuardAddress(t *testing.T) {
	g := newGuard()
	m := &Mount{Name: "m", Names: fiveIn15, Addresses: Limits{Failures: 8, Window: time.Hour, Lock: time.Minute}}
	at := func(number int64, from string) *Attempt {
		return &Attempt{Mount: m, Scheme: AccountKey, Number: number, Origin: Origin{Source: netip.MustParseAddr(from)}}
	}
	for i := range 8 {
		if _, refusal := judgeWith(t.Context(), g, t0, at(int64(i+1), "2001:db8::1"), false, false); refusal != nil {
			t.Fatal(refusal)
		}
		if i == 4 {
			if _, refusal := judgeWith(t.Context(), g, t0, at(100, "2001:db8::1"), true, true); refusal != nil {
				t.Fatal(refusal)
			}
		}
	}
	g.mustRefuse(t, t0, at(200, "2001:db8::ffff:1")) // the same /64
	if _, refusal := judgeWith(t.Context(), g, t0, at(200, "2001:db8:0:1::1"), true, true); refusal != nil {
		t.Errorf("another network: %v", refusal)
	}
	// Without a usable name the address takes its place.
	for range 5 {
		if _, refusal := judgeWith(t.Context(), g, t0, at(0, "192.0.2.9"), false, false); refusal != nil {
			t.Fatal(refusal)
		}
	}
	g.mustRefuse(t, t0, at(0, "192.0.2.9"))
	if _, refusal := judgeWith(t.Context(), g, t0, at(1<<40, "192.0.2.9"), true, true); refusal != nil {
		t.Errorf("nameless failures locked a name: %v", refusal)
	}
}

func TestGuardRestart(t *testing.T) {
	g, a, b := newGuard(), guessAt(1), guessAt(2)
	rows := map[GuardKey]GuardRow{}
	for i := range 5 {
		s, _ := judgeWith(t.Context(), g, t0, a, false, true)
		for _, c := range s.changes {
			rows[c.Key] = c.GuardRow
		}
		if i < 4 {
			s, _ = judgeWith(t.Context(), g, t0, b, false, false)
			for _, c := range s.changes {
				rows[c.Key] = c.GuardRow
			}
		}
	}
	after := newGuard()
	for _, r := range rows {
		after.restore(&r, t0.Add(time.Minute))
	}
	if left := after.mustRefuse(t, t0.Add(time.Minute), a); left != 14*time.Minute {
		t.Errorf("after a restart the lock holds %v, want 14m", left)
	}
	if s, refusal := judgeWith(t.Context(), after, t0.Add(time.Minute), b, false, false); refusal != nil || !s.locked {
		t.Errorf("after a restart the fifth failure does not lock: %v %+v", refusal, s)
	}
	late := newGuard()
	for _, r := range rows {
		late.restore(&r, t0.Add(15*time.Minute))
	}
	if len(late.entries) != 0 {
		t.Errorf("%d rows were restored after their time", len(late.entries))
	}
}

// Where the limits were lowered over a restart there may be more failures than lock:
// then the next locks, and nobody waits for ever.
func TestGuardLimitsAreLowered(t *testing.T) {
	g, a := newGuard(), guessAt(1)
	for range 4 {
		if _, refusal := judgeWith(t.Context(), g, t0, a, false, true); refusal != nil {
			t.Fatal(refusal)
		}
	}
	a.Mount.Names.Failures = 3
	if s, refusal := judgeWith(t.Context(), g, t0, a, false, true); refusal != nil || !s.locked || s.failures != 5 {
		t.Errorf("the fifth failure of three: %v, %+v", refusal, s)
	}
	g.mustRefuse(t, t0, a)
}

// What was taken of allowances is none of the guard's business, and of strangers that
// other nodes have counted no more are taken up than there may be.
func TestGuardRestoresWithinItsBounds(t *testing.T) {
	g := newGuard()
	row := GuardRow{Failures: 1, Last: t0, Forget: t0.Add(time.Hour)}
	for i := range maxStrangers + 10 {
		row.Key, row.Name = GuardKey{byte(i), byte(i >> 8), byte(i >> 16)}, "n"
		g.restore(&row, t0)
	}
	row.Key, row.Name = GuardKey{15: 1}, ""
	g.restore(&row, t0)
	row.Key, row.Name, row.Known = GuardKey{15: 2}, "n", true
	g.restore(&row, t0)
	if len(g.entries) != maxStrangers+1 || len(g.strangers) != maxStrangers || g.entries[row.Key] == nil {
		t.Errorf("%d entries, %d of them strangers", len(g.entries), len(g.strangers))
	}
}

// A failure that another node's lock overtook is not counted, and one that another
// node's failures overtook is counted on top of them.
func TestGuardLearns(t *testing.T) {
	g, a := newGuard(), guessAt(1)
	place, _ := g.reserve(t.Context(), t0, a)
	key := place.held[0].key
	s := g.failed(t0, &place, false)
	if refusal := s.count(); refusal != nil || s.changes[0].Was != (GuardCount{}) || s.failures != 1 {
		t.Fatalf("%v, %+v", refusal, s.changes)
	}
	theirs := GuardRow{Key: key, Name: "n", Failures: 3, Last: t0.Add(-time.Minute), Forget: t0.Add(time.Hour)}
	if refusal, _ := s.learn([]GuardRow{theirs}); refusal != nil {
		t.Fatal(refusal)
	}
	if refusal := s.count(); refusal != nil || s.changes[0].Was != theirs.Count() || s.failures != 4 || s.locked {
		t.Fatalf("%v, %+v", refusal, s.changes)
	}
	theirs.Failures, theirs.Locked = 5, t0.Add(time.Minute)
	refusal, _ := s.learn([]GuardRow{theirs})
	if refusal == nil || refusal.Reason != Locked || refusal.RetryAfter != time.Minute || s.count() == nil {
		t.Fatalf("%v, locked elsewhere", refusal)
	}
	s.done(false)
	if left := g.mustRefuse(t, t0, a); left != time.Minute {
		t.Errorf("then it is locked for %v, want a minute", left)
	}
	if place, refusal := g.reserve(t.Context(), t0.Add(time.Minute), a); refusal != nil || place.held[0].inflight != 1 {
		t.Errorf("after the lock: %v", refusal)
	}
}

// Rows reach the store in the order of what they describe, so that a restart
// never finds fewer failures than were answered.
func TestGuardRowsAreOrdered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		var mu sync.Mutex
		stored := -1
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				place, _ := g.reserve(t.Context(), time.Now(), guessAt(1))
				s := g.failed(time.Now(), &place, true)
				if refusal := s.count(); refusal != nil {
					t.Error(refusal)
				}
				time.Sleep(time.Duration(5-i) * time.Millisecond) // the commit
				mu.Lock()
				if n := s.changes[0].Failures; n < stored {
					t.Errorf("a row of %d failures was stored after one of %d", n, stored)
				} else {
					stored = n
				}
				mu.Unlock()
				s.done(true)
			})
		}
		wg.Wait()
		if stored != 5 {
			t.Errorf("the last row says %d failures, want 5", stored)
		}
	})
}

// Names that nobody has cannot fill the memory, and do not push out names that
// somebody has.
func TestGuardStrangersAreBounded(t *testing.T) {
	g := newGuard()
	if _, refusal := judgeWith(t.Context(), g, t0, guessAt(1), false, true); refusal != nil {
		t.Fatal(refusal)
	}
	evicted := 0
	for i := range maxStrangers + 500 {
		s, refusal := judgeWith(t.Context(), g, t0.Add(time.Duration(i)), guessAt(int64(i+1000)), false, false)
		if refusal != nil {
			t.Fatal(refusal)
		}
		for i := range s.changes {
			if s.changes[i].Removes() {
				evicted++
			}
		}
	}
	if len(g.strangers) != maxStrangers || len(g.entries) != maxStrangers+1 || evicted != 500 {
		t.Errorf("%d strangers, %d entries, %d rows removed; want %d, %d, 500",
			len(g.strangers), len(g.entries), evicted, maxStrangers, maxStrangers+1)
	}
	if s, _ := judgeWith(t.Context(), g, t0, guessAt(1), false, true); s.failures != 2 {
		t.Errorf("the name somebody has was forgotten: failure number %d", s.failures)
	}
	g.sweep(t0.Add(time.Hour))
	if len(g.entries) != 0 || len(g.strangers) != 0 {
		t.Errorf("%d entries are left after their time", len(g.entries))
	}
}

// A caller that gives up leaves nothing behind.
func TestGuardWaiterGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		var places []reservation
		for range 5 {
			p, refusal := g.reserve(t.Context(), time.Now(), guessAt(1))
			if refusal != nil {
				t.Fatal(refusal)
			}
			places = append(places, p)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, refusal := g.reserve(ctx, time.Now(), guessAt(1)); refusal == nil || refusal.Reason != Busy {
			t.Errorf("got %v, want busy", refusal)
		}
		for i := range places {
			g.release(&places[i])
		}
		if len(g.entries) != 0 || g.waiting != 0 {
			t.Errorf("%d entries, %d waiting are left", len(g.entries), g.waiting)
		}
	})
}

func TestGuardWaitersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard()
		var places []reservation
		for range 5 {
			p, _ := g.reserve(t.Context(), time.Now(), guessAt(1))
			places = append(places, p)
		}
		var busy atomic.Int32
		var wg sync.WaitGroup
		for range maxWaitingName + 50 {
			wg.Go(func() {
				p, refusal := g.reserve(t.Context(), time.Now(), guessAt(1))
				if refusal != nil {
					busy.Add(1)
					return
				}
				g.release(&p)
			})
		}
		synctest.Wait()
		if busy.Load() != 50 {
			t.Errorf("%d were refused at once, want 50", busy.Load())
		}
		for i := range places {
			g.release(&places[i])
		}
		wg.Wait()
	})
}

func TestGuardKeysDoNotRunTogether(t *testing.T) {
	seen := map[GuardKey]string{}
	for _, c := range []claimed{{"ab", "c", ""}, {"a", "bc", ""}, {"a", "b", "c"}, {"", "abc", ""}, {"", "", "abc"}} {
		k := guardKey(c)
		if other, taken := seen[k]; taken {
			t.Errorf("%v and %s are one key", c, other)
		}
		seen[k] = fmt.Sprint(c)
	}
}
