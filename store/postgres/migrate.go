package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// Migrations only add: tables, columns that may be left out, indexes. Every
// statement of this package names its columns, so a binary that runs on survives
// what a newer one adds under it. A test reads each migration and refuses what does
// not add.
//
// To add a column, a table is locked for a moment. Who waits for that lock, behind
// a backup for instance, has everybody else wait behind it. So a migration waits
// for half a second and no longer (lock_timeout), and is tried again. It locks one
// table only, so that it can wait for nobody who waits for it.
//
//go:embed migrations/*.sql
var migrations embed.FS

// For how long a migration that meets locks is tried, and the rest between two
// tries, in which others get on.
const (
	migrateFor  = 10 * time.Minute
	migrateRest = time.Second
)

// schema is migrations, numbered from 1 without a gap, and the version that they
// lead to.
type schema struct {
	files  fs.FS
	newest int64
	tables []string // that the first migration makes
}

// newSchema is that of files; nil: this program's own.
func newSchema(files fs.FS) (s schema, err error) {
	if s.files = files; files == nil {
		if s.files, err = fs.Sub(migrations, "migrations"); err != nil {
			return s, err
		}
	}
	list, err := fs.Glob(s.files, "*.sql")
	if err != nil {
		return s, err
	}
	s.newest = int64(len(list))
	first, err := fs.ReadFile(s.files, list[0])
	for _, m := range createTable.FindAllSubmatch(first, -1) {
		s.tables = append(s.tables, string(m[1]))
	}
	return s, err
}

var createTable = regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`)

// owned refuses a database whose tables are another program's: they have our names,
// or its migrations are counted as ours are. Another node may make ours meanwhile, and
// writes tables and version at once: who has seen the one sees the other after it.
func (s *schema) owned(ctx context.Context, conn *pgx.Conn) error {
	before, err := version(ctx, conn)
	if err != nil {
		return err
	}
	rows, err := conn.Query(ctx, "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = ANY ($1) ORDER BY 1", s.tables)
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	after, err := version(ctx, conn)
	switch {
	case err != nil:
		return err
	case after == 0 && len(found) > 0:
		return fmt.Errorf("%w (table %s)", ErrForeign, found[0])
	case before > 0 && len(found) < len(s.tables):
		return fmt.Errorf("%w (it counts %d migrations and lacks tables of the first)", ErrForeign, before)
	}
	return nil
}

// migrating is the advisory lock under which one node brings the schema up to
// date while others wait. It is held by a transaction, which PgBouncer keeps on
// one connection.
const migrating = 0x73616c6c79 // "sally"

// migrate brings the schema to this program's version and refuses a newer one.
func (s *schema) migrate(ctx context.Context, conn *pgx.Conn, config *pgx.ConnConfig, log *slog.Logger) error {
	if err := s.owned(ctx, conn); err != nil {
		return err
	}
	if have, err := version(ctx, conn); err != nil || have >= s.newest {
		return s.check(have, err)
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
	return s.up(ctx, config, log)
}

// Schema looks at a database and changes nothing: the version of its schema, 0 if
// there is none yet, and the one that this program brings it to. It wraps [ErrForeign]
// too.
func Schema(ctx context.Context, url string) (have, known int64, err error) {
	own, err := newSchema(nil)
	if err != nil {
		return 0, 0, err
	}
	err = look(ctx, url, func(conn *pgx.Conn) (err error) {
		if err = own.owned(ctx, conn); err == nil {
			have, err = version(ctx, conn)
		}
		return err
	})
	return have, own.newest, err
}

// Peppers looks under which peppers a database has API keys, ascending, and changes
// nothing. There has to be a schema.
func Peppers(ctx context.Context, url string) (list []uint32, err error) {
	err = look(ctx, url, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, selectPeppers)
		if err == nil {
			list, err = pgx.CollectRows(rows, pgx.RowTo[uint32])
		}
		return err
	})
	return list, err
}

// look calls f with a connection of its own.
func look(ctx context.Context, url string, f func(*pgx.Conn) error) error {
	config, err := parse(url)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return explain("looking at "+Redact(url), answered(err, true))
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	err = f(conn)
	return explain("looking at "+Redact(url), answered(err, conn.IsClosed()))
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

func (s *schema) check(have int64, err error) error {
	if err == nil && have > s.newest {
		return fmt.Errorf("%w: its schema has version %d, this program knows up to %d: use the newer sallyport", ErrNewer, have, s.newest)
	}
	return err
}

func (s *schema) up(ctx context.Context, config *pgx.ConnConfig, log *slog.Logger) (err error) {
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	p, err := goose.NewProvider(goose.DialectPostgres, db, s.files, goose.WithDisableGlobalRegistry(true), goose.WithSlog(log))
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("reading the schema's version: %w", err)
	case have >= want: // another node was faster
		return s.check(have, nil)
	}
	patient, cancel := context.WithTimeout(ctx, migrateFor)
	defer cancel()
	for {
		_, err = p.Up(ctx)
		if err == nil {
			log.InfoContext(ctx, "database schema brought up to date", "from", have, "to", want)
			return nil
		}
		if !isInTheWay(err) || pause(patient, migrateRest) != nil {
			break
		}
		log.WarnContext(ctx, "the schema cannot be brought up to date while somebody reads or writes for long, a backup perhaps; trying again", "error", err)
	}
	if now, _, e := p.GetVersions(ctx); e == nil && now == want {
		return nil
	}
	return fmt.Errorf("bringing the schema from version %d to %d: %w", have, want, err)
}

// isInTheWay says that a migration met a lock, and nothing was changed.
func isInTheWay(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "55P03" || e.Code == "40P01" || e.Code == "40001")
}
