package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/store/postgres"
)

// ErrServed says that a server runs on the database, or, to a server, that a command
// is to be alone with it.
var ErrServed = errors.New("a server runs on this database")

// lockDatabase makes sure that one server at a time runs on a database: two
// would count guesses apart from each other. The lock is the process's, on a
// file beside the database that stays; it ends with the process however that
// ends. `sallyport apply` does not need it.
//
// A database in PostgreSQL is there to be shared, and needs none: nil.
func lockDatabase(path string) (*os.File, error) {
	if postgres.Is(path) {
		return nil, nil
	}
	if err := oneName(path); err != nil {
		return nil, err
	}
	name := lockName(path)
	f, err := os.OpenFile(filepath.Clean(name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the database: %w", err)
	}
	if err := lockFile(f, false); err != nil {
		_ = f.Close() // the first error counts
		return nil, fmt.Errorf("%w, or a command works on it with --data: stop it first, or give this one a database of its own (%s: %w)", ErrServed, name, err)
	}
	return f, nil
}

// ErrManyNames says that a database file has hard links. The lock and SQLite's own
// log lie beside one of its names, and whoever comes by another sees neither.
var ErrManyNames = errors.New("the database file has more than one name")

// oneName refuses a database file that has hard links: a server may run on it by
// another name. One that is not there yet has none.
func oneName(path string) error {
	// Whoever opens one that cannot be asked says what is wrong with it.
	if info, err := os.Stat(filepath.Clean(path)); err == nil && hasLinks(info) {
		return fmt.Errorf("%w (%s): a server that runs on it by another name would not be noticed, and both would damage it: "+
			"remove the other hard links (find them with find -samefile), and copy a database with sallyport backup", ErrManyNames, path)
	}
	return nil
}

func lockName(path string) string { return sameDatabase(path) + ".lock" }

// aloneWithDatabase keeps servers and restores away from a database file while
// commands work on it, of which there may be several; it is refused while a server
// runs. nil: there is nothing to hold, since no server ever ran on the file, or the
// database is in PostgreSQL.
func aloneWithDatabase(path string) (*os.File, error) {
	if postgres.Is(path) {
		return nil, nil
	}
	f, err := os.Open(filepath.Clean(lockName(path)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("locking the database: %w", err)
	}
	if err := lockFile(f, true); err != nil {
		_ = f.Close() // the first error counts
		return nil, fmt.Errorf("%w: ask the server with --server URL, or work beside it with --config FILE, its configuration (%s: %w)", ErrServed, lockName(path), err)
	}
	return f, nil
}
