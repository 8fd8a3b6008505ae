package admin

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

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
	out   api.Verified
	last  audit.Batch
	any   bool
	going uint64     // batch where the walk before this one stopped; 0: there was none
	seal  audit.Seal // zero: from the very beginning, to wherever
	loose string     // why nothing vouches for the chain; "": the seal does, or there never was one
	marks []mark
}

// mark is a place that the chain has to come to, and the value that it has to have
// there.
type mark struct {
	audit.Head
	is     string // what the batch there is
	before string // what an audit that ends earlier is cut off before
}

// hold finds out what the chain is held to.
func (w *walk) hold(ctx context.Context, noted audit.Head) error {
	seal, known, err := w.service.AuditSeal(ctx)
	switch {
	case errors.Is(err, audit.ErrBroken):
		w.loose = "the seal was altered, or was not made with this key set: nothing vouches for the audit"
	case err != nil:
		return err
	case seal != nil && seal.To.Seq < known.Seq:
		w.loose = fmt.Sprintf("an older seal was put back, of batch %d: this server has sealed batch %d", seal.To.Seq, known.Seq)
	case seal != nil:
		w.seal, w.out.Sealed = *seal, int64(seal.To.Seq)
	case known.Seq != 0:
		w.loose = fmt.Sprintf("the seal was taken away: this server has sealed batch %d", known.Seq)
	}
	w.marks = []mark{
		{w.seal.To, "the one that was sealed", "batch " + strconv.FormatUint(w.seal.To.Seq, 10) + ", which was sealed"},
		{known, "the one that this server has sealed", "batch " + strconv.FormatUint(known.Seq, 10) + ", which this server has sealed"},
		{noted, "the one whose head was noted", "the head that was noted"},
	}
	return nil
}

// overtaken says whether batches were dropped since the walk began.
func (w *walk) overtaken(ctx context.Context) bool {
	now, _, err := w.service.AuditSeal(ctx)
	return err == nil && now != nil && now.From != w.seal.From
}

func (w *walk) run(ctx context.Context) error {
	after := w.going - min(w.going, 1) // the batch where the walk stopped is read again, as the anchor
	for w.out.OK {
		part, err := w.service.AuditAfter(ctx, after, searchRead)
		if err != nil {
			return err
		}
		if len(part) == 0 {
			w.end()
			return nil
		}
		for i := range part {
			if w.step(&part[i]); !w.out.OK {
				return nil
			}
		}
		after = part[len(part)-1].Seq
		if w.out.Batches >= verifyBatches {
			w.out.Next = place{w.last.Seq, 0}.String()
			return nil
		}
	}
	return nil
}

// step looks at the next batch.
func (w *walk) step(b *audit.Batch) {
	if w.loose != "" {
		w.broken(b.Seq, w.loose)
		return
	}
	events, err := b.Events()
	if !w.any {
		w.begin(b)
	} else {
		w.follow(b)
	}
	if w.out.OK && err != nil {
		w.broken(b.Seq, err.Error())
	}
	for _, m := range w.marks {
		if w.out.OK && m.Seq == b.Seq && m.Chain != b.Chain {
			w.broken(b.Seq, fmt.Sprintf("batch %d is not %s: the chain was made anew", b.Seq, m.is))
		}
	}
	if !w.out.OK {
		return
	}
	if !w.any {
		w.out.First = int64(b.Seq)
	}
	if w.any || w.going == 0 { // else it was counted by the walk before
		w.out.Batches, w.out.Events = w.out.Batches+1, w.out.Events+len(events)
	}
	w.any, w.last = true, *b
	w.out.Last, w.out.Head = int64(b.Seq), b.Head().String()
}

// begin looks at the first batch: the oldest that is kept, or the one where a walk
// stopped. If that was dropped since, the oldest again.
func (w *walk) begin(b *audit.Batch) {
	if b.Seq == w.going {
		return
	}
	if seq, err := w.seal.Begins(b); err != nil {
		w.broken(seq, plainly(err))
	}
}

func (w *walk) follow(b *audit.Batch) {
	if b.Seq != w.last.Seq+1 {
		w.broken(w.last.Seq+1, fmt.Sprintf("batch %d is missing: %d follows %d", w.last.Seq+1, b.Seq, w.last.Seq))
		return
	}
	if err := audit.Verify(&w.last, b); err != nil {
		w.broken(b.Seq, plainly(err))
	}
}

// plainly is what an error says of the audit, without that it is broken.
func plainly(err error) string { return strings.TrimSuffix(err.Error(), ": "+audit.ErrBroken.Error()) }

func (w *walk) broken(seq uint64, why string) {
	w.out.OK, w.out.Broken, w.out.Reason = false, int64(seq), why
}

// end holds a chain that is whole to where it has to come.
func (w *walk) end() {
	if !w.any && w.loose != "" {
		w.broken(1, w.loose)
	}
	for _, m := range w.marks {
		switch {
		case !w.out.OK || m.Seq <= uint64(w.out.Last):
		case !w.any:
			w.broken(w.seal.From.Seq+1, fmt.Sprintf("the audit is empty, and came to %s", m.before))
		default:
			w.broken(uint64(w.out.Last)+1, fmt.Sprintf("the audit ends with batch %d, before %s: what followed was taken away", w.out.Last, m.before))
		}
	}
}
