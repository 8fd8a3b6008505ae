package admin

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/auth"
)

// Obstacle is what stands in the way of a change, and what to do about it. It wraps
// [auth.ErrExists] or [auth.ErrConflict].
type Obstacle struct {
	Field string // of the input, whose value is taken; "": none
	Why   string
	kind  error
}

func (e *Obstacle) Error() string {
	if e.Field == "" {
		return e.Why
	}
	return e.Field + " " + e.Why
}

// Unwrap is ErrExists or ErrConflict.
func (e *Obstacle) Unwrap() error { return e.kind }

// inTheWay is an obstacle that is no taken name.
func inTheWay(format string, args ...any) error {
	return &Obstacle{Why: fmt.Sprintf(format, args...), kind: auth.ErrConflict}
}

// taken says which field of the input is taken, and by what.
func taken(t *auth.Taken) error {
	o := func(field, why string) error { return &Obstacle{field, why, t} }
	switch t.Field {
	case auth.UniqueTenantCode:
		return o("code", "is taken by another tenant: choose another, or change that tenant's first")
	case auth.UniqueAccountCode:
		return o("code", "is taken by another account of the tenant: choose another, or change that account's first")
	case auth.UniqueAccountNumber:
		return o("number", "is taken by another account of the tenant: choose another, or change that account's first")
	case auth.UniqueKeyName:
		return o("name", "is taken by another key of the account: choose another, or rotate that key")
	case auth.UniqueUserName:
		return o("name", "is taken by another user of the tenant: choose another, or change that user")
	case auth.UniqueApp:
		return o("key", "is taken by another app of the server, perhaps one that you may not see: choose another")
	case auth.UniquePolicy:
		return o("name", "is taken by another policy: choose another, or change that policy")
	case auth.UniqueKeySecret, auth.UniqueSession, auth.UniqueHandoff: // drawn at random
	}
	return o("", string(t.Field)+" is taken already: try again")
}

// notDeleted says what of a record is left in what was to be deleted, or names it, by
// what people call it.
func (c *call) notDeleted(v auth.Reader, err error, is, instead string) error {
	var use *auth.InUse
	if !errors.As(err, &use) {
		return err
	}
	by, nameErr := nameOf(v, use)
	if nameErr != nil {
		return nameErr
	}
	return inTheWay("%s %s, and there may be more: %s", by, is, instead)
}

// nameOf is what people call a record that stands in the way.
func nameOf(v auth.Reader, use *auth.InUse) (name string, err error) {
	account := auth.AccountID(use.ID)
	switch use.By {
	case auth.NounApp:
		return "app " + strconv.Quote(use.App), nil
	case auth.NounKey:
		k, err := v.Key(auth.PrincipalID(use.ID))
		if err != nil {
			return "", err
		}
		account, name = k.Account, "/"+k.Name
	case auth.NounUser:
		u, err := v.User(auth.PrincipalID(use.ID))
		if err != nil {
			return "", err
		}
		account, name = u.Account, "/"+u.Name
	case auth.NounAccount:
	}
	chain, err := chainOf(v, account)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s%s (id %d)", use.By, strings.Join(refs(chain), "/"), name, use.ID), nil
}
