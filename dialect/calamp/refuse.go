package calamp

import (
	"errors"
	"net/http"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// answer is a refusal's status and JSON body. That a 401 asks for a new login is
// documented; codes, messages and the other statuses are inferred. None carries
// WWW-Authenticate, at which browsers would ask the user for a password.
type answer struct {
	status  int
	code    string // stable, for programs
	message string
}

var (
	wrongPassword = answer{http.StatusUnauthorized, "bad_credentials", "Bad credentials"}
	wrongToken    = answer{http.StatusUnauthorized, "not_authenticated", "The authToken is missing, invalid or expired. Log in again."}
	noAppAtLogin  = answer{http.StatusUnauthorized, "missing_app", "The header calamp-services-app is missing."}
	wrongApp      = answer{http.StatusUnauthorized, "unknown_app", "The application key in calamp-services-app is not valid."}
	// Later calls get 403: clients take a 401 for a reason to log in again, which
	// would not help, and would do so for ever.
	noAppOnCall    = answer{http.StatusForbidden, "missing_app", "The header calamp-services-app is missing. The authToken is untouched."}
	wrongAppOnCall = answer{http.StatusForbidden, "unknown_app", "The application key in calamp-services-app is not valid for this authToken."}
	wrongAccount   = answer{http.StatusForbidden, "wrong_account", "The authToken is of another account."}
	locked         = answer{http.StatusTooManyRequests, "locked", "Too many failed logins. Try again later."}
	throttled      = answer{http.StatusTooManyRequests, "throttled", "Too many logins. Go on with the authToken you have."}
	plainHTTP      = answer{http.StatusForbidden, "insecure", "A secure connection is required."}
	busy           = answer{http.StatusServiceUnavailable, "busy", "The server is busy. Try again later."}
	trouble        = answer{http.StatusServiceUnavailable, "unavailable", "The service is unavailable. Try again later."}
	unanswered     = answer{http.StatusServiceUnavailable, "unanswered", "The service did not answer. The call may have been carried out."}

	unreadable  = answer{http.StatusBadRequest, "bad_request", "The request cannot be read: a parameter is repeated or not encoded properly."}
	inQuery     = answer{http.StatusBadRequest, "credentials_in_query", "Send username and password in the form, not in the URL."}
	notAsked    = answer{http.StatusBadRequest, "use_auth_token", "Send useAuthToken=true: this server hands out authTokens only."}
	wrongMedia  = answer{http.StatusUnsupportedMediaType, "media_type", "Send a form: application/x-www-form-urlencoded in UTF-8."}
	tooLarge    = answer{http.StatusRequestEntityTooLarge, "too_large", "The request is too large."}
	wrongMethod = answer{http.StatusMethodNotAllowed, "method_not_allowed", "The method is not allowed here."}
)

// Refuse answers a later call that may not pass.
func (c *calamp) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	refuse(w, err, false)
}

func refuse(w http.ResponseWriter, err error, login bool) {
	dialect.Note(w, err)
	why := auth.RefusalOf(err)
	a := answerTo(why, login)
	if login && a.status == http.StatusUnauthorized {
		cancelCookie(w) // as Spring does
	}
	if a.status == http.StatusTooManyRequests || (a.status == http.StatusServiceUnavailable && a != unanswered) {
		w.Header().Set("Retry-After", dialect.RetryAfter(why.RetryAfter))
	}
	w.Header().Set("Cache-Control", "no-store")
	writeMessage(w, a)
}

func answerTo(why *auth.Refusal, login bool) answer {
	switch why.Reason {
	case auth.BadCredentials, auth.Inactive:
		return wrongPassword
	case auth.NoToken, auth.UnknownToken, auth.TwoTokens:
		return wrongToken
	case auth.MissingApp:
		return pick(login, noAppAtLogin, noAppOnCall)
	case auth.UnknownApp:
		return pick(login, wrongApp, wrongAppOnCall)
	case auth.WrongAccount:
		return wrongAccount
	case auth.Locked:
		return locked
	case auth.Throttled:
		return throttled
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

func pick(login bool, atLogin, onCall answer) answer {
	if login {
		return atLogin
	}
	return onCall
}

// badRequest tells apart what HTTP has statuses for.
func badRequest(cause error) answer {
	switch {
	case errors.Is(cause, dialect.ErrMedia), errors.Is(cause, dialect.ErrCharset):
		return wrongMedia
	case errors.Is(cause, dialect.ErrTooLarge):
		return tooLarge
	case errors.Is(cause, errInQuery):
		return inQuery
	case errors.Is(cause, errNotAsked):
		return notAsked
	}
	return unreadable
}
