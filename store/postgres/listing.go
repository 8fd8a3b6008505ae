package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/auth"
)

// listRead bounds the sessions that one page of a list looks at.
const listRead = 1 << 14

// maxList bounds one page.
const maxList = 1000

func pageLimit(limit int) (int64, error) {
	if limit <= 0 {
		return 0, fmt.Errorf("postgres: %w: a page has a limit above zero", auth.ErrInvalid)
	}
	return int64(min(limit, maxList)), nil
}

// A page of sessions is read in two steps: down to which id the bound on what is
// looked at reaches, 0 if to the end, and then what there is down to there.
const (
	reachAll = "SELECT coalesce((SELECT id FROM sessions WHERE id < $1 ORDER BY id DESC OFFSET $2::bigint - 1 LIMIT 1), 0)"
	pageAll  = selectSessions + `WHERE id < $1 AND id >= $2 AND ($3::text = '' OR dialect = $3) AND ($4::bigint = 0 OR ends = 0 OR ends > $4)
		ORDER BY id DESC LIMIT $5`

	reachOf = `SELECT coalesce(max(last), 0) FROM unnest($3::bigint[]) AS who (id), LATERAL (
		SELECT id AS last FROM sessions s WHERE s.principal = who.id AND s.id < $1 ORDER BY s.id DESC OFFSET $2::bigint - 1 LIMIT 1) part`
	pageOf = "SELECT " + columns + ` FROM unnest($6::bigint[]) AS who (of), LATERAL (
		SELECT * FROM sessions s WHERE s.principal = who.of AND s.id < $1 AND s.id >= $2 AND ($3::text = '' OR s.dialect = $3) AND ($4::bigint = 0 OR s.ends = 0 OR s.ends > $4)
		ORDER BY s.id DESC LIMIT $5) part ORDER BY id DESC LIMIT $5`
)

// Sessions reads a page of sessions; see [auth.Lister].
func (s *Store) Sessions(ctx context.Context, q auth.SessionQuery) (rows []auth.SessionRow, next auth.SessionID, err error) {
	limit, err := pageLimit(q.Limit)
	if err != nil {
		return nil, 0, err
	}
	if len(q.Of) > auth.MaxQueryOf {
		return nil, 0, fmt.Errorf("postgres: %w: sessions of %d keys and users in one query, at most %d", auth.ErrInvalid, len(q.Of), auth.MaxQueryOf)
	}
	before := int64(q.Before)
	if q.Before == 0 || q.Before > auth.MaxSessionID {
		before = int64(auth.MaxSessionID)
	}
	reach, page, of := reachAll, pageAll, []any(nil)
	part := int64(listRead)
	if len(q.Of) > 0 {
		reach, page, of = reachOf, pageOf, []any{principals(q.Of)}
		part /= int64(len(q.Of))
	}
	var cut int64
	err = s.cold.read(ctx, func(ctx context.Context, c *conn) error {
		if err := c.QueryRow(ctx, reach, append([]any{before, part}, of...)...).Scan(&cut); err != nil {
			return err
		}
		rows, err = list(ctx, c, scanSession, page, append([]any{before, cut, q.Dialect, micros(q.LiveAt), limit}, of...)...)
		return err
	})
	if err != nil {
		return nil, 0, explain("listing sessions", err)
	}
	if int64(len(rows)) == limit {
		return rows, rows[len(rows)-1].ID, nil
	}
	return rows, auth.SessionID(cut), nil
}

// principals are keys and users, each once.
func principals(of []auth.PrincipalID) []int64 {
	ids := make([]int64, len(of))
	for i, p := range of {
		ids[i] = int64(p)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// page reads a page of the records of a scope. column is the one that says in
// which account a record is.
func page[T any](v records, in auth.Scope, column string, scan func(pgx.CollectableRow) (T, error), query, id string, after any, limit int) ([]T, error) {
	n, err := pageLimit(limit)
	if err != nil {
		return nil, err
	}
	switch {
	case in.Account == 0 && in.Direct:
		return all(v, scan, query+"WHERE "+column+" IS NULL AND "+id+" > $1 ORDER BY "+id+" LIMIT $2", after, n)
	case in.Account == 0:
		return all(v, scan, query+"WHERE "+id+" > $1 ORDER BY "+id+" LIMIT $2", after, n)
	case in.Direct:
		return all(v, scan, query+"WHERE "+column+" = $1 AND "+id+" > $2 ORDER BY "+id+" LIMIT $3", int64(in.Account), after, n)
	}
	// The accounts of a subtree are the account itself and what is below it.
	of := column
	if column == "parent" {
		of = "id"
	}
	return all(v, scan, "WITH RECURSIVE "+below+" "+query+"WHERE "+of+" IN (SELECT id FROM below) AND "+id+" > $2 ORDER BY "+id+" LIMIT $3", int64(in.Account), after, n)
}

// PageAccounts reads a page of accounts; see [auth.Pager].
func (v records) PageAccounts(in auth.Scope, after auth.AccountID, limit int) ([]auth.Account, error) {
	return page(v, in, "parent", scanAccount, selectAccounts, "id", int64(after), limit)
}

// PageKeys reads a page of API keys; see [auth.Pager].
func (v records) PageKeys(in auth.Scope, after auth.PrincipalID, limit int) ([]auth.Key, error) {
	return page(v, in, "account", scanKey, selectKeys, "id", int64(after), limit)
}

// PageUsers reads a page of users; see [auth.Pager].
func (v records) PageUsers(in auth.Scope, after auth.PrincipalID, limit int) ([]auth.User, error) {
	return page(v, in, "account", scanUser, selectUsers, "id", int64(after), limit)
}

// PageApps reads a page of apps; see [auth.Pager].
func (v records) PageApps(in auth.Scope, after string, limit int) ([]auth.App, error) {
	return page(v, in, "account", scanApp, selectApps, "key", after, limit)
}
