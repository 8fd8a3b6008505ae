package edubrite

import (
	"errors"
	"net/http"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// answer is what the envelope says, and under which status.
type answer struct {
	status int
	code   string // of the message
	text   string
}

// The vendor documents the first three. The codes of the others, which begin with
// a nine, are inferred, and so are their texts and statuses.
var (
	success     = answer{http.StatusOK, "0", "Success"}
	notAllowed  = answer{http.StatusUnauthorized, "0005", "You are not allowed to perform this action."}
	inactive    = answer{http.StatusNotFound, "0002", "Account is inactive"}
	locked      = answer{http.StatusTooManyRequests, "9423", "Too many failed attempts. Try again later."}
	tooMany     = answer{http.StatusTooManyRequests, "9429", "Too many API sessions. Go on with the one you have."}
	plainHTTP   = answer{http.StatusForbidden, "9403", "A secure connection is required."}
	wrongMethod = answer{http.StatusMethodNotAllowed, "9405", "The method is not allowed here."}
	unreadable  = answer{http.StatusBadRequest, "9400", "The request cannot be read."}
	noDispatch  = answer{http.StatusBadRequest, "9404", "There is no such dispatch."}
	inQuery     = answer{http.StatusBadRequest, "9414", "Send username and password in the form, not in the URL."}
	tooLarge    = answer{http.StatusRequestEntityTooLarge, "9413", "The request is too large."}
	wrongMedia  = answer{http.StatusUnsupportedMediaType, "9415", "Send a form in UTF-8."}
	busy        = answer{http.StatusServiceUnavailable, "9503", "The server is busy. Try again later."}
	trouble     = answer{http.StatusServiceUnavailable, "9500", "The service is unavailable. Try again later."}
	unanswered  = answer{http.StatusServiceUnavailable, "9504", "The service did not answer. The call may have been carried out."}
)

// Refuse answers a later call that may not pass.
func (e *edubrite) Refuse(w http.ResponseWriter, _ *http.Request, err error) {
	refuse(w, err, false)
}

func refuse(w http.ResponseWriter, err error, login bool) {
	dialect.Note(w, err)
	why := auth.RefusalOf(err)
	a := answerTo(why, login)
	if a.status == http.StatusTooManyRequests || (a.status == http.StatusServiceUnavailable && a != unanswered) {
		w.Header().Set("Retry-After", dialect.RetryAfter(why.RetryAfter))
	}
	w.Header().Set("Cache-Control", "no-store")
	write(w, a)
}

// answerTo is the answer to a refusal. That an inactive user is told apart is
// documented for the user whom a call names, not for the API user at its login.
func answerTo(why *auth.Refusal, login bool) answer {
	switch why.Reason {
	case auth.BadCredentials, auth.NoToken, auth.UnknownToken, auth.TwoTokens, auth.WrongAccount, auth.UnknownApp, auth.MissingApp:
		return notAllowed
	case auth.Inactive:
		if login {
			return notAllowed
		}
		return inactive
	case auth.Locked:
		return locked
	case auth.Throttled:
		return tooMany
	case auth.Malformed:
		return badRequest(why.Cause)
	case auth.Insecure:
		return plainHTTP
	case auth.Busy:
		return busy
	case auth.Unavailable:
		if errors.Is(why.Cause, dialect.ErrUnanswered) {
			return unanswered
		}
		return trouble
	}
	return trouble
}

// badRequest tells apart what HTTP has statuses for.
func badRequest(cause error) answer {
	switch {
	case errors.Is(cause, dialect.ErrMedia), errors.Is(cause, dialect.ErrCharset):
		return wrongMedia
	case errors.Is(cause, dialect.ErrTooLarge):
		return tooLarge
	case errors.Is(cause, errDispatch):
		return noDispatch
	case errors.Is(cause, errInQuery):
		return inQuery
	}
	return unreadable
}
