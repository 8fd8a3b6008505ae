package admin

import (
	"context"
	"encoding/hex"
	"errors"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// lockMount is the mount that a lock is of; nil if there is none of that name any more.
func (a *Admin) lockMount(l *auth.Lock) *auth.Mount {
	for _, m := range a.mounts {
		if m.Mount != nil && m.Name == l.Mount {
			return m.Mount
		}
	}
	switch {
	case a.signIn != nil && a.signIn.Name == l.Mount:
		return a.signIn
	case l.Mount == mount.Name:
		return mount
	}
	return nil
}

// lockedAccount is whose name is locked, with all above it; nil if that cannot be known:
// an address, a name of nobody's, one that several have.
func (a *Admin) lockedAccount(v auth.Reader, l *auth.Lock) ([]auth.Account, error) {
	m := a.lockMount(l)
	if m == nil {
		return nil, nil
	}
	var tenant auth.AccountID
	if m.Tenant != "" {
		t, err := v.AccountByCode(0, m.Tenant)
		if err != nil {
			return nil, unlessNobody(err)
		}
		tenant = t.ID
	}
	holders, err := l.Holders(v, tenant)
	if err != nil || len(holders) != 1 {
		return nil, err
	}
	chain, err := chainOf(v, holders[0].Account)
	return chain, unlessNobody(err)
}

// ownLocked is who of the caller's reach a locked name means, with all above; nil if it
// means anybody else too, or nobody. Locks are kept by mount and claimed name, and at a
// mount that names no tenant those of a name are one lock for all tenants. Lifting it
// gives everybody new guesses at whoever has the name, so that is for those who answer for
// all of them: else a name that is made for it would do to lift another's lock.
func (c *call) ownLocked(v auth.Reader, l *auth.Lock) ([]auth.Account, error) {
	m := c.lockMount(l)
	if m == nil || (m.Tenant != "" && m.Tenant != c.by.Tenant.Code) {
		return nil, nil
	}
	var tenant auth.AccountID // of any
	if m.Tenant != "" {
		tenant = c.by.Tenant.ID
	}
	holders, err := l.Holders(v, tenant)
	if err != nil {
		return nil, err
	}
	var own []auth.Account
	for i := range holders {
		chain, err := chainOf(v, holders[i].Account)
		if err != nil {
			return nil, unlessNobody(err)
		}
		if !c.reaches(chain) {
			return nil, nil
		}
		if own == nil {
			own = chain
		}
	}
	return own, nil
}

// unlessNobody is nil for errors that say that nobody is meant.
func unlessNobody(err error) error {
	if errors.Is(err, auth.ErrNotFound) {
		return nil
	}
	return err
}

// seesLock says whether a lock is of nobody but whom the caller reaches, and of whom.
// Addresses and names of nobody's are for those whose role reaches everywhere.
func (c *call) seesLock(v auth.Reader, l *auth.Lock) (bool, []auth.Account, error) {
	if c.by.Everywhere {
		chain, err := c.lockedAccount(v, l)
		return err == nil, chain, err
	}
	chain, err := c.ownLocked(v, l)
	return chain != nil, chain, err
}

// LockList lists what is locked, in the order of the locks' own names.
func (a *Admin) LockList(ctx context.Context, by *auth.Caller, from auth.Origin, in api.LockQuery) (out api.List[api.Lock], err error) {
	c, err := a.begin(ctx, &api.LockList.Operation, by, from)
	if err != nil {
		return out, err
	}
	n, err := limit(in.Limit)
	if err != nil {
		return out, err
	}
	locks, err := a.service.Locks(ctx)
	if err != nil {
		return out, failed(err)
	}
	var found []foundLock
	err = c.view(ctx, func(v auth.Reader) error {
		found, out.Next = found[:0], ""
		for i := range locks {
			l := &locks[i]
			if l.Key.String() <= in.After || (l.Until.IsZero() && !in.Failures) || (in.Name != "" && in.Name != l.Name) {
				continue
			}
			seen, chain, err := c.seesLock(v, l)
			if err != nil {
				return err
			}
			if !seen {
				continue
			}
			if len(found) == n {
				out.Next = found[n-1].Key.String()
				return nil
			}
			found = append(found, foundLock{l, chain})
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	out.Items, err = c.wireLocks(ctx, found)
	return out, err
}

// foundLock is a lock and whose it is, as far as that is known.
type foundLock struct {
	*auth.Lock
	chain []auth.Account
}

// wireLocks tells of locks what is known of them.
func (c *call) wireLocks(ctx context.Context, found []foundLock) ([]api.Lock, error) {
	locks, limits := make([]*auth.Lock, len(found)), make([]auth.Limits, len(found))
	for i, f := range found {
		if locks[i] = f.Lock; c.lockMount(f.Lock) != nil {
			limits[i] = c.lockMount(f.Lock).LimitsOf(f.Kind)
		}
	}
	if err := c.service.Explain(ctx, locks, limits); err != nil {
		if ctx.Err() != nil {
			return nil, failed(ctx.Err())
		}
		// They can be seen and lifted all the same.
		c.log.Warn("locks are listed without what the audit says of them", "request", c.from.Request, "error", err)
	}
	items := make([]api.Lock, 0, len(found))
	for i, f := range found {
		items = append(items, wireLock(f.Lock, limits[i], f.chain))
	}
	return items, nil
}

func wireLock(l *auth.Lock, limits auth.Limits, chain []auth.Account) api.Lock {
	one := api.Lock{Lock: l.Key.String(), Mount: l.Mount, Kind: string(l.Kind), Name: l.Name, Known: l.Known || chain != nil, Counted: "name", Limit: "names",
		Failures: l.Failures, Allowed: limits.Failures, Window: api.Span(limits.Window), LockFor: api.Span(limits.Lock),
		First: optional(l.First), Newest: optional(l.Newest), Until: optional(l.Until)}
	if l.Kind.ByAddress() {
		one.Counted = "address"
	}
	if l.Kind == auth.LockAddress {
		one.Limit = "addresses"
	}
	if l.Source.IsValid() {
		one.Source = l.Source.String()
	}
	if chain != nil {
		one.Account = int64(chain[len(chain)-1].ID)
	}
	return one
}

// LockLift forgets a lock, or all of a name. That there is none is no error: it may
// have ended this instant.
func (a *Admin) LockLift(ctx context.Context, by *auth.Caller, from auth.Origin, in api.LockLifting) (out api.Lifted, err error) {
	c, err := a.begin(ctx, &api.LockLift.Operation, by, from)
	if err != nil {
		return out, err
	}
	var key auth.GuardKey
	switch raw, err := hex.DecodeString(in.Lock); {
	case (in.Lock == "") == (in.Name == ""):
		return out, invalid("lock", "or name: state one of them")
	case err != nil || (in.Lock != "" && len(raw) != len(key)):
		return out, invalid("lock", "is not what the list calls one")
	default:
		copy(key[:], raw)
	}
	locks, err := a.service.Locks(ctx)
	if err != nil {
		return out, failed(err)
	}
	lift := map[auth.GuardKey]bool{}
	var whose []auth.Account
	err = c.view(ctx, func(v auth.Reader) error {
		for i := range locks {
			l := &locks[i]
			if (in.Lock != "" && l.Key != key) || (in.Name != "" && l.Name != in.Name) {
				continue
			}
			seen, chain, err := c.seesLock(v, l)
			if err != nil {
				return err
			}
			if seen {
				lift[l.Key] = true
			}
			if seen && chain != nil {
				whose = chain
			}
		}
		return nil
	})
	if err != nil || len(lift) == 0 {
		return out, err
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		if whose != nil {
			about(e, whose, "")
		}
		e.Count, err = tx.ClearGuards(func(row auth.GuardRow) bool {
			if lift[row.Key] {
				e.Detail = join(e.Detail, "lifted: "+row.Name)
			}
			return lift[row.Key]
		})
		out.Lifted = e.Count
		return err
	})
	return out, err
}
