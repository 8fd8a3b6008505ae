package dialect

import "github.com/sallyport/sallyport/auth"

// Acting is who got a session that is another's, and acts with it (RFC 8693,
// section 4.1).
type Acting struct {
	Principal auth.PrincipalID
	Client    string // number or code of its account
	Name      string // as auth.Identity.Subject was when it got the session
}

// Delegating is a dialect that hands out sessions of users to back ends that act
// for them, and keeps in the session's attributes who that is. ok is false for a
// session that its holder has.
type Delegating interface {
	Acting(attrs string) (who Acting, ok bool)
}

// Scoping is a dialect whose sessions are for a scope (RFC 6749, section 3.3), which
// it keeps in the session's attributes. Scopes are parted by spaces; "": the session
// has none.
type Scoping interface {
	Scope(attrs string) string
}
