package auth

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// AccountID names an account inside the store. It is never shown to clients.
type AccountID int64

// Level is the depth of an account in the customer tree.
type Level uint8

// The three levels. A tenant is a root and owns its own user names.
const (
	Tenant Level = iota + 1
	Organization
	Division
)

// String is the level's name as the configuration writes it.
func (l Level) String() string {
	switch l {
	case Tenant:
		return "tenant"
	case Organization:
		return "organization"
	case Division:
		return "division"
	}
	return "level " + strconv.Itoa(int(l))
}

// Account is a node of the customer tree: tenant > organization > division.
type Account struct {
	ID       AccountID
	Tenant   AccountID // the root above it; its own ID for a tenant
	Parent   AccountID // 0 for a tenant
	Level    Level
	Number   int64  // 0: none. Unique in the tenant
	Code     string // "": none. Unique in the tenant, and among tenants
	Name     string
	Disabled bool

	// Since when it bears its number and its code, see Put; zero: since before that
	// was noted.
	NumberSince, CodeSince time.Time
}

// Limits of names and codes, in bytes.
const (
	MaxCode = 64
	MaxName = 200
)

// Ref is how people and the API behind the gate name the account: its number,
// else its code.
func (a *Account) Ref() string {
	if a.Number != 0 {
		return strconv.FormatInt(a.Number, 10)
	}
	return a.Code
}

// Put writes the account, and notes since when it bears its number and its code: as
// before, or at if it gets them now. What is kept of old times goes by these names, and
// must not be taken for that of who bears them later: whoever makes or renames an account
// does it here, at the time of the audit event that tells of it.
func (a *Account) Put(tx Tx, at time.Time) error {
	var was Account
	if a.ID != 0 {
		var err error
		if was, err = tx.Account(a.ID); err != nil {
			return err
		}
	}
	a.NumberSince = namedSince(a.Number, was.Number, was.NumberSince, at)
	a.CodeSince = namedSince(a.Code, was.Code, was.CodeSince, at)
	return tx.PutAccount(a)
}

// namedSince is since when a record bears a name: as before, unless it had another then.
func namedSince[N comparable](name, was N, since, at time.Time) time.Time {
	var none N
	switch {
	case name == none:
		return time.Time{}
	case name == was:
		return since
	}
	return at.UTC().Truncate(time.Microsecond)
}

// Validate says what is wrong with the account on its own; whether its parent
// exists is for the store's transaction to see.
func (a *Account) Validate() error {
	if a.Level < Tenant || a.Level > Division {
		return fmt.Errorf("%w: account level must be tenant, organization or division", ErrInvalid)
	}
	if (a.Level == Tenant) != (a.Parent == 0) {
		return fmt.Errorf("%w: a tenant has no parent, every other account has one", ErrInvalid)
	}
	if a.Number < 0 {
		return fmt.Errorf("%w: account number %d: must be positive", ErrInvalid, a.Number)
	}
	if a.Number == 0 && a.Code == "" {
		return fmt.Errorf("%w: an account needs a number, a code or both", ErrInvalid)
	}
	if a.Level == Tenant && a.Code == "" {
		return fmt.Errorf("%w: a tenant needs a code", ErrInvalid)
	}
	if err := checkText("account code", a.Code, MaxCode); err != nil {
		return err
	}
	return checkText("account name", a.Name, MaxName)
}

// checkText refuses what would break a log line, a header or a table.
func checkText(what, s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("%w: %s is %d bytes long, at most %d are allowed", ErrInvalid, what, len(s), limit)
	}
	if i := strings.IndexFunc(s, isControl); i >= 0 {
		return fmt.Errorf("%w: %s has a control character at byte %d", ErrInvalid, what, i)
	}
	if strings.TrimSpace(s) != s {
		return fmt.Errorf("%w: %s begins or ends with white space", ErrInvalid, what)
	}
	return nil
}

func isControl(r rune) bool {
	return r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == 0xfffd || r == 0x2028 || r == 0x2029
}
