package auth

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// room makes sure that one more session stays within the mount's cap, which is
// the tenant's. Logins that share a cap take turns from the count to the commit,
// or as many as came at once would all find room; free ends the turn. The sessions
// are counted in the store, which hears of a use that keeps a session alive some
// seconds late: one in its last seconds may not be counted. Several nodes over
// one store count for themselves.
func (s *Service) room(ctx context.Context, m *Mount, v *verdict, now time.Time) (free func(), refusal *Refusal) {
	if m.MaxSessions == 0 {
		return func() {}, nil
	}
	c := Capped{Tenant: v.who.Tenant.ID, Dialect: m.Dialect}
	free = s.turns.take(c)
	if v.life(m, now).ExpireOnNew {
		c.Except = v.principal // the login ends them
	}
	n, first, err := s.store.Live(ctx, c, now, m.MaxSessions)
	switch {
	case err != nil:
		free()
		return nil, lookupFailed(fmt.Errorf("counting live sessions: %w", err))
	case n >= m.MaxSessions:
		free()
		r := &Refusal{Reason: Throttled, Cause: fmt.Errorf("%d sessions of the tenant are alive, the cap of the mount", n)}
		if !first.IsZero() {
			r.RetryAfter = first.Sub(now)
		}
		return nil, r
	}
	return free, nil
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
