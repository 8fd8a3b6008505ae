package server

import (
	"context"
	"log/slog"

	"github.com/sallyport/sallyport/auth"
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
