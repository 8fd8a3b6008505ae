package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// Migrations only add: tables, columns with a default, indexes. Every statement
// of this package names its columns, so a binary that runs on survives what a
// newer one adds under it.
//
//go:embed migrations/*.sql
var migrations embed.FS

// newest is the version that the migrations lead to; a test counts them.
const newest = 2

// migrating is the advisory lock under which one node brings the schema up to
// date while others wait. It is held by a transaction, which PgBouncer keeps on
// one connection.
const migrating = 0x73616c6c79 // "sally"

// migrate brings the schema to this program's version and refuses a newer one.
func migrate(ctx context.Context, conn *pgx.Conn, config *pgx.ConnConfig, log *slog.Logger) error {
	if have, err := version(ctx, conn); err != nil || have >= newest {
		return checkVersion(have, err)
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	var e *pgconn.PgError
	_, err = tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrating))
	if err != nil && !errors.As(err, &e) {
		return err
	}
	// An engine without such locks: of two nodes one will fail, and then look again.
	return up(ctx, config, log)
}

// Schema looks at a database and changes nothing: the version of its schema, 0 if
// there is none yet, and the one that this program brings it to.
func Schema(ctx context.Context, url string) (have, known int64, err error) {
	config, err := parse(url)
	if err != nil {
		return 0, 0, err
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return 0, 0, explain("looking at "+Redact(url), answered(err, true))
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	have, err = version(ctx, conn)
	return have, newest, explain("looking at "+Redact(url), answered(err, conn.IsClosed()))
}

// version is that of the schema, 0 if there is none.
func version(ctx context.Context, conn *pgx.Conn) (have int64, err error) {
	err = conn.QueryRow(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&have)
	var e *pgconn.PgError
	if errors.As(err, &e) && e.Code == "42P01" { // no such table
		return 0, nil
	}
	return have, err
}

func checkVersion(have int64, err error) error {
	if err == nil && have > newest {
		return fmt.Errorf("%w: its schema has version %d, this program knows up to %d: use the newer sallyport", ErrNewer, have, newest)
	}
	return err
}

func up(ctx context.Context, config *pgx.ConnConfig, log *slog.Logger) (err error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithDisableGlobalRegistry(true), goose.WithSlog(log))
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("reading the schema's version: %w", err)
	case have >= want: // another node was faster
		return checkVersion(have, nil)
	}
	_, err = p.Up(ctx)
	if err == nil {
		log.InfoContext(ctx, "database schema brought up to date", "from", have, "to", want)
		return nil
	}
	if now, _, e := p.GetVersions(ctx); e == nil && now == want {
		return nil
	}
	return fmt.Errorf("bringing the schema from version %d to %d: %w", have, want, err)
}
