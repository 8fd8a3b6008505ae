package postgres

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/store/move"
)

// Errors that callers test with errors.Is.
var (
	ErrNewer       = errors.New("the database is of a newer Sallyport")
	ErrForeign     = errors.New("the database holds tables of another program: give Sallyport a database of its own, or a schema, with search_path in the URL")
	ErrUnreachable = errors.New("the database cannot be reached or does not answer")
	ErrReadOnly    = errors.New("the database takes no writes: it is a replica, or was made read-only")
	ErrFull        = errors.New("the database's disk is full: make room, nothing was written")

	// ErrConnected says that a database to be moved is in use.
	ErrConnected = errors.New("servers are connected to the database")

	// ErrUnknown says that the connection was lost in a commit and the database did
	// not come back in time to ask: what was to be written may be there or not.
	ErrUnknown = errors.New("the database was lost during a commit: whether it was written is not known")
)

// errConflict is PostgreSQL's "division by zero", by which a statement says that
// its condition does not hold; see queries.go.
const errConflict = "22012"

// conflicting begins what a statement casts in vain to name the sets whose
// condition does not hold: PostgreSQL's "invalid text representation" quotes it.
const (
	conflicting = "conflict of "
	errNamed    = "22P02"
)

// conflicts are the sets that an error names; nil if it names none.
func conflicts(e *pgconn.PgError) (sets []int) {
	_, list, found := strings.Cut(e.Message, conflicting)
	if e.Code != errNamed || !found {
		return nil
	}
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r < '0' || r > '9' }) {
		if n, err := strconv.Atoi(word); err == nil {
			sets = append(sets, n)
		}
	}
	return sets
}

// unique says which field PostgreSQL's constraints are about.
var unique = map[string]auth.Unique{
	"sessions_pkey":     auth.UniqueSession,
	"handoffs_pkey":     auth.UniqueHandoff,
	"accounts_number":   auth.UniqueAccountNumber,
	"accounts_code":     auth.UniqueAccountCode,
	"tenants_code":      auth.UniqueTenantCode,
	"keys_digest":       auth.UniqueKeySecret,
	"keys_name":         auth.UniqueKeyName,
	"users_tenant_name": auth.UniqueUserName,
	"apps_pkey":         auth.UniqueApp,
	"policies_pkey":     auth.UniquePolicy,
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
		ErrUnknown, ErrUnreachable, ErrConnected, ErrNewer, ErrForeign, move.ErrUnfinished, move.ErrNotEmpty, move.ErrSchema} {
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
	if conflicts(e) != nil {
		return fmt.Errorf("postgres: %s: another node was faster: %w", tried, auth.ErrConflict)
	}
	switch e.Code {
	case "23505":
		field, known := unique[e.ConstraintName]
		if !known {
			field = auth.Unique("unique field " + e.ConstraintName)
		}
		return fmt.Errorf("postgres: %s: %w", tried, &auth.Taken{Field: field})
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
