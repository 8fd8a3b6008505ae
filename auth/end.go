package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/audit"
)

// Logout ends the session that a credential opens, and only that one. What the
// call says beside its token does not matter: whoever holds a token may give it
// up. A token that opens nothing is refused with [UnknownToken].
func (s *Service) Logout(ctx context.Context, b *Bearer, from Origin) error {
	e, _, _, refusal := s.find(ctx, b)
	if refusal != nil {
		return refusal
	}
	event := audit.Event{At: s.clock(), Kind: audit.Logout, Session: uint64(e.id), Dialect: b.Mount.Dialect,
		Mount: b.Mount.Name, Source: from.Source.String(), Request: from.Request, Reason: string(EndLogout)}
	about(&event, e.who)
	result, err := s.store.Apply(ctx, &WriteSet{End: []End{{Session: e.id}}, Events: []audit.Event{event}})
	if err != nil {
		return endingFailed(err)
	}
	s.obey(Notice{Kind: EndedSession, ID: uint64(e.id)})
	e.who.live.state.ended(e.id)
	if result.Ended == 0 { // somebody else was faster
		return refuseUnknown
	}
	return nil
}

// Revocation says which sessions somebody other than their holder ends: one, all
// of a key or user, or all in an account's subtree. Exactly one of Session,
// Principal and Account is set.
type Revocation struct {
	Session   SessionID
	Principal PrincipalID
	Account   AccountID
	Actor     string // who asks for it
	Why       string // for the audit
	Origin    Origin
}

// Revoke ends sessions and returns how many there were. When it returns, this
// node refuses them; others do within a second. The error is a [*Refusal], or
// wraps [ErrInvalid] or [ErrNotFound].
func (s *Service) Revoke(ctx context.Context, r Revocation) (int, error) {
	event := audit.Event{At: s.clock(), Kind: audit.Revocation, Actor: r.Actor, Session: uint64(r.Session),
		Request: r.Origin.Request, Reason: string(EndRevoked), Detail: audit.Claim(r.Why)}
	if r.Origin.Source.IsValid() { // who works on the database itself comes from nowhere
		event.Source = r.Origin.Source.String()
	}
	var notice Notice
	switch {
	case r.Session != 0 && r.Principal == 0 && r.Account == 0:
		notice = Notice{Kind: EndedSession, ID: uint64(r.Session)}
	case r.Principal != 0 && r.Session == 0 && r.Account == 0:
		notice = Notice{Kind: EndedPrincipal, ID: uint64(r.Principal)}
	case r.Account != 0 && r.Session == 0 && r.Principal == 0:
		notice = Notice{Kind: EndedAccount, ID: uint64(r.Account)}
	default:
		return 0, fmt.Errorf("%w: a revocation names one of session, principal and account", ErrInvalid)
	}
	if err := s.describe(ctx, &event, &r); err != nil {
		return 0, err
	}
	count := 0
	err := s.store.Update(ctx, func(tx Tx) error {
		var err error
		if count, err = tx.End(End{Session: r.Session, Principal: r.Principal, Account: r.Account}); err != nil {
			return err
		}
		recorded := event
		recorded.Count = count
		return tx.Record(recorded)
	})
	if err != nil {
		return 0, endingFailed(err)
	}
	s.obey(notice)
	return count, nil
}

// describe names whom a revocation is about.
func (s *Service) describe(ctx context.Context, e *audit.Event, r *Revocation) error {
	principal := r.Principal
	if r.Session != 0 {
		row, err := s.store.Session(ctx, r.Session)
		if err != nil {
			return fmt.Errorf("session %d: %w", r.Session, err)
		}
		principal, e.Dialect = row.Principal, row.Dialect
	}
	err := s.store.View(ctx, func(v Reader) error {
		if principal != 0 {
			who, err := readAnyIdentity(v, principal)
			if err != nil {
				return err
			}
			about(e, who)
			return nil
		}
		chain, err := readChain(v, r.Account)
		if err != nil {
			return err
		}
		e.Tenant, e.Account = chain[0].Code, chain[len(chain)-1].Ref()
		return nil
	})
	if err != nil {
		return fmt.Errorf("revoking: %w", err)
	}
	return nil
}

func endingFailed(err error) *Refusal {
	if errors.Is(err, ErrBusy) {
		return Refuse(Busy, err)
	}
	return Refuse(Unavailable, fmt.Errorf("ending sessions: %w", err))
}
