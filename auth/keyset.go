package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/secret"
)

var (
	// ErrForeignKeys says that the key set is not the one that the store's API keys
	// were made with: nobody could log in, and their failures would lock them out.
	ErrForeignKeys = errors.New("the key set is not the one of this database")
	// ErrOlderKeys says that an API key was digested with a key that this node's key
	// set lacks, so that its secret can be judged by other nodes only.
	ErrOlderKeys = errors.New("this node's key set is older than the database's: copy the newer one from another server")
)

// checkKeys refuses a key set that knows none of the peppers in use, and warns
// of one that does not know all.
func (s *Service) checkKeys(ctx context.Context) error {
	var peppers []uint32
	err := s.store.View(ctx, func(v Reader) (err error) {
		peppers, err = v.Peppers()
		return err
	})
	if err != nil {
		return fmt.Errorf("reading which peppers are in use: %w", err)
	}
	unknown, err := UnknownPeppers(s.Keys(), peppers)
	if len(unknown) > 0 {
		s.log.Warn("the key set lacks keys that API keys in the database were made with: those cannot log in here. "+
			"If another server has a newer key set, copy it here; if the keys were taken out, give those API keys new secrets",
			"count", len(unknown), "ids", unknown)
	}
	return err
}

// UnknownPeppers are those in use that a key set lacks: API keys made under them cannot
// log in. One that knows none of them is [ErrForeignKeys].
func UnknownPeppers(keys *secret.Keys, peppers []uint32) (unknown []uint32, err error) {
	for _, p := range peppers {
		if _, known := keys.KeyDigestUnder(p, ""); !known {
			unknown = append(unknown, p)
		}
	}
	if len(unknown) > 0 && len(unknown) == len(peppers) {
		return nil, fmt.Errorf("%w: no API key in it was made with this key set: copy the one of another server, or restore the one that belongs to it from its backup",
			ErrForeignKeys)
	}
	return unknown, nil
}

// olderKeysEvery is how often a node says that its key set is too old.
const olderKeysEvery = time.Minute

// sayOlderKeys logs [ErrOlderKeys], but not for every attempt.
func (s *Service) sayOlderKeys(now time.Time) {
	last := s.saidOlder.Load()
	if last != 0 && now.Sub(fromNanos(last)) < olderKeysEvery {
		return
	}
	if s.saidOlder.CompareAndSwap(last, now.UnixNano()) {
		s.log.Warn("an API key cannot be judged here and is refused as unavailable", "error", ErrOlderKeys)
	}
}
