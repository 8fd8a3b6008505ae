package admin

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// lockedAccount is whose name is locked; nil if that cannot be known: an address, a
// name of nobody's, one that several tenants have.
func (a *Admin) lockedAccount(v auth.Reader, l *auth.Lock) ([]auth.Account, error) {
	i := slices.IndexFunc(a.mounts, func(m MountInfo) bool { return m.Mount != nil && m.Name == l.Mount })
	if i < 0 && l.Mount != Dialect {
		return nil, nil
	}
	var tenant auth.AccountID
	if i >= 0 && a.mounts[i].Tenant != "" {
		t, err := v.AccountByCode(0, a.mounts[i].Tenant)
		if err != nil {
			return nil, unlessNobody(err)
		}
		tenant = t.ID
	}
	id, err := nameHolder(v, tenant, l)
	if err != nil || id == 0 {
		return nil, unlessNobody(err)
	}
	chain, err := chainOf(v, id)
	return chain, unlessNobody(err)
}

func nameHolder(v auth.Reader, tenant auth.AccountID, l *auth.Lock) (auth.AccountID, error) {
	switch l.Kind {
	case auth.LockUser:
		u, err := v.UserByName(tenant, l.Name)
		return u.Account, err
	case auth.LockAccount:
		var acc auth.Account
		n, err := strconv.ParseInt(l.Name, 10, 64)
		switch {
		case err == nil:
			acc, err = v.AccountByNumber(tenant, n)
		case tenant == 0:
			acc, err = v.AccountByAnyCode(l.Name)
		default:
			acc, err = v.AccountByCode(tenant, l.Name)
		}
		return acc.ID, err
	case auth.LockNameless, auth.LockAddress:
	}
	return 0, nil
}

// unlessNobody is nil for errors that say that nobody, or not one alone, is meant.
func unlessNobody(err error) error {
	if errors.Is(err, auth.ErrNotFound) || errors.Is(err, auth.ErrConflict) {
		return nil
	}
	return err
}

// seesLock says whether a lock is of somebody in the caller's reach. Addresses are for
// those whose role reaches everywhere.
func (c *call) seesLock(v auth.Reader, l *auth.Lock) (bool, []auth.Account, error) {
	chain, err := c.lockedAccount(v, l)
	if err != nil {
		return false, nil, err
	}
	return c.by.Everywhere || (chain != nil && c.reaches(chain)), chain, nil
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
	out.Items = []api.Lock{}
	err = c.view(ctx, func(v auth.Reader) error {
		out.Items, out.Next = out.Items[:0], ""
		for i := range locks {
			l := &locks[i]
			key := l.Key.String()
			if key <= in.After || (l.Until.IsZero() && !in.Failures) || (in.Name != "" && in.Name != l.Name) {
				continue
			}
			seen, chain, err := c.seesLock(v, l)
			if err != nil {
				return err
			}
			if !seen {
				continue
			}
			if len(out.Items) == n {
				out.Next = out.Items[n-1].Lock
				return nil
			}
			one := api.Lock{Lock: key, Mount: l.Mount, Kind: string(l.Kind), Name: l.Name, Known: l.Known, Failures: l.Failures, Last: l.Last, Until: optional(l.Until)}
			if chain != nil {
				one.Account = int64(chain[len(chain)-1].ID)
			}
			out.Items = append(out.Items, one)
		}
		return nil
	})
	return out, err
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
