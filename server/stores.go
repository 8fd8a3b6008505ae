package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/sqlite"
)

// openStore opens the database in a file, and makes it if there is none.
func openStore(ctx context.Context, path string, log *slog.Logger) (auth.Store, error) {
	s, err := sqlite.Open(ctx, sqlite.Options{Path: path, Logger: log})
	if err != nil {
		return nil, err // not s, which would be an interface that is not nil
	}
	return s, nil
}

// ErrKeysMissing says that there is a database but not the key set that its
// tokens and API keys were made with.
var ErrKeysMissing = errors.New("the key set is missing")

// openKeys reads the key set, and makes one at the very first start. It is never
// made for a database that is there already: under another key set every API key
// and token in it is void, and the next start would call that normal.
func openKeys(path, database string, log *slog.Logger) (*secret.Keys, error) {
	keys, err := secret.LoadKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if _, err := os.Stat(database); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no %s, but there is a database %s: restore the key set from its backup, "+
			"since a new one would void every API key and token; to start from nothing, move the database away", ErrKeysMissing, path, database)
	}
	if keys, err = secret.GenerateKeys(); err != nil {
		return nil, err
	}
	switch err := keys.SaveNew(path); {
	case errors.Is(err, fs.ErrExist): // another process was first
		return secret.LoadKeys(path)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: make the directory first", err)
	case err != nil:
		return nil, err
	}
	log.Info("key set created: back it up, apart from the database", "file", path)
	return keys, nil
}

// RotateKeys adds a new primary key to the key set in a file. What the older
// keys made goes on being good. Servers use the new key once they are restarted.
// It returns how many keys the set has now.
func RotateKeys(path string) (int, error) {
	keys, err := secret.LoadKeys(path)
	if err != nil {
		return 0, err
	}
	if keys, err = keys.Rotate(); err != nil {
		return 0, err
	}
	return keys.Len(), keys.Save(path)
}
