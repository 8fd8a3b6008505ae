package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

func wireLife(p *auth.Policy) api.Life {
	return api.Life{Span: api.Span(p.Span), Idle: api.Span(p.Idle), Uses: p.Uses, ExpireOnNew: p.ExpireOnNew, Never: p.Never}
}

func wirePolicy(p *auth.Policy) api.Policy { return api.Policy{Name: p.Name, Life: wireLife(p)} }

// PolicyList lists policies, which everybody may know: they are named by keys and users.
func (a *Admin) PolicyList(ctx context.Context, by *auth.Caller, from auth.Origin, in api.Page) (out api.List[api.Policy], err error) {
	c, err := a.begin(ctx, &api.PolicyList.Operation, by, from)
	if err != nil {
		return out, err
	}
	n, err := limit(in.Limit)
	if err != nil {
		return out, err
	}
	err = c.view(ctx, func(v auth.Reader) error {
		list, err := v.Policies()
		if err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(p auth.Policy) bool { return p.Name <= in.After && in.After != "" })
		out, err = paged(list[:min(n, len(list))], n, func(p *auth.Policy) string { return p.Name },
			func(p *auth.Policy) (api.Policy, error) { return wirePolicy(p), nil })
		return err
	})
	return out, err
}

// PolicyCreate adds a policy.
func (a *Admin) PolicyCreate(ctx context.Context, by *auth.Caller, from auth.Origin, in api.NewPolicy) (out api.Policy, err error) {
	c, err := a.begin(ctx, &api.PolicyCreate.Operation, by, from)
	if err != nil {
		return out, err
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		if err := c.everywhere(); err != nil {
			return err
		}
		if in.Name == "" {
			return invalid("name", "is missing")
		}
		if _, err := tx.Policy(in.Name); !errors.Is(err, auth.ErrNotFound) {
			if err == nil {
				err = &auth.Taken{Field: auth.UniquePolicy}
			}
			return err
		}
		rec := auth.Policy{Name: in.Name, Span: time.Duration(in.Span), Idle: time.Duration(in.Idle), Uses: in.Uses, ExpireOnNew: in.ExpireOnNew, Never: in.Never}
		if err := rec.Validate(); err != nil {
			return err
		}
		begun(e, "policy", rec.Name)
		begun(e, "span", rec.Span)
		begun(e, "idle", rec.Idle)
		begun(e, "uses", rec.Uses)
		begun(e, "expire on new", rec.ExpireOnNew)
		begun(e, "never", rec.Never)
		out = wirePolicy(&rec)
		return tx.PutPolicy(&rec)
	})
	return out, err
}

// PolicyUpdate changes a policy, for sessions that begin from then on.
func (a *Admin) PolicyUpdate(ctx context.Context, by *auth.Caller, from auth.Origin, in api.PolicyChange) (out api.Policy, err error) {
	c, err := a.begin(ctx, &api.PolicyUpdate.Operation, by, from)
	if err != nil {
		return out, err
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		if err := c.everywhere(); err != nil {
			return err
		}
		rec, err := tx.Policy(in.Name)
		if err != nil {
			return fmt.Errorf("policy %q: %w", in.Name, err)
		}
		begun(e, "policy", rec.Name)
		set(e, "span", &rec.Span, (*time.Duration)(in.Span))
		set(e, "idle", &rec.Idle, (*time.Duration)(in.Idle))
		set(e, "uses", &rec.Uses, in.Uses)
		set(e, "expire on new", &rec.ExpireOnNew, in.ExpireOnNew)
		set(e, "never", &rec.Never, in.Never)
		if err := rec.Validate(); err != nil {
			return err
		}
		out = wirePolicy(&rec)
		return tx.PutPolicy(&rec)
	})
	return out, err
}

// PolicyDelete deletes a policy that no key or user has.
func (a *Admin) PolicyDelete(ctx context.Context, by *auth.Caller, from auth.Origin, in api.PolicyRemoval) (out api.Deleted, err error) {
	c, err := a.begin(ctx, &api.PolicyDelete.Operation, by, from)
	if err != nil {
		return out, err
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		if err := c.everywhere(); err != nil {
			return err
		}
		begun(e, "policy", in.Name)
		return c.notDeleted(tx, tx.DeletePolicy(in.Name), "has the policy", "give it another first")
	})
	return out, err
}
