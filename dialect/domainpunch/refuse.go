package domainpunch

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// The vendor's word for the outcome, in "status". The HTTP status is 200 whatever
// comes of it (inferred), but for tokens at api-sl.php.
const (
	ok    = "ok"
	notOK = "notok"
)

// Why a request cannot be read, or may not be made so: refusals with reason
// Malformed, told apart by cause.
var (
	errTwice     = auth.Refuse(auth.Malformed, dialect.ErrRepeated)
	errForeign   = errors.New("the request comes from a page of another site")
	errCrossSite = auth.Refuse(auth.Malformed, errForeign)
)

// errSecondFactor: the password is right, and not enough.
var (
	errFactor       = errors.New("the user needs a second factor")
	errSecondFactor = auth.Refuse(auth.Inactive, errFactor)
)

// The texts. The vendor documents wrongLogin alone; the others are inferred.
const (
	wrongLogin   = "Invalid name or password"
	inactive     = "User is not active"
	secondFactor = "A second factor is required"
	locked       = "Too many invalid login attempts. Please try again later."
	throttled    = "Too many logins. Please try again later."
	noSession    = "Not authenticated"
	notLoggedIn  = "Not logged in"
	badToken     = "Invalid or expired token" //nolint:gosec // a text and no credential
	denied       = "Access denied"
	unreadable   = "Malformed request"
	plainHTTP    = "Secure connection required"
	trouble      = "Service temporarily unavailable"
	unanswered   = "The service did not answer. The command may have been carried out."
)

// Refuse answers a later call that may not pass, and a login where no handler
// could.
func (d *domainpunch) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set("Cache-Control", "no-store")
	if (strings.HasSuffix(r.URL.Path, script) || d.secureLayer(r)) && isAuth(r) {
		d.refuseLogin(w, err)
		return
	}
	d.refuseCall(w, r, err)
}

func (d *domainpunch) refuseLogin(w http.ResponseWriter, err error) {
	dialect.Note(w, err)
	why := auth.RefusalOf(err)
	status := http.StatusOK
	if why.Reason == auth.Insecure {
		status = http.StatusForbidden
	}
	writeAuth(w, status, notOK, text(why))
}

// refuseLogout: the vendor's page says that a logout needs a live session.
func (d *domainpunch) refuseLogout(w http.ResponseWriter, r *http.Request, err error) {
	why := auth.RefusalOf(err)
	switch {
	case needsLogin(why.Reason) && d.secureLayer(r):
		d.refuseCall(w, r, err)
	case needsLogin(why.Reason):
		dialect.Note(w, err)
		writeAuth(w, http.StatusOK, notOK, notLoggedIn)
	default:
		d.refuseLogin(w, err)
	}
}

// refuseCall writes the envelope of all commands but auth. validate tells a
// client to log in again (inferred from its name: 0 is what successes have).
func (d *domainpunch) refuseCall(w http.ResponseWriter, r *http.Request, err error) {
	dialect.Note(w, err)
	why := auth.RefusalOf(err)
	status, message, validate := http.StatusOK, text(why), int64(0)
	switch {
	case needsLogin(why.Reason) && d.secureLayer(r):
		// One answer for all causes (RFC 6750, 3.1).
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		status, message, validate = http.StatusUnauthorized, badToken, 1
	case needsLogin(why.Reason):
		validate = 1
		if d.o.HTTP401 {
			status = http.StatusUnauthorized
		}
	case why.Reason == auth.Insecure:
		status = http.StatusForbidden
	}
	o := newObject()
	o.text("status", notOK)
	o.text("error", message)
	o.number("validate", validate)
	o.write(w, status)
}

// needsLogin says whether a new login would mend it.
func needsLogin(reason auth.Reason) bool {
	return reason == auth.NoToken || reason == auth.UnknownToken || reason == auth.TwoTokens
}

// text is what "error" says.
func text(why *auth.Refusal) string {
	switch why.Reason {
	case auth.BadCredentials:
		return counted(why)
	case auth.UnknownApp, auth.MissingApp:
		return wrongLogin
	case auth.Inactive:
		if errors.Is(why.Cause, errFactor) {
			return secondFactor
		}
		return inactive
	case auth.Locked:
		return locked
	case auth.Throttled:
		return throttled
	case auth.NoToken, auth.UnknownToken, auth.TwoTokens:
		return noSession
	case auth.WrongAccount:
		return denied
	case auth.Malformed:
		if errors.Is(why.Cause, errForeign) {
			return denied
		}
		return unreadable
	case auth.Insecure:
		return plainHTTP
	case auth.Busy, auth.Unavailable:
		if errors.Is(why.Cause, dialect.ErrUnanswered) {
			return unanswered
		}
		return trouble
	}
	return trouble
}

// counted tells how many failures the name has and how many lock it, if any do.
func counted(why *auth.Refusal) string {
	if why.Allowed == 0 {
		return wrongLogin
	}
	return wrongLogin + " (" + strconv.Itoa(why.Failures) + "/" + strconv.Itoa(why.Allowed) + ")"
}

// writeAuth writes the envelope of c=auth.
func writeAuth(w http.ResponseWriter, httpStatus int, status, message string) {
	o := newObject()
	o.text("status", status)
	o.text("user", "")
	o.text("group", "")
	o.text("error", message)
	o.write(w, httpStatus)
}
