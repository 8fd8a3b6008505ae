package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// listRead bounds the sessions that one page of a list looks at: some 30 ms.
const listRead = 1 << 14

// maxList bounds one page.
const maxList = 1000

func pageLimit(limit int) (int64, error) {
	if limit <= 0 {
		return 0, fmt.Errorf("sqlite: %w: a page has a limit above zero", auth.ErrInvalid)
	}
	return int64(min(limit, maxList)), nil
}

// Sessions reads a page of sessions; see [auth.Lister].
func (s *Store) Sessions(ctx context.Context, q auth.SessionQuery) (rows []auth.SessionRow, next auth.SessionID, err error) {
	limit, err := pageLimit(q.Limit)
	if err != nil {
		return nil, 0, err
	}
	if len(q.Of) > auth.MaxQueryOf {
		return nil, 0, fmt.Errorf("sqlite: %w: sessions of %d keys and users in one query, at most %d", auth.ErrInvalid, len(q.Of), auth.MaxQueryOf)
	}
	if q.Before == 0 || q.Before > auth.MaxSessionID {
		q.Before = auth.MaxSessionID
	}
	l := &sessionList{q: &q, limit: int(limit)}
	if len(q.Of) == 0 {
		err = s.cold.with(ctx, l.scan)
	} else {
		err = s.ownedBefore(ctx, l)
	}
	return l.rows, l.next, explain("listing sessions", err)
}

// sessionList is a page of sessions that is being read.
type sessionList struct {
	q     *auth.SessionQuery
	limit int
	seen  int
	rows  []auth.SessionRow
	next  auth.SessionID
}

// take looks at the next session, in the order of the list, and says whether the
// page is full.
func (l *sessionList) take(r auth.SessionRow) (full bool) {
	l.seen++
	if (l.q.Dialect == "" || r.Dialect == l.q.Dialect) && (l.q.LiveAt.IsZero() || r.Alive(l.q.LiveAt)) {
		l.rows = append(l.rows, r)
	}
	if len(l.rows) < l.limit && l.seen < listRead {
		return false
	}
	l.next = r.ID
	return true
}

// errFull ends a query whose page is full.
var errFull = errors.New("the page is full")

// scan goes through the sessions of everybody.
func (l *sessionList) scan(c *conn) error {
	err := c.query(func(r row) error {
		if l.take(scanSession(r)) {
			return errFull
		}
		return nil
	}, "SELECT "+sessionColumns+" FROM sessions WHERE id < ? ORDER BY id DESC LIMIT ?", int64(l.q.Before), int64(listRead))
	if errors.Is(err, errFull) {
		return nil
	}
	return err
}

// ownedBefore goes through the sessions of some: what the tail and the index
// know of each of them, put in order.
func (s *Store) ownedBefore(ctx context.Context, l *sessionList) error {
	recent := make([][]auth.SessionID, len(l.q.Of))
	oldest := ^uint64(0)
	for i, p := range l.q.Of { // before the snapshot: what leaves the tail meanwhile is in it
		var known uint64
		recent[i], known = s.tail.recent(p)
		oldest = min(oldest, known)
	}
	return s.cold.snapshot(ctx, func(c *conn) error {
		ids, cut, err := l.owned(c, recent, oldest)
		if err != nil {
			return err
		}
		for i, id := range ids {
			if i == listRead {
				l.next = ids[i-1]
				return nil
			}
			var r auth.SessionRow
			found, err := c.one(func(v row) { r = scanSession(v) }, selectSession, int64(id))
			if err != nil {
				return err
			}
			if found && slices.Contains(l.q.Of, r.Principal) && l.take(r) {
				return nil
			}
		}
		l.next = cut
		return nil
	})
}

// owned lists the newest ids before the query's, newest first. Of each principal it
// reads a part of the index; cut is the id down to which the list is complete, 0 if
// it is to the end.
func (l *sessionList) owned(c *conn, recent [][]auth.SessionID, known uint64) (ids []auth.SessionID, cut auth.SessionID, err error) {
	part := listRead / len(l.q.Of)
	for i, p := range l.q.Of {
		newer, err := unknownPairs(c, known, p)
		if err != nil {
			return nil, 0, err
		}
		for _, id := range append(newer, recent[i]...) {
			if id < l.q.Before {
				ids = append(ids, id)
			}
		}
		n, last := 0, auth.SessionID(0)
		err = c.query(func(r row) error {
			n, last = n+1, auth.SessionID(r.int(0))
			ids = append(ids, last)
			return nil
		}, "SELECT id FROM owned WHERE principal = ? AND id < ? ORDER BY id DESC LIMIT ?", int64(p), int64(l.q.Before), int64(part))
		if err != nil {
			return nil, 0, err
		}
		if n == part {
			cut = max(cut, last)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	ids = slices.Compact(ids)
	if cut != 0 {
		at := slices.Index(ids, cut)
		ids = ids[:at+1]
	}
	return ids, cut, nil
}

// AuditBefore reads batches backwards; see [auth.Lister].
func (s *Store) AuditBefore(ctx context.Context, seq uint64, limit int) (out []audit.Batch, err error) {
	limit = min(limit, maxFeed)
	if limit <= 0 {
		return nil, fmt.Errorf("sqlite: %w: audit limit must be positive", auth.ErrInvalid)
	}
	if seq == 0 || seq > uint64(auth.MaxSessionID) {
		seq = uint64(auth.MaxSessionID)
	}
	err = s.cold.with(ctx, func(c *conn) error {
		return c.query(func(r row) error {
			return addBatch(&out, r)
		}, "SELECT seq, at, count, body, chain FROM audit_batches WHERE seq < ? ORDER BY seq DESC LIMIT ?", int64(seq), int64(limit))
	})
	return out, explain("reading the audit", err)
}

// addBatch refuses a batch where none can be.
func addBatch(out *[]audit.Batch, r row) error {
	if err := audit.Misplaced(r.int(0)); err != nil {
		return err
	}
	*out = append(*out, scanBatch(r))
	return nil
}

func scanBatch(r row) audit.Batch {
	b := audit.Batch{Seq: uint64(r.int(0)), At: r.time(1), Count: int(r.int(2)), Body: r.blob(3)}
	copy(b.Chain[:], r.blob(4))
	return b
}

// page reads a page of the records of a scope. column is the one that says in
// which account a record is.
func page[T any](c *conn, in auth.Scope, column string, scan func(row) T, query, id string, after driver.Value, limit int) ([]T, error) {
	n, err := pageLimit(limit)
	if err != nil {
		return nil, err
	}
	switch {
	case in.Account == 0 && in.Direct:
		return list(c, scan, query+"WHERE "+column+" IS NULL AND "+id+" > ? ORDER BY "+id+" LIMIT ?", after, n)
	case in.Account == 0:
		return list(c, scan, query+"WHERE "+id+" > ? ORDER BY "+id+" LIMIT ?", after, n)
	case in.Direct:
		return list(c, scan, query+"WHERE "+column+" = ? AND "+id+" > ? ORDER BY "+id+" LIMIT ?", int64(in.Account), after, n)
	}
	// The accounts of a subtree are the account itself and what is below it.
	of := column
	if column == "parent" {
		of = "id"
	}
	return list(c, scan, subtree+query+"WHERE "+of+" IN below AND "+id+" > ?2 ORDER BY "+id+" LIMIT ?3", int64(in.Account), after, n)
}

// PageAccounts reads a page of accounts; see [auth.Pager].
func (v records) PageAccounts(in auth.Scope, after auth.AccountID, limit int) ([]auth.Account, error) {
	return page(v.c, in, "parent", scanAccount, selectAccounts, "id", int64(after), limit)
}

// PageKeys reads a page of API keys; see [auth.Pager].
func (v records) PageKeys(in auth.Scope, after auth.PrincipalID, limit int) ([]auth.Key, error) {
	return page(v.c, in, "account", scanKey, selectKeys, "id", int64(after), limit)
}

// PageUsers reads a page of users; see [auth.Pager].
func (v records) PageUsers(in auth.Scope, after auth.PrincipalID, limit int) ([]auth.User, error) {
	return page(v.c, in, "account", scanUser, selectUsers, "id", int64(after), limit)
}

// PageApps reads a page of apps; see [auth.Pager].
func (v records) PageApps(in auth.Scope, after string, limit int) ([]auth.App, error) {
	return page(v.c, in, "account", scanApp, selectApps, "key", after, limit)
}
