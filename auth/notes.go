package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sallyport/sallyport/secret"
)

// notes are what checking learned and the store may hear of later: how far idle
// spans have moved, which keys were used. Losing them can only end a session
// early.
type notes struct {
	mu      sync.Mutex
	touched []*cached
	used    []KeyUse
	rekeys  []rekey
}

// maxNotes bounds what waits to be flushed. Beyond it notes are lost.
const maxNotes = 1 << 20

func (n *notes) touch(e *cached) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.touched) < maxNotes {
		n.touched = append(n.touched, e)
	} else {
		e.touched.Store(false)
	}
}

func (n *notes) use(k KeyUse) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.used) < maxNotes {
		n.used = append(n.used, k)
	}
}

// flush is the background's flushNotes.
func (s *Service) flush(ctx context.Context) {
	if err := s.flushNotes(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("could not note last uses; idle sessions may end early", "error", err)
	}
	if err := s.writeTally(ctx, false); err != nil && ctx.Err() == nil {
		s.log.Error("could not record how many attempts were refused", "error", err)
	}
	s.digestAnew(ctx)
}

// flushSet bounds the touches in one write set, so that logins do not wait long
// behind them.
const flushSet = 500

func (s *Service) flushNotes(ctx context.Context) error {
	s.notes.mu.Lock()
	touched, used := s.notes.touched, s.notes.used
	s.notes.touched, s.notes.used = nil, nil
	s.notes.mu.Unlock()
	for len(touched) > 0 || len(used) > 0 {
		var w WriteSet
		for _, e := range touched[:min(flushSet, len(touched))] {
			e.touched.Store(false) // before reading: a use in between is noted again
			w.Touch = append(w.Touch, Touch{Session: e.id, Ends: fromNanos(e.ends.Load()).Truncate(time.Microsecond)})
		}
		touched = touched[min(flushSet, len(touched)):]
		w.Used = used[:min(flushSet, len(used))]
		used = used[len(w.Used):]
		if _, err := s.store.Apply(ctx, &w); err != nil {
			return fmt.Errorf("noting last uses: %w", err)
		}
	}
	return nil
}

// rekey is an API key whose digest was made under an older pepper.
type rekey struct {
	key    PrincipalID
	old    secret.Digest
	digest secret.Digest
	pepper uint32
}

func (n *notes) rekey(r rekey) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.rekeys) < flushSet {
		n.rekeys = append(n.rekeys, r)
	}
}

// digestAnew moves API keys that logged in from an older pepper to the primary
// one, so that the older can be retired some day. Their sessions live on.
func (s *Service) digestAnew(ctx context.Context) {
	s.notes.mu.Lock()
	list := s.notes.rekeys
	s.notes.rekeys = nil
	s.notes.mu.Unlock()
	if len(list) == 0 {
		return
	}
	err := s.Update(ctx, func(tx Tx) error {
		for _, r := range list {
			k, err := tx.Key(r.key)
			if errors.Is(err, ErrNotFound) || (err == nil && !k.Digest.Equal(r.old)) {
				continue // gone, or rotated meanwhile
			}
			if err != nil {
				return err
			}
			k.Digest, k.Pepper = r.digest, r.pepper
			if err := tx.PutKey(&k); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		s.log.Warn("could not move API keys to the new pepper; will try at their next login", "error", err)
	}
}
