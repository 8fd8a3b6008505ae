package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

func wireUser(u *auth.User) api.User {
	return api.User{ID: int64(u.ID), Tenant: int64(u.Tenant), Account: int64(u.Account), Name: u.Name, HasPassword: u.Password != "",
		SecondFactor: u.Factor != "", Active: u.Active, Admin: u.Admin, Group: u.Group, Rights: u.Rights, FullName: u.FullName,
		DisplayName: u.DisplayName, Email: u.Email, Policy: u.Policy, LastSignIn: optional(u.LastSignIn), Power: wirePower(u.Role, u.Everywhere)}
}

// Bounds of a password, in bytes.
const (
	minPassword = 8
	maxPassword = 1024
)

// hash hashes a password, outside of any transaction: it takes long.
func (c *call) hash(ctx context.Context, password string) (string, error) {
	if len(password) < minPassword || len(password) > maxPassword {
		return "", invalid("password", "has from %d to %d bytes", minPassword, maxPassword)
	}
	h, err := c.service.Hasher().Hash(ctx, password)
	switch {
	case err == nil:
		return h, nil
	case ctx.Err() != nil:
		return "", err
	}
	return "", auth.Refuse(auth.Busy, fmt.Errorf("hashing a password: %w", err))
}

// user reads a user in the caller's reach.
func (c *call) user(v auth.Reader, id int64) (auth.User, []auth.Account, error) {
	u, err := v.User(auth.PrincipalID(id))
	var chain []auth.Account
	if err == nil {
		chain, err = c.account(v, int64(u.Account))
	}
	if err != nil {
		return u, nil, c.missing(fmt.Sprintf("user %d", id), err)
	}
	return u, chain, nil
}

// UserList lists users.
func (a *Admin) UserList(ctx context.Context, by *auth.Caller, from auth.Origin, in api.UserQuery) (out api.List[api.User], err error) {
	c, err := a.begin(ctx, &api.UserList.Operation, by, from)
	if err != nil {
		return out, err
	}
	last, n, err := after(&in.Page)
	if err != nil {
		return out, err
	}
	err = c.view(ctx, func(v auth.Reader) error {
		scope, err := c.scope(v, in.Account, in.Direct)
		if err != nil {
			return err
		}
		read := v.PageUsers
		if in.Name != "" {
			read = func(in2 auth.Scope, after auth.PrincipalID, _ int) ([]auth.User, error) {
				return c.usersNamed(v, in2, after, in.Name)
			}
		}
		list, err := read(scope, auth.PrincipalID(last), n)
		if err != nil {
			return err
		}
		out, err = paged(list, n, func(u *auth.User) string { return number(u.ID) },
			func(u *auth.User) (api.User, error) { return wireUser(u), nil })
		return err
	})
	return out, err
}

// usersNamed finds the users of a login name: one in each tenant at most.
func (c *call) usersNamed(v auth.Reader, in auth.Scope, after auth.PrincipalID, name string) (found []auth.User, err error) {
	tenants := []auth.AccountID{c.by.Tenant.ID}
	switch {
	case after != 0:
		return nil, nil // they are all on the first page
	case in.Account != 0:
		chain, err := chainOf(v, in.Account)
		if err != nil {
			return nil, err
		}
		tenants = []auth.AccountID{chain[0].ID}
	case c.by.Everywhere:
		if tenants, err = allTenants(v); err != nil {
			return nil, err
		}
	}
	for _, tenant := range tenants {
		u, err := v.UserByName(tenant, name)
		if errors.Is(err, auth.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		chain, err := chainOf(v, u.Account)
		if err != nil {
			return nil, err
		}
		if c.reaches(chain) && (in.Account == 0 || u.Account == in.Account || (!in.Direct && contains(chain, int64(in.Account)))) {
			found = append(found, u)
		}
	}
	return found, nil
}

// UserShow shows a user.
func (a *Admin) UserShow(ctx context.Context, by *auth.Caller, from auth.Origin, in api.ByID) (out api.User, err error) {
	c, err := a.begin(ctx, &api.UserShow.Operation, by, from)
	if err != nil {
		return out, err
	}
	err = c.view(ctx, func(v auth.Reader) error {
		u, _, err := c.user(v, in.ID)
		if err == nil {
			out = wireUser(&u)
		}
		return err
	})
	return out, err
}

// UserCreate adds a user.
func (a *Admin) UserCreate(ctx context.Context, by *auth.Caller, from auth.Origin, in api.NewUser) (out api.User, err error) {
	c, err := a.begin(ctx, &api.UserCreate.Operation, by, from)
	if err != nil {
		return out, err
	}
	rec := auth.User{Account: auth.AccountID(in.Account), Name: in.Name, Active: !in.Inactive, Admin: in.Admin, Group: in.Group, Rights: in.Rights,
		FullName: in.FullName, DisplayName: in.DisplayName, Email: in.Email, Policy: in.Policy}
	rec.Role, rec.Everywhere = power(in.Power)
	if in.Password != "" {
		if rec.Password, err = c.hash(ctx, in.Password); err != nil {
			return out, err
		}
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		rec.ID = 0
		chain, err := c.account(tx, in.Account)
		if err != nil {
			return err
		}
		about(e, chain, rec.Name)
		rec.Tenant = chain[0].ID
		if err := c.putUser(tx, &rec, e.At); err != nil {
			return err
		}
		describeUser(e, &rec)
		out = wireUser(&rec)
		return nil
	})
	return out, err
}

// putUser writes a user whom the caller may make as it is.
func (c *call) putUser(tx auth.Tx, rec *auth.User, at time.Time) error {
	if err := c.mayTouch(rec.Role, rec.Everywhere); err != nil {
		return err
	}
	if err := rec.Validate(); err != nil {
		return err
	}
	if err := checkPolicy(tx, rec.Policy); err != nil {
		return err
	}
	return rec.Put(tx, at)
}

func describeUser(e *audit.Event, u *auth.User) {
	e.Detail = join(e.Detail, "user "+number(u.ID))
	begun(e, "inactive", !u.Active)
	begun(e, "with a password", u.Password != "")
	begun(e, "admin", u.Admin)
	begun(e, "group", u.Group)
	begun(e, "rights", u.Rights)
	begun(e, "policy", u.Policy)
	begun(e, "role", u.Role)
	begun(e, "everywhere", u.Everywhere)
}

// UserUpdate changes a user. Deactivating one ends the sessions.
func (a *Admin) UserUpdate(ctx context.Context, by *auth.Caller, from auth.Origin, in api.UserChange) (out api.User, err error) {
	c, err := a.begin(ctx, &api.UserUpdate.Operation, by, from)
	if err != nil {
		return out, err
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		u, chain, err := c.user(tx, in.ID)
		if err != nil {
			return err
		}
		about(e, chain, u.Name)
		if err := c.mayTouch(u.Role, u.Everywhere); err != nil {
			return err
		}
		was := u.Active
		alterUser(e, &u, &in)
		if err := c.putUser(tx, &u, e.At); err != nil {
			return err
		}
		if was && !u.Active {
			e.Count, err = tx.End(auth.End{Principal: u.ID})
		}
		out = wireUser(&u)
		return err
	})
	return out, err
}

func alterUser(e *audit.Event, u *auth.User, in *api.UserChange) {
	set(e, "active", &u.Active, in.Active)
	set(e, "admin", &u.Admin, in.Admin)
	set(e, "group", &u.Group, in.Group)
	set(e, "rights", &u.Rights, in.Rights)
	set(e, "full name", &u.FullName, in.FullName)
	set(e, "display name", &u.DisplayName, in.DisplayName)
	set(e, "e-mail address", &u.Email, in.Email)
	set(e, "policy", &u.Policy, in.Policy)
	set(e, "role", &u.Role, (*auth.Role)(in.Role))
	set(e, "everywhere", &u.Everywhere, in.Everywhere)
	if in.RemoveFactor && u.Factor != "" {
		u.Factor = ""
		e.Detail = join(e.Detail, "second factor removed")
	}
}

// UserSetPassword sets a user's password and ends the sessions.
func (a *Admin) UserSetPassword(ctx context.Context, by *auth.Caller, from auth.Origin, in api.NewPassword) (out api.Deleted, err error) {
	c, err := a.begin(ctx, &api.UserPassword.Operation, by, from)
	if err != nil {
		return out, err
	}
	// Who may not is not to keep the hasher busy.
	err = c.view(ctx, func(v auth.Reader) error {
		u, _, err := c.user(v, in.ID)
		if err == nil {
			err = c.mayTouch(u.Role, u.Everywhere)
		}
		return err
	})
	if errors.Is(err, ErrForbidden) {
		err = c.forbid(ctx, fmt.Sprintf("user %d", in.ID), err)
	}
	if err != nil {
		return out, err
	}
	hash, err := c.hash(ctx, in.Password)
	if err != nil {
		return out, err
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		u, chain, err := c.user(tx, in.ID)
		if err != nil {
			return err
		}
		about(e, chain, u.Name)
		if err := c.mayTouch(u.Role, u.Everywhere); err != nil {
			return err
		}
		u.Password = hash
		e.Detail = "password set"
		if err := u.Put(tx, e.At); err != nil {
			return err
		}
		e.Count, err = tx.End(auth.End{Principal: u.ID})
		out.Ended = e.Count
		return err
	})
	return out, err
}

// UserDelete deletes a user and ends the sessions.
func (a *Admin) UserDelete(ctx context.Context, by *auth.Caller, from auth.Origin, in api.Removal) (out api.Deleted, err error) {
	c, err := a.begin(ctx, &api.UserDelete.Operation, by, from)
	if err != nil {
		return out, err
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		u, chain, err := c.user(tx, in.ID)
		if err != nil {
			return err
		}
		about(e, chain, u.Name)
		if err := c.mayTouch(u.Role, u.Everywhere); err != nil {
			return err
		}
		describeUser(e, &u)
		if e.Count, err = tx.End(auth.End{Principal: u.ID}); err != nil {
			return err
		}
		out.Ended = e.Count
		return tx.DeleteUser(u.ID)
	})
	return out, err
}
