package auth

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Check says whose session a credential opens. It writes nothing, with the one
// exception that design asks for: a session with a number of uses has one taken,
// durably, since a use that a crash gives back would not be a limit.
//
// A session in memory is believed only while the feed of ended sessions is
// fresh; else the store is asked; if that fails the call is refused with
// [Unavailable]. The error is always a [*Refusal].
func (s *Service) Check(ctx context.Context, b *Bearer) (Session, error) {
	return s.check(ctx, b, true)
}

// Try is Check where several mounts may know the credential, and each is asked in
// turn. That one does not know it is no outcome yet, and is not counted: if none
// does, call [Service.Unknown].
func (s *Service) Try(ctx context.Context, b *Bearer) (Session, error) {
	return s.check(ctx, b, false)
}

// Unknown counts a credential that no mount knew, for the one that answers.
func (s *Service) Unknown(m *Mount) { s.counts.of(m).checks.count(0, UnknownToken) }

func (s *Service) check(ctx context.Context, b *Bearer, alone bool) (Session, error) {
	e, now, remembered, refusal := s.find(ctx, b)
	if refusal != nil {
		return s.unchecked(b, alone, refusal)
	}
	if refusal := s.permit(ctx, e, b, now); refusal != nil {
		return s.unchecked(b, alone, refusal)
	}
	var user *Identity
	if b.As != "" {
		if user, refusal = s.userFor(ctx, e.who, b.As, s.feed.fresh(now)); refusal != nil {
			return s.unchecked(b, alone, refusal)
		}
	}
	alive, note := e.use(now)
	if !alive {
		return s.unchecked(b, alone, refuseUnknown)
	}
	if note {
		s.notes.touch(e)
	}
	if now-e.used.Load() > int64(time.Second) {
		e.used.Store(now)
	}
	if e.uses > 0 {
		if refusal := s.takeUse(ctx, e); refusal != nil {
			return s.unchecked(b, alone, refusal)
		}
	}
	if e.checks.Add(1)&gone != 0 {
		s.cache.late(e)
	}
	s.counts.check(b.Mount, e, remembered)
	session := e.session()
	if user != nil {
		session.Identity, session.Actor = user, session.Identity
	}
	return session, nil
}

// unchecked counts a refusal. alone says that no other mount is asked.
func (s *Service) unchecked(b *Bearer, alone bool, refusal *Refusal) (Session, error) {
	if refusal.Reason == UnknownToken && !alone {
		return Session{}, refusal
	}
	s.counts.of(b.Mount).checks.count(0, refusal.Reason)
	return Session{}, refusal
}

// refuseUnknown is shared: a flood of made-up tokens allocates nothing.
var (
	refuseUnknown      = &Refusal{Reason: UnknownToken}
	refuseWrongAccount = &Refusal{Reason: WrongAccount}
	refuseMissingApp   = &Refusal{Reason: MissingApp}
	refuseUnknownApp   = &Refusal{Reason: UnknownApp}
)

// find opens a credential to a live session of the mount's dialect and tenant.
// The token's digest covers all of its bytes, its MAC included, so a session in
// memory needs no MAC computed; without one the MAC is what keeps made-up
// tokens from the store. remembered says that the store was not asked.
func (s *Service) find(ctx context.Context, b *Bearer) (_ *cached, now int64, remembered bool, _ *Refusal) {
	now = s.clock().UnixNano()
	fresh := s.feed.fresh(now)
	keys := s.Keys()
	for i := range keys.Len() {
		t, ok := keys.Parse(b.Form, i, b.Value)
		if !ok {
			continue
		}
		e, remembered := s.cache.get(SessionID(t.ID)), true
		if !e.believed(now, fresh) {
			if !s.ids.plausible(SessionID(t.ID)) || !keys.Authentic(b.Form, i, &t) {
				continue
			}
			remembered = false
			var err error
			e, err = s.load(ctx, SessionID(t.ID))
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, now, false, Refuse(Unavailable, fmt.Errorf("looking up a session: %w", err))
			}
		}
		if t.Digest().Equal(e.digest) && now < e.ends.Load() && e.fits(b.Mount) {
			return e, now, remembered, nil
		}
	}
	return nil, now, false, refuseUnknown
}

// fits says whether the session was opened over the mount's dialect, by
// somebody of its tenant.
func (e *cached) fits(m *Mount) bool {
	return e.origin.dialect == m.Dialect && (m.Tenant == "" || e.who.Tenant.Code == m.Tenant)
}

// load reads a session from the store and remembers it.
func (s *Service) load(ctx context.Context, id SessionID) (*cached, error) {
	var e *cached
	for range maxLoads {
		epoch, mark := s.dir.epoch.Load(), s.cache.mark(id)
		row, err := s.store.Session(ctx, id)
		if err != nil {
			return nil, err
		}
		who, err := s.dir.holder(ctx, row.Principal, row.Dialect)
		if err != nil {
			return nil, err
		}
		e = newCached(&row, who, s.origin(row.Dialect, row.App), s.clock().UnixNano())
		if s.cache.put(e, mark, func() bool { return s.dir.epoch.Load() == epoch }) {
			return e, nil
		}
	}
	// Something was ended during each try. What was read last is the store's own
	// word and good for this one check, only not for keeping.
	e.checks.Store(gone)
	return e, nil
}

// permit applies what the call says beside its token.
func (s *Service) permit(ctx context.Context, e *cached, b *Bearer, now int64) *Refusal {
	if b.Number != 0 && b.Number != e.who.Account.Number {
		return refuseWrongAccount
	}
	if b.Attrs != "" && b.Attrs != e.attrs {
		return refuseUnknown
	}
	if b.Code != "" {
		if refusal := s.withinReach(ctx, e.who, b.Code, now); refusal != nil {
			return refusal
		}
	}
	if b.Mount.LockBlocksTokens {
		if left, locked := s.guard.lockedNow(e.who.lockKey(b.Mount), time.Unix(0, now)); locked {
			return &Refusal{Reason: Locked, RetryAfter: left}
		}
	}
	if b.App == "" {
		if b.Mount.AppOnCalls {
			return refuseMissingApp
		}
		return nil
	}
	if b.Mount.BindApp && e.origin.app != "" && e.origin.app != b.App {
		return refuseUnknownApp
	}
	return s.appOfCall(ctx, e, b.App, now)
}

// appOfCall is appOf for a later call, which nearly always carries the key of
// its login: that one is looked up again only when some record has changed.
func (s *Service) appOfCall(ctx context.Context, e *cached, key string, now int64) *Refusal {
	at := uint32(s.dir.epoch.Load())&0x7fffffff + 1 // before looking, so that a change meanwhile counts
	fresh, same := s.feed.fresh(now), key == e.origin.app
	if same && fresh && e.appAt.Load() == at {
		return nil
	}
	refusal := s.appOf(ctx, e.who, key, fresh)
	if refusal == nil && same {
		e.appAt.Store(at)
	}
	return refusal
}

// appOf refuses an application key that is unknown, disabled or of another tree.
func (s *Service) appOf(ctx context.Context, who *Identity, key string, fresh bool) *Refusal {
	app, err := s.dir.app(ctx, key, fresh)
	switch {
	case errors.Is(err, ErrNotFound):
		return refuseUnknownApp
	case err != nil:
		return Refuse(Unavailable, fmt.Errorf("looking up an app: %w", err))
	case !who.below(app.Account):
		return refuseUnknownApp
	}
	return nil
}

// lockKey is what the guard counts this principal's attempts under.
func (p *Identity) lockKey(m *Mount) GuardKey {
	a := Attempt{Mount: m, Scheme: AccountKey, Number: p.Account.Number, Code: p.Account.Code}
	if p.User != nil {
		a = Attempt{Mount: m, Scheme: Password, User: p.Subject}
	}
	list, n := guardedBy(&a)
	if n == 0 {
		return GuardKey{}
	}
	return list[0].key
}

// takeUse takes one use of a counted session.
func (s *Service) takeUse(ctx context.Context, e *cached) *Refusal {
	_, err := s.store.Apply(ctx, &WriteSet{Use: e.id})
	switch {
	case errors.Is(err, ErrConflict):
		s.cache.drop(e.id)
		return refuseUnknown
	case errors.Is(err, ErrBusy):
		return Refuse(Busy, err)
	case err != nil:
		return Refuse(Unavailable, fmt.Errorf("counting a use: %w", err))
	}
	return nil
}
