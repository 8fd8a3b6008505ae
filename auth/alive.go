package auth

import (
	"context"
	"errors"
	"fmt"
)

// Alive says whether a session that was checked a while ago has ended since: for
// a call that is still under way, which is a use of the session as far as its idle
// span goes. It takes none of a number of uses: that the last one was taken, maybe
// by this very call, does not end it. While the feed is fresh memory answers, else
// the store; if that fails nobody knows, and the error is a [*Refusal] with reason
// [Unavailable].
func (s *Service) Alive(ctx context.Context, checked *Session) (bool, error) {
	now := s.clock().UnixNano()
	if checked.Actor != nil || checked.Life.Uses > 0 {
		// The session of an actor says nothing of the user, and one that was used
		// up has no row.
		if err := s.living(ctx, checked, s.feed.fresh(now)); err != nil {
			return unlessGone(err)
		}
	}
	if checked.Life.Uses > 0 {
		return true, nil
	}
	e := s.cache.get(checked.ID)
	if !e.believed(now, s.feed.fresh(now)) {
		var err error
		if e, err = s.load(ctx, checked.ID); err != nil {
			return unlessGone(err)
		}
	}
	alive, note := e.use(now)
	if note {
		s.notes.touch(e)
	}
	return alive, nil
}

// living finds out whether whoever a session speaks for is there still.
func (s *Service) living(ctx context.Context, checked *Session, fresh bool) error {
	id := checked.Identity.Principal
	if fresh {
		_, err := s.dir.holder(ctx, id, checked.Dialect)
		return err
	}
	return s.dir.view(ctx, func(v Reader) error {
		_, err := readIdentity(v, id)
		return err
	})
}

func unlessGone(err error) (bool, error) {
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return false, Refuse(Unavailable, fmt.Errorf("looking up a session: %w", err))
}
