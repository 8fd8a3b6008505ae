package postgres

import (
	"context"
	"fmt"
	"net"
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
		// The parser's own message quotes what it does not understand, which may be a
		// password that stands where it does not belong.
		return nil, fmt.Errorf("postgres: %w: the database URL %s, or a PG variable of the environment, cannot be understood: it must look like "+
			"postgres://user@host:5432/database?sslmode=verify-full, with settings as libpq knows them, and a password goes to the file that PGPASSFILE names",
			auth.ErrInvalid, Redact(name))
	}
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = connectTimeout
	}
	// Of several hosts, one that takes writes: what was just written is to be read.
	if c.ConnConfig.ValidateConnect == nil {
		c.ConnConfig.ValidateConnect = takesWrites
	}
	c.ConnConfig.OnNotice = noteReplica
	// What is described is true of every session, what is prepared only of one.
	if !strings.Contains(name, "default_query_exec_mode=") {
		c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "sallyport"
	}
	return c, nil
}

// takesWrites refuses a server that is a replica or was made read-only.
func takesWrites(ctx context.Context, conn *pgconn.PgConn) error {
	result, err := conn.Exec(ctx, "SHOW transaction_read_only").ReadAll()
	if err != nil {
		return err
	}
	if len(result) == 1 && len(result[0].Rows) == 1 && string(result[0].Rows[0][0]) == "on" {
		return ErrReadOnly
	}
	return nil
}

// inClear is a host beyond this machine to which the URL allows connections
// without TLS, "" if there is none.
func inClear(c *pgx.ConnConfig) string {
	ways := append([]*pgconn.FallbackConfig{{Host: c.Host, TLSConfig: c.TLSConfig}}, c.Fallbacks...)
	for _, w := range ways {
		if ip := net.ParseIP(w.Host); w.TLSConfig != nil || w.Host == "localhost" || strings.HasPrefix(w.Host, "/") || (ip != nil && ip.IsLoopback()) {
			continue
		}
		return w.Host
	}
	return ""
}

// hotSize is how many connections read single rows.
func hotSize(c *pgxpool.Config, name string) int32 {
	if strings.Contains(name, "pool_max_conns=") {
		return c.MaxConns
	}
	return hot
}

// TellsPassword says whether a URL has a password in it, or might: one that cannot
// be read could have it anywhere.
func TellsPassword(name string) bool {
	u, err := url.Parse(name)
	if err != nil {
		return strings.Contains(name, "@")
	}
	_, in := u.User.Password()
	return in || u.Query().Has("password")
}
