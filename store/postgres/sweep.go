package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/auth"
)

// Bounds of one step of Sweep.
const (
	sweepRead = 1 << 13 // sessions looked at
	sweepRest = 1024    // rows removed of each other kind
	sweepPart = 256     // audit batches removed
)

// sweepPace is how much of the caller's time must pass for each session of the
// last round before another round begins, on whichever node. An index on the end of sessions would
// cost every login and every use of an idle span; going round costs the database
// about a second for a million sessions, once a minute.
const sweepPace = 60 * time.Microsecond

// sweeper makes one step of this node at a time.
type sweeper struct {
	mu   sync.Mutex
	take string
}

// sweepTurn is the statement that takes the turn of sweeping until the transaction
// ends, if no other node has it; else it answers no row. A lock on a row does that
// everywhere; an advisory lock does it without writing, where there is one. It is
// the transaction's, as a pooler gives the next one another session, and named
// after the table, as several databases may be schemas of one.
func sweepTurn(advisory bool) string {
	if !advisory {
		return "SELECT 1 FROM turns WHERE name = 'clearing' FOR UPDATE SKIP LOCKED"
	}
	return fmt.Sprintf("SELECT 1 WHERE pg_try_advisory_xact_lock(%d, 'rounds'::regclass::oid::int)", sweeping)
}

// sweeping is the first half of the advisory lock's key.
const sweeping = 0x73776570 // "swep"

// Sweeping waits for nobody: what somebody else has locked is left for the next
// round. So it can stand in nobody's way for long. The nodes go round the sessions
// together: who has the turn goes on where the last one stopped.
const (
	whereSwept = "SELECT after, seen, over, had FROM rounds WHERE name = 'sessions'"
	noteSwept  = "UPDATE rounds SET after = $1, seen = $2, over = $3, had = $4 WHERE name = 'sessions'"

	sweepSessions = `WITH part AS (SELECT id FROM sessions WHERE id > $1 ORDER BY id LIMIT $2),
		bounds AS (SELECT coalesce(max(id), 0) AS last, count(*) AS n FROM part),
		over AS (SELECT id FROM sessions WHERE id > $1 AND id <= (SELECT last FROM bounds) AND ends <> 0 AND ends <= $3 FOR UPDATE SKIP LOCKED),
		gone AS (DELETE FROM sessions WHERE id IN (SELECT id FROM over) RETURNING id)
		SELECT last, n, (SELECT count(*) FROM gone) FROM bounds`
	sweepHandOffs = `DELETE FROM handoffs WHERE id IN
		(SELECT id FROM handoffs WHERE expires > 0 AND expires <= $1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED)`
	sweepGuards = `DELETE FROM guards WHERE key IN
		(SELECT key FROM guards WHERE forget > 0 AND forget <= $1 ORDER BY forget LIMIT $2 FOR UPDATE SKIP LOCKED)`
	sweepMarks = "DELETE FROM commits WHERE abs(at) < " + now + " - 86400000000"

	// How far the feed is now; and what it was at the newest such note that is old
	// enough goes. The newest notice always stays.
	noteFeed = `INSERT INTO feed_marks (at, seq) SELECT $1, seq FROM (SELECT max(seq) AS seq FROM feed) head
		WHERE seq > coalesce((SELECT max(seq) FROM feed_marks), 0) ON CONFLICT (at) DO UPDATE SET seq = excluded.seq`
	sweepFeed = `DELETE FROM feed WHERE seq IN (SELECT seq FROM feed ORDER BY seq LIMIT $2)
		AND seq <= (SELECT max(seq) FROM feed_marks WHERE at <= $1) AND seq < (SELECT max(seq) FROM feed)`
	// The newest note of those that are old enough stays: it may have more to remove.
	sweepNotes = "DELETE FROM feed_marks WHERE at < (SELECT max(at) FROM feed_marks WHERE at <= $1)"

	// From the oldest on, up to the first that is young enough, so that what is
	// left is an unbroken chain. The newest always stays.
	oldAudit = `WITH oldest AS (SELECT seq, at FROM audit_batches WHERE seq > 0 ORDER BY seq LIMIT $2),
		last AS (SELECT max(seq) AS seq FROM oldest WHERE seq < coalesce((SELECT min(seq) FROM oldest WHERE at >= $1), 9223372036854775807)
			AND seq < (SELECT max(seq) FROM audit_batches))
		SELECT seq, chain FROM audit_batches WHERE seq = (SELECT seq FROM last)`
	sweepAudit = "DELETE FROM audit_batches WHERE seq > 0 AND seq <= $1"
)

// Sweep removes what is over; see [auth.Store]. One node does so at a time: on
// the others it does nothing.
func (s *Store) Sweep(ctx context.Context, now time.Time, keep auth.Retention) (out auth.Swept, err error) {
	s.sweep.mu.Lock()
	defer s.sweep.mu.Unlock()
	err = s.cold.with(ctx, func(c *conn) error {
		tx, err := c.Begin(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
		if _, mine, err := one(ctx, tx, pgx.RowTo[int], s.sweep.take); err != nil || !mine {
			return err
		}
		if err := sweepPartOfSessions(ctx, tx, now, &out); err != nil {
			return err
		}
		if err := sweepOthers(ctx, tx, now, keep, &out); err != nil {
			return err
		}
		return tx.Commit(ctx)
	})
	if err != nil {
		return auth.Swept{}, explain("sweeping", err)
	}
	return out, nil
}

// sweepPartOfSessions looks at the next part of the sessions and removes those that
// are over. A clock that was ahead, here or on another node, does not keep a round
// from beginning.
func sweepPartOfSessions(ctx context.Context, tx pgx.Tx, now time.Time, out *auth.Swept) error {
	var after, seen, over, had int64
	if err := tx.QueryRow(ctx, whereSwept).Scan(&after, &seen, &over, &had); err != nil {
		return err
	}
	at := micros(now)
	if rest := had * sweepPace.Microseconds(); after == 0 && over <= at && at < over+rest {
		return nil
	}
	var last, part int64
	if err := tx.QueryRow(ctx, sweepSessions, after, int64(sweepRead), at).Scan(&last, &part, &out.Sessions); err != nil {
		return err
	}
	seen += part
	if part == sweepRead {
		after, out.More = last, true
	} else {
		after, seen, over, had = 0, 0, at, seen
	}
	_, err := tx.Exec(ctx, noteSwept, after, seen, over, had)
	return err
}

// sweepOthers removes what else is over.
func sweepOthers(ctx context.Context, tx pgx.Tx, now time.Time, keep auth.Retention, out *auth.Swept) error {
	at := micros(now)
	var ignored int
	steps := []struct {
		removed *int
		most    int // of which there may be more
		query   string
		args    []any
	}{
		{&out.HandOffs, sweepRest, sweepHandOffs, []any{at, int64(sweepRest)}},
		{&out.Guards, sweepRest, sweepGuards, []any{at, int64(sweepRest)}},
		{&ignored, 0, sweepMarks, nil},
		{&ignored, 0, noteFeed, []any{at}},
		{&out.Notices, sweepRest, sweepFeed, []any{at - keep.Feed.Microseconds(), int64(sweepRest)}},
		{&ignored, 0, sweepNotes, []any{at - keep.Feed.Microseconds()}},
	}
	for _, step := range steps {
		tag, err := tx.Exec(ctx, step.query, step.args...)
		if err != nil {
			return err
		}
		n := int(tag.RowsAffected())
		*step.removed += n
		out.More = out.More || (step.most > 0 && n == step.most)
	}
	if keep.Audit == 0 {
		return nil
	}
	return dropAudit(ctx, tx, at-keep.Audit.Microseconds(), keep.Reseal, out)
}
