package admin

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
)

func kindOf(who *auth.Identity) string {
	if who.User != nil {
		return "user"
	}
	return "key"
}

func wireSession(s *auth.ListedSession) api.Session {
	ends, why := s.Row.End()
	return api.Session{ID: int64(s.Row.ID), Principal: int64(s.Row.Principal), Kind: kindOf(s.Who), Subject: s.Who.Subject,
		Account: int64(s.Who.Account.ID), Path: s.Who.PathRefs, Dialect: s.Row.Dialect, App: s.Row.App, Source: s.Row.Source.String(),
		Issued: s.Row.Issued, Ends: optional(ends), EndsBy: string(why), Cap: optional(s.Row.Cap), UsesLeft: s.Row.Uses,
		LastUsed: optional(s.LastUsed), Live: s.Alive}
}

// principal refuses a key or user that is not in the caller's reach; kind says which
// it must be.
func (c *call) principal(ctx context.Context, id int64, kind string) error {
	who, err := c.service.IdentityOf(ctx, auth.PrincipalID(id))
	if err == nil && (kindOf(who) != kind || !c.by.Reaches(who)) {
		err = auth.ErrNotFound
	}
	if err != nil {
		return c.failed(ctx, c.missing(fmt.Sprintf("%s %d", kind, id), err))
	}
	return nil
}

// SessionList lists sessions, the newest first.
func (a *Admin) SessionList(ctx context.Context, by *auth.Caller, from auth.Origin, in api.SessionQuery) (out api.List[api.Session], err error) {
	c, err := a.begin(ctx, &api.SessionList.Operation, by, from)
	if err != nil {
		return out, err
	}
	last, n, err := after(&in.Page)
	if err != nil {
		return out, err
	}
	f := auth.SessionFilter{Dialect: in.Dialect, Live: in.Live, Before: auth.SessionID(last), Limit: n}
	if f.Principal, f.Account, err = c.whose(ctx, in.Key, in.User, in.Account); err != nil {
		return out, err
	}
	if f.Principal == 0 && f.Account == 0 && !by.Everywhere {
		f.Account = by.Account.ID
	}
	list, next, err := a.service.Sessions(ctx, f)
	if err != nil {
		return out, failed(err)
	}
	out.Items = make([]api.Session, 0, len(list))
	for i := range list {
		if by.Reaches(list[i].Who) {
			out.Items = append(out.Items, wireSession(&list[i]))
		}
	}
	if next != 0 {
		out.Next = number(next)
	}
	return out, nil
}

// whose is whom a key, user or account names; at most one of them is stated.
func (c *call) whose(ctx context.Context, key, user, account int64) (p auth.PrincipalID, a auth.AccountID, err error) {
	stated := 0
	for _, id := range []int64{key, user, account} {
		if id != 0 {
			stated++
		}
	}
	switch {
	case stated > 1:
		return 0, 0, invalid("key", "user and account: state one of them")
	case key != 0:
		err = c.principal(ctx, key, "key")
		return auth.PrincipalID(key), 0, err
	case user != 0:
		err = c.principal(ctx, user, "user")
		return auth.PrincipalID(user), 0, err
	case account != 0:
		err = c.view(ctx, func(v auth.Reader) error {
			_, err := c.account(v, account)
			return err
		})
	}
	return 0, auth.AccountID(account), err
}

// session reads a session in the caller's reach.
func (c *call) session(ctx context.Context, id int64) (*auth.ListedSession, error) {
	s, err := c.service.SessionOf(ctx, auth.SessionID(id))
	if err == nil && !c.by.Reaches(s.Who) {
		err = auth.ErrNotFound
	}
	if err != nil {
		return nil, c.failed(ctx, c.missing(fmt.Sprintf("session %d", id), err))
	}
	return &s, nil
}

// SessionShow shows a session.
func (a *Admin) SessionShow(ctx context.Context, by *auth.Caller, from auth.Origin, in api.ByID) (out api.Session, err error) {
	c, err := a.begin(ctx, &api.SessionShow.Operation, by, from)
	if err != nil {
		return out, err
	}
	s, err := c.session(ctx, in.ID)
	if err != nil {
		return out, err
	}
	return wireSession(s), nil
}

// SessionEnd ends a session.
func (a *Admin) SessionEnd(ctx context.Context, by *auth.Caller, from auth.Origin, in api.Removal) (out api.Ended, err error) {
	c, err := a.begin(ctx, &api.SessionEnd.Operation, by, from)
	if err != nil {
		return out, err
	}
	if err := checkWhy(in.Why); err != nil {
		return out, err
	}
	s, err := c.session(ctx, in.ID)
	if err != nil {
		return out, err
	}
	if err := c.mayEnd(ctx, s.Who, fmt.Sprintf("session %d", in.ID)); err != nil {
		return out, err
	}
	out.Ended, err = a.service.Revoke(ctx, auth.Revocation{Session: s.Row.ID, Actor: Actor(by), Why: in.Why, Origin: from})
	return out, failed(err)
}

// mayEnd refuses to end the sessions of somebody with a role, as mayTouch has it:
// an operator could keep an auditor from looking. Whoever ends an account's
// sessions ends theirs as well.
func (c *call) mayEnd(ctx context.Context, who *auth.Identity, what string) error {
	if who.Principal == c.by.Principal {
		return nil
	}
	if err := c.mayTouch(who.Role, who.Everywhere); err != nil {
		return c.forbid(ctx, what, err)
	}
	return nil
}

// SessionEndAll ends all sessions of a key, a user, or an account and those below it.
// With DryRun it says how many that would be: whoever may list them may count them, and
// nothing is recorded, as of a list.
func (a *Admin) SessionEndAll(ctx context.Context, by *auth.Caller, from auth.Origin, in api.EndAll) (out api.Ended, err error) {
	op := &api.SessionEndAll.Operation
	right := op.Right
	if in.DryRun {
		right = op.DryRun
	}
	c, err := a.beginWith(ctx, op, right, by, from)
	if err != nil {
		return out, err
	}
	if err := checkWhy(in.Why); err != nil {
		return out, err
	}
	r := auth.Revocation{Actor: Actor(by), Why: in.Why, Origin: from}
	if r.Principal, r.Account, err = c.whose(ctx, in.Key, in.User, in.Account); err != nil {
		return out, err
	}
	if r.Principal == 0 && r.Account == 0 {
		return out, invalid("key", "user or account: state whose sessions are meant")
	}
	if out.DryRun = in.DryRun; in.DryRun {
		out.Ended, err = a.service.WouldRevoke(ctx, r)
		return out, failed(err)
	}
	if r.Principal != 0 {
		who, err := a.service.IdentityOf(ctx, r.Principal)
		if err != nil {
			return out, failed(err)
		}
		if err := c.mayEnd(ctx, who, "sessions of "+who.Subject); err != nil {
			return out, err
		}
	}
	out.Ended, err = a.service.Revoke(ctx, r)
	return out, failed(err)
}
