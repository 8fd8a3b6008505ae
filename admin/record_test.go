package admin_test

import (
	"context"
	"errors"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// unrecorded is a store whose audit cannot be written.
type unrecorded struct{ auth.Store }

var errFull = errors.New("no room for the audit")

func (s unrecorded) Update(ctx context.Context, f func(auth.Tx) error) error {
	return s.Store.Update(ctx, func(tx auth.Tx) error { return f(mute{tx}) })
}

type mute struct{ auth.Tx }

func (mute) Record(audit.Event) error { return errFull }
