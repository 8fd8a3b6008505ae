package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/auth"
)

// Notices take their positions under the feed's turn, a row that stays locked
// until the commit can be seen. So the order of positions is the order of
// commits, on all nodes, and nobody reads past a notice that comes later.

func scanNotice(r pgx.CollectableRow) (n auth.Notice, err error) {
	var seq, id, at int64
	var kind int16
	err = r.Scan(&seq, &kind, &id, &at)
	n.Seq, n.Kind, n.ID, n.At = uint64(seq), auth.NoticeKind(kind), uint64(id), fromMicros(at)
	return n, err
}

// Feed reads notices; see [auth.Store]. It reads the row of the position too,
// as the proof that nothing after it was removed.
func (s *Store) Feed(ctx context.Context, after uint64, limit int) (out []auth.Notice, err error) {
	limit = min(limit, maxPart)
	if limit <= 0 {
		return nil, fmt.Errorf("postgres: %w: feed limit must be positive", auth.ErrInvalid)
	}
	gone := fmt.Errorf("postgres: feed position %d: %w", after, auth.ErrNotFound)
	if after > uint64(auth.MaxSessionID) {
		return nil, gone
	}
	err = s.hot.read(ctx, func(ctx context.Context, c *conn) (err error) {
		out, err = list(ctx, c, scanNotice, "SELECT seq, kind, id, at FROM feed WHERE seq >= $1 ORDER BY seq LIMIT $2",
			int64(after), int64(limit)+1)
		return err
	})
	switch {
	case err != nil:
		return nil, explain("reading the feed", err)
	case len(out) > 0 && out[0].Seq == after:
		out = out[1:]
	case len(out) == 0 && after != 0, len(out) > 0 && out[0].Seq != after+1:
		return nil, gone
	}
	return out[:min(len(out), limit)], nil
}

// FeedHead is the newest position; see [auth.Store].
func (s *Store) FeedHead(ctx context.Context) (head uint64, err error) {
	err = s.hot.read(ctx, func(ctx context.Context, c *conn) error {
		var seq int64
		err := c.QueryRow(ctx, "SELECT coalesce(max(seq), 0) FROM feed").Scan(&seq)
		head = uint64(seq)
		return err
	})
	return head, explain("reading the feed", err)
}
