package auth

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// room makes sure that one more session stays within the mount's cap, which is
// the tenant's. The store makes sure of it in the commit that begins the session, for
// all nodes; what is found full here costs no commit. Logins of this node that share
// a cap take turns until then, or all that come at once would ask for the same room;
// free ends the turn. The store hears of a use that keeps a session alive some seconds
// late: one in its last seconds may not be counted.
func (s *Service) room(ctx context.Context, m *Mount, v *verdict, now time.Time) (wanted *Room, free func(), refusal *Refusal) {
	if m.MaxSessions == 0 {
		return nil, func() {}, nil
	}
	c := Capped{Tenant: v.who.Tenant.ID, Dialect: m.Dialect}
	free = s.turns.take(c)
	if v.life(m, now).ExpireOnNew {
		c.Except = v.principal // the login ends them
	}
	wanted = &Room{Capped: c, At: now, Most: m.MaxSessions}
	refusal, err := s.full(ctx, wanted)
	if err != nil {
		refusal = lookupFailed(err)
	}
	if refusal != nil {
		free()
		return nil, nil, refusal
	}
	return wanted, free, nil
}

// full is the refusal if there is no room.
func (s *Service) full(ctx context.Context, r *Room) (*Refusal, error) {
	n, first, err := s.store.Live(ctx, r.Capped, r.At, r.Most)
	if err != nil {
		return nil, fmt.Errorf("counting live sessions: %w", err)
	}
	if n < r.Most {
		return nil, nil
	}
	refusal := &Refusal{Reason: Throttled, Cause: fmt.Errorf("%d sessions of the tenant are alive, the cap of the mount", n)}
	if !first.IsZero() {
		refusal.RetryAfter = first.Sub(r.At)
	}
	return refusal, nil
}

// turns lets one login under a cap after the other pass. An entry is there for as
// long as somebody holds or awaits its turn.
type turns struct {
	mu sync.Mutex
	of map[Capped]*turn
}

type turn struct {
	sync.Mutex
	takers int
}

// take waits for the cap's turn and returns what ends it.
func (t *turns) take(c Capped) (end func()) {
	t.mu.Lock()
	if t.of == nil {
		t.of = map[Capped]*turn{}
	}
	mine := t.of[c]
	if mine == nil {
		mine = &turn{}
		t.of[c] = mine
	}
	mine.takers++
	t.mu.Unlock()
	mine.Lock()
	return func() {
		mine.Unlock()
		t.mu.Lock()
		defer t.mu.Unlock()
		if mine.takers--; mine.takers == 0 {
			delete(t.of, c)
		}
	}
}
