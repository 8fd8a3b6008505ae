package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/store/move"
)

// Errors that callers test with errors.Is.
var (
	ErrNewer       = errors.New("the database is of a newer Sallyport")
	ErrUnreachable = errors.New("the database cannot be reached or does not answer")
	ErrReadOnly    = errors.New("the database takes no writes: it is a replica, or was made read-only")
	ErrFull        = errors.New("the database's disk is full: make room, nothing was written")

	// ErrUnknown says that the connection was lost in a commit and the database did
	// not come back in time to ask: what was to be written may be there or not.
	ErrUnknown = errors.New("the database was lost during a commit: whether it was written is not known")
)

// errConflict is PostgreSQL's "division by zero", by which a statement says that
// its condition does not hold; see queries.go.
const errConflict = "22012"

// unique says in people's words which field PostgreSQL's constraints are about.
var unique = map[string]string{
	"sessions_pkey":     "session id",
	"handoffs_pkey":     "hand-off id",
	"accounts_number":   "account number",
	"accounts_code":     "account code",
	"tenants_code":      "tenant code",
	"keys_digest":       "key secret",
	"keys_name":         "key name",
	"users_tenant_name": "user name",
	"apps_pkey":         "application key",
	"policies_pkey":     "policy name",
}

// explain wraps an error with what was tried and, where there is one, the error
// that callers test for. Of PostgreSQL's messages only the first line is kept,
// which names columns and constraints; the detail has values.
func explain(tried string, err error) error {
	if err == nil {
		return nil
	}
	var e *pgconn.PgError
	if errors.As(err, &e) && !isLost(err) {
		return explainServer(tried, e)
	}
	return fmt.Errorf("postgres: %s: %w", tried, err)
}

// isOurs says that an error already says what callers test for.
func isOurs(err error) bool {
	for _, known := range []error{auth.ErrBusy, auth.ErrClosed, auth.ErrInvalid, auth.ErrNotFound, auth.ErrConflict, auth.ErrExists,
		ErrUnknown, ErrUnreachable, ErrNewer, move.ErrUnfinished, move.ErrNotEmpty, move.ErrSchema} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

func explainServer(tried string, e *pgconn.PgError) error {
	wrap := func(what error) error {
		return fmt.Errorf("postgres: %s: %w (%s, SQLSTATE %s)", tried, what, e.Message, e.Code)
	}
	switch e.Code {
	case "23505":
		field, known := unique[e.ConstraintName]
		if !known {
			field = "unique field " + e.ConstraintName
		}
		return fmt.Errorf("postgres: %s: %s: %w", tried, field, auth.ErrExists)
	case "23503":
		return fmt.Errorf("postgres: %s: the account it belongs to: %w", tried, auth.ErrNotFound)
	case errConflict:
		return fmt.Errorf("postgres: %s: what it is conditional on is not there: %w", tried, auth.ErrConflict)
	case "25006":
		return wrap(ErrReadOnly)
	case "53100":
		return wrap(ErrFull)
	case "40001", "40P01", "55P03", "57014", "53200", "53300", "53400":
		return wrap(auth.ErrBusy)
	}
	if isFatal(e) || strings.HasPrefix(e.Code, "08") || strings.HasPrefix(e.Code, "57") {
		return wrap(ErrUnreachable)
	}
	return fmt.Errorf("postgres: %s: %s (SQLSTATE %s)", tried, e.Message, e.Code)
}

// isFatal says that the server ended the connection with the error.
func isFatal(e *pgconn.PgError) bool {
	severity := e.SeverityUnlocalized
	if severity == "" {
		severity = e.Severity
	}
	return severity == "FATAL" || severity == "PANIC"
}

// lostError is an error of the connection and not the server's answer to a
// statement: what the statement did is not known.
type lostError struct{ err error }

func (e *lostError) Error() string {
	if errors.Is(e.err, ErrReadOnly) {
		return e.err.Error()
	}
	return ErrUnreachable.Error() + " (" + e.err.Error() + ")"
}

func (e *lostError) Unwrap() []error { return []error{ErrUnreachable, e.err} }

func isLost(err error) bool {
	var e *lostError
	return errors.As(err, &e)
}

// answered sorts an error into what the server said and what the connection did.
// gone says that the connection is closed.
func answered(err error, gone bool) error {
	var e *pgconn.PgError
	server := errors.As(err, &e)
	if err == nil || isOurs(err) || (server && !isFatal(e)) || (!server && !gone) {
		return err
	}
	return &lostError{err}
}

// isElsewhere says that the server is there but not one to write to, so that another
// host of the list may be.
func isElsewhere(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "25006"
}
