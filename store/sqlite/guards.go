package sqlite

import (
	"context"

	"github.com/sallyport/sallyport/auth"
)

// putGuard keeps what the guard remembers, or forgets it when there is nothing
// to remember.
func (t *transaction) putGuard(g *auth.GuardRow) error {
	if g.Failures == 0 && g.Locked.IsZero() {
		_, err := t.exec("DELETE FROM guards WHERE key = ?", g.Key[:])
		return err
	}
	_, err := t.exec("INSERT OR REPLACE INTO guards VALUES (?, ?, ?, ?, ?, ?, ?)", g.Key[:], g.Name, bit(g.Known),
		int64(g.Failures), micros(g.Last), micros(g.Locked), micros(g.Forget))
	return err
}

func (c *conn) guards(ctx context.Context, f func(auth.GuardRow) error) error {
	return c.queryContext(ctx, func(r row) error {
		g := auth.GuardRow{Name: r.text(1), Known: r.bool(2), Failures: int(r.int(3)), Last: r.time(4), Locked: r.time(5), Forget: r.time(6)}
		copy(g.Key[:], r.blob(0))
		return f(g)
	}, "SELECT key, name, known, failures, last, locked, forget FROM guards")
}

// Guards reads all guard rows; see [auth.Store].
func (s *Store) Guards(ctx context.Context, f func(auth.GuardRow) error) error {
	var stopped error
	err := s.cold.with(ctx, func(c *conn) error {
		return c.guards(ctx, func(g auth.GuardRow) error {
			stopped = f(g)
			return stopped
		})
	})
	if stopped != nil {
		return stopped // the caller's own, as it is
	}
	return explain("reading guard rows", err)
}

// ClearGuards removes the guard rows that match.
func (u *update) ClearGuards(match func(auth.GuardRow) bool) (int, error) {
	var keys []auth.GuardKey
	err := u.t.guards(context.Background(), func(g auth.GuardRow) error {
		if match(g) {
			keys = append(keys, g.Key)
		}
		return nil
	})
	for i := 0; i < len(keys) && err == nil; i++ {
		_, err = u.t.exec("DELETE FROM guards WHERE key = ?", keys[i][:])
	}
	if err == nil && len(keys) > 0 {
		err = u.t.notice(auth.ChangedGuard, 0)
	}
	return len(keys), explain("clearing guard rows", err)
}
