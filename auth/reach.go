package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// A session reaches its own account and every account below it. A call that
// names an account by its code is held to that, see [Bearer.Code].

// placeKey is a code as a tenant uses it.
type placeKey struct {
	tenant AccountID
	code   string
}

// maxPlaces bounds how many codes are remembered; beyond it the memory starts
// afresh. Codes that nobody has are not remembered: a client can make up as many
// as it likes.
const maxPlaces = 100_000

// withinReach refuses a code that names no account of the session's tenant, a
// disabled one, or one that is neither the session's account nor below it: one
// answer, or it would tell which codes exist.
func (s *Service) withinReach(ctx context.Context, who *Identity, code string, now int64) *Refusal {
	if code == who.Account.Code {
		return nil
	}
	if len(code) > MaxCode {
		return refuseWrongAccount
	}
	path, err := s.dir.place(ctx, placeKey{who.Tenant.ID, code}, s.feed.fresh(now))
	switch {
	case errors.Is(err, ErrNotFound):
		return refuseWrongAccount
	case errors.Is(err, ErrBusy):
		return Refuse(Busy, fmt.Errorf("looking up an account code: %w", err))
	case err != nil:
		return Refuse(Unavailable, fmt.Errorf("looking up an account code: %w", err))
	case !slices.Contains(path, who.Account.ID):
		return refuseWrongAccount
	}
	return nil
}

// Within refuses an identity whose account is neither the one of a code, in its own
// tenant, nor below it, with reason [WrongAccount]. A code of nobody's, or of a
// disabled account, has nobody within it. An error is always a [*Refusal].
func (s *Service) Within(ctx context.Context, who *Identity, code string) error {
	path, err := s.dir.place(ctx, placeKey{who.Tenant.ID, code}, s.feed.fresh(s.clock().UnixNano()))
	switch {
	case errors.Is(err, ErrNotFound):
		return refuseWrongAccount
	case errors.Is(err, ErrBusy):
		return Refuse(Busy, fmt.Errorf("looking up an account code: %w", err))
	case err != nil:
		return Refuse(Unavailable, fmt.Errorf("looking up an account code: %w", err))
	case !slices.Contains(who.Path, path[len(path)-1]):
		return refuseWrongAccount
	}
	return nil
}

// place is where the account of a code stands: every account from the tenant
// down to it; ErrNotFound if there is none or one of them is disabled. What is
// remembered counts only while the feed is fresh.
func (d *directory) place(ctx context.Context, k placeKey, fresh bool) ([]AccountID, error) {
	if fresh {
		d.mu.RLock()
		path, ok := d.places[k]
		d.mu.RUnlock()
		if ok {
			return path, nil
		}
	}
	epoch := d.epoch.Load()
	var path []AccountID
	err := d.view(ctx, func(v Reader) error {
		var err error
		path, err = readPlace(v, k)
		return err
	})
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.epoch.Load() == epoch {
		if len(d.places) >= maxPlaces {
			clear(d.places)
		}
		d.places[k] = path
	}
	return path, nil
}

func readPlace(v Reader, k placeKey) ([]AccountID, error) {
	a, err := v.AccountByCode(k.tenant, k.code)
	if err != nil {
		return nil, err
	}
	chain, err := readChain(v, a.ID)
	if err != nil {
		return nil, err
	}
	if anyDisabled(chain) {
		return nil, fmt.Errorf("account %d is disabled: %w", a.ID, ErrNotFound)
	}
	path := make([]AccountID, len(chain))
	for i := range chain {
		path[i] = chain[i].ID
	}
	return path, nil
}
