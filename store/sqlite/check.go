package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	moderncsqlite "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// applicationID marks the file as Sallyport's: "SLPT".
const applicationID = 0x534c5054

// checkBudget is how long a start waits for the check of the file. What it has
// not seen by then is checked while the store already serves.
const checkBudget = 400 * time.Millisecond

// prepareFile makes sure that the file is there and nobody else may read it.
// An existing one is not opened: closing it would drop the locks that another
// store of this process holds on it (POSIX).
func prepareFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close()
	}
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("sqlite: creating the database: the folder %s is not there: create it first (%w)", filepath.Dir(path), err)
	}
	if !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("sqlite: creating the database: %w%s", err, permissionHint(err))
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("sqlite: opening the database: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("sqlite: opening the database: %s is not a regular file", path)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(path + suffix); err == nil && info.Mode().Perm()&0o077 != 0 {
			if err := os.Chmod(path+suffix, 0o600); err != nil {
				return fmt.Errorf("sqlite: making the database private: %w", err)
			}
		}
	}
	return nil
}

// notOurs finds out, once SQLite has failed to open a file, whether that is
// because somebody else owns it. SQLite itself does not tell, and looking before
// would drop the locks of another store of this process.
func notOurs(path string, err error) error {
	var e *moderncsqlite.Error
	if !errors.As(err, &e) || (e.Code()&0xff != lib.SQLITE_CANTOPEN && e.Code()&0xff != lib.SQLITE_READONLY) {
		return err
	}
	f, why := os.OpenFile(path, os.O_RDWR, 0)
	if why == nil {
		return errors.Join(err, f.Close())
	}
	return fmt.Errorf("%w%s", why, permissionHint(why))
}

// permissionHint says what to do when somebody else made the file, typically
// root with a first apply, before the server ran as a user of its own.
func permissionHint(err error) string {
	if !errors.Is(err, os.ErrPermission) {
		return ""
	}
	return ": the file and its folder must belong to the user that runs this: chown both to that user"
}

// identify marks an empty file as ours and refuses another program's. It counts
// the tables first: another process that begins the same file marks it before
// it makes any.
func identify(c *conn) error {
	var id, tables int64
	if _, err := c.one(func(r row) { tables = r.int(0) }, "SELECT count(*) FROM sqlite_master"); err != nil {
		return err
	}
	if _, err := c.one(func(r row) { id = r.int(0) }, "PRAGMA application_id"); err != nil {
		return err
	}
	switch {
	case id == applicationID:
		return nil
	case id == 0 && tables == 0:
		return c.pragma(fmt.Sprintf("application_id = %d", applicationID))
	}
	return fmt.Errorf("%w (application_id %#x)", ErrForeign, id)
}

// quickCheck reads the whole file and says what is wrong with it. It returns
// the context's error if that ended first.
func quickCheck(ctx context.Context, c *conn) error {
	found := ""
	err := c.queryContext(ctx, func(r row) error {
		found = r.text(0)
		return nil
	}, "PRAGMA quick_check(1)")
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case found != "ok":
		return fmt.Errorf("%w (%s)", ErrDamaged, found)
	}
	return nil
}

// check is the check at the start. One that takes too long goes on in the
// background; then Healthy tells what it found.
func (s *Store) check(ctx context.Context) error {
	c, err := openConn(s.path, "query_only = 1", "cache_size = -2000")
	if err != nil {
		return err
	}
	budget, cancel := context.WithTimeout(ctx, s.checkBudget)
	defer cancel()
	err = quickCheck(budget, c)
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return errors.Join(err, c.close())
	}
	s.background.Go(func() {
		err := errors.Join(quickCheck(s.running, c), c.close())
		if err != nil && s.running.Err() == nil {
			err = explain("checking "+s.path, err)
			s.damage.Store(&err)
			s.log.Error("the database failed its check", "error", err)
		}
	})
	return nil
}

// suspect takes note when what failed says that the file is damaged.
func (s *Store) suspect(err error) {
	err = explain("using "+s.path, err)
	if errors.Is(err, ErrDamaged) && s.damage.CompareAndSwap(nil, &err) {
		s.log.Error("the database is damaged", "error", err)
	}
}

// Healthy returns what was found wrong with the file, by the check in the
// background or by whoever came upon it.
func (s *Store) Healthy() error {
	if err := s.damage.Load(); err != nil {
		return *err
	}
	return nil
}
