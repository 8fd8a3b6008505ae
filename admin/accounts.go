package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

func wireAccount(chain []auth.Account) api.Account {
	a := &chain[len(chain)-1]
	disabled := false
	for i := range chain {
		disabled = disabled || chain[i].Disabled
	}
	return api.Account{ID: int64(a.ID), Parent: int64(a.Parent), Level: a.Level.String(), Number: a.Number, Code: a.Code, Name: a.Name,
		Disabled: disabled, Path: refs(chain)}
}

// AccountList lists accounts.
func (a *Admin) AccountList(ctx context.Context, by *auth.Caller, from auth.Origin, in api.AccountQuery) (out api.List[api.Account], err error) {
	c, err := a.begin(ctx, &api.AccountList.Operation, by, from)
	if err != nil {
		return out, err
	}
	last, n, err := after(&in.Page)
	if err != nil {
		return out, err
	}
	err = c.view(ctx, func(v auth.Reader) error {
		list, err := c.accounts(v, &in, auth.AccountID(last), n)
		if err != nil {
			return err
		}
		out, err = paged(list, n, func(a *auth.Account) string { return number(a.ID) }, func(a *auth.Account) (api.Account, error) {
			chain, err := chainOf(v, a.ID)
			if err != nil {
				return api.Account{}, err
			}
			return wireAccount(chain), nil
		})
		return err
	})
	return out, err
}

// accounts reads a page of what an account query means.
func (c *call) accounts(v auth.Reader, in *api.AccountQuery, after auth.AccountID, n int) ([]auth.Account, error) {
	if in.Number != 0 || in.Code != "" {
		return c.named(v, in, after)
	}
	if in.Parent == nil {
		scope, err := c.scope(v, in.Within, false)
		if err != nil {
			return nil, err
		}
		return v.PageAccounts(scope, after, n)
	}
	if in.Within != 0 {
		return nil, invalid("parent", "and within cannot both be stated")
	}
	if *in.Parent == 0 {
		if c.by.Everywhere {
			return v.PageAccounts(auth.Scope{Direct: true}, after, n)
		}
		if after >= c.by.Account.ID { // the top of the tree that the caller sees
			return nil, nil
		}
		top, err := v.Account(c.by.Account.ID)
		return []auth.Account{top}, err
	}
	if _, err := c.account(v, *in.Parent); err != nil {
		return nil, err
	}
	return v.PageAccounts(auth.Scope{Account: auth.AccountID(*in.Parent), Direct: true}, after, n)
}

// named finds the accounts of a number or code: one in each tenant at most.
func (c *call) named(v auth.Reader, in *api.AccountQuery, after auth.AccountID) (found []auth.Account, err error) {
	if after != 0 {
		return nil, nil // they are all on the first page
	}
	tenants := []auth.AccountID{c.by.Tenant.ID}
	if c.by.Everywhere {
		if tenants, err = allTenants(v); err != nil {
			return nil, err
		}
	}
	for _, tenant := range tenants {
		a, err := byName(v, tenant, in)
		if errors.Is(err, auth.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		chain, err := chainOf(v, a.ID)
		if err != nil {
			return nil, err
		}
		if c.reaches(chain) && (in.Within == 0 || contains(chain, in.Within)) && (in.Parent == nil || *in.Parent == int64(a.Parent)) {
			found = append(found, a)
		}
	}
	return found, nil
}

// maxTenants bounds the tenants that a name is looked for in.
const maxTenants = 20_000

func allTenants(v auth.Reader) (ids []auth.AccountID, err error) {
	for last := auth.AccountID(0); len(ids) < maxTenants; {
		part, err := v.PageAccounts(auth.Scope{Direct: true}, last, api.MaxLimit)
		if err != nil {
			return nil, err
		}
		for i := range part {
			last = part[i].ID
			ids = append(ids, last)
		}
		if len(part) < api.MaxLimit {
			break
		}
	}
	return ids, nil
}

func byName(v auth.Reader, tenant auth.AccountID, in *api.AccountQuery) (auth.Account, error) {
	if in.Number == 0 {
		return v.AccountByCode(tenant, in.Code)
	}
	a, err := v.AccountByNumber(tenant, in.Number)
	if err == nil && in.Code != "" && a.Code != in.Code {
		err = auth.ErrNotFound
	}
	return a, err
}

func contains(chain []auth.Account, id int64) bool {
	for i := range chain {
		if int64(chain[i].ID) == id {
			return true
		}
	}
	return false
}

// AccountShow shows an account.
func (a *Admin) AccountShow(ctx context.Context, by *auth.Caller, from auth.Origin, in api.ByID) (out api.Account, err error) {
	c, err := a.begin(ctx, &api.AccountShow.Operation, by, from)
	if err != nil {
		return out, err
	}
	err = c.view(ctx, func(v auth.Reader) error {
		chain, err := c.account(v, in.ID)
		if err == nil {
			out = wireAccount(chain)
		}
		return err
	})
	return out, err
}

// AccountCreate adds an account. Tenants are added by those whose role reaches
// everywhere.
func (a *Admin) AccountCreate(ctx context.Context, by *auth.Caller, from auth.Origin, in api.NewAccount) (out api.Account, err error) {
	c, err := a.begin(ctx, &api.AccountCreate.Operation, by, from)
	if err != nil {
		return out, err
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		rec := auth.Account{Level: auth.Tenant, Number: in.Number, Code: in.Code, Name: in.Name}
		var chain []auth.Account
		if in.Parent != 0 {
			if chain, err = c.account(tx, in.Parent); err != nil {
				return err
			}
			above := &chain[len(chain)-1]
			rec.Level, rec.Parent, rec.Tenant = above.Level+1, above.ID, above.Tenant
			if rec.Level > auth.Division {
				return invalid("parent", "is a division, and nothing is below a division")
			}
		} else if err := c.everywhere(); err != nil {
			return err
		}
		if err := rec.Validate(); err != nil {
			return err
		}
		if err := c.mayCall(tx, &rec, &auth.Account{}); err != nil {
			return err
		}
		if err := rec.Put(tx, e.At); err != nil {
			return err
		}
		chain = append(chain, rec)
		about(e, chain, "")
		begun(e, "level", rec.Level)
		begun(e, "number", rec.Number)
		begun(e, "code", rec.Code)
		begun(e, "name", rec.Name)
		out = wireAccount(chain)
		return nil
	})
	return out, err
}

// AccountUpdate changes an account. Disabling it ends the sessions below it.
func (a *Admin) AccountUpdate(ctx context.Context, by *auth.Caller, from auth.Origin, in api.AccountChange) (out api.Account, err error) {
	c, err := a.begin(ctx, &api.AccountUpdate.Operation, by, from)
	if err != nil {
		return out, err
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		chain, err := c.account(tx, in.ID)
		if err != nil {
			return err
		}
		about(e, chain, "")
		rec := &chain[len(chain)-1]
		was := *rec
		set(e, "number", &rec.Number, in.Number)
		set(e, "code", &rec.Code, in.Code)
		set(e, "name", &rec.Name, in.Name)
		set(e, "disabled", &rec.Disabled, in.Disabled)
		if err := rec.Validate(); err != nil {
			return err
		}
		if err := c.mayCall(tx, rec, &was); err != nil {
			return err
		}
		if was.Disabled != rec.Disabled {
			if err := c.mayStop(tx, rec.ID); err != nil {
				return err
			}
		}
		if err := rec.Put(tx, e.At); err != nil {
			return err
		}
		if rec.Disabled && !was.Disabled {
			if e.Count, err = tx.End(auth.End{Account: rec.ID}); err != nil {
				return err
			}
		}
		out = wireAccount(chain)
		return nil
	})
	return out, err
}

// mayCall refuses to call an account as it is called now and was not before. Mounts and
// other accounts go by how the top of a reach is called: that is the business of whoever
// reaches beyond it. And where a number reads as another's code, what the audit keeps of
// one could be taken for that of the other, which nobody may bring about who does not see
// both.
func (c *call) mayCall(v auth.Reader, rec, was *auth.Account) error {
	if c.by.Everywhere || (was.Number == rec.Number && was.Code == rec.Code) {
		return nil
	}
	if rec.ID == c.by.Account.ID {
		return c.everywhere()
	}
	number := ""
	if rec.Number != 0 {
		number = strconv.FormatInt(rec.Number, 10)
	}
	for _, n := range [...]struct{ field, name string }{{"number", number}, {"code", rec.Code}} {
		if n.name == "" {
			continue
		}
		holders, err := (&auth.Lock{Kind: auth.LockAccount, Name: n.name}).Holders(v, rec.Tenant)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(holders, func(h auth.Holder) bool { return h.Account != rec.ID }) {
			return &Obstacle{n.field, "is taken by another account of the tenant, as its number or code: choose another", auth.ErrExists}
		}
	}
	return nil
}

// mayStop refuses to disable or enable an account in which, or below which, somebody
// has a power that the caller may not take away.
func (c *call) mayStop(v auth.Reader, id auth.AccountID) error {
	for after := auth.PrincipalID(0); ; {
		keys, err := v.PageKeys(auth.Scope{Account: id}, after, api.MaxLimit)
		if err != nil {
			return err
		}
		for i := range keys {
			after = keys[i].ID
			if err := c.mayTouch(keys[i].Role, keys[i].Everywhere); err != nil {
				return fmt.Errorf("key %d in the account: %w", keys[i].ID, err)
			}
		}
		if len(keys) < api.MaxLimit {
			break
		}
	}
	for after := auth.PrincipalID(0); ; {
		users, err := v.PageUsers(auth.Scope{Account: id}, after, api.MaxLimit)
		if err != nil {
			return err
		}
		for i := range users {
			after = users[i].ID
			if err := c.mayTouch(users[i].Role, users[i].Everywhere); err != nil {
				return fmt.Errorf("user %d in the account: %w", users[i].ID, err)
			}
		}
		if len(users) < api.MaxLimit {
			return nil
		}
	}
}

// AccountDelete deletes an account in which nothing is left.
func (a *Admin) AccountDelete(ctx context.Context, by *auth.Caller, from auth.Origin, in api.Removal) (out api.Deleted, err error) {
	c, err := a.begin(ctx, &api.AccountDelete.Operation, by, from)
	if err != nil {
		return out, err
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		chain, err := c.account(tx, in.ID)
		if err != nil {
			return err
		}
		about(e, chain, "")
		return c.notDeleted(tx, tx.DeleteAccount(auth.AccountID(in.ID)), "is in the account", "delete what is in it first, or disable the account instead")
	})
	return out, err
}
