package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/auth"
)

const columns = "id, ends, principal, issued, cap, idle, capped, uses, expire_on_new, digest, dialect, app, source, attrs"

const selectSessions = "SELECT " + columns + " FROM sessions "

func scanSession(r pgx.CollectableRow) (s auth.SessionRow, err error) {
	var id, ends, issued, most, idle int64
	var sum, source, attrs []byte
	err = r.Scan(&id, &ends, &s.Principal, &issued, &most, &idle, &s.Capped, &s.Uses, &s.ExpireOnNew, &sum, &s.Dialect, &s.App, &source, &attrs)
	s.ID, s.Digest, s.Source, s.Attrs = auth.SessionID(id), digest(sum), addr(source), string(attrs)
	s.Ends, s.Issued, s.Cap, s.Idle = fromMicros(ends), fromMicros(issued), fromMicros(most), span(idle)
	return s, err
}

// Session reads one session; see [auth.Store].
func (s *Store) Session(ctx context.Context, id auth.SessionID) (out auth.SessionRow, err error) {
	found := false
	err = s.hot.read(ctx, func(ctx context.Context, c *conn) (err error) {
		out, found, err = one(ctx, c, scanSession, selectSessions+"WHERE id = $1", int64(id))
		return err
	})
	return out, missing("session", found, err)
}

// HandOff reads one hand-off; see [auth.Store].
func (s *Store) HandOff(ctx context.Context, id auth.SessionID) (out auth.HandOffRow, err error) {
	found := false
	err = s.hot.read(ctx, func(ctx context.Context, c *conn) (err error) {
		out, found, err = one(ctx, c, scanHandOff,
			"SELECT id, digest, principal, dialect, attrs, issued, expires FROM handoffs WHERE id = $1", int64(id))
		return err
	})
	return out, missing("hand-off", found, err)
}

func scanHandOff(r pgx.CollectableRow) (h auth.HandOffRow, err error) {
	var id, issued, expires int64
	var sum, attrs []byte
	err = r.Scan(&id, &sum, &h.Principal, &h.Dialect, &attrs, &issued, &expires)
	h.ID, h.Digest, h.Attrs = auth.SessionID(id), digest(sum), string(attrs)
	h.Issued, h.Expires = fromMicros(issued), fromMicros(expires)
	return h, err
}

// missing is the error of a read of one row.
func missing(what string, found bool, err error) error {
	if err != nil {
		return explain("reading a "+what, err)
	}
	if !found {
		return fmt.Errorf("postgres: %s: %w", what, auth.ErrNotFound)
	}
	return nil
}

// Latest reads the newest live session of a principal; see [auth.Store].
func (s *Store) Latest(ctx context.Context, p auth.PrincipalID, now time.Time) (out auth.SessionRow, err error) {
	found := false
	err = s.cold.read(ctx, func(ctx context.Context, c *conn) (err error) {
		out, found, err = one(ctx, c, scanSession,
			selectSessions+"WHERE principal = $1 AND (ends = 0 OR ends > $2) ORDER BY id DESC LIMIT 1", int64(p), micros(now))
		return err
	})
	return out, missing("session of that key or user", found, err)
}

// countCapped counts the sessions under a cap. There are few: a cap lets no more
// begin, and what is over is swept. It says "capped <> 0" so that the partial
// index can be used.
const countCapped = `SELECT count(*), coalesce((array_agg(ends ORDER BY place DESC))[1], 0) FROM (
	SELECT ends, row_number() OVER (ORDER BY ends = 0 DESC, ends DESC) AS place FROM sessions
	WHERE capped = $1 AND capped <> 0 AND (ends = 0 OR ends > $2) AND dialect = $3 AND principal <> $4
	ORDER BY ends = 0 DESC, ends DESC LIMIT $5) live`

// Live counts the live sessions under a cap; see [auth.Store].
func (s *Store) Live(ctx context.Context, c auth.Capped, now time.Time, most int) (n int, first time.Time, err error) {
	var ends int64
	err = s.hot.read(ctx, func(ctx context.Context, conn *conn) error {
		return conn.QueryRow(ctx, countCapped, int64(c.Tenant), micros(now), c.Dialect, int64(c.Except), int64(most)).Scan(&n, &ends)
	})
	if err != nil {
		return 0, time.Time{}, explain("counting live sessions", err)
	}
	return n, fromMicros(ends), nil
}

// Lease reserves ids; see [auth.Store].
func (s *Store) Lease(ctx context.Context, n uint64) (first auth.SessionID, err error) {
	if n == 0 || n > uint64(auth.MaxSessionID) {
		return 0, fmt.Errorf("postgres: %w: lease of %d ids", auth.ErrInvalid, n)
	}
	// A second try may lease a second block: ids last.
	err = s.hot.read(ctx, func(ctx context.Context, c *conn) error {
		next, found, err := one(ctx, c, pgx.RowTo[int64], leaseIDs, int64(n), int64(auth.MaxSessionID))
		if err == nil && !found {
			err = fmt.Errorf("%w: session ids are used up", auth.ErrInvalid)
		}
		first = auth.SessionID(next)
		return err
	})
	return first, explain("leasing session ids", err)
}

// leaseIDs goes on from the counter, or from the largest id there is: after a
// failover that lost commits the counter may not know of leases whose ids are in
// use.
const leaseIDs = `UPDATE counters SET next = greatest(next, taken.up + 1) + $1::bigint
	FROM (SELECT greatest((SELECT max(id) FROM sessions), (SELECT max(id) FROM handoffs), 0) AS up) AS taken
	WHERE name = 'session' AND greatest(next, taken.up + 1) <= $2::bigint - $1::bigint RETURNING next - $1::bigint`

// draw takes n numbers from a counter and returns the first. Numbers are never
// given back: what was named by one stays unambiguous in the audit.
func draw(ctx context.Context, q querier, counter string, n int64) (first int64, err error) {
	first, found, err := one(ctx, q, pgx.RowTo[int64],
		"UPDATE counters SET next = next + $1::bigint WHERE name = $2 AND next <= $3::bigint - $1::bigint RETURNING next - $1::bigint", n, counter, int64(auth.MaxSessionID))
	if err == nil && !found {
		err = fmt.Errorf("%w: counter %q is used up", auth.ErrInvalid, counter)
	}
	return first, err
}
