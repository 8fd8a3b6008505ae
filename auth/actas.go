package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/audit"
)

// A trusted caller names the user that it acts for. Whether a session may do so
// is for the dialect to know; here is seen to it that the user is of the caller's
// own account or below it, and may be there at all.

// ActAs asks who a caller means by a user's name.
type ActAs struct {
	Mount  *Mount
	Caller *Session // whose account the user is of, or one below
	User   string
	Create *NewUser // makes the user if there is none; nil: refused
	Origin Origin   // for the audit
}

// NewUser is what a caller says of a user that nobody has made yet.
type NewUser struct{ FullName, Email string }

// ActAs returns the user that a caller names. A name that nobody has whom the caller
// reaches, or whose account is disabled, is [BadCredentials], a user who is not active
// [Inactive], and a new user with an impossible name or address [Malformed]. With
// Create a missing user is made, durably: active, without a password, in the
// caller's account. The error is always a [*Refusal].
func (s *Service) ActAs(ctx context.Context, a *ActAs) (*Identity, error) {
	fresh := s.feed.fresh(s.clock().UnixNano())
	who, refusal := s.userFor(ctx, a.Caller.Identity, a.User, fresh)
	if refusal == nil {
		return who, nil
	}
	if a.Create == nil || !errors.Is(refusal, ErrNotFound) {
		return nil, refusal
	}
	if refusal := s.createUser(ctx, a); refusal != nil {
		return nil, refusal
	}
	if who, refusal = s.userFor(ctx, a.Caller.Identity, a.User, false); refusal != nil {
		return nil, refusal
	}
	return who, nil
}

// userFor finds a user whom the caller reaches. remembered says that memory may be
// believed; else the store is asked.
func (s *Service) userFor(ctx context.Context, caller *Identity, name string, remembered bool) (*Identity, *Refusal) {
	if len(name) > MaxName {
		return nil, Refuse(BadCredentials, fmt.Errorf("%w: the user's name is too long", ErrInvalid))
	}
	r, _, err := s.dir.find(ctx, recordKey{scheme: Password, tenant: caller.Tenant.Code, name: name}, !remembered)
	switch {
	case notThere(err):
		return nil, Refuse(BadCredentials, fmt.Errorf("acting for a user: %w", err))
	case err != nil:
		return nil, lookupFailed(err)
	}
	switch c := &r.candidates[0]; {
	case !c.under(caller.Account.ID, caller.Tenant.ID):
		return nil, Refuse(BadCredentials, fmt.Errorf("acting for a user: %w", errReach))
	case c.disabled:
		return nil, Refuse(BadCredentials, errors.New("acting for a user: the account is disabled"))
	case c.who != nil && !c.who.Role.LogsIn():
		return nil, Refuse(BadCredentials, fmt.Errorf("acting for a user: %w", errRole))
	case !c.enabled():
		return nil, Refuse(Inactive, errors.New("acting for a user"))
	default:
		return c.who, nil
	}
}

// under says whether a user stands in an account or below it. Of one who may not log in
// it is not known what is above his account.
func (c *candidate) under(account, tenant AccountID) bool {
	return account == tenant || c.user.Account == account || (c.who != nil && slices.Contains(c.who.Path, account))
}

// createUser makes the user that a caller named, unless somebody else just did.
func (s *Service) createUser(ctx context.Context, a *ActAs) *Refusal {
	caller := a.Caller.Identity
	user := User{Tenant: caller.Tenant.ID, Account: caller.Account.ID, Name: a.User, Active: true,
		FullName: a.Create.FullName, Email: a.Create.Email}
	if err := user.Validate(); err != nil {
		return Refuse(Malformed, fmt.Errorf("creating a user: %w", err))
	}
	event := audit.Event{At: s.clock(), Kind: audit.Change, Tenant: caller.Tenant.Code, Account: caller.AccountRef, Subject: user.Name,
		Actor: caller.name(), Session: uint64(a.Caller.ID), Dialect: a.Mount.Dialect, Mount: a.Mount.Name,
		Source: a.Origin.Source.String(), Request: a.Origin.Request, Reason: "act-as", Detail: "created the user: a caller acts for it"}
	err := s.Update(ctx, func(tx Tx) error {
		u := user
		if err := u.Put(tx, event.At); err != nil {
			return err
		}
		return tx.Record(event)
	})
	switch {
	case errors.Is(err, ErrExists):
		return nil
	case errors.Is(err, ErrBusy):
		return lookupFailed(err)
	case err != nil:
		return Refuse(Unavailable, fmt.Errorf("creating a user: %w", err))
	}
	return nil
}
