package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // goose opens the file over database/sql
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema to this program's version and refuses a newer one.
func migrate(ctx context.Context, path string, log *slog.Logger) (err error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dataSource(path)+"&_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=synchronous(2)")
	if err != nil {
		return err
	}
	defer func() {
		if e := db.Close(); err == nil {
			err = e
		}
	}()
	db.SetMaxOpenConns(1)
	return migrateFrom(ctx, db, files, log)
}

func migrateFrom(ctx context.Context, db *sql.DB, files fs.FS, log *slog.Logger) error {
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true), goose.WithSlog(log))
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return explain("reading the schema's version", err)
	case have > want:
		return fmt.Errorf("sqlite: %w: its schema has version %d, this program knows up to %d: use the newer sallyport", ErrNewer, have, want)
	case have == want:
		return nil
	}
	for at := have; ; {
		_, err = p.Up(ctx)
		if err == nil {
			log.InfoContext(ctx, "database schema brought up to date", "from", have, "to", want)
			return nil
		}
		// Another process may be doing it at the same time. As long as it gets on,
		// there is less left to do each time.
		now, _, e := p.GetVersions(ctx)
		switch {
		case e == nil && now == want:
			return nil
		case e != nil || now <= at:
			return explain(fmt.Sprintf("bringing the schema from version %d to %d", have, want), err)
		}
		at = now
	}
}
