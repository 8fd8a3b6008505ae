package auth

import "strconv"

// Unique is a field whose value no two records share, in people's words.
type Unique string

// The fields that are unique, each within what it says.
const (
	UniqueTenantCode    Unique = "tenant code"     // in the server
	UniqueAccountCode   Unique = "account code"    // in the tenant
	UniqueAccountNumber Unique = "account number"  // in the tenant
	UniqueKeyName       Unique = "key name"        // in the account
	UniqueKeySecret     Unique = "key secret"      // in the server
	UniqueUserName      Unique = "user name"       // in the tenant
	UniqueApp           Unique = "application key" // in the server
	UniquePolicy        Unique = "policy name"     // in the server
	UniqueSession       Unique = "session id"      // in the server
	UniqueHandoff       Unique = "hand-off id"     // in the server
)

// Taken says which field of a record another record has already. It wraps
// [ErrExists].
type Taken struct{ Field Unique }

func (e *Taken) Error() string { return string(e.Field) + " is taken" }

// Unwrap is ErrExists.
func (e *Taken) Unwrap() error { return ErrExists }

// Noun is what a record is.
type Noun string

// The nouns that can stand in the way of a deletion.
const (
	NounAccount Noun = "account"
	NounKey     Noun = "key"
	NounUser    Noun = "user"
	NounApp     Noun = "app"
)

// InUse says why something cannot be deleted: a record is in it, or names it. There
// may be more of them. It wraps [ErrConflict].
type InUse struct {
	By  Noun
	ID  int64  // of the record; 0 for an app
	App string // key of an app
}

func (e *InUse) Error() string {
	if e.By == NounApp {
		return "it is in use by an app"
	}
	return "it is in use by " + string(e.By) + " " + strconv.FormatInt(e.ID, 10)
}

// Unwrap is ErrConflict.
func (e *InUse) Unwrap() error { return ErrConflict }
