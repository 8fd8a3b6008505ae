package auth

import (
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/secret"
)

// SessionID is the selector of a session's tokens: 63 bits that grow with time,
// so that a store appends to its primary key. It is no secret.
type SessionID uint64

// MaxSessionID is the largest id; the sign bit stays free for stores whose
// integers are signed.
const MaxSessionID SessionID = 1<<63 - 1

// Session is a live session as callers see it: a value, valid at the moment of
// the check that returned it.
type Session struct {
	ID       SessionID
	Identity *Identity // shared and immutable
	Actor    *Identity // who acts, where Identity is a user it acts for; nil: Identity itself
	Dialect  string
	App      string // application key it was opened with; "": none
	Attrs    string // what only the dialect knows
	Life     Life
}

// Identity is who a session speaks for: a key or a user, and its place in the
// customer tree. Sessions of one principal share it.
type Identity struct {
	Principal  PrincipalID
	Subject    string      // user name, else the key's name
	Account    Account     // the account it belongs to
	AccountRef string      // Account.Ref, made once
	Tenant     Account     // the root above it
	Path       []AccountID // from the tenant down to Account
	PathRefs   []string    // the Ref of each
	User       *User       // without password hash and second factor; nil for a key
	HasFactor  bool        // a user with a second factor
	Role       Role        // beside logging in
	Everywhere bool        // the role reaches the whole server

	until time.Time // end of the key, and so of its sessions; zero: none
	live  *liveness // see directory.go
}

// SessionRow is a session as a store keeps it.
type SessionRow struct {
	ID        SessionID
	Digest    secret.Digest // of its token
	Principal PrincipalID
	Dialect   string // short name of the dialect it was opened over
	App       string // application key it was opened with; "": none
	Source    netip.Addr
	Attrs     string    // what only the dialect knows; at most MaxAttrs bytes
	Capped    AccountID // the tenant against whose cap it counts; 0: against none
	Life
}

// MaxAttrs bounds what a dialect may keep with a session, in bytes.
const MaxAttrs = 1024

// HandOffRow is a hand-off as a store keeps it: a token, redeemable once, that
// becomes a session elsewhere. Its id is drawn like a session's.
type HandOffRow struct {
	ID        SessionID
	Digest    secret.Digest
	Principal PrincipalID // whose session it becomes
	Dialect   string
	Attrs     string
	Issued    time.Time
	Expires   time.Time
}
