package electa

import (
	"errors"
	"net/http"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// answer is what the envelope says, and under which HTTP status. Clients look at
// the code alone: 0 is success, anything else is failure.
type answer struct {
	status int
	code   int // one digit
	text   string
}

// The vendor documents wrongKey alone; the other texts, code 2 and all statuses
// are inferred. Code 2 is for what a new key or a new login would not mend.
var (
	wrongKey    = answer{http.StatusOK, 1, "Invalid Account or Application Key"}
	wrongToken  = answer{http.StatusOK, 1, "Invalid or expired session token"}
	tooMany     = answer{http.StatusOK, 2, "Too many session tokens requested"}
	trouble     = answer{http.StatusOK, 2, "Service temporarily unavailable"}
	unanswered  = answer{http.StatusOK, 2, "No answer from the service, the call may have been carried out"}
	tooLarge    = answer{http.StatusOK, 2, "Request too large"}
	plainHTTP   = answer{http.StatusForbidden, 1, "Secure connection required"}
	wrongMethod = answer{http.StatusMethodNotAllowed, 1, "Method not allowed"}
)

// Refuse answers a later call that may not pass.
func (e *electa) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	dialect.Note(w, err)
	a := e.atLogin(auth.RefusalOf(err).Reason)
	switch {
	case errors.Is(err, dialect.ErrTooLarge):
		a = tooLarge // a new token would not mend it
	case a == wrongKey:
		a = wrongToken // no key was sent
	case errors.Is(err, dialect.ErrUnanswered):
		a = unanswered
	}
	w.Header().Set("Cache-Control", "no-store")
	write(w, a, false)
}

// atLogin is the answer to a refused login. What is wrong with a key at login is
// wrong with a token at a later call.
func (e *electa) atLogin(reason auth.Reason) answer {
	switch reason {
	case auth.BadCredentials, auth.Inactive, auth.Malformed, auth.UnknownApp, auth.MissingApp:
		return wrongKey
	case auth.NoToken, auth.UnknownToken, auth.TwoTokens, auth.WrongAccount:
		return wrongToken
	case auth.Locked:
		return e.locked
	case auth.Throttled:
		return tooMany
	case auth.Insecure:
		return plainHTTP
	case auth.Busy, auth.Unavailable:
		return trouble
	}
	return trouble
}
