package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
)

var (
	errNoMethod = errors.New("this path is not asked for with this method: see Allow")
	errNoRoute  = errors.New("there is no such path: see " + api.Prefix + "/openapi.json")
	errNobody   = errors.New("say who asks: send Authorization: Basic with the number or code of an account and the secret of a key that has a role")
	errNoRole   = errors.New("the session's user has no role that administers")
	errInsecure = errors.New("the way here is not secure: use https, or ask from this machine")
)

// problemOf is how an error looks on the wire. It is the one place that decides.
func problemOf(err error) api.Problem {
	p := func(status int, code, title string) api.Problem {
		return api.Problem{Type: api.ProblemPrefix + code, Title: title, Status: status, Detail: detail(err)}
	}
	interrupted := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	var refusal *auth.Refusal
	switch {
	case errors.As(err, &refusal) && !interrupted: // whatever its cause, which would tell names that are there from those that are not
		return refused(refusal)
	case errors.Is(err, errNobody):
		return p(http.StatusUnauthorized, api.Unauthorized, "Who asks is not known")
	case errors.Is(err, errInsecure):
		return p(http.StatusForbidden, api.PlainTransport, "Not over plain HTTP")
	case errors.Is(err, ErrForbidden):
		return p(http.StatusForbidden, api.Forbidden, "Not allowed")
	case errors.Is(err, errNoRoute):
		return p(http.StatusNotFound, api.NotFound, "Not found")
	case errors.Is(err, auth.ErrNotFound): // one text: what is out of reach must not differ from what is nowhere
		return api.Problem{Type: api.ProblemPrefix + api.NotFound, Title: "Not found", Status: http.StatusNotFound,
			Detail: "There is nothing of that id or name that you may see."}
	case errors.Is(err, errNoMethod):
		return p(http.StatusMethodNotAllowed, api.BadMethod, "Method not allowed")
	case errors.Is(err, auth.ErrExists):
		return inField(err, p(http.StatusConflict, api.Exists, "Exists already"))
	case errors.Is(err, auth.ErrConflict):
		return p(http.StatusConflict, api.Conflict, "Something stands in the way")
	case errors.Is(err, errTooLarge):
		return p(http.StatusRequestEntityTooLarge, api.TooLarge, "Too large")
	case errors.Is(err, errMediaType):
		return p(http.StatusUnsupportedMediaType, api.BadMediaType, "Not JSON")
	case errors.Is(err, auth.ErrInvalid):
		return inField(err, p(http.StatusUnprocessableEntity, api.Invalid, "Cannot be so"))
	case errors.Is(err, ErrTooMany):
		return p(http.StatusTooManyRequests, api.TooMany, "Too much at once")
	case interrupted:
		return api.Problem{Type: api.ProblemPrefix + api.Unknown, Title: "Interrupted", Status: http.StatusServiceUnavailable,
			Detail: "It is not known whether anything was changed: look before you try again."}
	}
	return refused(auth.RefusalOf(err))
}

// inField adds the field of the input that an error is about.
func inField(err error, p api.Problem) api.Problem {
	var wrong *InvalidField
	var way *Obstacle
	switch {
	case errors.As(err, &wrong):
		p.Field = wrong.Field
	case errors.As(err, &way):
		p.Field = way.Field
	}
	return p
}

// refused is how a refusal of the core looks.
func refused(r *auth.Refusal) api.Problem {
	switch r.Reason {
	case auth.BadCredentials, auth.Inactive, auth.NoToken, auth.UnknownToken, auth.TwoTokens, auth.WrongAccount, auth.UnknownApp,
		auth.MissingApp, auth.Malformed:
		return api.Problem{Type: api.ProblemPrefix + api.Unauthorized, Title: "Who asks is not known", Status: http.StatusUnauthorized,
			Detail: "The name, the secret or the session is wrong or over, or has no role here."}
	case auth.Locked, auth.Throttled:
		return api.Problem{Type: api.ProblemPrefix + api.TooMany, Title: "Locked", Status: http.StatusTooManyRequests,
			Detail: "There were too many failures: wait, or have the lock lifted."}
	case auth.Insecure:
		return problemOf(errInsecure)
	case auth.Busy:
		return api.Problem{Type: api.ProblemPrefix + api.Unavailable, Title: "Busy", Status: http.StatusServiceUnavailable,
			Detail: "More is waiting than the server takes on: try again."}
	case auth.Unavailable:
	}
	return api.Problem{Type: api.ProblemPrefix + api.Unavailable, Title: "The server's own trouble", Status: http.StatusServiceUnavailable,
		Detail: "See the log of the server for this request."}
}

// detail is an error for people: without the words that errors are tested by.
func detail(err error) string {
	text := err.Error()
	for _, sentinel := range []error{auth.ErrInvalid, ErrForbidden} {
		text = strings.ReplaceAll(text, sentinel.Error()+": ", "")
	}
	return strings.TrimPrefix(text, "sqlite: ")
}

// writeProblem answers with a problem.
func writeProblem(w http.ResponseWriter, p api.Problem) {
	body, err := json.Marshal(p)
	if err != nil { // of strings and numbers: it does not happen
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", api.ProblemType)
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}
