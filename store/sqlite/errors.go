package sqlite

import (
	"errors"
	"fmt"
	"strings"

	moderncsqlite "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/sallyport/sallyport/auth"
)

// Errors of opening that callers test with errors.Is.
var (
	ErrDamaged = errors.New("the database file is damaged: stop every program that uses it and restore it from a backup")
	ErrForeign = errors.New("the file is a database of another program: give Sallyport a file of its own")
	ErrNewer   = errors.New("the database is of a newer Sallyport")
)

// ErrFull is wrapped when the disk, or the file system's quota, has no room. The
// transaction was undone; the next one that finds room succeeds.
var ErrFull = errors.New("the disk is full: make room, nothing was written")

// unique says which field SQLite's columns are.
var unique = map[string]auth.Unique{
	"sessions.id":                      auth.UniqueSession,
	"handoffs.id":                      auth.UniqueHandoff,
	"accounts.tenant, accounts.number": auth.UniqueAccountNumber,
	"accounts.tenant, accounts.code":   auth.UniqueAccountCode,
	"accounts.code":                    auth.UniqueTenantCode,
	"keys.digest":                      auth.UniqueKeySecret,
	"keys.account, keys.name":          auth.UniqueKeyName,
	"users.tenant, users.name":         auth.UniqueUserName,
	"apps.key":                         auth.UniqueApp,
	"policies.name":                    auth.UniquePolicy,
	"owned.principal, owned.id":        auth.UniqueSession,
}

// explain wraps an error of SQLite with what was tried and, where there is one,
// the error that callers test for. SQLite's messages name columns, never values.
func explain(tried string, err error) error {
	if err == nil {
		return nil
	}
	var e *moderncsqlite.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("sqlite: %s: %w", tried, err)
	}
	switch e.Code() {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_ROWID:
		return fmt.Errorf("sqlite: %s: %w", tried, &auth.Taken{Field: uniqueField(e.Error())})
	case lib.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fmt.Errorf("sqlite: %s: the account it belongs to: %w", tried, auth.ErrNotFound)
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_FULL:
		return fmt.Errorf("sqlite: %s: %w (%w)", tried, ErrFull, err)
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return fmt.Errorf("sqlite: %s: another process holds the database: %w (%w)", tried, auth.ErrBusy, err)
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return fmt.Errorf("sqlite: %s: %w (%w)", tried, ErrDamaged, err)
	}
	return fmt.Errorf("sqlite: %s: %w", tried, err)
}

func uniqueField(message string) auth.Unique {
	_, columns, _ := strings.Cut(message, "UNIQUE constraint failed: ")
	columns, _, _ = strings.Cut(columns, " (")
	if field, ok := unique[columns]; ok {
		return field
	}
	return auth.Unique("unique field " + columns)
}
