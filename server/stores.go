package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/store/postgres"
	"github.com/sallyport/sallyport/store/sqlite"
)

// openStore opens the database that the configuration names: a URL of PostgreSQL, or
// a file, which is made if there is none.
func openStore(ctx context.Context, name string, log *slog.Logger) (auth.Store, error) {
	if postgres.Is(name) {
		s, err := postgres.Open(ctx, postgres.Options{URL: name, Logger: log})
		if err != nil {
			return nil, err // not s, which would be an interface that is not nil
		}
		return s, nil
	}
	if err := oneName(name); err != nil {
		return nil, err
	}
	s, err := sqlite.Open(ctx, sqlite.Options{Path: name, Logger: log})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// databaseName is what people are told: a URL without what may be secret in it.
func databaseName(name string) string {
	if postgres.Is(name) {
		return postgres.Redact(name)
	}
	return name
}

// ErrNotAFile says that a command works on a database in a file, and this one is in
// PostgreSQL, whose own tools do the work.
var ErrNotAFile = errors.New("the database is in PostgreSQL, not in a file")

// needFile refuses a database that is not in a file, and says what to use instead.
func needFile(name, instead string) error {
	if postgres.Is(name) {
		return fmt.Errorf("%w (%s): use %s", ErrNotAFile, databaseName(name), instead)
	}
	return nil
}

// looking is how long looking at a database in PostgreSQL may take.
const looking = 15 * time.Second

// missingDatabase says whether there is no database yet. One in PostgreSQL is there
// once a Sallyport has made its tables in it.
func missingDatabase(name string) (bool, error) {
	if !postgres.Is(name) {
		return missing(name), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), looking)
	defer cancel()
	have, _, err := postgres.Schema(ctx, name)
	return err == nil && have == 0, err
}
