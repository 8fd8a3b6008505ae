package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/secret"
)

// verdict is who an attempt turned out to be.
type verdict struct {
	candidate
	who    *Identity
	known  bool   // somebody of the claimed name exists, whatever the secret
	shared bool   // several accounts have the claimed name
	judged string // password hash that the password was compared with
	rehash bool   // it fits, but is not made as today's are
	step   int64  // of the second factor's code
}

// judge finds out who an attempt is. It costs the same for a name that does not
// exist: the same hashing, and one look into the store when the answer is no.
func (s *Service) judge(ctx context.Context, a *Attempt, now time.Time) (verdict, *Refusal) {
	if refusal := s.judgeApp(ctx, a, now); refusal != nil {
		return verdict{}, refusal
	}
	v, refusal := s.judgeSecret(ctx, a, now)
	if refusal != nil {
		return v, refusal
	}
	who, err := s.dir.identity(ctx, v.principal)
	switch {
	case notThere(err): // disabled this instant
		return v, refuseCredentials(err)
	case err != nil:
		return v, lookupFailed(err)
	}
	v.who = who
	if a.App != "" {
		if refusal := s.appOf(ctx, who, a.App, s.feed.fresh(now.UnixNano())); refusal != nil {
			// The secret was right, but saying so to a program of another tree
			// would confirm it.
			return v, refuseCredentials(errOtherTree)
		}
	}
	return v, nil
}

// judgeSecret compares with what is remembered of the name. A no is looked up
// again: what was remembered may be older than a change just made, and a name
// that does not exist costs a look into the store as well.
func (s *Service) judgeSecret(ctx context.Context, a *Attempt, now time.Time) (verdict, *Refusal) {
	key, ok := s.recordKey(a)
	if !ok {
		return s.compare(ctx, a, nil, now, "")
	}
	r, remembered, err := s.dir.find(ctx, key, !s.feed.fresh(now.UnixNano()))
	if err != nil && !notThere(err) {
		return verdict{}, lookupFailed(err)
	}
	v, refusal := s.compare(ctx, a, r, now, "")
	if refusal == nil || !remembered || (refusal.Reason != BadCredentials && !errors.Is(refusal.Cause, ErrOlderKeys)) {
		return v, refusal
	}
	r, _, err = s.dir.find(ctx, key, true)
	if err != nil && !notThere(err) {
		return v, lookupFailed(err)
	}
	return s.compare(ctx, a, r, now, v.judged)
}

// errOtherTree is for the audit, like those of a key that is not usable.
var errOtherTree = errors.New("the application key is of another customer tree")

// refuseCredentials is a wrong secret, an unknown name, a disabled key: one answer.
func refuseCredentials(cause error) *Refusal { return Refuse(BadCredentials, cause) }

func lookupFailed(err error) *Refusal {
	if errors.Is(err, ErrBusy) {
		return &Refusal{Reason: Busy, RetryAfter: time.Second, Cause: err}
	}
	return Refuse(Unavailable, fmt.Errorf("looking up a login: %w", err))
}

// notThere says whether an error means that nobody of the name can be found.
func notThere(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrConflict) }

// judgeApp refuses an application key that is missing or unknown before
// anything else is looked at: it is no secret.
func (s *Service) judgeApp(ctx context.Context, a *Attempt, now time.Time) *Refusal {
	if a.App == "" {
		if a.Mount.AppAtLogin {
			return refuseMissingApp
		}
		return nil
	}
	_, err := s.dir.app(ctx, a.App, s.feed.fresh(now.UnixNano()))
	switch {
	case errors.Is(err, ErrNotFound):
		return refuseUnknownApp
	case err != nil:
		return lookupFailed(err)
	}
	return nil
}

// recordKey is whom the attempt names; false when it names nobody.
func (s *Service) recordKey(a *Attempt) (recordKey, bool) {
	k := recordKey{scheme: a.Scheme, tenant: a.Mount.Tenant}
	switch {
	case a.Scheme == AccountKey && a.Number > 0 && len(a.Code) <= MaxCode:
		k.number, k.name = a.Number, a.Code
	case a.Scheme == AccountKey && a.Code != "" && len(a.Code) <= MaxCode:
		k.name = a.Code
	case a.Scheme == Password && a.User != "" && len(a.User) <= MaxName:
		k.name = a.User
	default:
		return k, false
	}
	return k, true
}

// compare compares the secret with everybody it may belong to.
func (s *Service) compare(ctx context.Context, a *Attempt, r *record, now time.Time, judged string) (verdict, *Refusal) {
	switch a.Scheme {
	case AccountKey:
		return s.compareKeys(a, r, now)
	case BareKey:
		return s.findBareKey(ctx, a, now)
	case Password:
		return s.comparePassword(ctx, a, r, judged)
	}
	return verdict{}, refuseCredentials(fmt.Errorf("%w: attempt without a scheme", ErrInvalid))
}

// compareKeys compares with every key of the account, without stopping at the
// first that fits, and with none of an account that does not exist. Where the name is
// that of accounts in several tenants, the right secret tells whose it is. A key whose
// pepper is not in this node's key set cannot be compared: if there is no
// other, nothing was judged. One that could not log in anyway changes nothing.
func (s *Service) compareKeys(a *Attempt, r *record, now time.Time) (verdict, *Refusal) {
	keys := s.Keys()
	digest, pepper := keys.KeyDigestAt(0, a.Secret)
	if r == nil {
		return verdict{}, refuseCredentials(ErrNotFound)
	}
	v := verdict{known: true, shared: r.shared}
	found, judged, unjudged := -1, false, false
	for i := range r.candidates {
		c := &r.candidates[i]
		d := digest
		if c.key.Pepper != pepper {
			var known bool
			if d, known = keys.KeyDigestUnder(c.key.Pepper, a.Secret); !known {
				unjudged = unjudged || c.usable(now, a.Origin.Source) == nil
				continue
			}
		}
		judged = true
		if d.Equal(c.key.Digest) && a.Secret != "" {
			found = i
		}
	}
	switch {
	case found < 0 && unjudged && !judged: // with one that is judged here, a guess is a guess
		s.sayOlderKeys(now)
		return v, Refuse(Unavailable, ErrOlderKeys)
	case found < 0:
		return v, refuseCredentials(nil)
	}
	v.candidate = r.candidates[found]
	if err := v.usable(now, a.Origin.Source); err != nil {
		return v, &Refusal{Reason: BadCredentials, Cause: err, subject: v.key.Name}
	}
	if keys.Older(v.key.Pepper) {
		s.notes.rekey(rekey{v.principal, v.key.Digest, digest, pepper})
	}
	return v, nil
}

// findBareKey looks for the key under each pepper it may have been kept under. One
// under a pepper that this node does not know cannot be told from one that does not
// exist.
func (s *Service) findBareKey(ctx context.Context, a *Attempt, now time.Time) (verdict, *Refusal) {
	v := verdict{}
	keys := s.Keys()
	for i := range keys.Len() {
		d, pepper := keys.KeyDigestAt(i, a.Secret)
		r, _, err := s.dir.find(ctx, recordKey{scheme: BareKey, tenant: a.Mount.Tenant, name: string(d[:])}, !s.feed.fresh(now.UnixNano()))
		switch {
		case notThere(err):
			continue
		case err != nil:
			return v, lookupFailed(err)
		}
		v.known, v.candidate = true, r.candidates[0]
		if v.key.Pepper != pepper || a.Secret == "" {
			continue
		}
		if err := v.usable(now, a.Origin.Source); err != nil {
			return v, &Refusal{Reason: BadCredentials, Cause: err, subject: v.key.Name}
		}
		if keys.Older(pepper) {
			fresh, primary := keys.KeyDigestAt(0, a.Secret)
			s.notes.rekey(rekey{v.principal, v.key.Digest, fresh, primary})
		}
		return v, nil
	}
	return v, refuseCredentials(nil)
}

// comparePassword verifies the password of a user, or does the same work for
// nobody. judged is a hash that it was already found not to fit.
func (s *Service) comparePassword(ctx context.Context, a *Attempt, r *record, judged string) (verdict, *Refusal) {
	c := r.user(a.Mount.Dialect)
	v := verdict{known: c != nil}
	if c == nil || c.user.Password == "" {
		if judged == "" {
			if err := s.hasher.VerifyDummy(ctx, a.Secret); err != nil {
				return v, hashingFailed(err)
			}
		}
		return v, refuseCredentials(nil)
	}
	v.candidate = *c
	v.judged = v.user.Password
	if v.judged == judged {
		return v, refuseCredentials(nil)
	}
	began := s.clock()
	ok, rehash, err := s.hasher.Verify(ctx, v.judged, a.Secret)
	if err != nil {
		return v, hashingFailed(err)
	}
	s.usage.compared(s.clock().Sub(began))
	switch {
	case !ok:
		return v, refuseCredentials(nil)
	case v.disabled:
		return v, refuseCredentials(errAccountDisabled)
	case !v.user.Active:
		return v, Refuse(Inactive, nil)
	}
	v.rehash = rehash
	return v, nil
}

func hashingFailed(err error) *Refusal {
	if errors.Is(err, secret.ErrBusy) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &Refusal{Reason: Busy, RetryAfter: time.Second, Cause: err}
	}
	return Refuse(Unavailable, fmt.Errorf("verifying a password: %w", err))
}
