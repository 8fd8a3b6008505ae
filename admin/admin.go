package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// Options are what an Admin needs. Service is required.
type Options struct {
	Service *auth.Service
	Logger  *slog.Logger // nil: nothing is logged
	Mounts  []MountInfo  // for reading
	SignIn  *auth.Mount  // over which administrators sign in; nil: over none
	Version string       // of the program
}

// MountInfo is a mount as people see it.
type MountInfo struct {
	*auth.Mount
	Title  string   // of the dialect
	Hosts  []string // empty: every host
	Prefix string
}

// Admin is the operations. Its methods may be called from many goroutines.
type Admin struct {
	service *auth.Service
	log     *slog.Logger
	mounts  []MountInfo
	signIn  *auth.Mount
	version string
	exports chan struct{} // room for those that run
}

// maxExports bounds the exports that run at a time: each reads all there is.
const maxExports = 2

// New makes the operations over a service.
func New(o Options) *Admin {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Admin{service: o.Service, log: o.Logger, mounts: o.Mounts, signIn: o.SignIn, version: o.Version, exports: make(chan struct{}, maxExports)}
}

// LocalOwner is whoever has the server's files in hands and needs no role: for the
// command line on a server that does not run.
func LocalOwner(name string) *auth.Caller {
	return &auth.Caller{Identity: &auth.Identity{Subject: name, Role: auth.Owner, Everywhere: true}}
}

// Errors of operations, beside those of package auth ([auth.ErrNotFound],
// [auth.ErrExists], [auth.ErrConflict], [auth.ErrInvalid], [auth.ErrBusy]).
var (
	ErrForbidden = errors.New("your role does not extend to this")
)

// Dialect is what the audit calls administration, where the dialect of a login stands.
const Dialect = "admin"

// call is one operation under way.
type call struct {
	*Admin
	op   *api.Operation
	by   *auth.Caller
	from auth.Origin
}

// begin is the first act of every operation: it holds the caller to the right that
// the operation asks for, and records a refusal.
func (a *Admin) begin(ctx context.Context, op *api.Operation, by *auth.Caller, from auth.Origin) (*call, error) {
	return a.beginWith(ctx, op, op.Right, by, from)
}

// beginWith is begin, with the right that this call of the operation asks for.
func (a *Admin) beginWith(ctx context.Context, op *api.Operation, right api.Right, by *auth.Caller, from auth.Origin) (*call, error) {
	c := &call{a, op, by, from}
	if by == nil || by.Identity == nil || !has(by.Role, right) {
		return nil, c.forbid(ctx, "", fmt.Errorf("%w: %s needs the role of an %s", ErrForbidden, op.Name, needed(right)))
	}
	return c, nil
}

// has says whether a role has a right.
func has(r auth.Role, right api.Right) bool {
	switch right {
	case api.Read:
		return r.Administers()
	case api.Write:
		return r == auth.Operator || r == auth.Owner
	}
	return false
}

func needed(right api.Right) string {
	if right == api.Read {
		return "auditor, operator or owner"
	}
	return "operator or owner"
}

// forbid records that an operation was refused, and returns why. Who is refused
// learns no more if it cannot be recorded.
func (c *call) forbid(ctx context.Context, what string, why error) error {
	e := c.event(audit.Refusal)
	e.Detail = clip(why.Error())
	if what != "" {
		e.Detail = clip(what + ": " + why.Error())
	}
	ctx = context.WithoutCancel(ctx)
	if err := c.service.Update(ctx, func(tx auth.Tx) error { return tx.Record(e) }); err != nil {
		c.log.Error("a refused operation could not be recorded", "operation", c.op.Name, "request", c.from.Request, "error", err)
		return failed(err)
	}
	return why
}

// event is an event of this operation.
func (c *call) event(kind audit.Kind) audit.Event {
	e := audit.Event{At: c.service.Now(), Kind: kind, Dialect: Dialect, Mount: Dialect, Source: c.from.Source.String(),
		Request: c.from.Request, Reason: c.op.Name, Actor: "nobody"}
	if c.by != nil && c.by.Identity != nil {
		e.Actor = Actor(c.by)
		e.Tenant = c.by.Tenant.Code
	}
	if !c.from.Source.IsValid() {
		e.Source = ""
	}
	return e
}

// Actor is what the audit calls a caller: its account, and its name there.
func Actor(by *auth.Caller) string {
	if by.AccountRef == "" {
		return by.Subject
	}
	return by.AccountRef + "/" + by.Subject
}

// change runs a change and records it, in one transaction. f fills in what the event
// says; it may run more than once.
func (c *call) change(ctx context.Context, why string, f func(tx auth.Tx, e *audit.Event) error) error {
	if err := checkWhy(why); err != nil {
		return err
	}
	err := c.service.Update(ctx, func(tx auth.Tx) error {
		e := c.event(audit.Change)
		if err := f(tx, &e); err != nil {
			return err
		}
		if why != "" {
			e.Detail = join(e.Detail, "why: "+why)
		}
		e.Detail = clip(e.Detail)
		return tx.Record(e)
	})
	if errors.Is(err, ErrForbidden) {
		return c.forbid(ctx, "", err)
	}
	return c.failed(ctx, err)
}

// failed is the function failed, and records what a confined caller is not shown.
func (c *call) failed(ctx context.Context, err error) error {
	if errors.Is(err, errUnseen) {
		return c.forbid(ctx, "", err)
	}
	return failed(err)
}

// failed keeps errors that callers can do something about, and makes everything else
// the server's own trouble.
func failed(err error) error {
	var t *auth.Taken
	switch {
	case err == nil:
		return nil
	case errors.As(err, &t):
		return taken(t)
	}
	for _, known := range []error{auth.ErrNotFound, auth.ErrExists, auth.ErrConflict, auth.ErrInvalid, auth.ErrBusy, ErrForbidden,
		context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return err
		}
	}
	var r *auth.Refusal
	if errors.As(err, &r) {
		return err
	}
	return auth.Refuse(auth.Unavailable, err)
}

// errUnseen is ErrNotFound for a caller whose reach ends somewhere. It is recorded, and
// says no more than what was asked for: the tenant's auditors read it, and must not learn
// from it, nor by how long an answer takes, what is there beyond their reach.
var errUnseen = fmt.Errorf("%w", auth.ErrNotFound)

// account reads an account in the caller's reach, and all above it, the tenant first.
func (c *call) account(v auth.Reader, id int64) ([]auth.Account, error) {
	chain, err := chainOf(v, auth.AccountID(id))
	if err == nil && !c.reaches(chain) {
		err = auth.ErrNotFound
	}
	if err != nil {
		return nil, c.missing(fmt.Sprintf("account %d", id), err)
	}
	return chain, nil
}

// missing is why something that was asked for by its id is not found. What is out of
// reach and what is nowhere are one error, whatever was looked up on the way.
func (c *call) missing(what string, err error) error {
	if errors.Is(err, auth.ErrNotFound) {
		if err = auth.ErrNotFound; !c.by.Everywhere {
			err = errUnseen
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (c *call) reaches(chain []auth.Account) bool {
	return c.by.Everywhere || slices.ContainsFunc(chain, func(a auth.Account) bool { return a.ID == c.by.Account.ID })
}

// everywhere refuses whoever's role does not reach the whole server.
func (c *call) everywhere() error {
	if c.by.Everywhere {
		return nil
	}
	return fmt.Errorf("%w: %s is for roles that reach everywhere", ErrForbidden, c.op.Name)
}

// chainOf reads an account and all above it, the tenant first.
func chainOf(v auth.Reader, id auth.AccountID) ([]auth.Account, error) {
	var chain []auth.Account
	for len(chain) < int(auth.Division) {
		a, err := v.Account(id)
		if err != nil {
			return nil, err
		}
		chain = append(chain, a)
		if a.Parent == 0 {
			break
		}
		id = a.Parent
	}
	slices.Reverse(chain)
	return chain, nil
}

// scope is what a list covers: what is asked for, or all that the caller reaches.
func (c *call) scope(v auth.Reader, asked int64, direct bool) (auth.Scope, error) {
	if asked != 0 {
		_, err := c.account(v, asked)
		return auth.Scope{Account: auth.AccountID(asked), Direct: direct}, err
	}
	if direct {
		return auth.Scope{}, invalid("direct", "needs the account that is meant")
	}
	if c.by.Everywhere {
		return auth.Scope{}, nil
	}
	return auth.Scope{Account: c.by.Account.ID}, nil
}

// view reads from a snapshot.
func (c *call) view(ctx context.Context, f func(auth.Reader) error) error {
	return c.failed(ctx, c.service.View(ctx, f))
}
