package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sallyport/sallyport/store/move"
)

// Moving is a database that is moved, or moved into. One goroutine at a time may
// use it.
type Moving struct {
	conn *conn
	path string
}

var _ move.Target = (*Moving)(nil)

// OpenSource opens a database to move what is in it elsewhere. Until Close nobody
// can write to it, and it is not written to. It wraps [ErrForeign],
// [move.ErrSchema], [move.ErrUnfinished], or [auth.ErrBusy] if another process
// writes.
func OpenSource(_ context.Context, path string) (*Moving, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("sqlite: moving a database: %w", err)
	}
	c, err := openConn(path, readCache)
	if err != nil {
		return nil, explain("opening "+path, notOurs(path, err))
	}
	m := &Moving{conn: c, path: path}
	if err := m.hold(); err != nil {
		return nil, errors.Join(explain("opening "+path, err), m.Close())
	}
	return m, nil
}

// hold looks whether a database can be moved, and takes the place of whoever
// writes, in a transaction that is undone in the end.
func (m *Moving) hold() error {
	if err := ours(m.conn); err != nil {
		return err
	}
	if _, err := m.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := m.conn.pragma("query_only = 1"); err != nil { // not before: it forbids to take the place
		return err
	}
	have, known, err := schema(m.conn)
	switch {
	case err != nil:
		return err
	case have > known:
		return fmt.Errorf("%w: its schema has version %d, this program knows up to %d: use the newer sallyport", ErrNewer, have, known)
	case have < known:
		return fmt.Errorf("%w (version %d, this program's is %d)", move.ErrSchema, have, known)
	}
	return unfinished(m.conn)
}

// OpenTarget opens a database to move into, and creates it if it is not there.
func OpenTarget(ctx context.Context, path string, log *slog.Logger) (*Moving, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	c, err := openConn(path)
	if err != nil {
		return nil, explain("opening "+path, notOurs(path, err))
	}
	m := &Moving{conn: c, path: path}
	if err := m.prepare(ctx, log); err != nil {
		return nil, errors.Join(explain("opening "+path, err), m.Close())
	}
	return m, nil
}

// prepare makes it a database of this program's.
func (m *Moving) prepare(ctx context.Context, log *slog.Logger) error {
	if err := identify(m.conn); err != nil {
		return err
	}
	if err := writeAhead(ctx, m.conn); err != nil {
		return err
	}
	for _, p := range []string{"synchronous = FULL", "foreign_keys = 1", writeCache} {
		if err := m.conn.pragma(p); err != nil {
			return err
		}
	}
	return migrate(ctx, m.path, log)
}

// Close ends the transaction of a source and closes the file.
func (m *Moving) Close() error {
	m.conn.rollback() // of a target there is none
	return explain("closing "+m.path, m.conn.close())
}

// schema is the version that the schema has, and the one that this program makes
// of it.
func schema(c *conn) (have, known int, err error) {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return 0, 0, err
	}
	_, err = c.one(func(r row) { have = int(r.int(0)) }, "SELECT max(version_id) FROM goose_db_version WHERE is_applied")
	return have, len(files), err // they are numbered without gaps
}

// unfinished refuses what a move into it has not made whole.
func unfinished(c *conn) error {
	mark, err := readMark(c)
	return errors.Join(err, mark.Unfinished())
}

func readMark(c *conn) (m move.Mark, err error) {
	_, err = c.one(func(r row) {
		m = move.Mark{Source: r.text(0), Name: r.text(1), Began: r.time(2), Done: r.time(3)}
	}, "SELECT source, name, began, done FROM moves ORDER BY began DESC LIMIT 1")
	return m, err
}

// Mark is that of the move into it; see [move.Target].
func (m *Moving) Mark(context.Context) (move.Mark, error) {
	mark, err := readMark(m.conn)
	return mark, explain("reading how far a move is", err)
}

// Rows reads a table; see [move.Source].
func (m *Moving) Rows(ctx context.Context, t *move.Table, after move.Row) iter.Seq2[move.Row, error] {
	return func(yield func(move.Row, error) bool) {
		names := strings.Join(t.Names(), ", ")
		key := strings.Join(t.Names()[:t.Key], ", ")
		query, args := "SELECT "+names+" FROM "+t.Name, []driver.Value(nil)
		if after != nil {
			query += " WHERE (" + key + ") > (" + places(t.Key) + ")"
			args = stored(t, after)
		}
		err := m.conn.queryContext(ctx, func(r row) error {
			if !yield(moved(t, r), nil) {
				return errEnough
			}
			return nil
		}, query+" ORDER BY "+key, args...)
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, explain("reading table "+t.Name, err))
		}
	}
}

// errEnough says that nobody wants more rows.
var errEnough = errors.New("enough")

// Newest reads the last row of a table; see [move.Source].
func (m *Moving) Newest(ctx context.Context, t *move.Table) (last move.Row, err error) {
	key := strings.Join(t.Names()[:t.Key], " DESC, ")
	_, err = m.conn.one(func(r row) { last = moved(t, r) },
		"SELECT "+strings.Join(t.Names(), ", ")+" FROM "+t.Name+" ORDER BY "+key+" DESC LIMIT 1")
	return last, explain("reading table "+t.Name, err)
}

// Count counts the rows of a table; see [move.Source].
func (m *Moving) Count(ctx context.Context, t *move.Table) (n int64, err error) {
	err = m.conn.queryContext(ctx, func(r row) error { n = r.int(0); return nil }, "SELECT count(*) FROM "+t.Name)
	return n, explain("counting table "+t.Name, err)
}

// Begin marks a new database; see [move.Target].
func (m *Moving) Begin(_ context.Context, mark move.Mark) error {
	return explain("beginning a move", m.transact(func(c *conn) error {
		counters, err := c.exec("DELETE FROM counters WHERE next = 1")
		if err != nil {
			return err
		}
		if counters == 0 {
			return move.ErrNotEmpty
		}
		for i := range move.Tables {
			name := move.Tables[i].Name
			if found, err := c.one(func(row) {}, "SELECT 1 FROM "+name+" LIMIT 1"); err != nil || found {
				return errors.Join(err, fmt.Errorf("%w (table %s)", move.ErrNotEmpty, name))
			}
		}
		_, err = c.exec("INSERT INTO moves (source, name, began, done) VALUES (?, ?, ?, 0)", mark.Source, mark.Name, micros(mark.Began))
		return err
	}))
}

// Load writes rows; see [move.Target].
func (m *Moving) Load(_ context.Context, t *move.Table, rows []move.Row) error {
	query := "INSERT INTO " + t.Name + " (" + strings.Join(t.Names(), ", ") + ") VALUES (" + places(len(t.Columns)) + ")"
	return explain("writing table "+t.Name, m.transact(func(c *conn) error {
		for _, r := range rows {
			if _, err := c.exec(query, stored(t, r)...); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Finish marks the move done and writes which sessions a principal has, which in
// this store has a table of its own; see [move.Target].
func (m *Moving) Finish(_ context.Context, at time.Time) error {
	return explain("finishing a move", m.transact(func(c *conn) error {
		if _, err := c.exec("INSERT OR IGNORE INTO owned (principal, id) SELECT principal, id FROM sessions ORDER BY principal, id"); err != nil {
			return err
		}
		_, err := c.exec("UPDATE moves SET done = ? WHERE done = 0", micros(at))
		return err
	}))
}

// transact is one transaction, which is done whole: nothing interrupts it.
func (m *Moving) transact(f func(*conn) error) error {
	if _, err := m.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f(m.conn)
	if err == nil {
		_, err = m.conn.exec("COMMIT")
	}
	if err != nil {
		m.conn.rollback()
	}
	return err
}

func places(n int) string { return "?" + strings.Repeat(", ?", n-1) }

// moved is a row as it is handed over.
func moved(t *move.Table, r row) move.Row {
	out := make(move.Row, len(t.Columns))
	for i, c := range t.Columns {
		switch c.Kind {
		case move.Int:
			out[i] = r.int(i)
		case move.OptionalInt:
			out[i] = r[i]
		case move.Bool:
			out[i] = r.bool(i)
		case move.Text, move.Raw:
			out[i] = r.text(i)
		case move.Bytes:
			if out[i] = r.blob(i); r.blob(i) == nil { // an empty one
				out[i] = []byte{}
			}
		}
	}
	return out
}

// stored is a row, or the key of one, as this store keeps it.
func stored(t *move.Table, r move.Row) []driver.Value {
	out := make([]driver.Value, len(r))
	for i, v := range r {
		if out[i] = v; t.Columns[i].Kind == move.Bool {
			out[i] = bit(v.(bool))
		}
	}
	return out
}
