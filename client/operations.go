package client

import (
	"context"
	"fmt"
	"io"
	"iter"
	"reflect"

	"github.com/sallyport/sallyport/admin/api"
)

// One method for each operation of the table. What each does is said there.

// AccountList is "account list".
func (c *Client) AccountList(ctx context.Context, in api.AccountQuery) (api.List[api.Account], error) {
	return do(ctx, c, &api.AccountList, in)
}

// AccountShow is "account show".
func (c *Client) AccountShow(ctx context.Context, in api.ByID) (api.Account, error) {
	return do(ctx, c, &api.AccountShow, in)
}

// AccountCreate is "account create".
func (c *Client) AccountCreate(ctx context.Context, in api.NewAccount) (api.Account, error) {
	return do(ctx, c, &api.AccountCreate, in)
}

// AccountUpdate is "account update".
func (c *Client) AccountUpdate(ctx context.Context, in api.AccountChange) (api.Account, error) {
	return do(ctx, c, &api.AccountUpdate, in)
}

// AccountDelete is "account delete".
func (c *Client) AccountDelete(ctx context.Context, in api.Removal) (api.Deleted, error) {
	return do(ctx, c, &api.AccountDelete, in)
}

// KeyList is "key list".
func (c *Client) KeyList(ctx context.Context, in api.MemberQuery) (api.List[api.Key], error) {
	return do(ctx, c, &api.KeyList, in)
}

// KeyShow is "key show".
func (c *Client) KeyShow(ctx context.Context, in api.ByID) (api.Key, error) {
	return do(ctx, c, &api.KeyShow, in)
}

// KeyCreate is "key create".
func (c *Client) KeyCreate(ctx context.Context, in api.NewKey) (api.KeyWithSecret, error) {
	return do(ctx, c, &api.KeyCreate, in)
}

// KeyRotate is "key rotate".
func (c *Client) KeyRotate(ctx context.Context, in api.KeyRotation) (api.KeyWithSecret, error) {
	return do(ctx, c, &api.KeyRotate, in)
}

// KeyUpdate is "key update".
func (c *Client) KeyUpdate(ctx context.Context, in api.KeyChange) (api.Key, error) {
	return do(ctx, c, &api.KeyUpdate, in)
}

// KeyDelete is "key delete".
func (c *Client) KeyDelete(ctx context.Context, in api.Removal) (api.Deleted, error) {
	return do(ctx, c, &api.KeyDelete, in)
}

// UserList is "user list".
func (c *Client) UserList(ctx context.Context, in api.UserQuery) (api.List[api.User], error) {
	return do(ctx, c, &api.UserList, in)
}

// UserShow is "user show".
func (c *Client) UserShow(ctx context.Context, in api.ByID) (api.User, error) {
	return do(ctx, c, &api.UserShow, in)
}

// UserCreate is "user create".
func (c *Client) UserCreate(ctx context.Context, in api.NewUser) (api.User, error) {
	return do(ctx, c, &api.UserCreate, in)
}

// UserUpdate is "user update".
func (c *Client) UserUpdate(ctx context.Context, in api.UserChange) (api.User, error) {
	return do(ctx, c, &api.UserUpdate, in)
}

// UserSetPassword is "user set-password".
func (c *Client) UserSetPassword(ctx context.Context, in api.NewPassword) (api.Deleted, error) {
	return do(ctx, c, &api.UserPassword, in)
}

// UserDelete is "user delete".
func (c *Client) UserDelete(ctx context.Context, in api.Removal) (api.Deleted, error) {
	return do(ctx, c, &api.UserDelete, in)
}

// AppList is "app list".
func (c *Client) AppList(ctx context.Context, in api.MemberQuery) (api.List[api.App], error) {
	return do(ctx, c, &api.AppList, in)
}

// AppCreate is "app create".
func (c *Client) AppCreate(ctx context.Context, in api.NewApp) (api.App, error) {
	return do(ctx, c, &api.AppCreate, in)
}

// AppUpdate is "app update".
func (c *Client) AppUpdate(ctx context.Context, in api.AppChange) (api.App, error) {
	return do(ctx, c, &api.AppUpdate, in)
}

// AppDelete is "app delete".
func (c *Client) AppDelete(ctx context.Context, in api.AppRemoval) (api.Deleted, error) {
	return do(ctx, c, &api.AppDelete, in)
}

// PolicyList is "policy list".
func (c *Client) PolicyList(ctx context.Context, in api.Page) (api.List[api.Policy], error) {
	return do(ctx, c, &api.PolicyList, in)
}

// PolicyCreate is "policy create".
func (c *Client) PolicyCreate(ctx context.Context, in api.NewPolicy) (api.Policy, error) {
	return do(ctx, c, &api.PolicyCreate, in)
}

// PolicyUpdate is "policy update".
func (c *Client) PolicyUpdate(ctx context.Context, in api.PolicyChange) (api.Policy, error) {
	return do(ctx, c, &api.PolicyUpdate, in)
}

// PolicyDelete is "policy delete".
func (c *Client) PolicyDelete(ctx context.Context, in api.PolicyRemoval) (api.Deleted, error) {
	return do(ctx, c, &api.PolicyDelete, in)
}

// SessionList is "session list".
func (c *Client) SessionList(ctx context.Context, in api.SessionQuery) (api.List[api.Session], error) {
	return do(ctx, c, &api.SessionList, in)
}

// SessionShow is "session show".
func (c *Client) SessionShow(ctx context.Context, in api.ByID) (api.Session, error) {
	return do(ctx, c, &api.SessionShow, in)
}

// SessionEnd is "session end".
func (c *Client) SessionEnd(ctx context.Context, in api.Removal) (api.Ended, error) {
	return do(ctx, c, &api.SessionEnd, in)
}

// SessionEndAll is "session end-all".
func (c *Client) SessionEndAll(ctx context.Context, in api.EndAll) (api.Ended, error) {
	return do(ctx, c, &api.SessionEndAll, in)
}

// LockList is "lock list".
func (c *Client) LockList(ctx context.Context, in api.LockQuery) (api.List[api.Lock], error) {
	return do(ctx, c, &api.LockList, in)
}

// LockLift is "lock lift".
func (c *Client) LockLift(ctx context.Context, in api.LockLifting) (api.Lifted, error) {
	return do(ctx, c, &api.LockLift, in)
}

// AuditSearch is "audit search".
func (c *Client) AuditSearch(ctx context.Context, in api.AuditQuery) (api.List[api.Event], error) {
	return do(ctx, c, &api.AuditSearch, in)
}

// AuditExport is "audit export". The stream is read to its end and closed by the caller; it
// takes as long as ctx allows.
func (c *Client) AuditExport(ctx context.Context, in api.AuditRange) (io.ReadCloser, error) {
	answer, err := c.send(ctx, &api.AuditExport.Operation, reflect.ValueOf(in))
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// AuditVerify is "audit verify".
func (c *Client) AuditVerify(ctx context.Context, in api.VerifyQuery) (api.Verified, error) {
	return do(ctx, c, &api.AuditVerify, in)
}

// UsageList is "usage list".
func (c *Client) UsageList(ctx context.Context, in api.UsageQuery) (api.Usage, error) {
	return do(ctx, c, &api.UsageList, in)
}

// ServerShow is "server show".
func (c *Client) ServerShow(ctx context.Context) (api.Server, error) {
	return do(ctx, c, &api.ServerShow, api.Nothing{})
}

// All goes through all pages of a list: fetch gets a page, given where the one before
// ended.
func All[T any](fetch func(after string) (api.List[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after := ""; ; {
			page, err := fetch(after)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, one := range page.Items {
				if !yield(one, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			if page.Next == after {
				var none T
				yield(none, fmt.Errorf("the server's pages go in a circle at %q", after))
				return
			}
			after = page.Next
		}
	}
}
