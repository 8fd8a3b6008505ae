package audit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Damage is the first thing that is wrong with an audit. It wraps [ErrBroken].
type Damage struct {
	Seq int64  // the batch that is missing, altered or does not follow; 0: none is more than another
	Why string // for people
}

func (d *Damage) Error() string { return d.Why + ": " + ErrBroken.Error() }

func (d *Damage) Unwrap() error { return ErrBroken }

// Unsealed is what to say of an audit without a seal.
const Unsealed = "not sealed: either no server has run for ten seconds since the upgrade from an older version, or somebody removed the seal"

// Misplaced is nil for a position where a batch can be, else what is wrong: nobody
// but a forger writes one before the first.
func Misplaced(seq int64) error {
	if seq < 1 {
		return &Damage{seq, fmt.Sprintf("batch %d was forged: the first there ever was is batch 1", seq)}
	}
	return nil
}

// Held is what an audit is held to.
type Held struct {
	Seal    *Seal  // the seal beside it; nil: there is none
	Foreign error  // why the seal beside it does not open; nil: it does, or there is none
	Known   Head   // how far the walker knows that it came; zero: nowhere
	Noted   Head   // a head that was noted elsewhere; zero: none
	Records bool   // there are records beside it, which were not made without it
	Going   uint64 // batch where the walk before this one stopped; 0: there was none
}

// Walk looks at an audit batch by batch, in their order, with [Walk.Step], and at
// its end with [Walk.End].
type Walk struct {
	held  Held
	seal  Seal   // zero: from the very beginning, to wherever
	loose string // why nothing vouches for the chain; "": the seal does, or there is none
	marks []mark
	last  Batch
	any   bool
}

// mark is a place that the chain has to come to, and the value that it has to have
// there.
type mark struct {
	Head
	is     string // what the batch there is
	before string // what an audit that ends earlier is cut off before
}

// NewWalk is a walk that has not begun.
func NewWalk(h *Held) *Walk {
	w := &Walk{held: *h}
	switch {
	case h.Foreign != nil:
		w.loose = "the seal was altered, or was not made with this key set, which may be older than that of another server: nothing vouches for the audit"
	case h.Seal != nil && h.Seal.To.Seq < h.Known.Seq:
		w.loose = fmt.Sprintf("an older seal was put back, of batch %d: this server has sealed batch %d", h.Seal.To.Seq, h.Known.Seq)
	case h.Seal != nil:
		w.seal = *h.Seal
	case h.Known.Seq != 0:
		w.loose = fmt.Sprintf("the seal was taken away: this server has sealed batch %d", h.Known.Seq)
	}
	w.marks = []mark{
		{w.seal.To, "the one that was sealed", "batch " + strconv.FormatUint(w.seal.To.Seq, 10) + ", which was sealed"},
		{h.Known, "the one that this server has sealed", "batch " + strconv.FormatUint(h.Known.Seq, 10) + ", which this server has sealed"},
		{h.Noted, "the one whose head was noted", "the head that was noted"},
	}
	return w
}

// Sealed is the batch up to which the seal vouches; 0: there is none that does.
func (w *Walk) Sealed() uint64 { return w.seal.To.Seq }

// Step looks at the next batch. The error is a [*Damage], and the walk over.
func (w *Walk) Step(b *Batch) error {
	seq := int64(b.Seq)
	if w.loose != "" {
		return &Damage{seq, w.loose}
	}
	if err := Misplaced(seq); err != nil {
		return err
	}
	look := w.follow
	if !w.any {
		look = w.begin
	}
	if err := look(b); err != nil {
		return err
	}
	if _, err := b.Events(); err != nil {
		return &Damage{seq, err.Error()}
	}
	for _, m := range w.marks {
		if m.Seq == b.Seq && m.Chain != b.Chain {
			return &Damage{seq, fmt.Sprintf("batch %d is not %s: the chain was made anew", b.Seq, m.is)}
		}
	}
	w.any, w.last = true, *b
	w.last.Body = nil // what follows is held to the chain's value alone
	return nil
}

// begin looks at the first batch: the oldest that is kept, or the one where a walk
// stopped. If that was dropped since, the oldest again.
func (w *Walk) begin(b *Batch) error {
	switch {
	case b.Seq == w.held.Going:
		return nil
	case w.unsealed() && b.Seq > 1: // whether it is the oldest nothing says
		return damage(int64(b.Seq), b.Check())
	}
	seq, err := w.seal.Begins(b)
	return damage(int64(seq), err)
}

func (w *Walk) follow(b *Batch) error {
	if b.Seq != w.last.Seq+1 {
		return &Damage{int64(w.last.Seq + 1), fmt.Sprintf("batch %d is missing: %d follows %d", w.last.Seq+1, b.Seq, w.last.Seq)}
	}
	return damage(int64(b.Seq), Verify(&w.last, b))
}

// Sound is [Walk.End] for whoever copies an audit: one that nothing vouches for, and
// in which nothing is wrong for certain, is copied, and that it is unsealed is said.
func (w *Walk) Sound() (unsealed bool, err error) {
	err = w.End()
	var damage *Damage
	if errors.As(err, &damage) && damage.Seq == 0 {
		return true, nil
	}
	return false, err
}

func (w *Walk) unsealed() bool { return w.held.Seal == nil && w.loose == "" }

// End holds a chain that is whole to where it has to come, and to that it is
// sealed. The error is a [*Damage].
func (w *Walk) End() error {
	if !w.any && w.loose != "" {
		return &Damage{1, w.loose}
	}
	for _, m := range w.marks {
		switch {
		case m.Seq <= w.last.Seq:
		case !w.any:
			return &Damage{int64(w.seal.From.Seq + 1), "the audit is empty, and came to " + m.before}
		default:
			return &Damage{int64(w.last.Seq + 1), fmt.Sprintf("the audit ends with batch %d, before %s: what followed was taken away", w.last.Seq, m.before)}
		}
	}
	switch {
	case w.unsealed() && (w.any || w.held.Records):
		return &Damage{0, Unsealed}
	case !w.any && w.held.Records: // a seal of nothing
		return &Damage{1, "the audit is empty, and there are records, none of which is made without it"}
	}
	return nil
}

// damage is what an error says of the audit, without that it is broken.
func damage(seq int64, err error) error {
	var known *Damage
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &Damage{seq, strings.TrimSuffix(err.Error(), ": "+ErrBroken.Error())}
}
