package auth

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// What administrators look through, a page at a time. It is a part of [Store] and
// of [Reader]; every sentence here is a contract that store/storetest tests.

// Lister reads what only administrators look for.
type Lister interface {
	// Sessions reads sessions that were not ended, live or expired, the newest
	// first. It looks at a bounded number of them and may return fewer than there
	// are, or none: next is where to go on, 0 if there is no more. Sessions that
	// begin meanwhile are before the first page and move nothing.
	Sessions(ctx context.Context, q SessionQuery) (rows []SessionRow, next SessionID, err error)

	// AuditBefore is Audit in the other direction: up to limit batches before
	// position seq, the newest first; 0: from the newest on.
	AuditBefore(ctx context.Context, seq uint64, limit int) ([]audit.Batch, error)
}

// SessionQuery says which sessions [Lister].Sessions reads.
type SessionQuery struct {
	Of      []PrincipalID // of these keys and users, at most MaxQueryOf; empty: of all
	Dialect string        // opened over it; "": over any
	LiveAt  time.Time     // that time had not ended then; zero: all
	Before  SessionID     // older than this one; 0: from the newest on
	Limit   int           // above zero
}

// MaxQueryOf bounds the keys and users that one query names.
const MaxQueryOf = 256

// Pager reads records in pages, in the order of their ids (apps: of their keys),
// those after a given one. A record that is there during all pages is in exactly
// one of them, whatever is written meanwhile.
type Pager interface {
	PageAccounts(in Scope, after AccountID, limit int) ([]Account, error)
	PageKeys(in Scope, after PrincipalID, limit int) ([]Key, error)
	PageUsers(in Scope, after PrincipalID, limit int) ([]User, error)
	PageApps(in Scope, after string, limit int) ([]App, error)
}

// Scope is a part of the customer tree. For accounts, those right below an account
// are what is directly in it, and the account itself is in its subtree.
type Scope struct {
	Account AccountID // 0: the whole server
	Direct  bool      // right in the account (0: the tenants), not what is in those below it
}
