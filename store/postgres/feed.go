package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/auth"
)

// Notices take their positions under the feed's turn, a row that stays locked
// until the commit can be seen. So the order of positions is the order of
// commits, on all nodes, and nobody reads past a notice that comes later.
//
// A replica that takes over need not have had the latest commits, a database that
// was restored has not, and neither says so. So each answer says which server it
// is of, since when that runs, and which table it has read; who followed another
// starts afresh. A restart that lost nothing cannot be told from one that did:
// then nodes forget what they remember in vain.

// history is what another history of the database has another of, as an
// expression; see [engine].
const (
	historyOfServer = "(SELECT pg_postmaster_start_time()::text || ' ' || 'feed'::regclass::oid::text)"
	noHistory       = "''::text" // where any server may answer, and none has less than another
)

// feedQueries are the statements that read the feed. Each answers the history
// with the rows: the next statement may be another server's.
type feedQueries struct{ read, head string }

func newFeedQueries(history string) feedQueries {
	return feedQueries{
		read: "SELECT h.history, f.seq, f.kind, f.id, f.at, f.mark FROM (SELECT " + history + " AS history) h LEFT JOIN LATERAL " +
			"(SELECT seq, kind, id, at, mark FROM feed WHERE seq >= $1 ORDER BY seq LIMIT $2) f ON true ORDER BY f.seq",
		head: "SELECT h.history, f.seq, f.kind, f.id, f.at, f.mark FROM (SELECT " + history + " AS history) h LEFT JOIN LATERAL " +
			"(SELECT seq, kind, id, at, mark FROM feed ORDER BY seq DESC LIMIT 1) f ON true",
	}
}

// feedRow is a notice and the history that it was read in. No notice is one whose
// Seq is 0.
type feedRow struct {
	auth.Notice
	history string
	first   uint64 // mark of the position before the first
}

func scanNotice(r pgx.CollectableRow) (f feedRow, err error) {
	var seq, id, at *int64
	var kind *int16
	var mark *[16]byte
	if err = r.Scan(&f.history, &seq, &kind, &id, &at, &mark); err != nil {
		return f, err
	}
	sum := sha256.Sum256([]byte(f.history))
	f.first = binary.BigEndian.Uint64(sum[:])
	f.Mark = f.first
	if seq == nil {
		return f, nil
	}
	f.Seq, f.Kind, f.ID, f.At = uint64(*seq), auth.NoticeKind(*kind), uint64(*id), fromMicros(*at)
	if mark != nil {
		f.Mark ^= binary.BigEndian.Uint64(mark[:8]) ^ binary.BigEndian.Uint64(mark[8:])
	}
	return f, nil
}

// Feed reads notices; see [auth.Store].
func (s *Store) Feed(ctx context.Context, after auth.Position, limit int) ([]auth.Notice, error) {
	limit = min(limit, maxPart)
	if limit <= 0 {
		return nil, explain("reading the feed", auth.ErrInvalid)
	}
	rows, err := s.readFeed(ctx, s.feed.read, int64(min(after.Seq, uint64(auth.MaxSessionID))), int64(limit)+1)
	if err != nil {
		return nil, err
	}
	found := make([]auth.Notice, 0, len(rows))
	for i := range rows {
		if rows[i].Seq != 0 {
			found = append(found, rows[i].Notice)
		}
	}
	found, err = after.Onwards(found, rows[0].first)
	return found[:min(len(found), limit)], explain("reading the feed", err)
}

// FeedHead is the newest position; see [auth.Store].
func (s *Store) FeedHead(ctx context.Context) (auth.Position, error) {
	rows, err := s.readFeed(ctx, s.feed.head)
	if err != nil {
		return auth.Position{}, err
	}
	return rows[0].Position(), nil
}

// readFeed answers at least one row. When the history is another than the last
// time, the database has changed hands, and connections that are open may lead to
// where it was.
func (s *Store) readFeed(ctx context.Context, query string, args ...any) (rows []feedRow, err error) {
	err = s.hot.read(ctx, func(ctx context.Context, c *conn) error {
		rows, err = list(ctx, c, scanNotice, query, args...)
		return err
	})
	if err != nil {
		return nil, explain("reading the feed", err)
	}
	if last := s.history.Swap(&rows[0].history); last != nil && *last != rows[0].history {
		s.log.WarnContext(ctx, "the database changed hands or was restarted; its connections are made anew")
		for _, p := range []*pool{s.hot, s.cold, s.write} {
			p.Reset()
		}
		if hangUp := s.hangUp.Load(); hangUp != nil {
			(*hangUp)()
		}
	}
	return rows, nil
}
