package admin_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// resealed is a store with another seal than there is, or another one each time.
type resealed struct {
	auth.Store
	seals []string // each is read once, the last for ever; none: the real one
	after func()   // runs once, before the first batches are read
	none  bool     // there are no batches
}

// unsealed is a finding at no batch.
const unsealed = -1

// sealAll seals the audit as a server does within ten seconds.
func (k *kit) sealAll() {
	k.Helper()
	b, err := k.store.Store.AuditBefore(k.Context(), 0, 1)
	if err != nil || len(b) != 1 {
		k.Fatal(b, err)
	}
	old, err := k.store.AuditSeal(k.Context())
	if err != nil {
		k.Fatal(err)
	}
	seal := audit.Seal{To: b[0].Head()}
	if err := k.store.SetAuditSeal(k.Context(), old, k.service.Keys().Sealer("audit").Seal(seal.String())); err != nil {
		k.Fatal(err)
	}
}

func (r *resealed) AuditSeal(ctx context.Context) (string, error) {
	if len(r.seals) == 0 {
		return r.Store.AuditSeal(ctx)
	}
	text := r.seals[0]
	if len(r.seals) > 1 {
		r.seals = r.seals[1:]
	}
	return text, nil
}

func (r *resealed) Audit(ctx context.Context, seq uint64, limit int) ([]audit.Batch, error) {
	if r.none {
		return nil, nil
	}
	if f := r.after; f != nil {
		r.after = nil
		f()
	}
	return r.Store.Audit(ctx, seq, limit)
}

// TestVerifyHoldsToTheSeal: a server has sealed and stopped; what is then done to the
// seal is found by a command beside it, and retention that goes on meanwhile is no
// finding.
func TestVerifyHoldsToTheSeal(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	keys := k.service.Keys()
	k.record(time.Now().Add(-time.Hour), 30)
	sealer := keys.Sealer("audit")
	at := func(seq uint64) audit.Head {
		b, err := k.store.Store.Audit(t.Context(), seq-1, 1)
		if err != nil || len(b) != 1 {
			t.Fatal(b, err)
		}
		return b[0].Head()
	}
	newest, err := k.store.AuditBefore(t.Context(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	last := newest[0].Head()
	text := func(s audit.Seal) string { return sealer.Seal(s.String()) }
	whole, fifth := text(audit.Seal{To: last}), at(5)
	other := last
	other.Chain[0]++
	verify := func(r *resealed, in api.VerifyQuery) api.Verified {
		t.Helper()
		r.Store = k.store.Store
		s, err := auth.Open(t.Context(), r, auth.Options{Keys: keys, Beside: true})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		out, err := admin.New(admin.Options{Service: s}).AuditVerify(t.Context(), admin.LocalOwner("test"), auth.Origin{}, in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, c := range []struct {
		what   string
		seal   string
		after  string
		broken int64
		reason string
	}{
		{"whole", whole, "", 0, ""},
		{"whole, from the middle on", whole, "5.0", 0, ""},
		{"no seal, sealed or removed", "", "", unsealed, "not sealed: either no server"},
		{"no seal, from the middle on", "", "5.0", unsealed, "somebody removed the seal"},
		{"it came further", text(audit.Seal{To: audit.Head{Seq: last.Seq + 1}}), "", int64(last.Seq) + 1, "taken away"},
		{"it came further, from the middle on", text(audit.Seal{To: audit.Head{Seq: last.Seq + 1}}), "5.0", int64(last.Seq) + 1, "taken away"},
		{"another chain was sealed", text(audit.Seal{To: other}), "", int64(last.Seq), "made anew"},
		{"what was dropped is back", text(audit.Seal{From: fifth, To: last}), "", 1, "follows"},
		{"no seal of ours", secretSeal(t, last), "", 1, "key set"},
		{"no seal", "AAAA", "", 1, "key set"},
		{"sealed for something else", keys.Sealer("factor").Seal((&audit.Seal{To: last}).String()), "", 1, "key set"},
	} {
		out := verify(&resealed{seals: []string{c.seal}}, api.VerifyQuery{After: c.after})
		if out.OK != (c.broken == 0) || out.Broken != max(c.broken, 0) || !strings.Contains(out.Reason, c.reason) {
			t.Errorf("%s: %+v", c.what, out)
		}
		if want := int64(last.Seq); c.seal == whole && out.Sealed != want {
			t.Errorf("%s: sealed to %d, want %d", c.what, out.Sealed, want)
		}
	}
	if out := verify(&resealed{seals: []string{""}, none: true}, api.VerifyQuery{}); out.OK || !strings.Contains(out.Reason, "not sealed") {
		t.Errorf("neither audit nor seal beside accounts: %+v", out)
	}
	// The walk has read the seal when retention drops batches, and moves it.
	drop := func() {
		if n, err := k.store.Store.Sweep(t.Context(), time.Now(), auth.Retention{Audit: time.Nanosecond}); err != nil || n.Batches == 0 {
			t.Errorf("dropped %d, %v", n.Batches, err)
		}
	}
	oldest := at(last.Seq - 1) // all but the newest go
	out := verify(&resealed{seals: []string{whole, text(audit.Seal{From: oldest, To: last})}, after: drop}, api.VerifyQuery{})
	if !out.OK || out.First != int64(last.Seq) {
		t.Errorf("overtaken by retention: %+v", out)
	}
}

// secretSeal is a seal under another key set.
func secretSeal(t *testing.T, to audit.Head) string {
	t.Helper()
	keys, err := secret.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	return keys.Sealer("audit").Seal((&audit.Seal{To: to}).String())
}
