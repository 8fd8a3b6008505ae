package auth_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// wrote is a command that writes n batches without a service.
func (k *kit) wrote(n int) (logged string) {
	k.Helper()
	var log said
	if err := auth.SealNew(k.Context(), k.store, k.keys); err != nil {
		k.Fatal(err)
	}
	for range n {
		k.record()
	}
	auth.SealEnd(k.Context(), k.store, k.keys, slog.New(slog.NewTextHandler(&log, nil)))
	return log.String()
}

// sealOf is what the seal says, without a service.
func (k *kit) sealOf(h *handled) audit.Seal {
	k.Helper()
	text, err := h.AuditSeal(k.Context())
	if err != nil {
		k.Fatal(err)
	}
	seal, err := auth.OpenSeal(k.keys, text)
	if err != nil {
		k.Fatal(err)
	}
	return seal
}

// What commands wrote is sealed before the first server, which goes on from there.
func TestSealEnd(t *testing.T) {
	unused(t, func(k *kit, h *handled, log *said) {
		for _, n := range []int{2, 1} {
			if logged := k.wrote(n); strings.Contains(logged, "WARN") || strings.Contains(logged, "ERROR") {
				t.Errorf("logged\n%s", logged)
			}
			if seal := k.sealOf(h); seal.From != (audit.Head{}) || seal.To != k.newest() {
				t.Errorf("sealed %v, the newest is %v", seal, k.newest())
			}
		}
		k.service = k.node()
		k.record()
		soon()
		if got := k.seal(); got.From != (audit.Head{}) || got.To != k.newest() || strings.Contains(log.String(), "level=WARN") {
			t.Errorf("sealed %v, and logged\n%s", got, log)
		}
		k.stop(k.service)
	})
}

// A command says what a server says of an audit that is not whole, and seals no more
// over it than that does; so does an operation beside a server.
func TestSealEndKeepsTheSealThatShows(t *testing.T) {
	ways := map[string]func(*kit) string{
		"a command": func(k *kit) string { return k.wrote(1) },
		"an operation": func(k *kit) string {
			var log said
			k.options.Beside, k.options.Logger = true, slog.New(slog.NewTextHandler(&log, nil))
			n := k.node()
			k.record()
			k.stop(n)
			return log.String()
		},
	}
	for what, c := range map[string]struct {
		touch func(k *kit, h *handled)
		want  string
	}{
		"all is gone": {func(_ *kit, h *handled) {
			h.alter(func(b []audit.Batch) []audit.Batch { // what comes begins anew
				if len(b) == 0 || b[len(b)-1].Seq <= 2 {
					return nil
				}
				b = append([]audit.Batch(nil), b[len(b)-1])
				b[0].Seq = 1
				return b
			})
		}, "the end of the audit is missing, which came to batch 2"},
		"the sealed one is another": {func(_ *kit, h *handled) {
			h.alter(func(b []audit.Batch) []audit.Batch {
				for i := range b {
					if b[i].Seq == 2 {
						b[i].Chain[0]++
					}
				}
				return b
			})
		}, "batch 2 of the audit is not the one that was sealed"},
		"another key set": {func(k *kit, _ *handled) {
			var err error
			if k.keys, err = secret.GenerateKeys(); err != nil {
				k.Fatal(err)
			}
		}, "not made with this key set"},
	} {
		for way, run := range ways {
			t.Run(what+", "+way, func(t *testing.T) {
				unused(t, func(k *kit, h *handled, _ *said) {
					k.wrote(2)
					was, err := h.AuditSeal(k.Context())
					if err != nil || was == "" {
						t.Fatal(was, err)
					}
					c.touch(k, h)
					logged := run(k)
					if !strings.Contains(logged, "level=ERROR") || !strings.Contains(logged, c.want) || strings.Contains(logged, "--server") {
						t.Errorf("logged\n%s", logged)
					}
					if now, err := h.AuditSeal(k.Context()); now != was || err != nil {
						t.Errorf("sealed over it: %v", err)
					}
				})
			})
		}
	}
}

// An operation seals what it recorded, and one that only reads writes no seal.
func TestOperationsSealAtTheirEnd(t *testing.T) {
	unused(t, func(k *kit, h *handled, _ *said) {
		k.wrote(1)
		k.options.Beside = true
		reads := h.puts.Load()
		k.stop(k.node())
		if n := h.puts.Load() - reads; n != 0 {
			t.Errorf("sealed %d times what was only read", n)
		}
		n := k.node()
		k.record()
		k.stop(n)
		if seal := k.sealOf(h); seal.To != k.newest() || seal.To.Seq != 2 {
			t.Errorf("sealed %v, the newest is %v", seal, k.newest())
		}
	})
}

// Where there is no seal a command makes none: a server does, and says so.
func TestSealEndMakesNoFirstSeal(t *testing.T) {
	unused(t, func(k *kit, h *handled, _ *said) {
		k.record()
		k.wrote(1)
		k.options.Beside = true
		n := k.node()
		k.record()
		k.stop(n)
		if text, err := h.AuditSeal(k.Context()); text != "" || err != nil || k.newest().Seq != 3 {
			t.Errorf("sealed %q, %v; there are %v", text, err, k.newest())
		}
	})
}

// A server looks at the beginning too of what commands have sealed.
func TestTheBeginningIsNoticed(t *testing.T) {
	unused(t, func(k *kit, h *handled, log *said) {
		k.wrote(3)
		h.gone.Store(1)
		k.service = k.node()
		was, puts := k.sealOf(h), h.puts.Load()
		k.record()
		soon()
		k.stop(k.service)
		if n := strings.Count(log.String(), "batch 1 is missing, and no retention dropped it"); n != 1 || !strings.Contains(log.String(), "audit verify --server") {
			t.Errorf("said %d times:\n%s", n, log)
		}
		if now := k.sealOf(h); now != was || h.puts.Load() != puts {
			t.Errorf("sealed over it: %v, was %v", now, was)
		}
	})
}
