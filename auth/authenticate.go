package auth

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Caller is who asks Sallyport itself for something: the API behind it about a
// token, or an administrator.
type Caller struct {
	*Identity
}

// Reaches says whether the caller's role extends to somebody.
func (c *Caller) Reaches(who *Identity) bool {
	return c.Everywhere || slices.Contains(who.Path, c.Account.ID)
}

// Authenticate judges an attempt as [Service.Login] does, guard and all, and
// begins no session. The caller must have one of the roles; else it is refused
// as if the secret were wrong. The error is always a [*Refusal]. A success writes
// nothing but, now and then, when the key was last used.
//
// Who knows the name of a verifier could lock it with wrong secrets, and with it
// every check of the API behind. So wrong secrets of keys count by address alone,
// and a key that was right once from an address is compared there before the guard
// is asked: it passes even while somebody else at that address is locked out. What
// this gives away is guesses to whoever has many addresses, at the secret of an API
// key; those that are made here hold 128 random bits.
func (s *Service) Authenticate(ctx context.Context, a *Attempt, roles ...Role) (*Caller, error) {
	now := s.clock()
	if c := s.knownCaller(ctx, a, now, roles); c != nil {
		return c, nil
	}
	place, refusal := s.guard.reserve(ctx, now, byAddress(a))
	if refusal != nil {
		return nil, s.refuse(ctx, a, now, refusal)
	}
	v, refusal := s.judge(ctx, a, now)
	ctx = context.WithoutCancel(ctx)
	if refusal == nil && !slices.Contains(roles, v.who.Role) {
		refusal = &Refusal{Reason: BadCredentials, Cause: errNoRole, subject: v.who.Subject}
	}
	switch {
	case refusal == nil:
	case refusal.Reason == BadCredentials:
		return nil, s.countFailure(ctx, a, &v, &place, now, refusal)
	case refusal.Reason == Inactive:
		settled := s.guard.passed(now, &place)
		return nil, s.refuseJudged(ctx, a, &settled, now, refusal)
	default:
		s.guard.release(&place)
		return nil, s.refuse(ctx, a, now, refusal)
	}
	settled := s.guard.passed(now, &place)
	refusal, err := s.confirm(ctx, &settled)
	switch {
	case err != nil:
		return nil, unwritten("asking for locks", err)
	case refusal != nil:
		return nil, s.refuse(ctx, a, now, refusal)
	}
	s.remember(a, &v)
	return s.caller(&v, now), nil
}

// callerAddresses is how many wrong secrets of keys with a role lock the address
// that they came from, where the mount says nothing else of addresses.
var callerAddresses = Limits{Failures: 100, Window: 15 * time.Minute, Lock: time.Minute}

// byAddress is the attempt as the guard counts it: a key by its address alone, a
// user, whose password may be weak, by name as well.
func byAddress(a *Attempt) *Attempt {
	if a.Scheme != AccountKey {
		return a
	}
	counted, mount := *a, *a.Mount
	mount.Names = Limits{}
	if mount.Addresses.Failures == 0 {
		mount.Addresses = callerAddresses
	}
	counted.Mount = &mount
	return &counted
}

// caller notes the use of a key.
func (s *Service) caller(v *verdict, now time.Time) *Caller {
	if v.key != nil && v.who.live.state.useNoted(now) {
		s.notes.use(KeyUse{Key: v.principal, At: now.UTC().Truncate(time.Microsecond)})
	}
	return &Caller{v.who}
}

// callers are keys that were right once, by the name and the address they came
// under. Each is there because of a right secret, so there are few.
type callers struct {
	mu    sync.RWMutex
	known map[callerKey]PrincipalID
}

type callerKey struct {
	record recordKey
	source netip.Addr
}

// maxCallers bounds what is remembered; beyond it the memory starts afresh.
const maxCallers = 10_000

func (s *Service) remember(a *Attempt, v *verdict) {
	k, ok := s.recordKey(a)
	if !ok || a.Scheme != AccountKey {
		return
	}
	s.callers.mu.Lock()
	defer s.callers.mu.Unlock()
	if s.callers.known == nil || len(s.callers.known) >= maxCallers {
		s.callers.known = map[callerKey]PrincipalID{}
	}
	s.callers.known[callerKey{k, a.Origin.Source}] = v.principal
}

// knownCaller is the caller if the very key was right before, from the same
// address; nil leaves it to the guard.
func (s *Service) knownCaller(ctx context.Context, a *Attempt, now time.Time, roles []Role) *Caller {
	k, ok := s.recordKey(a)
	if !ok || a.Scheme != AccountKey {
		return nil
	}
	s.callers.mu.RLock()
	principal, known := s.callers.known[callerKey{k, a.Origin.Source}]
	s.callers.mu.RUnlock()
	if !known {
		return nil
	}
	r, _, err := s.dir.find(ctx, k, !s.feed.fresh(now.UnixNano()))
	if err != nil {
		return nil
	}
	v, refusal := s.compareKeys(a, r, now)
	if refusal != nil || v.principal != principal {
		return nil
	}
	if v.who, err = s.dir.identity(ctx, principal); err != nil || !slices.Contains(roles, v.who.Role) {
		return nil
	}
	return s.caller(&v, now)
}
