package admin

import (
	"context"
	"io"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
)

// route is an operation of the table with the method that carries it out.
type route struct {
	op  *api.Operation
	run func(a *Admin, ctx context.Context, by *auth.Caller, from auth.Origin, decode func(any) error) (any, error)

	// stream is instead of run for what is written as it is found. out is taken
	// when the first is.
	stream func(a *Admin, ctx context.Context, by *auth.Caller, from auth.Origin, decode func(any) error, out io.Writer) error
}

func bind[In, Out any](op *api.Op[In, Out], f func(*Admin, context.Context, *auth.Caller, auth.Origin, In) (Out, error)) route {
	return route{op: &op.Operation, run: func(a *Admin, ctx context.Context, by *auth.Caller, from auth.Origin, decode func(any) error) (any, error) {
		var in In
		if err := decode(&in); err != nil {
			return nil, err
		}
		return f(a, ctx, by, from, in)
	}}
}

func bindStream[In any](op *api.Op[In, api.Lines], f func(*Admin, context.Context, *auth.Caller, auth.Origin, In, io.Writer) error) route {
	return route{op: &op.Operation, stream: func(a *Admin, ctx context.Context, by *auth.Caller, from auth.Origin, decode func(any) error, out io.Writer) error {
		var in In
		if err := decode(&in); err != nil {
			return err
		}
		return f(a, ctx, by, from, in, out)
	}}
}

// routes is the table, bound.
func routes() []route {
	return []route{
		bind(&api.AccountList, (*Admin).AccountList),
		bind(&api.AccountShow, (*Admin).AccountShow),
		bind(&api.AccountCreate, (*Admin).AccountCreate),
		bind(&api.AccountUpdate, (*Admin).AccountUpdate),
		bind(&api.AccountDelete, (*Admin).AccountDelete),
		bind(&api.KeyList, (*Admin).KeyList),
		bind(&api.KeyShow, (*Admin).KeyShow),
		bind(&api.KeyCreate, (*Admin).KeyCreate),
		bind(&api.KeyRotate, (*Admin).KeyRotate),
		bind(&api.KeyUpdate, (*Admin).KeyUpdate),
		bind(&api.KeyDelete, (*Admin).KeyDelete),
		bind(&api.UserList, (*Admin).UserList),
		bind(&api.UserShow, (*Admin).UserShow),
		bind(&api.UserCreate, (*Admin).UserCreate),
		bind(&api.UserUpdate, (*Admin).UserUpdate),
		bind(&api.UserPassword, (*Admin).UserSetPassword),
		bind(&api.UserDelete, (*Admin).UserDelete),
		bind(&api.AppList, (*Admin).AppList),
		bind(&api.AppCreate, (*Admin).AppCreate),
		bind(&api.AppUpdate, (*Admin).AppUpdate),
		bind(&api.AppDelete, (*Admin).AppDelete),
		bind(&api.PolicyList, (*Admin).PolicyList),
		bind(&api.PolicyCreate, (*Admin).PolicyCreate),
		bind(&api.PolicyUpdate, (*Admin).PolicyUpdate),
		bind(&api.PolicyDelete, (*Admin).PolicyDelete),
		bind(&api.SessionList, (*Admin).SessionList),
		bind(&api.SessionShow, (*Admin).SessionShow),
		bind(&api.SessionEnd, (*Admin).SessionEnd),
		bind(&api.SessionEndAll, (*Admin).SessionEndAll),
		bind(&api.LockList, (*Admin).LockList),
		bind(&api.LockLift, (*Admin).LockLift),
		bind(&api.AuditSearch, (*Admin).AuditSearch),
		bindStream(&api.AuditExport, (*Admin).AuditExport),
		bind(&api.AuditVerify, (*Admin).AuditVerify),
		bind(&api.UsageList, (*Admin).UsageList),
		bind(&api.ServerShow, (*Admin).ServerShow),
	}
}
