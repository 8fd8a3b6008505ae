package secret

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// cheapHash costs next to nothing, so that what is tested is the queue.
const cheapHash = "$pbkdf2-sha256$1$c2FsdA$VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLxJypzM8Xm2RZkWZLOdd.8xfHG4RbHjC9UJESBB06GXgw" // of "passwd"

// largeHash is refused or waits before any of its memory is taken.
const largeHash = "$argon2id$v=19$m=262144,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

func mustAcquire(t *testing.T, h *Hasher, memory int) (release func()) {
	t.Helper()
	release, err := h.acquire(t.Context(), memory)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

func TestQueueIsBounded(t *testing.T) {
	for _, c := range []struct{ slots, waiting int }{{1, 0}, {1, 1}, {2, 3}, {3, -1}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := NewHasher(c.slots, c.waiting)
				var releases []func()
				for range c.slots {
					releases = append(releases, mustAcquire(t, h, 0))
				}
				waiting := max(0, c.waiting)
				var verified atomic.Int32
				for range waiting {
					go func() {
						if ok, _, err := h.Verify(t.Context(), cheapHash, "passwd"); !ok || err != nil {
							t.Errorf("a caller that waited: %v, %v", ok, err)
						}
						verified.Add(1)
					}()
				}
				synctest.Wait()
				if h.Waiting() != waiting || verified.Load() != 0 {
					t.Fatalf("%d wait and %d ran, want %d and none", h.Waiting(), verified.Load(), waiting)
				}
				// All ways in are shut, for everyone alike, without any waiting.
				if _, _, err := h.Verify(t.Context(), cheapHash, "passwd"); !errors.Is(err, ErrBusy) {
					t.Errorf("Verify beyond the queue: %v, want ErrBusy", err)
				}
				if _, err := h.Hash(t.Context(), "passwd"); !errors.Is(err, ErrBusy) {
					t.Errorf("Hash beyond the queue: %v, want ErrBusy", err)
				}
				if err := h.VerifyDummy(t.Context(), "passwd"); !errors.Is(err, ErrBusy) {
					t.Errorf("VerifyDummy beyond the queue: %v, want ErrBusy", err)
				}
				for _, release := range releases {
					release()
				}
				synctest.Wait()
				if int(verified.Load()) != waiting || h.Waiting() != 0 {
					t.Errorf("%d of %d that waited ran, %d wait still", verified.Load(), waiting, h.Waiting())
				}
				idle(t, h)
			})
		})
	}
}

// idle: everything that was taken was given back.
func idle(t *testing.T, h *Hasher) {
	t.Helper()
	if len(h.admitted)+len(h.running)+len(h.large) != 0 {
		t.Errorf("still taken: %d admitted, %d running, %d large", len(h.admitted), len(h.running), len(h.large))
	}
}

func TestCancelledCallersLeaveTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(1, 2)
		release := mustAcquire(t, h, maxMemory)
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 2)
		go func() { _, _, err := h.Verify(ctx, cheapHash, "passwd"); errs <- err }()
		go func() { _, _, err := h.Verify(ctx, largeHash, "passwd"); errs <- err }()
		synctest.Wait()
		if h.Waiting() != 2 {
			t.Fatalf("%d wait, want 2", h.Waiting())
		}
		cancel()
		for range 2 {
			if err := <-errs; !errors.Is(err, context.Canceled) {
				t.Errorf("a cancelled caller: %v, want context.Canceled", err)
			}
		}
		if h.Waiting() != 0 {
			t.Errorf("%d wait after they were cancelled", h.Waiting())
		}
		release()
		idle(t, h)

		// One that comes cancelled takes nothing, even if a slot is free: each time.
		for range 50 {
			if _, _, err := h.Verify(ctx, cheapHash, "passwd"); !errors.Is(err, context.Canceled) {
				t.Errorf("Verify: %v, want context.Canceled", err)
			}
		}
		idle(t, h)
	})
}

// A slot is held for as long as the work takes, and given back however it ends.
func TestSlotIsHeldDuringTheWork(t *testing.T) {
	h := NewHasher(1, 0)
	broken := errors.New("broken")
	work := func() error {
		if len(h.admitted) != 1 || len(h.running) != 1 || len(h.large) != 1 {
			t.Error("the work runs without its slot")
		}
		return broken
	}
	if err := h.run(t.Context(), maxMemory, work); !errors.Is(err, broken) {
		t.Errorf("run: %v, want the work's own error", err)
	}
	idle(t, h)
	func() {
		defer func() { _ = recover() }()
		_ = h.run(t.Context(), maxMemory, func() error { panic("broken") })
	}()
	idle(t, h)
}

// Of hashes larger than ours one is computed at a time, and one that waits for
// its turn holds no slot that others could use.
func TestLargeHashesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(3, 3)
		first := mustAcquire(t, h, ownMemory+1)
		var second func()
		go func() { second = mustAcquire(t, h, maxMemory) }()
		synctest.Wait()
		if second != nil || h.Waiting() != 1 {
			t.Fatal("two large hashes at once")
		}
		small1, small2 := mustAcquire(t, h, ownMemory), mustAcquire(t, h, 0)
		small1()
		first()
		synctest.Wait()
		if second == nil {
			t.Fatal("the second large one still waits")
		}
		small2()
		second()
		idle(t, h)
	})
}

// What Verify takes is what the hash says that it needs.
func TestVerifyOfALargeHashWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(2, 0)
		release := mustAcquire(t, h, maxMemory) // one slot is left
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { _, _, err := h.Verify(ctx, largeHash, "passwd"); done <- err }()
		synctest.Wait()
		if h.Waiting() != 1 {
			t.Error("a second large hash does not wait")
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want context.Canceled", err)
		}
		release()
		idle(t, h)
	})
}

func TestLargeCancelledWhileWaitingForASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(1, 1)
		release := mustAcquire(t, h, 0)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { _, err := h.acquire(ctx, maxMemory); done <- err }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		release()
		idle(t, h)
	})
}

func TestDefaultSlots(t *testing.T) {
	for _, slots := range []int{0, -5} {
		if got, want := cap(NewHasher(slots, 0).running), max(1, runtime.GOMAXPROCS(0)/2); got != want {
			t.Errorf("NewHasher(%d): %d slots, want %d", slots, got, want)
		}
	}
}

// The dummy is a hash of today's kind, so that it costs what a real one costs.
func TestDummyIsOfTodaysKind(t *testing.T) {
	h := NewHasher(1, 0)
	s, err := parseHash(h.dummy)
	if err != nil || !s.current {
		t.Fatalf("%q: current %v, %v", h.dummy, s.current, err)
	}
	if NewHasher(1, 0).dummy == h.dummy {
		t.Error("two hashers share a dummy")
	}
	if err := h.VerifyDummy(t.Context(), "password"); err != nil {
		t.Error(err)
	}
	idle(t, h)
}

// A password that is too long is wrong even where its start is right, and costs
// no more than the start.
func TestTooLongPassword(t *testing.T) {
	h := NewHasher(1, 0)
	start := strings.Repeat("a", MaxPassword)
	encoded, err := h.Hash(t.Context(), start)
	if err != nil {
		t.Fatal(err)
	}
	ok, rehash, err := h.Verify(t.Context(), encoded, start+"a")
	if ok || rehash || err != nil {
		t.Errorf("%v, rehash %v, %v, want a wrong password", ok, rehash, err)
	}
	if err := h.VerifyDummy(t.Context(), start+"a"); err != nil {
		t.Error(err)
	}
	idle(t, h)
}

// Work grows by the same for a password that is wrong and for one of nobody's.
func TestWork(t *testing.T) {
	h := NewHasher(1, 0)
	hash, err := h.Hash(t.Context(), "right")
	if err != nil {
		t.Fatal(err)
	}
	one := h.Work()
	if one == 0 {
		t.Fatal("a hash is no work")
	}
	if _, _, err := h.Verify(t.Context(), hash, "wrong"); err != nil || h.Work() != 2*one {
		t.Errorf("a wrong password is %d of work, %v; want %d", h.Work()-one, err, one)
	}
	if err := h.VerifyDummy(t.Context(), "wrong"); err != nil || h.Work() != 3*one {
		t.Errorf("nobody's is %d of work, %v; want %d", h.Work()-2*one, err, one)
	}
}
