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
	_, err := t.exec("INSERT INTO feed (seq, kind, id, at, mark) VALUES (?, ?, ?, CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000, random())", int64(t.feed), int64(kind), int64(id))
	return err
}

// history is a number that a copy of the database has another one of, see
// [NewHistory]. It is mixed into the marks of notices.
func (c *conn) history() (h uint64, err error) {
	_, err = c.one(func(r row) { h = uint64(r.int(0)) }, "SELECT mark FROM history")
	return h, err
}

func (c *conn) feedHead() (head uint64, err error) {
	_, err = c.one(func(r row) { head = uint64(r.int(0)) }, "SELECT max(seq) FROM feed")
	return head, err
}

// maxFeed bounds one answer of Feed and Audit.
const maxFeed = 10_000

// Feed reads notices; see [auth.Store]. It reads the row of the position too,
// as the proof that nothing after it was removed.
func (s *Store) Feed(ctx context.Context, after auth.Position, limit int) (out []auth.Notice, err error) {
	limit = min(limit, maxFeed)
	if limit <= 0 {
		return nil, fmt.Errorf("sqlite: %w: feed limit must be positive", auth.ErrInvalid)
	}
	var history uint64
	err = s.hot.with(ctx, func(c *conn) (err error) {
		if history, err = c.history(); err != nil {
			return err
		}
		return c.query(func(r row) error {
			out = append(out, auth.Notice{Seq: uint64(r.int(0)), Mark: uint64(r.int(4)) ^ history, Kind: auth.NoticeKind(r.int(1)), ID: uint64(r.int(2)), At: r.time(3)})
			return nil
		}, "SELECT seq, kind, id, at, mark FROM feed WHERE seq >= ? ORDER BY seq LIMIT ?", int64(after.Seq), int64(limit)+1)
	})
	if err == nil {
		out, err = after.Onwards(out, history)
	}
	return out[:min(len(out), limit)], explain("reading the feed", err)
}

// FeedHead is the newest position; see [auth.Store].
func (s *Store) FeedHead(ctx context.Context) (head auth.Position, err error) {
	err = s.hot.with(ctx, func(c *conn) error {
		history, err := c.history()
		if err != nil {
			return err
		}
		head.Mark = history
		_, err = c.one(func(r row) { head.Seq, head.Mark = uint64(r.int(0)), uint64(r.int(1))^history }, "SELECT seq, mark FROM feed ORDER BY seq DESC LIMIT 1")
		return err
	})
	return head, explain("reading the feed", err)
}

// News is nil: another process that writes to the file says so to nobody.
func (s *Store) News() <-chan struct{} { return nil }
