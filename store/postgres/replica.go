package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// errAlone says that the server has made a commit and no replica may have it.
var errAlone = errors.New("the server stopped waiting for a replica: the commit may be on one machine alone")

// alone is where a connection keeps that its server gave up waiting.
const alone = "alone"

// noteReplica takes the server's warnings. The one that matters has no code of its
// own, and its text is in the server's language; what it is raised in is not.
func noteReplica(c *pgconn.PgConn, n *pgconn.Notice) {
	if n.Routine == "SyncRepWaitForLSN" {
		c.CustomData()[alone] = true
	}
}

// replicated is nil if the server has not given up waiting for a replica on this
// connection; it is good for nothing after that.
func replicated(c *conn) error {
	if c.Conn().PgConn().CustomData()[alone] == nil {
		return nil
	}
	return &lostError{errAlone}
}
