package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/store/postgres"
)

// ErrServed says that another server runs on the database.
var ErrServed = errors.New("another server runs on this database")

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
	name := path + ".lock"
	f, err := os.OpenFile(filepath.Clean(name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the database: %w", err)
	}
	if err := lockFile(f); err != nil {
		_ = f.Close() // the first error counts
		return nil, fmt.Errorf("%w: stop it first, or give this one a database of its own (%s: %w)", ErrServed, name, err)
	}
	return f, nil
}
