package sqlite

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// Bounds of one step of Sweep. Reading costs no login anything; what is removed
// is removed in parts, with room for logins between them.
const (
	sweepRead = 1 << 14 // sessions looked at
	sweepPart = 256     // rows removed in one transaction
	sweepRest = 1024    // rows removed of everything else
)

// sweepPace is how much of the caller's time must pass for each session of the
// last round before another round begins. An index on the end of sessions would
// cost every login; going round costs a reader 0.4 s for a million sessions,
// once a minute.
const sweepPace = 60 * time.Microsecond

// sweeper goes round the sessions in the order of their ids.
type sweeper struct {
	mu    sync.Mutex
	after int64     // last id that was looked at
	seen  int       // in this round
	next  time.Time // when another round may begin
}

// Sweep removes what is over; see [auth.Store].
func (s *Store) Sweep(ctx context.Context, now time.Time, keep auth.Retention) (out auth.Swept, err error) {
	s.sweep.mu.Lock()
	defer s.sweep.mu.Unlock()
	if err := s.sweepSessions(ctx, now, &out); err != nil {
		return out, explain("sweeping sessions", err)
	}
	err = s.transact(ctx, func(t *transaction) error { return t.sweepRest(now, keep, &out) })
	return out, explain("sweeping", err)
}

// sweepSessions looks at the next part of the sessions and removes those that
// are over.
func (s *Store) sweepSessions(ctx context.Context, now time.Time, out *auth.Swept) error {
	w := &s.sweep
	if w.after == 0 && now.Before(w.next) {
		return nil
	}
	var over []entry
	var last int64
	seen := 0
	err := s.cold.with(ctx, func(c *conn) error {
		return c.query(func(r row) error {
			seen, last = seen+1, r.int(0)
			if ends := r.int(1); ends != 0 && ends <= micros(now) {
				over = append(over, entry{principal: auth.PrincipalID(r.int(2)), id: auth.SessionID(last)})
			}
			return nil
		}, "SELECT id, ends, principal FROM sessions WHERE id > ? ORDER BY id LIMIT ?", w.after, int64(sweepRead))
	})
	if err != nil {
		return err
	}
	if err := s.removeOver(ctx, over, now, out); err != nil {
		return err
	}
	w.seen += seen
	if seen == sweepRead {
		w.after, out.More = last, true
		return nil
	}
	w.next = now.Add(time.Duration(w.seen) * sweepPace)
	w.after, w.seen = 0, 0
	return nil
}

// removeOver removes sessions in the order of their ids and then their index
// entries in the order of principals, so that each page is written few times. A
// crash in between leaves index entries that name no session; the next End of
// that principal removes them.
func (s *Store) removeOver(ctx context.Context, over []entry, now time.Time, out *auth.Swept) error {
	gone := over[:0]
	for part := range slices.Chunk(over, sweepPart) {
		err := s.transact(ctx, func(t *transaction) error {
			for _, e := range part {
				n, err := t.exec("DELETE FROM sessions WHERE id = ? AND ends <> 0 AND ends <= ?", int64(e.id), micros(now))
				if err != nil {
					return err
				}
				if n > 0 {
					gone = append(gone, e)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	out.Sessions += len(gone)
	slices.SortFunc(gone, byPrincipal)
	s.tail.forget(gone) // before the index: what moved there until now is removed below, and no more follows
	for part := range slices.Chunk(gone, sweepPart) {
		err := s.transact(ctx, func(t *transaction) error {
			for _, e := range part {
				if _, err := t.exec("DELETE FROM owned WHERE principal = ? AND id = ?", int64(e.principal), int64(e.id)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// transact is one transaction in a turn of its own.
func (s *Store) transact(ctx context.Context, f func(*transaction) error) error {
	return s.writer.exclusive(ctx, func(c *conn) error {
		t, err := begin(c, s.tail, s.chain)
		if err != nil {
			return err
		}
		if err := f(t); err != nil {
			t.undo()
			return err
		}
		return t.commit()
	})
}

// sweepRest removes what else is over.
func (t *transaction) sweepRest(now time.Time, keep auth.Retention, out *auth.Swept) error {
	at := micros(now)
	n, err := t.exec("DELETE FROM handoffs WHERE id IN (SELECT id FROM handoffs WHERE expires > 0 AND expires <= ? LIMIT ?)", at, int64(sweepRest))
	if err != nil {
		return err
	}
	out.HandOffs += n
	err = t.query(func(r row) error {
		t.dropped(auth.GuardKey(r.blob(0)))
		out.Guards++
		return nil
	}, "DELETE FROM guards WHERE key IN (SELECT key FROM guards WHERE forget > 0 AND forget <= ? LIMIT ?) RETURNING key", at, int64(sweepRest))
	if err != nil {
		return err
	}
	out.More = out.More || n == sweepRest || out.Guards == sweepRest
	if err := t.sweepFeed(at, keep.Feed.Microseconds(), out); err != nil {
		return err
	}
	if keep.Audit == 0 {
		return nil
	}
	return t.sweepAudit(at-keep.Audit.Microseconds(), &keep, out)
}

// sweepFeed marks how far the feed is now and removes what it was at the newest
// mark that is old enough. The newest notice always stays.
func (t *transaction) sweepFeed(at, keep int64, out *auth.Swept) error {
	_, err := t.exec(`INSERT INTO feed_marks (at, seq) SELECT ?1, seq FROM (SELECT max(seq) AS seq FROM feed)
		WHERE seq > coalesce((SELECT max(seq) FROM feed_marks), 0) ON CONFLICT DO UPDATE SET seq = excluded.seq`, at)
	if err != nil {
		return err
	}
	n, err := t.exec(`DELETE FROM feed WHERE seq IN (SELECT seq FROM feed ORDER BY seq LIMIT ?2)
		AND seq <= (SELECT max(seq) FROM feed_marks WHERE at <= ?1) AND seq < (SELECT max(seq) FROM feed)`, at-keep, int64(sweepRest))
	if err != nil {
		return err
	}
	out.Notices += n
	if n == sweepRest {
		out.More = true
		return nil
	}
	// The newest mark stays: it says that nothing was announced since.
	_, err = t.exec("DELETE FROM feed_marks WHERE at <= ? AND at < (SELECT max(at) FROM feed_marks)", at-keep)
	return err
}
