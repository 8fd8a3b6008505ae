package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/sqlite"
)

// unused runs f with a store that is new, and that no server has opened.
func unused(t *testing.T, f func(k *kit, h *handled, log *said)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := &kit{T: t, dir: t.TempDir(), hasher: secret.NewHasher(1, 8)}
		var err error
		if k.keys, err = secret.GenerateKeys(); err != nil {
			t.Fatal(err)
		}
		store, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(k.dir, "sallyport.db"), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		var log said
		k.options.Logger = slog.New(slog.NewTextHandler(&log, nil))
		h := &handled{Store: store}
		k.store = &faulty{Store: h}
		defer func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		}()
		f(k, h, &log)
	})
}

// record is a batch of its own.
func (k *kit) record() {
	k.Helper()
	err := k.store.Update(k.Context(), func(tx auth.Tx) error {
		return tx.Record(audit.Event{At: time.Now().UTC(), Kind: audit.Login, Subject: "ann"})
	})
	if err != nil {
		k.Fatal(err)
	}
}

func (k *kit) stop(nodes ...*auth.Service) {
	k.Helper()
	for _, n := range nodes {
		if err := n.Close(); err != nil {
			k.Error(err)
		}
	}
}

// What a command writes before the first server is sealed by that one without a
// word: where it begins was sealed before.
func TestSealNewBeforeTheFirstServer(t *testing.T) {
	unused(t, func(k *kit, h *handled, log *said) {
		if err := auth.SealNew(k.Context(), k.store, k.keys); err != nil {
			t.Fatal(err)
		}
		made, _ := h.AuditSeal(k.Context())
		if seal, err := auth.OpenSeal(k.keys, made); err != nil || seal.From != (audit.Head{}) || seal.To != (audit.Head{}) {
			t.Fatalf("a new store is sealed %v, %v", seal, err)
		}
		k.record()
		k.record()
		if err := auth.SealNew(k.Context(), k.store, k.keys); err != nil {
			t.Fatal(err)
		}
		k.service = k.node()
		if text, _ := h.AuditSeal(k.Context()); text != made {
			t.Error("what was sealed was sealed again at once")
		}
		soon()
		if got := k.seal(); got.From != (audit.Head{}) || got.To.Seq != 2 || got.To != k.newest() || strings.Contains(log.String(), "level=WARN") {
			t.Errorf("sealed %v, and logged\n%s", got, log)
		}
		k.stop(k.service)
	})
}

// In a store that has anything no seal of nothing is made: a seal was taken away, or
// an older version made none.
func TestSealNewOnlyOfTheNew(t *testing.T) {
	for what, fill := range map[string]func(*kit){
		"a batch": (*kit).record,
		"an account": func(k *kit) {
			err := k.store.Update(k.Context(), func(tx auth.Tx) error { return tx.PutAccount(&auth.Account{Level: auth.Tenant, Code: "ACME"}) })
			if err != nil {
				k.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			unused(t, func(k *kit, h *handled, log *said) {
				fill(k)
				k.service = k.node()
				if err := auth.SealNew(k.Context(), k.store, k.keys); err != nil {
					t.Error(err)
				}
				if text, err := h.AuditSeal(k.Context()); text != "" || err != nil {
					t.Errorf("sealed: %q, %v", text, err)
				}
				k.record()
				soon()
				if !k.says("is sealed from batch 1 on") || !strings.Contains(log.String(), "the audit had no seal") {
					t.Errorf("it logged\n%s", log)
				}
				k.stop(k.service)
			})
		})
	}
}

// Whoever goes at the audit of a new store before its first server has sealed a batch
// is noticed by that server, and nothing is sealed over it.
func TestTamperingWithTheNewIsNoticed(t *testing.T) {
	none := ""
	forge := func(b []audit.Batch) []audit.Batch {
		for i := range b {
			if b[i].Seq == 1 {
				b[i].Body = append([]byte(nil), b[i].Body...)
				b[i].Body[30]++
			}
		}
		return b
	}
	for what, c := range map[string]struct {
		touch func(h *handled)
		want  string
	}{
		"the first is gone":    {func(h *handled) { h.gone.Store(1) }, "batch 1 is missing, and no retention dropped it"},
		"the first two are":    {func(h *handled) { h.gone.Store(2) }, "batches 1 to 2 are missing, and no retention dropped them"},
		"the first is another": {func(h *handled) { h.alter(forge) }, "batch 1 was altered, or is not the first there was"},
		"the seal is gone":     {func(h *handled) { h.seal.Store(&none) }, "the seal of the audit was taken away"},
	} {
		t.Run(what, func(t *testing.T) {
			unused(t, func(k *kit, h *handled, log *said) {
				k.service = k.node()
				for range 3 {
					k.record()
				}
				puts := h.puts.Load()
				c.touch(h)
				time.Sleep(5 * time.Minute)
				if n := strings.Count(log.String(), c.want); n != 1 || !strings.Contains(log.String(), "level=ERROR") {
					t.Errorf("said %d times:\n%s", n, log)
				}
				if n := h.puts.Load() - puts; n != 0 {
					t.Errorf("sealed %d times over it", n)
				}
				k.stop(k.service)
			})
		})
	}
}

// Nodes that start at once on a new store make one seal, and none of them says
// anything; a rotation before there is any audit does not break it.
func TestNodesSealTheNewOnce(t *testing.T) {
	unused(t, func(k *kit, h *handled, log *said) {
		var nodes [4]*auth.Service
		var ready, begin sync.WaitGroup
		begin.Add(1)
		for i := range nodes {
			ready.Go(func() {
				begin.Wait()
				nodes[i] = k.node()
			})
		}
		begin.Done()
		ready.Wait()
		settle := func(what string) { // each seals once under its keys, and those that were slower try again
			k.Helper()
			time.Sleep(time.Minute)
			if n := h.puts.Swap(0); n < 1 {
				t.Errorf("%s: sealed %d times", what, n)
			}
			time.Sleep(10 * time.Minute)
			if n := h.puts.Load(); n != 0 {
				t.Errorf("%s: four nodes sealed %d times what stayed as it is", what, n)
			}
		}
		settle("at the start")
		rotated, err := k.keys.Rotate()
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes {
			n.SetKeys(rotated)
		}
		settle("after a rotation")
		k.service = nodes[0]
		k.record()
		soon()
		if got := k.seal(); got.From != (audit.Head{}) || got.To != k.newest() || got.To.Seq != 1 {
			t.Errorf("sealed %v, and logged\n%s", got, log)
		}
		k.stop(nodes[:]...)
		if log := log.String(); strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
			t.Errorf("logged\n%s", log)
		}
	})
}

// A second server with another key set on a new store hears that it is another's, and
// leaves the seal as it is.
func TestSealOfTheNewUnderOtherKeys(t *testing.T) {
	unused(t, func(k *kit, h *handled, log *said) {
		k.service = k.node()
		made, _ := h.AuditSeal(k.Context())
		others, err := secret.GenerateKeys()
		if err != nil {
			t.Fatal(err)
		}
		var logged said
		if err := auth.SealNew(k.Context(), k.store, others); err != nil {
			t.Fatal(err)
		}
		other, err := auth.Open(k.Context(), k.store, auth.Options{Keys: others, Hasher: k.hasher, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if seal, _, err := other.AuditSeal(k.Context()); !errors.Is(err, audit.ErrBroken) {
			t.Errorf("under another key set it opens to %v, %v", seal, err)
		}
		soon()
		k.stop(other)
		if text, _ := h.AuditSeal(k.Context()); text != made || strings.Count(logged.String(), "not made with this key set") != 1 {
			t.Errorf("sealed %q, was %q, and logged\n%s", text, made, &logged)
		}
		k.stop(k.service)
		if strings.Contains(log.String(), "level=") {
			t.Errorf("the first one logged\n%s", log)
		}
	})
}

// Retention of what no server has sealed yet moves a seal of nothing.
func TestRetentionMovesTheSealOfNothing(t *testing.T) {
	unused(t, func(k *kit, h *handled, log *said) {
		k.service = k.node()
		for range 4 {
			k.record()
		}
		keep := auth.Retention{Audit: time.Minute, Reseal: auth.Reseal(k.service)}
		if n, err := k.store.Sweep(k.Context(), time.Now().Add(time.Hour), keep); err != nil || n.Batches != 3 {
			t.Fatalf("dropped %d, %v", n.Batches, err)
		}
		if got := k.seal(); got.From.Seq != 3 || got.To != got.From {
			t.Errorf("sealed %v", got)
		}
		soon()
		if got := k.seal(); got.From.Seq != 3 || got.To != k.newest() || strings.Contains(log.String(), "ERROR") {
			t.Errorf("sealed %v, and logged\n%s", got, log)
		}
		k.stop(k.service)
	})
}

// readOnly is a store that takes no seal.
type readOnly struct{ auth.Store }

func (readOnly) SetAuditSeal(context.Context, string, string) error { return errBroken }

// A new store that takes no writes yet is opened all the same, as any other is.
func TestSealNewOfAStoreThatTakesNone(t *testing.T) {
	unused(t, func(k *kit, _ *handled, log *said) {
		if err := auth.SealNew(k.Context(), readOnly{k.store}, k.keys); !errors.Is(err, errBroken) {
			t.Errorf("a seal that was not made: %v", err)
		}
		s, err := auth.Open(k.Context(), readOnly{k.store}, auth.Options{Keys: k.keys, Hasher: k.hasher, Logger: k.options.Logger})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), "could not seal the audit") {
			t.Errorf("logged\n%s", log)
		}
		k.stop(s)
	})
}
