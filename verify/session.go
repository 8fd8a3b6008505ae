package verify

import (
	"context"
	"time"
)

// Session is whose call it is, as the server said when it was last asked. It is a
// value; AccountPath is shared and must not be changed.
type Session struct {
	ID          uint64 // no secret
	Dialect     string // short name of the dialect it was opened over
	Account     string // number of the account, else its code
	AccountPath []string
	Subject     string // name of the user, else of the API key
	Actor       string // name of who acts, where Subject is a user it acts for; "": Subject itself
	Scope       string
	Issued      time.Time // by the server's clock
	Expires     time.Time // the same, as far as known; zero: never
}

type contextKey struct{}

// FromContext is the session of the call whose context it is; false outside of
// [Verifier.Handler].
func FromContext(ctx context.Context) (Session, bool) {
	s, ok := ctx.Value(contextKey{}).(*Session)
	if !ok {
		return Session{}, false
	}
	return *s, true
}
