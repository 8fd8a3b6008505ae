package auth_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// handled is a store whose audit somebody has in hands who owns the database.
type handled struct {
	auth.Store
	batches atomic.Pointer[func([]audit.Batch) []audit.Batch] // nil: untouched
	gone    atomic.Uint64                                     // batches up to it are
	seal    atomic.Pointer[string]                            // what stands in the place of the real one
	puts    atomic.Int64
	reading atomic.Pointer[func()] // runs once, after the newest batch was read
}

func (h *handled) alter(f func([]audit.Batch) []audit.Batch) { h.batches.Store(&f) }

func (h *handled) touch(b []audit.Batch, err error) ([]audit.Batch, error) {
	if f := h.batches.Load(); f != nil {
		b = (*f)(b)
	}
	return b, err
}

func (h *handled) Audit(ctx context.Context, seq uint64, limit int) ([]audit.Batch, error) {
	return h.touch(h.Store.Audit(ctx, max(seq, h.gone.Load()), limit))
}

func (h *handled) AuditBefore(ctx context.Context, seq uint64, limit int) ([]audit.Batch, error) {
	b, err := h.touch(h.Store.AuditBefore(ctx, seq, limit))
	if f := h.reading.Swap(nil); f != nil {
		(*f)()
	}
	return b, err
}

func (h *handled) AuditSeal(ctx context.Context) (string, error) {
	if text := h.seal.Load(); text != nil {
		return *text, nil
	}
	return h.Store.AuditSeal(ctx)
}

func (h *handled) SetAuditSeal(ctx context.Context, old, text string) error {
	h.puts.Add(1)
	return h.Store.SetAuditSeal(ctx, old, text)
}

// sealed runs f with a service over such a store, and what it logs.
func sealed(t *testing.T, f func(k *kit, h *handled, log *said)) {
	t.Helper()
	inBubble(t, func(k *kit) {
		var log said
		k.options.Logger = slog.New(slog.NewTextHandler(&log, nil))
		if err := k.service.Close(); err != nil {
			t.Fatal(err)
		}
		h := &handled{Store: k.store.Store}
		k.store.Store = h
		k.service = k.node()
		f(k, h, &log)
	})
}

// said is a log that is read while others write it.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// soon is when what happened just now is sealed.
func soon() { time.Sleep(11 * time.Second) }

func (k *kit) newest() audit.Head {
	k.Helper()
	b, err := k.store.AuditBefore(k.Context(), 0, 1)
	if err != nil || len(b) != 1 {
		k.Fatal(b, err)
	}
	return b[0].Head()
}

func (k *kit) seal() audit.Seal {
	k.Helper()
	seal, _, err := k.service.AuditSeal(k.Context())
	if err != nil || seal == nil {
		k.Fatalf("the seal: %v, %v", seal, err)
	}
	return *seal
}

func TestAuditIsSealed(t *testing.T) {
	sealed(t, func(k *kit, h *handled, log *said) {
		seal, known, err := k.service.AuditSeal(k.Context())
		if err != nil || seal == nil || seal.From != (audit.Head{}) || seal.To != (audit.Head{}) || known != (audit.Head{}) {
			t.Fatalf("before there was an audit: %v, %v, %v", seal, known, err)
		}
		soon()
		if n := h.puts.Swap(0); n > 1 { // under the keys that it has now
			t.Errorf("started on a sealed store, it sealed %d times although there is no audit", n)
		}
		soon()
		if n := h.puts.Load(); n != 0 {
			t.Errorf("sealed %d times although there is no audit", n)
		}
		a := byKey(electaMount())
		k.login(a)
		soon()
		if got := k.seal(); got.To != k.newest() || got.From != (audit.Head{}) || time.Since(got.At) > 12*time.Second {
			t.Errorf("sealed %v, the newest is %v", got, k.newest())
		}
		time.Sleep(time.Minute)
		if n := h.puts.Load(); n != 1 {
			t.Errorf("sealed %d times although nothing came", n)
		}
		k.login(a)
		if got := k.seal(); got.To == k.newest() {
			t.Error("what came just now is sealed")
		}
		if err := k.service.Close(); err != nil {
			t.Fatal(err)
		}
		if got := k.seal(); got.To != k.newest() || !strings.Contains(log.String(), "head="+k.newest().String()) {
			t.Errorf("stopped, with a seal of %v of %v, and logged\n%s", got, k.newest(), log)
		}
		if log := log.String(); strings.Contains(log, "level=WARN") || strings.Contains(log, "head=0-") || k.says("") {
			t.Errorf("of a new store it logged\n%s", log)
		}
		k.service = k.node()
	})
}

// What retention drops moves the beginning, in the same transaction.
func TestRetentionMovesTheSeal(t *testing.T) {
	inBubble(t, func(k *kit) {
		k.options.Retention = auth.Retention{Feed: time.Hour, Audit: 5 * time.Minute}
		k.restart()
		a := byKey(electaMount())
		for range 12 {
			k.login(a)
			time.Sleep(time.Minute)
		}
		first, err := k.store.Audit(k.Context(), 0, 1)
		if err != nil || len(first) != 1 || first[0].Seq == 1 {
			t.Fatalf("nothing was dropped: %v, %v", first, err)
		}
		seal := k.seal()
		if seal.From.Seq != first[0].Seq-1 {
			t.Errorf("%v is said to be gone, and batch %d is the oldest", seal.From, first[0].Seq)
		}
		if broken, err := seal.Begins(&first[0]); err != nil {
			t.Errorf("batch %d: %v", broken, err)
		}
		if seal.To.Seq < seal.From.Seq {
			t.Errorf("sealed %v", seal)
		}
	})
}

// Whoever has no key and alters what was sealed is noticed while the server runs,
// and no seal is made over it.
func TestTamperingIsNoticed(t *testing.T) {
	older, none, foreign := "", "", ""
	for what, c := range map[string]struct {
		touch func(h *handled)
		want  string
	}{
		"the end cut off": {func(h *handled) {
			h.alter(func(b []audit.Batch) []audit.Batch { return b[:0] })
		}, "the end of the audit is missing"},
		"the chain made anew": {func(h *handled) {
			h.alter(func(b []audit.Batch) []audit.Batch {
				for i := range b {
					b[i].Chain[0]++
				}
				return b
			})
		}, "is not the one that was sealed"},
		"an older seal":       {func(h *handled) { h.seal.Store(&older) }, "an older seal of the audit was put back"},
		"no seal":             {func(h *handled) { h.seal.Store(&none) }, "the seal of the audit was taken away"},
		"a seal of their own": {func(h *handled) { h.seal.Store(&foreign) }, "not made with this key set, which may be older than that of another server"},
	} {
		t.Run(what, func(t *testing.T) {
			sealed(t, func(k *kit, h *handled, log *said) {
				a := byKey(electaMount())
				k.login(a)
				soon()
				var err error
				if older, err = h.AuditSeal(k.Context()); err != nil {
					t.Fatal(err)
				}
				others, err := secret.GenerateKeys()
				if err != nil {
					t.Fatal(err)
				}
				whole := k.seal()
				foreign = others.Sealer("audit").Seal(whole.String())
				k.login(a)
				soon()
				c.touch(h)
				puts := h.puts.Load()
				time.Sleep(5 * time.Minute)
				if n := strings.Count(log.String(), c.want); n != 1 || !strings.Contains(log.String(), "level=ERROR") {
					t.Errorf("said %d times:\n%s", n, log)
				}
				if n := h.puts.Load() - puts; n != 0 {
					t.Errorf("sealed %d times over it", n)
				}
			})
		})
	}
}

// unseal takes the seal away while no server runs.
func (k *kit) unseal(h *handled) {
	k.Helper()
	if err := k.service.Close(); err != nil {
		k.Fatal(err)
	}
	text, err := h.AuditSeal(k.Context())
	if err != nil || text == "" {
		k.Fatalf("the seal is %q, %v", text, err)
	}
	if err := h.SetAuditSeal(k.Context(), text, ""); err != nil {
		k.Fatal(err)
	}
	k.service = k.node()
}

// An older version dropped batches and left no seal.
func TestSealOfAnOlderAudit(t *testing.T) {
	sealed(t, func(k *kit, h *handled, log *said) {
		k.unseal(h)
		a := byKey(electaMount())
		for range 4 {
			k.login(a)
		}
		if _, err := k.store.Sweep(k.Context(), time.Now().Add(time.Hour), auth.Retention{Audit: time.Minute}); err != nil {
			t.Fatal(err)
		}
		k.login(a)
		first, _ := k.store.Audit(k.Context(), 0, 1)
		soon()
		seal := k.seal()
		if seal.From != first[0].Head() || !k.says("is sealed from batch 4 on") || first[0].Seq != 4 || !strings.Contains(log.String(), "first_batch=4") {
			t.Errorf("sealed from %v, and logged\n%s", seal.From, log)
		}
		if _, err := seal.Begins(&first[0]); err != nil {
			t.Error(err)
		}
	})
}

// says is whether the newest event is the server's, and says so.
func (k *kit) says(detail string) bool {
	k.Helper()
	b, err := k.store.AuditBefore(k.Context(), 0, 1)
	if err != nil || len(b) != 1 {
		k.Fatal(b, err)
	}
	e, err := b[0].Events()
	return err == nil && len(e) == 1 && e[0].Kind == audit.Change && e[0].Actor == "server" && e[0].Reason == "seal" && strings.Contains(e[0].Detail, detail)
}

// Whoever takes the seal away and waits for the next start has a seal again, and an
// audit that says under it that there was none. Retention makes none on the way.
func TestSealThatWasTakenAwayIsRecorded(t *testing.T) {
	sealed(t, func(k *kit, h *handled, log *said) {
		k.login(byKey(electaMount()))
		k.login(byKey(electaMount()))
		soon()
		if k.says("") || strings.Contains(log.String(), "had no seal") {
			t.Fatalf("of a new store it logged\n%s", log)
		}
		k.unseal(h)
		soon()
		whole, err := h.Store.AuditSeal(k.Context())
		if err != nil || whole == "" || !k.says("is sealed from batch 1 on") {
			t.Fatalf("the seal that was made anew: %q, %v", whole, err)
		}
		if err := h.SetAuditSeal(k.Context(), whole, ""); err != nil {
			t.Fatal(err)
		}
		keep := auth.Retention{Audit: time.Nanosecond, Reseal: auth.Reseal(k.service)}
		if n, err := k.store.Sweep(k.Context(), time.Now(), keep); err != nil || n.Batches == 0 {
			t.Fatalf("dropped %d, %v", n.Batches, err)
		}
		if text, err := h.AuditSeal(k.Context()); text != "" || err != nil {
			t.Errorf("retention made a seal where there was none: %q, %v", text, err)
		}
		if err := k.service.Close(); err != nil || !strings.Contains(log.String(), "the seal of the audit was taken away") {
			t.Fatalf("%v, and logged\n%s", err, log)
		}
		k.service = k.node()
		soon()
		if got := k.seal(); got.To != k.newest() || !k.says("is sealed from batch 3 on") || strings.Count(log.String(), "the audit had no seal") != 2 {
			t.Errorf("sealed %v, and logged\n%s", got, log)
		}
	})
}

// Nodes over one store do not seal in turns what one of them has sealed, whatever
// was rotated, and one that is beside the server does not at all.
func TestManyNodesSealOnce(t *testing.T) {
	sealed(t, func(k *kit, h *handled, log *said) {
		other := k.node()
		defer other.Close()
		k.options.Beside = true
		k.options.Retention = auth.Retention{Feed: time.Hour, Audit: time.Minute}
		beside := k.node()
		defer beside.Close()
		k.login(byKey(electaMount()))
		time.Sleep(10 * time.Minute)
		if n := h.puts.Load(); n < 1 || n > 6 { // each once what there is and what both note, and in vain
			t.Errorf("two nodes sealed %d times what came once", n)
		}
		keys, err := k.keys.Rotate()
		if err != nil {
			t.Fatal(err)
		}
		h.puts.Store(0)
		k.service.SetKeys(keys)
		other.SetKeys(keys)
		time.Sleep(10 * time.Minute)
		if n := h.puts.Load(); n < 1 || n > 4 {
			t.Errorf("after a rotation two nodes sealed %d times", n)
		}
		if got := k.seal(); got.To != k.newest() || strings.Contains(log.String(), "ERROR") {
			t.Errorf("sealed %v, and logged\n%s", got, log)
		}
		if err := errors.Join(k.service.Close(), other.Close()); err != nil {
			t.Fatal(err)
		}
		h.puts.Store(0)
		k.service = beside
		k.login(byKey(electaMount()))
		k.login(byKey(electaMount()))
		time.Sleep(10 * time.Minute)
		first, _ := k.store.Audit(k.Context(), 0, 1)
		if n := h.puts.Load(); n != 0 || len(first) != 1 || first[0].Seq != 1 {
			t.Errorf("beside a server it sealed %d times, and dropped up to %d", n, first[0].Seq)
		}
	})
}

// While a seal is looked into, another node drops what it goes by.
func TestSealingRacesRetention(t *testing.T) {
	sealed(t, func(k *kit, h *handled, log *said) {
		a := byKey(electaMount())
		k.login(a)
		soon()
		k.login(a)
		k.login(a)
		other := k.node()
		drop := func() {
			keep := auth.Retention{Audit: time.Minute, Reseal: auth.Reseal(other)}
			if n, err := k.store.Sweep(k.Context(), time.Now().Add(time.Hour), keep); err != nil || n.Batches == 0 {
				t.Errorf("dropped %d: %v", n.Batches, err)
			}
		}
		h.reading.Store(&drop)
		soon()
		if h.reading.Load() != nil {
			t.Fatal("the seal was not looked into")
		}
		soon()
		if got := k.seal(); strings.Contains(log.String(), "ERROR") || got.To != k.newest() || got.From.Seq == 0 {
			t.Errorf("sealed %v, and logged\n%s", got, log)
		}
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	})
}
