package auth

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// tally counts refusals that cost nothing to cause: the name was locked, the
// credential throttled, the application key unknown, too much was waiting. The first of a kind is an audit event at once; what
// follows within the minute is one more event with a count. Else whoever locks
// a name could fill the disk.
type tally struct {
	mu    sync.Mutex
	kinds map[tallied]*counted
}

// costsNothing says whether a refusal can be caused without end: the attempt was
// not judged, or its secret was right.
func (r *Refusal) costsNothing() bool { return r.Reason != BadCredentials && r.Reason != Inactive }

// tallied is what makes two such refusals one kind: the name or address that was
// locked; where none was, whose secret was right; where none was judged, the mount
// and the address it came from. Never what the attempt claims beside it: there are as
// many names as an outsider likes.
type tallied struct {
	of     claimed
	reason Reason
}

type counted struct {
	event audit.Event // the newest, with what all have in common
	since time.Time   // of the event that was written
	more  int         // refusals since
}

const (
	tallySpan = time.Minute
	maxTally  = 1000 // beyond it names and addresses are no longer told apart
)

// first says whether a refusal is to be written now, and counts it if not.
func (t *tally) first(e *audit.Event, refusal *Refusal, now time.Time) bool {
	k := tallied{refusal.locked, refusal.Reason}
	switch {
	case k.of != (claimed{}):
	case refusal.who != nil:
		k.of = claimed{e.Mount, "principal", strconv.FormatInt(int64(refusal.who.Principal), 10)}
	default:
		k.of = claimed{e.Mount, "address", e.Source}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kinds == nil {
		t.kinds = map[tallied]*counted{}
	}
	if t.kinds[k] == nil && len(t.kinds) >= maxTally {
		e.Account, e.Subject, e.Source = "", "", ""
		k.of = claimed{mount: e.Mount}
	}
	c := t.kinds[k]
	if c == nil {
		t.kinds[k] = &counted{since: now}
		return true
	}
	if c.more > 0 {
		shared(e, &c.event)
	}
	c.event = *e
	c.more++
	return false
}

// shared leaves in e of who, whence and why only what another event says too, so that
// no refusal is booked on whom it was none of.
func shared(e, other *audit.Event) {
	for _, f := range [...]struct {
		of   *string
		same bool
	}{
		{&e.Tenant, e.Tenant == other.Tenant},
		{&e.Account, e.Tenant == other.Tenant && e.Account == other.Account && e.Subject == other.Subject},
		{&e.Subject, e.Tenant == other.Tenant && e.Account == other.Account && e.Subject == other.Subject},
		{&e.Actor, e.Actor == other.Actor},
		{&e.Source, e.Source == other.Source},
		{&e.Detail, e.Detail == other.Detail},
	} {
		if !f.same {
			*f.of = ""
		}
	}
}

// due takes out what was counted for long enough. all takes everything.
func (t *tally) due(now time.Time, all bool) (events []audit.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, c := range t.kinds {
		if !all && now.Sub(c.since) < tallySpan {
			continue
		}
		if c.more == 0 {
			delete(t.kinds, k)
			continue
		}
		c.event.Count = c.more
		events = append(events, c.event)
		c.since, c.more = now, 0
		if all {
			delete(t.kinds, k)
		}
	}
	return events
}

// writeTally writes what was counted.
func (s *Service) writeTally(ctx context.Context, all bool) error {
	events := s.tally.due(s.clock(), all)
	if len(events) == 0 {
		return nil
	}
	if _, err := s.store.Apply(ctx, &WriteSet{Events: events}); err != nil {
		return fmt.Errorf("recording %d kinds of refusals: %w", len(events), err)
	}
	return nil
}
