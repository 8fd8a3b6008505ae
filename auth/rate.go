package auth

import (
	"container/list"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Rate bounds how many logins one client address may try, right ones too, within a
// window that begins with the first of them. What is over it is refused with
// [Throttled] before its secret is looked at. An IPv6 address counts as the /64 that
// it is in. The zero Rate sets no bound.
//
// Nodes over one store count together what they judge, in the commit that ends an
// attempt: so together they let no more be answered. A window that this node knows
// to be full costs nothing. What is refused unjudged, because a name is locked for
// instance, each counts for itself, until its restart.
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
	of     map[GuardKey]*list.Element
	oldest list.List // of *window, in the order in which they began
}

type window struct {
	key      GuardKey
	ends     time.Time
	attempts int
}

// rateKey is who is counted together: the mounts of one dialect and tenant serve the
// same site. A mount for every tenant is one by itself.
func rateKey(a *Attempt) GuardKey {
	of := claimed{a.Mount.Dialect, "rate of tenant " + a.Mount.Tenant, network(a.Origin.Source).String()}
	if a.Mount.Tenant == "" {
		of.kind = "rate of mount " + a.Mount.Name
	}
	return guardKey(of)
}

// take counts an attempt, or refuses it if there were as many as the mount allows. The
// attempt takes of the rate once it is judged.
func (r *rates) take(a *Attempt, now time.Time) (Take, *Refusal) {
	limit := a.Mount.Rate
	if limit.Attempts == 0 {
		return Take{}, nil
	}
	t := Take{Key: rateKey(a), Most: limit.Attempts, At: now, Until: now.Add(limit.Window)}
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.window(t.Key, now, t.Until)
	if w.attempts >= limit.Attempts {
		return Take{}, &Refusal{Reason: Throttled, RetryAfter: w.ends.Sub(now), Cause: errRate}
	}
	w.attempts++
	return t, nil
}

// window finds or begins the window of an address. r.mu is held.
func (r *rates) window(key GuardKey, now, ends time.Time) *window {
	if e := r.of[key]; e != nil {
		if w := e.Value.(*window); now.Before(w.ends) {
			return w
		}
		r.forget(e)
	}
	if len(r.of) >= maxRated {
		r.forget(r.oldest.Front())
	}
	if r.of == nil {
		r.of = map[GuardKey]*list.Element{}
	}
	w := &window{key: key, ends: ends}
	r.of[key] = r.oldest.PushBack(w)
	return w
}

// used refuses an attempt because the nodes together have answered as many as the
// mount allows, and remembers until when.
func (r *rates) used(row *GuardRow, now time.Time) *Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.window(row.Key, now, row.Forget)
	w.ends, w.attempts = row.Forget, max(w.attempts, row.Failures)
	return &Refusal{Reason: Throttled, RetryAfter: row.Forget.Sub(now), Cause: errRate}
}

// forget stops counting an address. r.mu is held.
func (r *rates) forget(e *list.Element) {
	delete(r.of, e.Value.(*window).key)
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
