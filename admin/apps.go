package admin

import (
	"context"
	"errors"
	"strconv"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

func wireApp(p *auth.App) api.App {
	return api.App{Key: p.Key, Account: int64(p.Account), Name: p.Name, Disabled: p.Disabled}
}

// app reads an app in the caller's reach.
func (c *call) app(v auth.Reader, key string) (auth.App, []auth.Account, error) {
	p, err := v.App(key)
	var chain []auth.Account
	if err == nil {
		chain, err = c.account(v, int64(p.Account))
	}
	if err != nil {
		return p, nil, c.missing("app "+strconv.Quote(key), err)
	}
	return p, chain, nil
}

// AppList lists apps.
func (a *Admin) AppList(ctx context.Context, by *auth.Caller, from auth.Origin, in api.MemberQuery) (out api.List[api.App], err error) {
	c, err := a.begin(ctx, &api.AppList.Operation, by, from)
	if err != nil {
		return out, err
	}
	n, err := limit(in.Limit)
	if err != nil {
		return out, err
	}
	err = c.view(ctx, func(v auth.Reader) error {
		scope, err := c.scope(v, in.Account, in.Direct)
		if err != nil {
			return err
		}
		list, err := v.PageApps(scope, in.After, n)
		if err != nil {
			return err
		}
		out, err = paged(list, n, func(p *auth.App) string { return p.Key },
			func(p *auth.App) (api.App, error) { return wireApp(p), nil })
		return err
	})
	return out, err
}

// AppCreate adds an app. Its key is the whole server's: one that is taken out of the
// caller's reach is taken.
func (a *Admin) AppCreate(ctx context.Context, by *auth.Caller, from auth.Origin, in api.NewApp) (out api.App, err error) {
	c, err := a.begin(ctx, &api.AppCreate.Operation, by, from)
	if err != nil {
		return out, err
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		chain, err := c.account(tx, in.Account)
		if err != nil {
			return err
		}
		about(e, chain, "")
		if in.Key == "." || in.Key == ".." {
			return invalid("key", "cannot be dots alone: it stands in a URL")
		}
		rec := auth.App{Key: in.Key, Account: auth.AccountID(in.Account), Name: in.Name}
		if err := rec.Validate(); err != nil {
			return err
		}
		if _, err := tx.App(in.Key); !errors.Is(err, auth.ErrNotFound) {
			if err == nil {
				err = &auth.Taken{Field: auth.UniqueApp}
			}
			return err
		}
		begun(e, "app", rec.Key)
		begun(e, "name", rec.Name)
		out = wireApp(&rec)
		return tx.PutApp(&rec)
	})
	return out, err
}

// AppUpdate changes an app.
func (a *Admin) AppUpdate(ctx context.Context, by *auth.Caller, from auth.Origin, in api.AppChange) (out api.App, err error) {
	c, err := a.begin(ctx, &api.AppUpdate.Operation, by, from)
	if err != nil {
		return out, err
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		rec, chain, err := c.app(tx, in.Key)
		if err != nil {
			return err
		}
		about(e, chain, "")
		begun(e, "app", rec.Key)
		set(e, "name", &rec.Name, in.Name)
		set(e, "disabled", &rec.Disabled, in.Disabled)
		if err := rec.Validate(); err != nil {
			return err
		}
		out = wireApp(&rec)
		return tx.PutApp(&rec)
	})
	return out, err
}

// AppDelete deletes an app.
func (a *Admin) AppDelete(ctx context.Context, by *auth.Caller, from auth.Origin, in api.AppRemoval) (out api.Deleted, err error) {
	c, err := a.begin(ctx, &api.AppDelete.Operation, by, from)
	if err != nil {
		return out, err
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		rec, chain, err := c.app(tx, in.Key)
		if err != nil {
			return err
		}
		about(e, chain, "")
		begun(e, "app", rec.Key)
		return tx.DeleteApp(rec.Key)
	})
	return out, err
}
