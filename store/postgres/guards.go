package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/auth"
)

const selectGuards = "SELECT key, name, known, failures, last, locked, forget FROM guards"

func scanGuard(r pgx.CollectableRow) (g auth.GuardRow, err error) {
	var key, name []byte
	var last, locked, forget int64
	err = r.Scan(&key, &name, &g.Known, &g.Failures, &last, &locked, &forget)
	copy(g.Key[:], key)
	g.Name, g.Last, g.Locked, g.Forget = string(name), fromMicros(last), fromMicros(locked), fromMicros(forget)
	return g, err
}

// Guards reads all guard rows; see [auth.Store].
func (s *Store) Guards(ctx context.Context, f func(auth.GuardRow) error) error {
	var stopped error
	err := s.cold.with(ctx, func(c *conn) error {
		rows, err := c.Query(ctx, selectGuards)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() && stopped == nil {
			g, err := scanGuard(rows)
			if err != nil {
				return err
			}
			stopped = f(g)
		}
		rows.Close()
		return rows.Err()
	})
	if stopped != nil {
		return stopped // the caller's own, as it is
	}
	return explain("reading guard rows", err)
}

// GuardRows reads the guard rows of some keys; see [auth.Store].
func (s *Store) GuardRows(ctx context.Context, keys ...auth.GuardKey) (out []auth.GuardRow, err error) {
	raw := make([][]byte, len(keys))
	for i := range keys {
		raw[i] = keys[i][:]
	}
	err = s.hot.read(ctx, func(ctx context.Context, c *conn) (err error) {
		out, err = list(ctx, c, scanGuard, selectGuards+" WHERE key = ANY ($1::bytea[])", raw)
		return err
	})
	return out, explain("reading guard rows", err)
}

// ClearGuards removes the guard rows that match.
func (u *update) ClearGuards(match func(auth.GuardRow) bool) (int, error) {
	rows, err := list(u.ctx, u.tx, scanGuard, selectGuards)
	if err != nil {
		return 0, explain("clearing guard rows", err)
	}
	var keys [][]byte
	for i := range rows {
		if match(rows[i]) {
			keys = append(keys, rows[i].Key[:])
		}
	}
	if len(keys) == 0 {
		return 0, nil
	}
	if _, err := u.tx.Exec(u.ctx, dropGuards, keys); err != nil {
		return 0, explain("clearing guard rows", err)
	}
	u.announce(auth.ChangedGuard, 0)
	return len(keys), nil
}
