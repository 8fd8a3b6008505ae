package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// Survey is what can be told of a database at a glance.
type Survey struct {
	Schema  int // its version
	Known   int // the version that this program makes of it
	Tenants []auth.Account
	Powers  []Power // none if the schema is not of this program's version
	Newest  time.Time
	Moving  error // wraps [move.ErrUnfinished] while another is being moved into it
}

// Power is a key or user with a role that is not for clients, and that is not
// disabled.
type Power struct {
	Account    string // number, else code
	Name       string
	User       bool
	Role       auth.Role
	Everywhere bool
	Anywhere   bool      // it is taken from every address
	Expires    time.Time // zero: never
	Factor     bool      // the user has a second factor
}

// maxPowers bounds what a survey tells.
const maxPowers = 1000

// Look surveys a database and changes nothing in it. A server may use it
// meanwhile. It wraps [ErrForeign] or [ErrDamaged].
func Look(ctx context.Context, path string) (found Survey, err error) {
	if _, err := os.Stat(path); err != nil {
		return found, fmt.Errorf("sqlite: looking at a database: %w", err)
	}
	c, err := openConn(path, "query_only = 1")
	if err != nil {
		return found, explain("looking at "+path, err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := ours(c); err != nil {
		return found, explain("looking at "+path, err)
	}
	return found, explain("looking at "+path, found.read(ctx, c))
}

func (s *Survey) read(ctx context.Context, c *conn) (err error) {
	if s.Schema, s.Known, err = schema(c); err != nil {
		return err
	}
	if _, err := c.one(func(r row) { s.Newest = r.time(0) }, "SELECT coalesce(max(at), 0) FROM audit_batches"); err != nil {
		return err
	}
	if s.Tenants, err = (records{c}).Accounts(0); err != nil || s.Schema != s.Known {
		return err
	}
	mark, err := readMark(c)
	if s.Moving = mark.Unfinished(); err != nil {
		return err
	}
	return c.queryContext(ctx, func(r row) error {
		s.Powers = append(s.Powers, Power{Account: r.text(0), Name: r.text(1), User: r.bool(2), Role: auth.Role(r.text(3)),
			Everywhere: r.bool(4), Anywhere: r.bool(5), Expires: r.time(6), Factor: r.bool(7)})
		return nil
	}, `SELECT CASE a.number WHEN 0 THEN a.code ELSE CAST(a.number AS TEXT) END, p.* FROM (
		SELECT name, 0, role, everywhere, networks = '', expires, 0, account FROM keys WHERE role NOT IN ('', ?1) AND NOT disabled
		UNION ALL
		SELECT name, 1, role, everywhere, 1, 0, factor <> '', account FROM users WHERE role NOT IN ('', ?1) AND active
	) p JOIN accounts a ON a.id = p.account ORDER BY 2 LIMIT ?2`, string(auth.Delegate), int64(maxPowers))
}
