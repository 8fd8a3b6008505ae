package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// Contents is what a database holds, as a check of it found.
type Contents struct {
	Accounts, Keys, Users, Sessions int
	Peppers                         []uint32  // keys of the key set that its API keys were made with
	Events                          int       // of the audit, whose chain holds
	Newest                          time.Time // event of the audit; zero: none
	Unsealed                        bool      // nothing vouches for the audit: see [audit.Unsealed]
}

// OpenSeal reads the text beside an audit. The error wraps [audit.ErrBroken] if it
// was not made under the key set.
type OpenSeal func(text string) (audit.Seal, error)

// Backup copies a database into a file that is not there yet, and checks the
// copy as [Inspect] does before the file has its name. Others may write to the
// database meanwhile: the copy is as it was at one moment. It takes as much room
// as the database does.
func Backup(ctx context.Context, path, to string, open OpenSeal) (Contents, error) {
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return Contents{}, fmt.Errorf("sqlite: backing up: %s is there already: name a new file", to)
	}
	if _, err := os.Stat(path); err != nil {
		return Contents{}, fmt.Errorf("sqlite: backing up: %w", err)
	}
	part, err := os.CreateTemp(filepath.Dir(to), ".backup-*.tmp") // made with mode 0600
	if err != nil {
		return Contents{}, fmt.Errorf("sqlite: backing up: %w", err)
	}
	defer func() { _ = os.Remove(part.Name()) }() // after a rename there is nothing to remove
	if err := part.Close(); err != nil {
		return Contents{}, err
	}
	if err := vacuumInto(ctx, path, part.Name()); err != nil {
		return Contents{}, explain("backing up", err)
	}
	if err := NewHistory(part.Name()); err != nil {
		return Contents{}, err
	}
	found, err := Inspect(ctx, part.Name(), open)
	if err != nil {
		return found, fmt.Errorf("the backup did not pass its check: %w", err)
	}
	return found, place(part.Name(), to)
}

// vacuumInto writes a snapshot of the database into an empty file. Unlike a copy
// of the file it holds what is still in the log beside it, and no torn page.
func vacuumInto(ctx context.Context, path, to string) (err error) {
	db, err := sql.Open("sqlite", dataSource(path)+"&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	c, err := openConn(path, "query_only = 1")
	if err != nil {
		return err
	}
	if err := errors.Join(ours(c), c.close()); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	return err
}

// NewHistory says of a database that it is a copy. Nobody may have it open. Whoever
// followed the feed of the one it was made of, and then meets the copy in its
// place, is told to forget everything: what was begun, ended and announced in
// between is not in it.
func NewHistory(path string) (err error) {
	c, err := openConn(path, "synchronous = FULL")
	if err != nil {
		return explain("opening a copy", err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	_, err = c.exec("UPDATE history SET mark = random()")
	return explain("marking a copy as one", err)
}

// place makes a file durable and gives it its name, if nothing else has it.
func place(from, to string) error {
	f, err := os.Open(filepath.Clean(from))
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sqlite: making %s durable: %w", to, err)
	}
	// A link, unlike a rename, never replaces what has the name already.
	if err := os.Link(from, to); err != nil {
		return fmt.Errorf("sqlite: naming the copy: %w", err)
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Inspect reads a database from end to end and changes nothing in it: the file's
// own structure, what belongs to what, and the audit, which is held to its seal; if
// open is nil, to its chain alone. It wraps [ErrForeign], [ErrDamaged] or
// [audit.ErrBroken]; in the last case the records were read, and the peppers are
// those in use.
func Inspect(ctx context.Context, path string, open OpenSeal) (found Contents, err error) {
	if _, err := os.Stat(path); err != nil {
		return found, fmt.Errorf("sqlite: checking a database: %w", err)
	}
	c, err := openConn(path, "query_only = 1")
	if err != nil {
		return found, explain("checking "+path, err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := errors.Join(ours(c), integrity(ctx, c)); err != nil {
		return found, explain("checking "+path, err)
	}
	count := func(of *int, query string) {
		if err == nil {
			err = c.queryContext(ctx, func(r row) error { *of = int(r.int(0)); return nil }, query)
		}
	}
	count(&found.Accounts, "SELECT count(*) FROM accounts")
	count(&found.Keys, "SELECT count(*) FROM keys")
	count(&found.Users, "SELECT count(*) FROM users")
	count(&found.Sessions, "SELECT count(*) FROM sessions")
	if err != nil {
		return found, explain("checking "+path, err)
	}
	if found.Peppers, err = (records{c}).Peppers(); err != nil {
		return found, err
	}
	return found, explain("checking "+path, holdAudit(ctx, c, open, &found))
}

// ours refuses what is no database of Sallyport's.
func ours(c *conn) error {
	var id int64
	if _, err := c.one(func(r row) { id = r.int(0) }, "PRAGMA application_id"); err != nil {
		return err
	}
	if id != applicationID {
		return fmt.Errorf("%w (application_id %#x)", ErrForeign, id)
	}
	return nil
}

// integrity is the long check: indexes and references too.
func integrity(ctx context.Context, c *conn) error {
	found := ""
	err := c.queryContext(ctx, func(r row) error { found = r.text(0); return nil }, "PRAGMA integrity_check(1)")
	switch {
	case err != nil:
		return err
	case found != "ok":
		return fmt.Errorf("%w (%s)", ErrDamaged, found)
	}
	return c.queryContext(ctx, func(r row) error {
		return fmt.Errorf("%w (%s refers to what is not there)", ErrDamaged, r.text(0))
	}, "PRAGMA foreign_key_check")
}

// holdAudit walks the audit from the oldest batch that is kept, in one snapshot
// with its seal, which a server may move meanwhile.
func holdAudit(ctx context.Context, c *conn, open OpenSeal, found *Contents) (err error) {
	if _, err := c.exec("BEGIN"); err != nil {
		return err
	}
	defer func() {
		_, e := c.exec("ROLLBACK")
		err = errors.Join(err, e)
	}()
	held := audit.Held{Records: found.Accounts > 0}
	if open != nil {
		if err := readSeal(c, open, &held); err != nil {
			return err
		}
	}
	walk := audit.NewWalk(&held)
	err = c.queryContext(ctx, func(r row) error {
		if err := audit.Misplaced(r.int(0)); err != nil {
			return err
		}
		b := scanBatch(r)
		if err := walk.Step(&b); err != nil {
			return err
		}
		found.Events += b.Count
		found.Newest = b.At
		return nil
	}, "SELECT seq, at, count, body, chain FROM audit_batches ORDER BY seq")
	if err != nil {
		return err
	}
	unsealed, err := walk.Sound()
	found.Unsealed = unsealed && open != nil
	return err
}

// readSeal reads what an audit is held to. A schema from before seals has none.
func readSeal(c *conn, open OpenSeal, held *audit.Held) error {
	text, sealed := "", false
	if _, err := c.one(func(r row) { sealed = r.bool(0) }, "SELECT count(*) FROM sqlite_master WHERE name = 'audit_seal'"); err != nil || !sealed {
		return err
	}
	if _, err := c.one(func(r row) { text = r.text(0) }, selectSeal); err != nil || text == "" {
		return err
	}
	seal, err := open(text)
	if held.Seal = &seal; err != nil {
		held.Seal, held.Foreign = nil, err
	}
	return nil
}
