package auth

import (
	"container/list"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Rate bounds how many logins one client address may try, right ones too, within a
// window that begins with the first of them. What is over it is refused with
// [Throttled] before its secret is looked at. An IPv6 address counts as the /64 that
// it is in. The zero Rate sets no bound.
//
// It is kept in memory: a restart begins anew, and nodes over one store count for
// themselves.
type Rate struct {
	Attempts int
	Window   time.Duration
}

func (r Rate) validate() error {
	if r.Attempts < 0 || r.Attempts > 0 && r.Window <= 0 {
		return fmt.Errorf("%w: the rate of logins needs attempts and window above zero (attempts: 0 sets no bound)", ErrInvalid)
	}
	return nil
}

var errRate = errors.New("too many logins from one address")

// maxRated bounds the addresses whose attempts are counted, about 20 MiB; beyond it
// the one whose window is the oldest goes. So whoever has that many addresses is not
// bound by it, and would not be anyway.
const maxRated = 100_000

// rates counts attempts by address.
type rates struct {
	mu     sync.Mutex
	of     map[rated]*list.Element
	oldest list.List // of *window, in the order in which they began
}

// rated is who is counted together: the mounts of one dialect and tenant serve the
// same site.
type rated struct {
	dialect, tenant string
	mount           string // of a mount for every tenant; else ""
	from            netip.Addr
}

type window struct {
	rated
	ends     time.Time
	attempts int
}

// take counts an attempt, or refuses it if there were as many as the mount allows.
func (r *rates) take(a *Attempt, now time.Time) *Refusal {
	limit := a.Mount.Rate
	if limit.Attempts == 0 {
		return nil
	}
	k := rated{dialect: a.Mount.Dialect, tenant: a.Mount.Tenant, from: network(a.Origin.Source)}
	if k.tenant == "" {
		k.mount = a.Mount.Name
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.of[k]; e != nil {
		w := e.Value.(*window)
		switch {
		case !now.Before(w.ends):
			r.forget(e)
		case w.attempts >= limit.Attempts:
			return &Refusal{Reason: Throttled, RetryAfter: w.ends.Sub(now), Cause: errRate}
		default:
			w.attempts++
			return nil
		}
	}
	if len(r.of) >= maxRated {
		r.forget(r.oldest.Front())
	}
	if r.of == nil {
		r.of = map[rated]*list.Element{}
	}
	r.of[k] = r.oldest.PushBack(&window{k, now.Add(limit.Window), 1})
	return nil
}

// forget stops counting an address. r.mu is held.
func (r *rates) forget(e *list.Element) {
	delete(r.of, e.Value.(*window).rated)
	r.oldest.Remove(e)
}

// sweep forgets windows that are over.
func (r *rates) sweep(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := r.oldest.Front(); e != nil; {
		next := e.Next()
		if !now.Before(e.Value.(*window).ends) {
			r.forget(e)
		}
		e = next
	}
}
