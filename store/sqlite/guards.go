package sqlite

import (
	"context"

	"github.com/sallyport/sallyport/auth"
)

// guardKeys is which keys there may be guard rows of: so a login of a name that never
// failed costs no statement. Another process may have written since; whoever looks
// what others wrote asks for that as well.
type guardKeys struct {
	known   bool
	all     map[auth.GuardKey]struct{}
	version int64 // of the file, as SQLite counts what others wrote
}

// renew forgets the keys if another process has written.
func (k *guardKeys) renew(c *conn) error {
	version := int64(0)
	_, err := c.one(func(r row) { version = r.int(0) }, "PRAGMA data_version")
	if version != k.version {
		k.version, k.known = version, false
	}
	return err
}

// guarded says whether there may be a row of a key.
func (c *conn) guarded(key auth.GuardKey) (bool, error) {
	k := &c.keys
	if !k.known {
		k.all = map[auth.GuardKey]struct{}{}
		err := c.query(func(r row) error {
			k.all[auth.GuardKey(r.blob(0))] = struct{}{}
			return nil
		}, "SELECT key FROM guards")
		if err != nil {
			return false, err
		}
		k.known = true
	}
	_, there := k.all[key]
	return there, nil
}

const guardColumns = "key, name, known, failures, last, locked, forget"

func scanGuard(r row) (g auth.GuardRow) {
	g = auth.GuardRow{Name: r.text(1), Known: r.bool(2), Failures: int(r.int(3)), Last: r.time(4), Locked: r.time(5), Forget: r.time(6)}
	copy(g.Key[:], r.blob(0))
	return g
}

// guard reads one row, the zero row if there is none.
func (c *conn) guard(key auth.GuardKey) (g auth.GuardRow, err error) {
	g, _, err = c.findGuard(key)
	return g, err
}

func (c *conn) findGuard(key auth.GuardKey) (g auth.GuardRow, found bool, err error) {
	found, err = c.one(func(r row) { g = scanGuard(r) }, "SELECT "+guardColumns+" FROM guards WHERE key = ?", key[:])
	return g, found, err
}

// putGuard writes a row over what is there.
func (t *transaction) putGuard(g *auth.GuardRow) error {
	if t.keys.known {
		t.keys.all[g.Key] = struct{}{}
	}
	_, err := t.exec("INSERT OR REPLACE INTO guards ("+guardColumns+") VALUES (?, ?, ?, ?, ?, ?, ?)", g.Key[:], g.Name, bit(g.Known),
		int64(g.Failures), micros(g.Last), micros(g.Locked), micros(g.Forget))
	return err
}

// dropGuard removes a row.
func (t *transaction) dropGuard(key auth.GuardKey) error {
	_, err := t.exec("DELETE FROM guards WHERE key = ?", key[:])
	t.dropped(key)
	return err
}

// dropped notes that a row was removed.
func (t *transaction) dropped(key auth.GuardKey) {
	delete(t.keys.all, key)
	t.unguarded = true
}

// mayBeGuarded is guarded for a set. What this process remembers will do where the
// set writes what shows that another process wrote meanwhile; see errStale.
func (t *transaction) mayBeGuarded(w *auth.WriteSet, key auth.GuardKey) (bool, error) {
	if len(w.Begin) == 0 && len(w.Events) == 0 {
		return true, nil
	}
	return t.guarded(key)
}

// mayGuard says whether what a set says of the guard's rows is so.
func (t *transaction) mayGuard(w *auth.WriteSet) (bool, error) {
	for i := range w.Passes {
		p := &w.Passes[i]
		there, err := t.mayBeGuarded(w, p.Key)
		if err != nil {
			return false, err
		}
		if !there {
			continue
		}
		g, err := t.guard(p.Key)
		if err != nil || micros(g.Locked) > micros(p.At) {
			return false, err
		}
	}
	for i := range w.Guards {
		c := &w.Guards[i]
		g, err := t.guard(c.Key)
		if err != nil || (!c.Removes() && !sameCount(g.Count(), c.Was)) {
			return false, err
		}
	}
	for i := range w.Takes {
		k := &w.Takes[i]
		g, err := t.guard(k.Key)
		if err != nil || (running(&g, k) && g.Failures >= k.Most) {
			return false, err
		}
	}
	return true, nil
}

// sameCount compares as the file does, in microseconds.
func sameCount(a, b auth.GuardCount) bool {
	return a.Failures == b.Failures && micros(a.Last) == micros(b.Last) && micros(a.Locked) == micros(b.Locked)
}

// running says whether the allowance of a row is the one that is taken from.
func running(g *auth.GuardRow, k *auth.Take) bool { return micros(g.Forget) > micros(k.At) }

// writeGuards writes what a set says of the guard's rows.
func (t *transaction) writeGuards(w *auth.WriteSet) error {
	for i := range w.Passes {
		p := &w.Passes[i]
		there, err := t.mayBeGuarded(w, p.Key)
		if err == nil && there && p.Forget {
			err = t.dropGuard(p.Key)
		}
		if err != nil {
			return err
		}
	}
	for i := range w.Guards {
		if err := t.changeGuard(&w.Guards[i]); err != nil {
			return err
		}
	}
	for i := range w.Takes {
		k := &w.Takes[i]
		g, err := t.guard(k.Key)
		if err != nil {
			return err
		}
		if !running(&g, k) {
			g = auth.GuardRow{Key: k.Key, Last: k.At, Forget: k.Until}
		}
		g.Failures++
		if err := t.putGuard(&g); err != nil {
			return err
		}
	}
	return nil
}

// changeGuard makes one change. One that removes leaves another row alone.
func (t *transaction) changeGuard(c *auth.GuardChange) error {
	if !c.Removes() {
		return t.putGuard(&c.GuardRow)
	}
	g, err := t.guard(c.Key)
	if err != nil || !sameCount(g.Count(), c.Was) {
		return err
	}
	return t.dropGuard(c.Key)
}

func (c *conn) guards(ctx context.Context, f func(auth.GuardRow) error) error {
	return c.queryContext(ctx, func(r row) error {
		return f(scanGuard(r))
	}, "SELECT "+guardColumns+" FROM guards")
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

// GuardRows reads the guard rows of some keys; see [auth.Store].
func (s *Store) GuardRows(ctx context.Context, keys ...auth.GuardKey) (out []auth.GuardRow, err error) {
	err = s.hot.with(ctx, func(c *conn) error {
		for _, key := range keys {
			g, found, err := c.findGuard(key)
			if err != nil {
				return err
			}
			if found {
				out = append(out, g)
			}
		}
		return nil
	})
	return out, explain("reading guard rows", err)
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
		err = u.t.dropGuard(keys[i])
	}
	if err == nil && len(keys) > 0 {
		err = u.t.notice(auth.ChangedGuard, 0)
	}
	return len(keys), explain("clearing guard rows", err)
}
