package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/secret"
)

// LoginAs asks for a session of a user in the name of a [Delegate], who answers
// for having seen the user.
type LoginAs struct {
	Mount  *Mount
	Caller *Caller // see Service.Authenticate
	User   string  // of the caller's tenant
	Form   secret.Form
	Attrs  string
	Origin Origin
}

// LoginAs begins a session of a user that a delegate names, with the life that
// the user's policy, else the mount's, gives. The audit tells who acted. A user
// that is not there, is not active, has a role, or is out of the delegate's reach
// is [BadCredentials], all of them alike. The error is always a [*Refusal].
func (s *Service) LoginAs(ctx context.Context, l *LoginAs) (_ Grant, err error) {
	defer s.counts.login(l.Mount, &err)
	now := s.clock()
	a := &Attempt{Mount: l.Mount, Scheme: Password, User: l.User, Form: l.Form, Attrs: l.Attrs, Origin: l.Origin,
		actor: l.Caller.name()}
	v, refusal := s.userOf(ctx, l)
	ctx = context.WithoutCancel(ctx)
	if refusal != nil {
		return Grant{}, s.refuse(ctx, a, now, refusal)
	}
	return s.issue(ctx, a, v, &settled{g: s.guard, right: true}, now)
}

// userOf finds the user that a delegate means.
func (s *Service) userOf(ctx context.Context, l *LoginAs) (*verdict, *Refusal) {
	if l.Caller.Role != Delegate {
		return nil, refuseCredentials(errNoRole)
	}
	if l.User == "" || len(l.User) > MaxName {
		return nil, refuseCredentials(fmt.Errorf("%w: the user's name is empty or too long", ErrInvalid))
	}
	tenant := l.Caller.Tenant.Code
	if l.Mount.Tenant != "" && l.Mount.Tenant != tenant {
		return nil, refuseCredentials(errors.New("the mount is another tenant's"))
	}
	// Not from memory: there is no secret whose comparison would tell.
	r, _, err := s.dir.find(ctx, recordKey{scheme: Password, tenant: tenant, name: l.User}, true)
	switch {
	case notThere(err):
		return nil, refuseCredentials(err)
	case err != nil:
		return nil, lookupFailed(err)
	}
	c := r.candidates[0]
	switch {
	case c.disabled:
		return nil, refuseCredentials(errAccountDisabled)
	case !c.enabled():
		return nil, refuseCredentials(errInactive)
	}
	who, err := s.dir.holder(ctx, c.principal, l.Mount.Dialect)
	switch {
	case notThere(err):
		return nil, refuseCredentials(err)
	case err != nil:
		return nil, lookupFailed(err)
	case !l.Caller.Reaches(who):
		return nil, refuseCredentials(errReach)
	}
	return &verdict{candidate: c, who: who, known: true}, nil
}
