package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// engine is what the database can do beyond what every one must.
type engine struct {
	direct   bool   // a connection is one session of the server, not a pooler's
	advisory bool   // locks without a row
	notifies bool   // pg_notify
	history  string // expression, see feed.go
}

// ask finds out, by trying. What an engine does not know it says so of; a
// connection that breaks is an error.
func ask(ctx context.Context, c *pgx.Conn) (e engine, err error) {
	var pid uint32
	var version string
	if err := c.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return e, err
	}
	if err := c.QueryRow(ctx, "SELECT version()").Scan(&version); err != nil {
		return e, err
	}
	try := func(query string, args ...any) (works bool) {
		if err != nil {
			return false
		}
		_, failed := c.Exec(ctx, query, args...)
		var said *pgconn.PgError
		if failed != nil && (!errors.As(failed, &said) || isFatal(said)) {
			err = failed
		}
		return failed == nil
	}
	e.direct = pid == c.PgConn().PID()
	e.advisory = try("SELECT pg_try_advisory_xact_lock($1, 0)", int32(0))
	e.notifies = try(notify, channel, "")
	e.history = noHistory
	// YugabyteDB, which names itself so, and CockroachDB run on many servers at once
	// that were started at different times, and lose nothing when one fails.
	if strings.HasPrefix(version, "PostgreSQL ") && !strings.Contains(version, "-YB-") && try("SELECT "+historyOfServer) {
		e.history = historyOfServer
	}
	return e, err
}
