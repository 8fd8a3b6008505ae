package sqlite

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/auth"
)

// notice appends to the feed. Its newest row is never removed, so the position
// goes on from it; it is read inside the transaction, so there is no gap.
func (t *transaction) notice(kind auth.NoticeKind, id uint64) error {
	if !t.noted {
		head, err := t.feedHead()
		if err != nil {
			return err
		}
		t.feed, t.noted = head, true
	}
	t.feed++
	_, err := t.exec("INSERT INTO feed (seq, kind, id, at) VALUES (?, ?, ?, CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000)", int64(t.feed), int64(kind), int64(id))
	return err
}

func (c *conn) feedHead() (head uint64, err error) {
	_, err = c.one(func(r row) { head = uint64(r.int(0)) }, "SELECT max(seq) FROM feed")
	return head, err
}

// maxFeed bounds one answer of Feed and Audit.
const maxFeed = 10_000

// Feed reads notices; see [auth.Store]. It reads the row of the position too,
// as the proof that nothing after it was removed.
func (s *Store) Feed(ctx context.Context, after uint64, limit int) (out []auth.Notice, err error) {
	limit = min(limit, maxFeed)
	if limit <= 0 {
		return nil, fmt.Errorf("sqlite: %w: feed limit must be positive", auth.ErrInvalid)
	}
	kept := after == 0
	err = s.hot.with(ctx, func(c *conn) error {
		return c.query(func(r row) error {
			n := auth.Notice{Seq: uint64(r.int(0)), Kind: auth.NoticeKind(r.int(1)), ID: uint64(r.int(2)), At: r.time(3)}
			if n.Seq == after {
				kept = true
				return nil
			}
			if len(out) == 0 {
				kept = n.Seq == after+1
			}
			out = append(out, n)
			return nil
		}, "SELECT seq, kind, id, at FROM feed WHERE seq >= ? ORDER BY seq LIMIT ?", int64(after), int64(limit)+1)
	})
	if err != nil {
		return nil, explain("reading the feed", err)
	}
	if !kept {
		return nil, fmt.Errorf("sqlite: feed position %d: %w", after, auth.ErrNotFound)
	}
	return out[:min(len(out), limit)], nil
}

// FeedHead is the newest position; see [auth.Store].
func (s *Store) FeedHead(ctx context.Context) (head uint64, err error) {
	err = s.hot.with(ctx, func(c *conn) (err error) {
		head, err = c.feedHead()
		return err
	})
	return head, explain("reading the feed", err)
}
