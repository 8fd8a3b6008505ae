package auth

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// Bounds of what of the audit one [Service.Explain] reads.
const (
	explainBatches = 2000
	explainEvents  = 50_000
	explainRead    = 200 // batches read at once
)

// explainSkew is how far the order of events may be off the order of batches: an event
// is of the time at which its attempt began.
const explainSkew = time.Minute

// Explain fills in of locks what the guard does not keep and the audit does: the first
// of the failures of a name, the newest of those from an address, and from where the
// newest came. limits are those of each lock. What the audit does not have any more, or
// has deeper than is looked, stays zero.
func (s *Service) Explain(ctx context.Context, locks []*Lock, limits []Limits) error {
	x := explanation{of: map[claimed]*explained{}}
	for i, l := range locks {
		x.want(l, limits[i])
	}
	var before uint64 // everything
	for batches := 0; x.open > 0 && batches < explainBatches && x.events < explainEvents; {
		part, err := s.store.AuditBefore(ctx, before, explainRead)
		if err != nil {
			return fmt.Errorf("reading why locks are: %w", err)
		}
		for i := range part {
			if x.open == 0 || part[i].At.Before(x.since) {
				return nil
			}
			if err := x.look(&part[i]); err != nil {
				return err
			}
		}
		if batches += len(part); len(part) < explainRead || part[len(part)-1].Seq <= 1 {
			return nil
		}
		before = part[len(part)-1].Seq
	}
	return nil
}

// explanation is a walk through the audit, from its end.
type explanation struct {
	of     map[claimed]*explained
	open   int       // locks of which something is missing
	since  time.Time // nothing before it can say more
	events int
}

type explained struct {
	lock *Lock
	seen int // failures
}

// want adds a lock to what is looked for.
func (x *explanation) want(l *Lock, limits Limits) {
	if l.Mount == "" || l.Failures == 0 {
		return
	}
	oldest := l.First
	if !l.Kind.ByAddress() {
		oldest = l.Newest
		if l.Failures == 1 {
			l.First = l.Newest
		} else {
			oldest = oldest.Add(-time.Duration(l.Failures) * limits.Window)
		}
	}
	if oldest = oldest.Add(-explainSkew); x.open == 0 || oldest.Before(x.since) {
		x.since = oldest
	}
	x.of[claimed{l.Mount, string(l.Kind), l.Name}] = &explained{lock: l}
	x.open++
}

// look goes through a batch from its end.
func (x *explanation) look(b *audit.Batch) error {
	events, err := b.Events()
	if err != nil {
		return fmt.Errorf("reading the audit: %w: run audit verify", err)
	}
	for i := len(events) - 1; i >= 0; i-- {
		e := &events[i]
		x.events++
		// Of failures the guard counts those alone; who acts for others fails uncounted.
		if e.Kind != audit.Refusal || e.Reason != string(BadCredentials) || e.Actor != "" {
			continue
		}
		source, err := netip.ParseAddr(e.Source)
		if err != nil {
			continue
		}
		x.counts(claimed{e.Mount, string(LockAddress), addressName(source)}, e, source)
		if e.Account != "" {
			x.counts(claimed{e.Mount, string(LockAccount), e.Account}, e, source)
			continue
		}
		x.counts(claimed{e.Mount, string(LockNameless), addressName(source)}, e, source)
		x.counts(claimed{e.Mount, string(LockUser), e.Subject}, e, source)
	}
	return nil
}

// counts takes an event for one of the failures of a lock.
func (x *explanation) counts(who claimed, e *audit.Event, source netip.Addr) {
	w := x.of[who]
	if w == nil {
		return
	}
	l, at := w.lock, e.At.UTC().Truncate(time.Microsecond)
	if l.Kind.ByAddress() {
		if at.Before(l.First) {
			return
		}
		l.Newest, l.Source = at, source
		x.found(who)
		return
	}
	if at.After(l.Newest) { // of after the lock was read
		return
	}
	if at.Equal(l.Newest) {
		l.Source = source
	}
	if w.seen++; w.seen >= l.Failures {
		l.First = at
		x.found(who)
	}
}

// found ends the search for a lock.
func (x *explanation) found(who claimed) {
	delete(x.of, who)
	x.open--
}
