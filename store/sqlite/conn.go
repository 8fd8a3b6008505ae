package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"path/filepath"
	"time"

	moderncsqlite "modernc.org/sqlite"
)

// conn is one connection with its prepared statements. It goes below
// database/sql, whose locks and conversions cost more than the statements of a
// login. One goroutine at a time may use it.
type conn struct {
	raw   driver.Conn
	stmts map[string]*stmt
	keys  guardKeys // of the one that writes
}

type stmt struct {
	prepared driver.Stmt
	args     []driver.NamedValue // reused: a connection has one user at a time
}

// dataSource is the driver's name for the file, safe for any character in path,
// which is absolute or seen from the working directory.
func dataSource(path string) string {
	if abs, err := filepath.Abs(path); err == nil { // else opening it fails and says so
		path = abs
	}
	u := url.URL{Scheme: "file", Path: path}
	return u.String() + "?mode=rw&_dqs=0&_defensive=1"
}

func openConn(path string, pragmas ...string) (*conn, error) {
	raw, err := (&moderncsqlite.Driver{}).Open(dataSource(path))
	if err != nil {
		return nil, err
	}
	c := &conn{raw: raw, stmts: make(map[string]*stmt)}
	for _, p := range append([]string{"busy_timeout = 5000"}, pragmas...) {
		if err := c.pragma(p); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

// pragma runs a pragma, whose text cannot be a parameter, and forgets it.
func (c *conn) pragma(p string) error {
	if _, err := c.exec("PRAGMA " + p); err != nil {
		return fmt.Errorf("PRAGMA %s: %w", p, err)
	}
	return c.forget("PRAGMA " + p)
}

func (c *conn) forget(query string) error {
	s := c.stmts[query]
	delete(c.stmts, query)
	if s == nil {
		return nil
	}
	return s.prepared.Close()
}

func (c *conn) close() error {
	var errs []error
	for q := range c.stmts {
		errs = append(errs, c.forget(q))
	}
	return errors.Join(append(errs, c.raw.Close())...)
}

// statement prepares a query once. Queries are constants of this package, so
// the map is bounded.
func (c *conn) statement(query string, args int) (*stmt, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	p, err := c.raw.Prepare(query)
	if err != nil {
		return nil, err
	}
	s := &stmt{prepared: p, args: make([]driver.NamedValue, args)}
	for i := range s.args {
		s.args[i].Ordinal = i + 1
	}
	c.stmts[query] = s
	return s, nil
}

// exec runs a statement and says how many rows it changed. It is not
// interrupted by a caller's context: half a transaction helps nobody.
func (c *conn) exec(query string, args ...driver.Value) (int, error) {
	s, err := c.statement(query, len(args))
	if err != nil {
		return 0, err
	}
	for i, a := range args {
		s.args[i].Value = a
	}
	return s.exec()
}

func (s *stmt) exec() (int, error) {
	r, err := s.prepared.(driver.StmtExecContext).ExecContext(context.Background(), s.args)
	if err != nil || r == nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return int(n), err
}

// query calls f with each row. f must not run the same query on c.
func (c *conn) query(f func(row) error, query string, args ...driver.Value) error {
	return c.queryContext(context.Background(), f, query, args...)
}

// queryContext is query that ctx interrupts, for reads that may be long. It
// costs a goroutine, so reads of a few rows do without.
func (c *conn) queryContext(ctx context.Context, f func(row) error, query string, args ...driver.Value) (err error) {
	s, err := c.statement(query, len(args))
	if err != nil {
		return err
	}
	for i, a := range args {
		s.args[i].Value = a
	}
	rows, err := s.prepared.(driver.StmtQueryContext).QueryContext(ctx, s.args)
	if err != nil {
		return err
	}
	defer func() {
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	r := make(row, len(rows.Columns()))
	for {
		switch err := rows.Next(r); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := f(r); err != nil {
			return err
		}
	}
}

// one is query for at most one row; found says whether there was one.
func (c *conn) one(f func(row), query string, args ...driver.Value) (found bool, err error) {
	err = c.query(func(r row) error {
		found = true
		f(r)
		return nil
	}, query, args...)
	return found, err
}

// rollback undoes the open transaction. After some errors SQLite has done so
// already, which is no error here.
func (c *conn) rollback() {
	_, _ = c.exec("ROLLBACK")
}

// row is one row of a result. Its values are valid as long as f runs, those
// that it returns as copies for ever.
type row []driver.Value

func (r row) int(i int) int64   { v, _ := r[i].(int64); return v }
func (r row) bool(i int) bool   { return r.int(i) != 0 }
func (r row) text(i int) string { v, _ := r[i].(string); return v }
func (r row) blob(i int) []byte { v, _ := r[i].([]byte); return v }

func (r row) time(i int) time.Time {
	if v := r.int(i); v != 0 {
		return time.UnixMicro(v).UTC()
	}
	return time.Time{}
}

func (r row) duration(i int) time.Duration { return time.Duration(r.int(i)) * time.Microsecond }

func (r row) addr(i int) netip.Addr {
	var a netip.Addr
	_ = a.UnmarshalBinary(r.blob(i)) // only MarshalBinary writes it; damaged is no address
	return a
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func addrBytes(a netip.Addr) []byte {
	b, _ := a.MarshalBinary() // never fails
	if b == nil {
		return []byte{}
	}
	return b
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
