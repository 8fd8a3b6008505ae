package server

import (
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/postgres"
)

// ErrNotPrepared says that a key would be put to use that other servers on the
// same database do not know.
var ErrNotPrepared = errors.New("other servers on this database do not know a key that is made now: they would refuse its tokens and API keys")

// RotateOptions say how [RotateKeys] rotates.
type RotateOptions struct {
	Prepare bool // add the key, for the next rotation to put to use
	Alone   bool // no other server shares the database, whatever it is
}

// Rotated is what a rotation did.
type Rotated struct {
	File     string `json:"file"`
	Keys     int    `json:"keys"`               // that the set has now, the new one included
	Prepared bool   `json:"prepared,omitempty"` // one of them is not in use yet
	Promoted bool   `json:"promoted,omitempty"` // the one now in use had been prepared
}

// RotateKeys puts the prepared key of the configuration's key set to use, or a new
// one if none is prepared; with Prepare it adds one without using it. What the
// older keys made goes on being good. A running server takes the file up within
// seconds. On a database that several servers can share the error is
// [ErrNotPrepared] unless a key was prepared or the server is Alone.
func RotateKeys(cfg *config.Config, o RotateOptions) (Rotated, error) {
	keys, err := secret.LoadKeys(cfg.Keys)
	if err != nil {
		return Rotated{}, err
	}
	done := Rotated{File: cfg.Keys, Prepared: o.Prepare, Promoted: !o.Prepare && keys.Prepared() > 0}
	switch {
	case o.Prepare:
		keys, err = keys.Prepare()
	case postgres.Is(cfg.Data) && !done.Promoted && !o.Alone:
		return Rotated{}, fmt.Errorf("%w: run `sallyport keys rotate --prepare`, copy %s to every server, "+
			"then rotate; or say --alone if this is the only one", ErrNotPrepared, cfg.Keys)
	default:
		keys, err = keys.Rotate()
	}
	if err != nil {
		return Rotated{}, err
	}
	done.Keys = keys.Len()
	return done, keys.Save(cfg.Keys)
}
