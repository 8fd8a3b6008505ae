package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// SessionFilter says which sessions an administrator looks for.
type SessionFilter struct {
	Principal PrincipalID // of this key or user; 0: of any
	Account   AccountID   // of this account and those below it; 0: of any
	Dialect   string      // "": over any
	Live      bool        // not those that are over but still kept
	Before    SessionID   // older than this one; 0: from the newest on
	Limit     int         // above zero
}

// ListedSession is a session as administrators see it.
type ListedSession struct {
	Row      SessionRow // without the digest of its token. Ends is as this node knows it
	Who      *Identity
	LastUsed time.Time // as far as this node knows; zero: it does not
	Alive    bool
}

// Sessions lists sessions that were not ended, the newest first. A page may hold
// fewer than there are, or none: next is where to go on, 0 if there is no more.
func (s *Service) Sessions(ctx context.Context, f SessionFilter) (list []ListedSession, next SessionID, err error) {
	now := s.clock()
	q := SessionQuery{Dialect: f.Dialect, Before: f.Before, Limit: f.Limit}
	if f.Live {
		q.LiveAt = now.Add(-sweepGrace) // the store hears late of what keeps a session alive
	}
	switch {
	case f.Principal != 0:
		q.Of = []PrincipalID{f.Principal}
	case f.Account != 0:
		if q.Of, err = s.principalsBelow(ctx, f.Account); err != nil {
			return nil, 0, err
		}
		if len(q.Of) == 0 {
			return nil, 0, nil
		}
		if len(q.Of) > MaxQueryOf { // then they are most of what there is
			q.Of = nil
		}
	}
	rows, next, err := s.store.Sessions(ctx, q)
	if err != nil {
		return nil, 0, fmt.Errorf("listing sessions: %w", err)
	}
	err = s.store.View(ctx, func(v Reader) error {
		list = list[:0]
		people := map[PrincipalID]*Identity{}
		for i := range rows {
			who, err := readOnce(v, people, rows[i].Principal)
			if err != nil {
				return err
			}
			if who == nil || (f.Account != 0 && !slices.Contains(who.Path, f.Account)) {
				continue
			}
			if one := s.listed(&rows[i], who, now); one.Alive || !f.Live {
				list = append(list, one)
			}
		}
		return nil
	})
	return list, next, err
}

// SessionOf is one session and whose it is. Its error wraps [ErrNotFound] if there
// is none, or not any more.
func (s *Service) SessionOf(ctx context.Context, id SessionID) (ListedSession, error) {
	row, err := s.store.Session(ctx, id)
	if err != nil {
		return ListedSession{}, fmt.Errorf("session %d: %w", id, err)
	}
	who, err := s.IdentityOf(ctx, row.Principal)
	if err != nil {
		return ListedSession{}, err
	}
	return s.listed(&row, who, s.clock()), nil
}

// IdentityOf is who a key or user is, whether it is enabled or not.
func (s *Service) IdentityOf(ctx context.Context, id PrincipalID) (who *Identity, err error) {
	err = s.store.View(ctx, func(v Reader) error {
		who, err = readAnyIdentity(v, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("key or user %d: %w", id, err)
	}
	return who, nil
}

// readOnce is readAnyIdentity with a memory. nil: it was removed this instant.
func readOnce(v Reader, known map[PrincipalID]*Identity, id PrincipalID) (*Identity, error) {
	if who, ok := known[id]; ok {
		return who, nil
	}
	who, err := readAnyIdentity(v, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	known[id] = who
	return who, nil
}

// listed adds what memory knows of a session.
func (s *Service) listed(row *SessionRow, who *Identity, now time.Time) ListedSession {
	l := ListedSession{Row: *row, Who: who}
	l.Row.Digest = [32]byte{}
	known := newCached(row, who, nil, now.UnixNano()) // held to the key's own end
	if e := s.cache.get(row.ID); e != nil {
		known.keepEnds(e)
		l.LastUsed = time.Unix(0, e.used.Load()).UTC()
	}
	l.Row.Ends, l.Row.Cap = fromNanos(known.ends.Load()), fromNanos(known.cap)
	l.Alive = l.Row.Life.Alive(now)
	return l
}

// principalsBelow lists the keys and users of an account and those below it, one
// more than a query may name if there are more.
func (s *Service) principalsBelow(ctx context.Context, a AccountID) (ids []PrincipalID, err error) {
	err = s.store.View(ctx, func(v Reader) error {
		ids = ids[:0]
		keys, err := v.PageKeys(Scope{Account: a}, 0, MaxQueryOf+1)
		if err != nil {
			return err
		}
		users, err := v.PageUsers(Scope{Account: a}, 0, MaxQueryOf+1)
		for i := range keys {
			ids = append(ids, keys[i].ID)
		}
		for i := range users {
			ids = append(ids, users[i].ID)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the keys and users of account %d: %w", a, err)
	}
	return ids, nil
}

// countPage is how many sessions WouldRevoke reads at a time.
const countPage = 1000

// WouldRevoke says how many sessions [Service.Revoke] would end now. It only reads,
// page by page, and lets nobody wait: what begins or ends meanwhile may be counted or
// not. The error wraps [ErrInvalid], or is a [*Refusal].
func (s *Service) WouldRevoke(ctx context.Context, r Revocation) (count int, err error) {
	switch {
	case r.Session != 0 && r.Principal == 0 && r.Account == 0:
		switch _, err := s.store.Session(ctx, r.Session); {
		case errors.Is(err, ErrNotFound):
			return 0, nil
		case err != nil:
			return 0, endingFailed(err)
		}
		return 1, nil
	case r.Session != 0 || (r.Principal == 0) == (r.Account == 0):
		return 0, fmt.Errorf("%w: a revocation names one of session, principal and account", ErrInvalid)
	}
	f := SessionFilter{Principal: r.Principal, Account: r.Account, Limit: countPage}
	for {
		list, next, err := s.Sessions(ctx, f)
		if err != nil {
			return 0, endingFailed(err)
		}
		count += len(list)
		if next == 0 {
			return count, nil
		}
		f.Before = next
	}
}
