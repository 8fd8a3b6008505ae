package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sallyport/sallyport/auth"
)

// Is says whether a name of a database is the URL of one in PostgreSQL.
func Is(name string) bool {
	return strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://")
}

// Redact is the URL without what may be secret: user, password and all settings.
func Redact(name string) string {
	scheme, rest, _ := strings.Cut(name, "://")
	rest, _, _ = strings.Cut(rest, "?")
	rest, _, _ = strings.Cut(rest, "#")
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		rest = rest[i+1:]
	}
	return scheme + "://" + rest
}

// connectTimeout is how long one host may take to answer at all, unless the URL
// has a connect_timeout of its own.
const connectTimeout = 5 * time.Second

// parse reads the URL. Hosts, ports and what else it leaves out come from PGHOST
// and its like, a password from PGPASSWORD or the file of PGPASSFILE.
func parse(name string) (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(name)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w: the database URL %s cannot be used: %s", auth.ErrInvalid, Redact(name), withoutURL(err))
	}
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = connectTimeout
	}
	// Of several hosts, one that takes writes: what was just written is to be read.
	if c.ConnConfig.ValidateConnect == nil {
		c.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	// A prepared statement belongs to a session, and behind PgBouncer in
	// transaction mode the next transaction has another. Descriptions do not.
	if !strings.Contains(name, "default_query_exec_mode=") {
		c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "sallyport"
	}
	return c, nil
}

// withoutURL is what is wrong with a URL, without what stands in it: the parser's
// own message quotes it, password included if the URL is too broken to tell.
func withoutURL(err error) string {
	var syntax *url.Error
	reason := errors.Unwrap(err)
	if reason == nil || errors.As(err, &syntax) {
		return "it must look like postgres://user@host:5432/database?sslmode=verify-full, a password goes to the file that PGPASSFILE names"
	}
	return reason.Error()
}

// hotSize is how many connections read single rows.
func hotSize(c *pgxpool.Config, name string) int32 {
	if strings.Contains(name, "pool_max_conns=") {
		return c.MaxConns
	}
	return hot
}
