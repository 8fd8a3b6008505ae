package auth

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// feed is how far this node has followed the stream of what ended.
type feed struct {
	mu    sync.Mutex // one follower at a time
	seen  Position
	asked atomic.Int64 // when the store was last asked with success, Unix nanoseconds
}

// fresh says whether a verdict may be given from memory.
func (f *feed) fresh(now int64) bool { return now-f.asked.Load() < int64(feedFreshness) }

func (f *feed) heard(head Position, now time.Time) {
	f.seen = head
	f.asked.Store(now.UnixNano())
}

// follow reads what is new in the feed and forgets what it says. The time that
// counts as heard is from before the question: what ended after it was asked
// may be missing from the answer.
func (s *Service) follow(ctx context.Context) {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	s.counts.lag.turn()
	for {
		now := s.clock()
		notices, err := s.store.Feed(ctx, s.feed.seen, feedBatch)
		switch {
		case errors.Is(err, ErrNotFound):
			if !s.startAfresh(ctx, now) {
				return
			}
			continue
		case err != nil:
			if ctx.Err() == nil {
				s.lament(&s.troubles.feed, slog.LevelError, "cannot follow the feed of ended sessions; asking the store for every check", slog.Any("error", err))
			}
			return
		}
		for _, n := range notices {
			s.obey(n)
			s.counts.lag.heard(n, s.clock())
			s.feed.seen = n.Position()
		}
		s.followers.advance(notices)
		if len(notices) < feedBatch {
			s.feed.asked.Store(now.UnixNano())
			s.followers.vouch(now)
			s.relieved(&s.troubles.feed, "the feed of ended sessions is followed again")
			return
		}
	}
}

// startAfresh forgets everything: notices that this node has not seen are gone, or
// the store is not the one that it was, and has lost what this node remembers of
// it: sessions that nobody can end any more, and the lease of its ids.
func (s *Service) startAfresh(ctx context.Context, now time.Time) bool {
	head, err := s.store.FeedHead(ctx)
	if err != nil {
		s.lament(&s.troubles.feed, slog.LevelError, "cannot find the end of the feed", slog.Any("error", err))
		return false
	}
	s.ids.giveUp()
	s.dir.forgetAll()
	s.cache.clear()
	s.guard.reload.Store(true)
	s.feed.heard(head, now)
	s.followers.restart(head, now, s.clock().Add(feedFreshness))
	s.log.Warn("the feed does not go on where it was left: this node was away for too long, or the database was restored or changed hands; forgot all cached sessions")
	return true
}

// obey forgets what a notice names. One without a position is of what this node
// itself just ended.
func (s *Service) obey(n Notice) {
	if n.Seq == 0 {
		defer s.followers.ended()
		defer func() { s.counts.lag.obeyed(n, s.clock()) }()
	}
	s.dir.forget(n)
	switch n.Kind {
	case EndedSession:
		s.cache.drop(SessionID(n.ID))
	case ChangedGuard:
		s.guard.reload.Store(true)
	case EndedPrincipal, EndedAccount, ChangedPrincipal, ChangedAccount, ChangedOther:
		// The directory's business alone: what it marks dead is dead in the cache.
	}
}
