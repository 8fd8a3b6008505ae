package admin

import (
	"context"
	"errors"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// verifyBatches bounds the batches that one call walks: some seconds.
const verifyBatches = 200_000

// verifyTries is how often a walk begins again because retention overtook it.
const verifyTries = 3

// AuditVerify walks the chain from its first batch that is kept, or from where a walk
// before it stopped. Where it has to begin and how far it has to come the seal says,
// what this node remembers of it, and a head that was noted elsewhere.
func (a *Admin) AuditVerify(ctx context.Context, by *auth.Caller, from auth.Origin, in api.VerifyQuery) (out api.Verified, err error) {
	c, err := a.begin(ctx, &api.AuditVerify.Operation, by, from)
	if err != nil {
		return out, err
	}
	if err := c.everywhere(); err != nil {
		return out, c.forbid(ctx, "", err)
	}
	var noted audit.Head
	if in.Head != "" {
		if noted, err = audit.ParseHead(in.Head); err != nil || noted.Seq == 0 {
			return out, invalid("head", "is not what a walk gave as head")
		}
	}
	going := uint64(0)
	if in.After != "" {
		at, err := parsePlace(in.After)
		if err != nil {
			return out, err
		}
		going = at.seq
	}
	for try := 1; ; try++ {
		w := walk{call: c, going: going, out: api.Verified{OK: true}}
		if err := w.hold(ctx, noted); err != nil {
			return out, failed(err)
		}
		if err := w.run(ctx); err != nil {
			return out, failed(err)
		}
		if w.out.OK || try == verifyTries || !w.overtaken(ctx) {
			return w.out, nil
		}
	}
}

// walk is a walk of the chain.
type walk struct {
	*call
	chain *audit.Walk
	out   api.Verified
	any   bool
	going uint64     // batch where the walk before this one stopped; 0: there was none
	from  audit.Head // where the seal lets it begin
}

// hold finds out what the chain is held to.
func (w *walk) hold(ctx context.Context, noted audit.Head) error {
	held := audit.Held{Noted: noted, Going: w.going}
	held.Seal, held.Known, held.Foreign = w.service.AuditSeal(ctx)
	if held.Foreign != nil && !errors.Is(held.Foreign, audit.ErrBroken) {
		return held.Foreign
	}
	if held.Seal != nil {
		w.from = held.Seal.From
	}
	err := w.service.View(ctx, func(v auth.Reader) error {
		some, err := v.PageAccounts(auth.Scope{}, 0, 1)
		held.Records = len(some) > 0
		return err
	})
	w.chain = audit.NewWalk(&held)
	w.out.Sealed = int64(w.chain.Sealed())
	return err
}

// overtaken says whether batches were dropped since the walk began.
func (w *walk) overtaken(ctx context.Context) bool {
	now, _, err := w.service.AuditSeal(ctx)
	return err == nil && now != nil && now.From != w.from
}

// run walks until the end, a finding, or what one call may walk.
func (w *walk) run(ctx context.Context) error {
	err := w.walk(ctx)
	var found *audit.Damage
	if errors.As(err, &found) {
		w.out.OK, w.out.Broken, w.out.Reason = false, found.Seq, found.Why
		return nil
	}
	return err
}

func (w *walk) walk(ctx context.Context) error {
	after := w.going - min(w.going, 1) // the batch where the walk stopped is read again, as the anchor
	for {
		part, err := w.service.AuditAfter(ctx, after, searchRead)
		if err != nil {
			return err
		}
		if len(part) == 0 {
			return w.chain.End()
		}
		for i := range part {
			if err := w.step(&part[i]); err != nil {
				return err
			}
		}
		after = part[len(part)-1].Seq
		if w.out.Batches >= verifyBatches {
			w.out.Next = place{after, 0}.String()
			return nil
		}
	}
}

// step looks at the next batch, and counts it.
func (w *walk) step(b *audit.Batch) error {
	if err := w.chain.Step(b); err != nil {
		return err
	}
	if !w.any {
		w.out.First = int64(b.Seq)
	}
	if w.any || w.going == 0 { // else it was counted by the walk before
		w.out.Batches, w.out.Events = w.out.Batches+1, w.out.Events+b.Count // which a batch is held to
	}
	w.any = true
	w.out.Last, w.out.Head = int64(b.Seq), b.Head().String()
	return nil
}
