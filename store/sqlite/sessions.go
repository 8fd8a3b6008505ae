package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

const sessionColumns = "id, ends, principal, uses, expire_on_new, issued, cap, idle, digest, dialect, app, source, attrs, capped"

// Rows are inserted 16 to a statement: entering a statement costs as much as
// three rows do. Nearly all sessions are plain, with a fixed span and nothing
// else; binding a parameter costs so much that they have a statement of their
// own, with half of them.
const (
	sessionWidth = 14
	plainWidth   = 7
	insertRows   = 16
)

var (
	insertOne  = insertSessions(1, sessionWidth, sessionPlaces)
	insertMany = insertSessions(insertRows, sessionWidth, sessionPlaces)
	plainOne   = insertSessions(1, plainWidth, plainPlaces)
	plainMany  = insertSessions(insertRows, plainWidth, plainPlaces)
)

// The places of one row, in the order of sessionColumns; %[n]d is its nth
// parameter. The cap of a plain session is its end.
const (
	sessionPlaces = "(?%[1]d, ?%[2]d, ?%[3]d, ?%[4]d, ?%[5]d, ?%[6]d, ?%[7]d, ?%[8]d, ?%[9]d, ?%[10]d, ?%[11]d, ?%[12]d, ?%[13]d, ?%[14]d)"
	plainPlaces   = "(?%[1]d, ?%[2]d, ?%[3]d, 0, 0, ?%[4]d, ?%[2]d, 0, ?%[5]d, ?%[6]d, '', ?%[7]d, '', 0)"
)

func insertSessions(rows, width int, places string) string {
	values := make([]string, rows)
	for i := range values {
		numbers := make([]any, width)
		for j := range numbers {
			numbers[j] = i*width + j + 1
		}
		values[i] = fmt.Sprintf(places, numbers...)
	}
	return "INSERT INTO sessions (" + sessionColumns + ") VALUES " + strings.Join(values, ", ")
}

// plain says whether the session is of the common kind.
func plain(r *auth.SessionRow) bool {
	return r.Uses == 0 && !r.ExpireOnNew && r.Idle == 0 && r.Cap.Equal(r.Ends) && r.App == "" && r.Attrs == "" && r.Capped == 0
}

// beginBuffer holds sessions back until there are enough for a statement.
// Whoever is about to look at sessions flushes it first.
type beginBuffer struct {
	conn *conn
	rows [insertRows]*auth.SessionRow
	n    int
}

func (b *beginBuffer) add(r *auth.SessionRow) error {
	b.rows[b.n] = r
	b.n++
	if b.n < insertRows {
		return nil
	}
	return b.flush()
}

func (b *beginBuffer) flush() error {
	rows := b.rows[:b.n]
	b.n = 0
	if len(rows) == insertRows {
		if !slices.ContainsFunc(rows, func(r *auth.SessionRow) bool { return !plain(r) }) {
			return b.insert(plainMany, plainWidth, bindPlain, rows)
		}
		return b.insert(insertMany, sessionWidth, bindSession, rows)
	}
	for i, r := range rows {
		var err error
		if plain(r) {
			err = b.insert(plainOne, plainWidth, bindPlain, rows[i:i+1])
		} else {
			err = b.insert(insertOne, sessionWidth, bindSession, rows[i:i+1])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *beginBuffer) insert(query string, width int, bind func([]driver.NamedValue, *auth.SessionRow), rows []*auth.SessionRow) error {
	s, err := b.conn.statement(query, width*len(rows))
	if err != nil {
		return err
	}
	for i, r := range rows {
		bind(s.args[i*width:], r)
	}
	_, err = s.exec()
	return err
}

func bindPlain(a []driver.NamedValue, r *auth.SessionRow) {
	a[0].Value = int64(r.ID)
	a[1].Value = micros(r.Ends)
	a[2].Value = int64(r.Principal)
	a[3].Value = micros(r.Issued)
	a[4].Value = r.Digest[:]
	a[5].Value = r.Dialect
	a[6].Value = addrBytes(r.Source)
}

func bindSession(a []driver.NamedValue, r *auth.SessionRow) {
	a[0].Value = int64(r.ID)
	a[1].Value = micros(r.Ends)
	a[2].Value = int64(r.Principal)
	a[3].Value = int64(r.Uses)
	a[4].Value = bit(r.ExpireOnNew)
	a[5].Value = micros(r.Issued)
	a[6].Value = micros(r.Cap)
	a[7].Value = r.Idle.Microseconds()
	a[8].Value = r.Digest[:]
	a[9].Value = r.Dialect
	a[10].Value = r.App
	a[11].Value = addrBytes(r.Source)
	a[12].Value = r.Attrs
	a[13].Value = int64(r.Capped)
}

func scanSession(r row) auth.SessionRow {
	return auth.SessionRow{
		ID: auth.SessionID(r.int(0)), Principal: auth.PrincipalID(r.int(2)), Digest: digest(r.blob(8)),
		Dialect: r.text(9), App: r.text(10), Source: r.addr(11), Attrs: r.text(12), Capped: auth.AccountID(r.int(13)),
		Life: auth.Life{Ends: r.time(1), Uses: int(r.int(3)), ExpireOnNew: r.bool(4), Issued: r.time(5), Cap: r.time(6), Idle: r.duration(7)},
	}
}

func digest(b []byte) (d secret.Digest) {
	copy(d[:], b)
	return d
}

// beginSession adds a session and remembers whose it is.
func (t *transaction) beginSession(r *auth.SessionRow) error {
	if r.ID == 0 || r.ID > auth.MaxSessionID {
		return fmt.Errorf("%w: session id %d", auth.ErrInvalid, r.ID)
	}
	if err := t.begins.add(r); err != nil {
		return err
	}
	t.pairs = appendPair(t.pairs, r.Principal, r.ID)
	t.tail.add(r.Principal, r.ID)
	return nil
}

func (t *transaction) putHandOff(h *auth.HandOffRow) error {
	if h.ID == 0 || h.ID > auth.MaxSessionID {
		return fmt.Errorf("%w: hand-off id %d", auth.ErrInvalid, h.ID)
	}
	_, err := t.exec("INSERT INTO handoffs (id, digest, principal, dialect, attrs, issued, expires) VALUES (?, ?, ?, ?, ?, ?, ?)", int64(h.ID), h.Digest[:], int64(h.Principal),
		h.Dialect, h.Attrs, micros(h.Issued), micros(h.Expires))
	return err
}

const selectSession = "SELECT " + sessionColumns + " FROM sessions WHERE id = ?"

// Session reads one session; see [auth.Store].
func (s *Store) Session(ctx context.Context, id auth.SessionID) (out auth.SessionRow, err error) {
	found := false
	err = s.hot.with(ctx, func(c *conn) (err error) {
		found, err = c.one(func(r row) { out = scanSession(r) }, selectSession, int64(id))
		return err
	})
	return out, missing("session", found, err)
}

// HandOff reads one hand-off; see [auth.Store].
func (s *Store) HandOff(ctx context.Context, id auth.SessionID) (out auth.HandOffRow, err error) {
	found := false
	err = s.hot.with(ctx, func(c *conn) (err error) {
		found, err = c.one(func(r row) {
			out = auth.HandOffRow{ID: auth.SessionID(r.int(0)), Digest: digest(r.blob(1)), Principal: auth.PrincipalID(r.int(2)),
				Dialect: r.text(3), Attrs: r.text(4), Issued: r.time(5), Expires: r.time(6)}
		}, "SELECT id, digest, principal, dialect, attrs, issued, expires FROM handoffs WHERE id = ?", int64(id))
		return err
	})
	return out, missing("hand-off", found, err)
}

// missing is the error of a read of one row.
func missing(what string, found bool, err error) error {
	if err != nil {
		return explain("reading a "+what, err)
	}
	if !found {
		return fmt.Errorf("sqlite: %s: %w", what, auth.ErrNotFound)
	}
	return nil
}

// Lease reserves ids; see [auth.Store].
func (s *Store) Lease(ctx context.Context, n uint64) (first auth.SessionID, err error) {
	if n == 0 || n > uint64(auth.MaxSessionID) {
		return 0, fmt.Errorf("sqlite: %w: lease of %d ids", auth.ErrInvalid, n)
	}
	err = s.writer.exclusive(ctx, func(c *conn) error {
		taken, err := c.one(func(r row) { first = auth.SessionID(r.int(0)) }, leaseIDs, int64(n), int64(auth.MaxSessionID))
		if err == nil && !taken {
			err = fmt.Errorf("%w: session ids are used up", auth.ErrInvalid)
		}
		return err
	})
	return first, explain("leasing session ids", err)
}

// leaseIDs goes on from the counter, or from the largest id there is: rows can be
// newer than the counter if a file was put together from two.
const leaseIDs = `UPDATE counters SET next = taken.up + 1 + ?1
	FROM (SELECT max((SELECT next - 1 FROM counters WHERE name = 'session'), coalesce((SELECT max(id) FROM sessions), 0),
		coalesce((SELECT max(id) FROM handoffs), 0)) AS up) AS taken
	WHERE name = 'session' AND taken.up < ?2 - ?1 RETURNING next - ?1`

// draw takes n numbers from a counter and returns the first. Numbers are never
// given back: what was named by one stays unambiguous in the audit.
func (c *conn) draw(counter string, n int64) (first int64, err error) {
	found, err := c.one(func(r row) { first = r.int(0) },
		"UPDATE counters SET next = next + ?1 WHERE name = ?2 AND next <= ?3 - ?1 RETURNING next - ?1", n, counter, int64(auth.MaxSessionID))
	if err == nil && !found {
		err = fmt.Errorf("%w: counter %q is used up", auth.ErrInvalid, counter)
	}
	return first, err
}

// Latest reads the newest live session of a principal; see [auth.Store].
func (s *Store) Latest(ctx context.Context, p auth.PrincipalID, now time.Time) (out auth.SessionRow, err error) {
	recent, known := s.tail.recent(p) // before the snapshot: what leaves the tail meanwhile is in it
	err = s.cold.snapshot(ctx, func(c *conn) error {
		newer, err := unknownPairs(c, known, p)
		if err != nil {
			return err
		}
		for _, id := range append(newer, recent...) {
			var r auth.SessionRow
			found, err := c.one(func(v row) { r = scanSession(v) }, selectSession, int64(id))
			if err != nil {
				return err
			}
			if found && r.Principal == p && r.Alive(now) {
				out = r
				break
			}
		}
		_, err = c.one(func(v row) {
			if r := scanSession(v); r.ID > out.ID {
				out = r
			}
		}, `SELECT `+sessionColumns+` FROM sessions WHERE id = (SELECT o.id FROM owned o JOIN sessions s ON s.id = o.id
			WHERE o.principal = ?1 AND (s.ends = 0 OR s.ends > ?2) ORDER BY o.id DESC LIMIT 1)`, int64(p), micros(now))
		return err
	})
	return out, missing("session of that key or user", out.ID != 0, err)
}

// countCapped says "capped <> 0" again so that SQLite knows that the rows are in
// the partial index sessions_capped.
const countCapped = `SELECT ends FROM sessions WHERE capped = ?1 AND capped <> 0 AND (ends = 0 OR ends > ?2)
	AND dialect = ?3 AND principal <> ?4 ORDER BY ends = 0 DESC, ends DESC LIMIT ?5`

// Live counts the live sessions under a cap; see [auth.Store].
func (s *Store) Live(ctx context.Context, c auth.Capped, now time.Time, most int) (n int, first time.Time, err error) {
	err = s.hot.with(ctx, func(conn *conn) error {
		n, first, err = conn.live(c, now, most)
		return err
	})
	if err != nil {
		return 0, time.Time{}, explain("counting live sessions", err)
	}
	return n, first, nil
}

func (c *conn) live(of auth.Capped, now time.Time, most int) (n int, first time.Time, err error) {
	err = c.query(func(v row) error {
		n++
		first = v.time(0) // the last of them ends first
		return nil
	}, countCapped, int64(of.Tenant), micros(now), of.Dialect, int64(of.Except), int64(most))
	return n, first, err
}
