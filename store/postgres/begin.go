package postgres

import (
	"slices"

	"github.com/sallyport/sallyport/auth"
)

// insertPlain is insertSessions for sessions that a fixed span ends, of keys, which
// most are. Six columns less to be read out of arrays are a tenth of the statement.
const insertPlain = `INSERT INTO sessions (id, ends, principal, issued, cap, idle, capped, uses, expire_on_new, digest, dialect, app, source, attrs)
	SELECT unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::bigint[]), unnest($4::bigint[]), unnest($5::bigint[]), 0, 0, 0, false,
		unnest($6::bytea[]), unnest($7::text[]), '', unnest($8::bytea[]), ''`

// insertion is the statement that begins sessions, with its arguments.
func insertion(rows []*auth.SessionRow) (query string, args []any) {
	args = sessionColumns(rows)
	if slices.ContainsFunc(rows, func(r *auth.SessionRow) bool { return !plain(r) }) {
		return insertSessions, args
	}
	const id, ends, principal, issued, most, sum, dialect, source = 0, 1, 2, 3, 4, 9, 10, 12
	return insertPlain, []any{args[id], args[ends], args[principal], args[issued], args[most], args[sum], args[dialect], args[source]}
}

// plain says whether insertPlain says all of a session.
func plain(r *auth.SessionRow) bool {
	return r.Idle == 0 && r.Capped == 0 && r.Uses == 0 && !r.ExpireOnNew && r.App == "" && r.Attrs == ""
}
