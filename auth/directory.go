package auth

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// The directory remembers who can log in, so that a login or a check of a known
// name reads nothing from the store. The feed tells it what to forget.
//
// An [Identity] is the unit of forgetting: every cached session points to the
// identity it speaks for, and marking that identity dead makes all its sessions
// ask the store again. Ending a customer's million sessions is one mark.
//
// epoch grows before anything is forgotten. Whoever reads from the store notes
// it before, and keeps what was read only if it has not moved since; so nothing
// stale is put back behind a forgetter's back. The end of a single session is
// the cache's business, see [cache.mark].
type directory struct {
	store Store
	epoch atomic.Uint64

	mu         sync.RWMutex
	identities map[PrincipalID]*Identity
	states     map[PrincipalID]*principalState
	records    map[recordKey]*record
	apps       map[string]*App
	places     map[placeKey][]AccountID // see reach.go
}

// Bounds of the directory; beyond them it starts afresh.
const (
	maxIdentities = 200_000
	maxRecords    = 100_000
	maxLoads      = 8 // tries to read while the records keep changing
)

// liveness is what can be said of an identity after it was made.
type liveness struct {
	dead  atomic.Bool // ask the store again
	state *principalState
}

// recordKey is how an attempt names somebody.
type recordKey struct {
	scheme Scheme
	tenant string // code
	number int64
	name   string // code, user name or digest
}

// record is everybody an attempt may mean: the keys of an account, one key, or
// one user. An attempt that names no tenant may mean several accounts or users.
type record struct {
	candidates []candidate
	shared     bool // by the keys of several accounts
}

// user is the one user that an attempt over a dialect means; nil if that is nobody, or not
// one alone. Of several the console means the one that may sign in there at all: who may
// make users without a role cannot take its name from an administrator of another tenant.
func (r *record) user(dialect string) (one *candidate) {
	if r == nil {
		return nil
	}
	if len(r.candidates) == 1 {
		return &r.candidates[0]
	}
	for i := range r.candidates {
		c := &r.candidates[i]
		if dialect != ConsoleDialect || !c.user.Role.mayLogIn(dialect) {
			continue
		}
		if one != nil {
			return nil
		}
		one = c
	}
	return one
}

type candidate struct {
	principal PrincipalID
	key       *Key
	user      *User
	policy    *Policy   // nil: the mount's
	disabled  bool      // an account on its path is
	who       *Identity // nil: it may not log in. For reading: its liveness is that of the directory's own copy
}

// usable says why a key whose secret is right may not log in; nil if it may.
func (c *candidate) usable(now time.Time, source netip.Addr) error {
	if c.disabled {
		return errAccountDisabled
	}
	return c.key.usable(now, source)
}

// enabled says whether the key or user itself may log in.
func (c *candidate) enabled() bool {
	if c.user != nil {
		return c.user.Active
	}
	return !c.key.Disabled
}

func newDirectory(store Store) *directory {
	return &directory{store: store, identities: map[PrincipalID]*Identity{}, states: map[PrincipalID]*principalState{},
		records: map[recordKey]*record{}, apps: map[string]*App{}, places: map[placeKey][]AccountID{}}
}

// viewLimit is how long the store may take to tell who somebody is. Whoever waits
// for that would rather hear no, and a client does not wait for ever.
const viewLimit = 5 * time.Second

// view reads records for a login or a check.
func (d *directory) view(ctx context.Context, f func(Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, viewLimit)
	defer cancel()
	return d.store.View(ctx, f)
}

// find returns the record of a name. cached says that it may be as old as the
// feed's freshness.
func (d *directory) find(ctx context.Context, k recordKey, fresh bool) (r *record, cached bool, err error) {
	if !fresh {
		d.mu.RLock()
		r = d.records[k]
		d.mu.RUnlock()
		if r != nil {
			return r, true, nil
		}
	}
	for range maxLoads {
		epoch := d.epoch.Load()
		var people []*Identity
		err = d.view(ctx, func(v Reader) error {
			var err error
			r, people, err = readRecord(v, k)
			return err
		})
		if err != nil {
			return nil, false, err
		}
		if d.keep(epoch, k, r, people) {
			return r, false, nil
		}
	}
	return nil, false, fmt.Errorf("%w: the records change faster than they can be read", ErrBusy)
}

// keep files what was read unless something was forgotten meanwhile.
func (d *directory) keep(epoch uint64, k recordKey, r *record, people []*Identity) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.epoch.Load() != epoch {
		return false
	}
	if len(d.records) >= maxRecords {
		clear(d.records)
	}
	d.records[k] = r
	for _, p := range people {
		if d.identities[p.Principal] == nil {
			d.file(p)
		}
	}
	return true
}

// file takes up an identity. d.mu is held.
func (d *directory) file(p *Identity) {
	if len(d.identities) >= maxIdentities {
		for _, old := range d.identities {
			old.live.dead.Store(true)
		}
		clear(d.identities)
	}
	state := d.states[p.Principal]
	if state == nil {
		state = &principalState{}
		d.states[p.Principal] = state
	}
	p.live = &liveness{state: state}
	d.identities[p.Principal] = p
}

// identity returns the living identity of a principal; ErrNotFound if it does
// not exist or an account on its path is disabled.
func (d *directory) identity(ctx context.Context, id PrincipalID) (*Identity, error) {
	d.mu.RLock()
	p := d.identities[id]
	d.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	for range maxLoads {
		epoch := d.epoch.Load()
		err := d.view(ctx, func(v Reader) error {
			var err error
			p, err = readIdentity(v, id)
			return err
		})
		if err != nil {
			return nil, err
		}
		d.mu.Lock()
		if d.epoch.Load() == epoch {
			if known := d.identities[id]; known != nil {
				p = known
			} else {
				d.file(p)
			}
			d.mu.Unlock()
			return p, nil
		}
		d.mu.Unlock()
	}
	return nil, fmt.Errorf("%w: the records change faster than they can be read", ErrBusy)
}

// holder is identity for whoever may have sessions over a dialect; ErrNotFound
// for those whose role does not go with it, even if it was given after the login.
func (d *directory) holder(ctx context.Context, id PrincipalID, dialect string) (*Identity, error) {
	p, err := d.identity(ctx, id)
	if err == nil && !p.Role.mayLogIn(dialect) {
		err = fmt.Errorf("the role of key or user %d does not go with %s: %w", id, dialect, ErrNotFound)
	}
	return p, err
}

// app returns an app that exists and is not disabled.
// What is remembered counts only while the feed is fresh.
func (d *directory) app(ctx context.Context, key string, fresh bool) (*App, error) {
	if fresh {
		d.mu.RLock()
		a := d.apps[key]
		d.mu.RUnlock()
		if a != nil {
			return a, nil
		}
	}
	return d.readApp(ctx, key)
}

// readApp stands apart from app so that finding one allocates nothing.
func (d *directory) readApp(ctx context.Context, key string) (*App, error) {
	var a App
	epoch := d.epoch.Load()
	err := d.view(ctx, func(v Reader) error {
		var err error
		a, err = v.App(key)
		return err
	})
	if err != nil {
		return nil, err
	}
	if a.Disabled {
		return nil, fmt.Errorf("app %q is disabled: %w", a.Name, ErrNotFound)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.epoch.Load() == epoch {
		d.apps[key] = &a
	}
	return &a, nil
}

// forget obeys a notice of the feed.
func (d *directory) forget(n Notice) {
	if n.Kind == EndedSession || n.Kind == ChangedGuard {
		return
	}
	d.epoch.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch n.Kind {
	case EndedSession, ChangedGuard:
	case EndedPrincipal:
		d.renew(d.identities[PrincipalID(n.ID)])
	case EndedAccount:
		for _, p := range d.identities {
			if p.below(AccountID(n.ID)) {
				d.renew(p)
			}
		}
	case ChangedPrincipal:
		d.remove(d.identities[PrincipalID(n.ID)])
		clear(d.records)
	case ChangedAccount:
		for _, p := range d.identities {
			if p.below(AccountID(n.ID)) {
				d.remove(p)
			}
		}
		clear(d.records)
		clear(d.places)
	case ChangedOther:
		clear(d.records)
		clear(d.apps)
	}
}

// forgetAll forgets everything: the feed was lost.
func (d *directory) forgetAll() {
	d.epoch.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.identities {
		p.live.dead.Store(true)
	}
	clear(d.identities)
	clear(d.records)
	clear(d.apps)
	clear(d.places)
}

// renew makes the sessions of an identity ask the store again. What is known of
// the principal itself stays true. d.mu is held.
func (d *directory) renew(p *Identity) {
	if p == nil {
		return
	}
	p.live.dead.Store(true)
	p.live.state.forgetLatest()
	fresh := *p
	fresh.live = &liveness{state: p.live.state}
	d.identities[p.Principal] = &fresh
}

func (d *directory) remove(p *Identity) {
	if p == nil {
		return
	}
	p.live.dead.Store(true)
	p.live.state.forgetLatest()
	delete(d.identities, p.Principal)
}

// sweep forgets the login counts of principals that were not heard of for long.
func (d *directory) sweep(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, st := range d.states {
		if d.identities[id] == nil && st.quiet(now) {
			delete(d.states, id)
		}
	}
}

func (p *Identity) below(a AccountID) bool {
	for _, id := range p.Path {
		if id == a {
			return true
		}
	}
	return false
}
