package admin

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// What the console needs beside the operations.

// May says whether a caller's role has the right that an operation asks for: what is
// worth showing to it. The operation itself decides.
func May(by *auth.Caller, op *api.Operation) bool {
	return by != nil && by.Identity != nil && has(by.Role, op.Right)
}

// Refuse records that a caller asked for an operation that its role does not extend
// to, and returns the error.
func (a *Admin) Refuse(ctx context.Context, op *api.Operation, by *auth.Caller, from auth.Origin) error {
	c := &call{a, op, by, from}
	return c.forbid(ctx, "", fmt.Errorf("%w: %s needs the role of an %s", ErrForbidden, op.Name, needed(op.Right)))
}

// ProblemOf is an error of an operation, for people.
func ProblemOf(err error) api.Problem { return problemOf(err) }

// factorEnrol is what administrators do for themselves, in the console alone: the
// person has to be there.
var factorEnrol = &api.Operation{Name: "user enrol-factor", Right: api.Read}

// FactorEnrolment is a second factor for the caller itself.
type FactorEnrolment struct {
	Key     string // of auth.NewFactor
	Code    string // of now, to show that the app has it
	Session auth.SessionID
}

// EnrolFactor gives the caller, a user, its second factor, and ends its sessions but
// the one that asks: they were begun without it. Who has a factor already needs an
// owner to remove it first; else a stolen session could put its own in its place.
func (a *Admin) EnrolFactor(ctx context.Context, by *auth.Caller, from auth.Origin, in FactorEnrolment) error {
	c, err := a.begin(ctx, factorEnrol, by, from)
	if err != nil {
		return err
	}
	if by.User == nil {
		return c.forbid(ctx, "", fmt.Errorf("%w: only users have a second factor", ErrForbidden))
	}
	sealed, step, err := a.service.ProveFactor(by.Principal, in.Key, in.Code)
	if err != nil {
		return &InvalidField{"code", "is not the app's code of now: is the clock of the phone right?"}
	}
	return c.change(ctx, "", func(tx auth.Tx, e *audit.Event) error {
		u, err := tx.User(by.Principal)
		if err != nil {
			return err
		}
		if u.Factor != "" {
			return inTheWay("there is a second factor already: have an owner remove it first")
		}
		e.Account, e.Subject, e.Detail = by.AccountRef, by.Subject, "second factor enrolled"
		u.Factor, u.FactorStep = sealed, step
		if err := u.Put(tx, e.At); err != nil {
			return err
		}
		e.Count, err = tx.End(auth.End{Principal: u.ID, Except: in.Session})
		return err
	})
}
