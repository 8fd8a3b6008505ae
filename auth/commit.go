package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// A judgement is answered only when the store agrees with what it went by: that
// nobody is locked, how many failures there were, and that a code was not used yet.
// Another node may have written meanwhile. Then the store refuses the set, this node
// looks what there is, and the rules are applied to that. So many nodes lock as one, and
// a login that nobody contests needs no round trip for it.

// maxContests is how often one judgement is begun again because others were faster.
// A failure that loses so often has seen as many others counted, so a lock comes
// before that where it is not set very high.
const maxContests = 32

// commit writes a set together with what was settled, and is the end of that. A
// refusal is the answer to the attempt instead of what was judged, of which nothing
// was written then.
func (s *Service) commit(ctx context.Context, j *settled, w *WriteSet) (refusal *Refusal, err error) {
	refusal, err = s.agree(ctx, j, w)
	j.done(refusal == nil && err == nil)
	return refusal, err
}

// agree is commit for who may have to try again with another set.
func (s *Service) agree(ctx context.Context, j *settled, w *WriteSet) (*Refusal, error) {
	for range maxContests {
		if refusal := j.fill(w); refusal != nil {
			return refusal, nil
		}
		_, err := s.store.Apply(ctx, w)
		if !errors.Is(err, ErrConflict) {
			return nil, err
		}
		if refusal, err := s.contested(ctx, j, w); refusal != nil || err != nil {
			return refusal, err
		}
	}
	return nil, fmt.Errorf("%w: attempts of one name at other nodes", ErrBusy)
}

// fill puts into a set what was settled, and who is refused for what is known now.
func (j *settled) fill(w *WriteSet) *Refusal {
	w.Takes, w.Events = j.takes(), w.Events[:1]
	if j.right {
		w.Passes, w.Room = j.passes[:j.n], j.room
		if j.use.report {
			w.Events = append(w.Events, fairUseEvent(w.Events[0], j.use))
		}
		return nil
	}
	if refusal := j.count(); refusal != nil {
		return refusal
	}
	w.Guards = j.changes
	if j.locked {
		e := w.Events[0]
		e.Kind, e.Count = audit.Lock, j.failures
		w.Events = append(w.Events, e)
	}
	return nil
}

// contested looks why the store refused a set. A refusal is the answer; without one
// the set is to be tried again.
//
// A code that was used is looked for before fair use and caps: their refusals tell that
// all of a secret was right.
func (s *Service) contested(ctx context.Context, j *settled, w *WriteSet) (*Refusal, error) {
	rows, err := s.store.GuardRows(ctx, j.keys()...)
	if err != nil {
		return nil, fmt.Errorf("reading locks: %w", err)
	}
	refusal, _ := j.learn(rows)
	if row := j.rate.used(rows); row != nil {
		return s.rates.used(row, j.now), nil
	}
	if refusal == nil {
		if refusal, err = s.stepUsed(ctx, w); err != nil {
			return nil, err
		}
	}
	if row := j.use.take.used(rows); row != nil && refusal == nil {
		refusal = j.use.used(row, j.now)
	}
	if j.room == nil || refusal != nil {
		return refusal, nil
	}
	return s.full(ctx, j.room)
}

// confirm asks whether a secret that was right counts, where nothing else of the
// attempt is written, and forgets the name's failures.
func (s *Service) confirm(ctx context.Context, j *settled) (*Refusal, error) {
	written := false
	defer func() { j.done(written) }()
	for range maxContests {
		rows, err := s.store.GuardRows(ctx, j.keys()...)
		if err != nil {
			return nil, fmt.Errorf("reading locks: %w", err)
		}
		refusal, forgets := j.learn(rows)
		if refusal != nil || !forgets {
			return refusal, nil
		}
		_, err = s.store.Apply(ctx, &WriteSet{Passes: j.passes[:j.n]})
		if !errors.Is(err, ErrConflict) {
			written = err == nil
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: attempts of one name at other nodes", ErrBusy)
}

// unwritten is the refusal of an attempt that the store did not take.
func unwritten(what string, err error) *Refusal {
	err = fmt.Errorf("%s: %w", what, err)
	if errors.Is(err, ErrBusy) {
		return &Refusal{Reason: Busy, RetryAfter: time.Second, Cause: err}
	}
	return Refuse(Unavailable, err)
}
