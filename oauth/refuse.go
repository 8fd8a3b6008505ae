package oauth

import (
	"errors"
	"net/http"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// answer is a refusal as RFC 6749, 5.2, writes it. The texts are for people.
type answer struct {
	status int
	code   string // "": no code is told (RFC 6750, 3.1)
	text   string
}

// At the endpoints. That trouble is temporarily_unavailable, with the status that
// HTTP has for it, is a choice: RFC 6749 knows the code from another endpoint.
var (
	wrongClient = answer{http.StatusUnauthorized, "invalid_client", "The client id or the client secret is wrong."}
	locked      = answer{http.StatusUnauthorized, "invalid_client", "Too many failed attempts. Try again later."}
	wrongScheme = answer{http.StatusUnauthorized, "invalid_client", "Authenticate with client_secret_basic or client_secret_post."}
	throttled   = answer{http.StatusTooManyRequests, "temporarily_unavailable", "Too many logins. Go on with the token you have."}
	busy        = answer{http.StatusServiceUnavailable, "temporarily_unavailable", "The server is busy. Try again later."}
	trouble     = answer{http.StatusServiceUnavailable, "temporarily_unavailable", "The service is unavailable. Try again later."}
	unanswered  = answer{http.StatusServiceUnavailable, "server_error", "The service did not answer. The call may have been carried out."}
	plainHTTP   = answer{http.StatusBadRequest, "invalid_request", "A secure connection is required."}
	wrongMethod = answer{http.StatusMethodNotAllowed, "invalid_request", "The method is not allowed here."}
	unreadable  = answer{http.StatusBadRequest, "invalid_request", "The request cannot be read: a parameter is repeated, not encoded properly or too long."}
)

// causes are what is wrong with a request that cannot be read.
var causes = []struct {
	cause error
	answer
}{
	{errScheme, wrongScheme},
	{errTwoMethods, answer{http.StatusBadRequest, "invalid_request", "Authenticate in one way, not in two."}},
	{errTwoIDs, answer{http.StatusBadRequest, "invalid_request", "The client_id is not the one of the Authorization header."}},
	{errBasic, answer{http.StatusBadRequest, "invalid_request", "The Basic header cannot be read: its parts are form-urlencoded."}},
	{errInQuery, answer{http.StatusBadRequest, "invalid_request", "Send all parameters in the body."}},
	{dialect.ErrMedia, answer{http.StatusBadRequest, "invalid_request", "Send a form: application/x-www-form-urlencoded in UTF-8."}},
	{dialect.ErrCharset, answer{http.StatusBadRequest, "invalid_request", "Send a form: application/x-www-form-urlencoded in UTF-8."}},
	{errNoGrantType, answer{http.StatusBadRequest, "invalid_request", "The parameter grant_type is missing."}},
	{errGrantType, answer{http.StatusBadRequest, "unsupported_grant_type", "The grant types are client_credentials and token exchange."}},
	{errScope, answer{http.StatusBadRequest, "invalid_scope", "A scope is not known here."}},
	{errTarget, answer{http.StatusBadRequest, "invalid_target", "Tokens are for this server's audience alone."}},
	{errNoToken, answer{http.StatusBadRequest, "invalid_request", "The parameter token is missing."}},
	{errForeign, answer{http.StatusBadRequest, "invalid_grant", "The token was issued to another client."}},
	{errNoSubject, answer{http.StatusBadRequest, "invalid_request", "The parameter subject_token is missing."}},
	{errNoType, answer{http.StatusBadRequest, "invalid_request", "The parameter subject_token_type is missing."}},
	{errWider, answer{http.StatusBadRequest, "invalid_scope", "The subject token does not have a scope that is asked for."}},
	{errSubjectType, answer{http.StatusBadRequest, "invalid_request", "The type of the subject token, or the requested type, is not known here."}},
	{errActorToken, answer{http.StatusBadRequest, "invalid_request", "The client itself is the actor: send no actor token."}},
	{errSubject, answer{http.StatusBadRequest, "invalid_request", "The subject is nobody for whom the client may act."}},
}

// At later calls (RFC 6750, 3.1).
var (
	noBearer    = answer{status: http.StatusUnauthorized}
	wrongToken  = answer{http.StatusUnauthorized, "invalid_token", "The access token is unknown, expired or revoked."}
	twoTokens   = answer{http.StatusBadRequest, "invalid_request", "Send one token, in one way."}
	inQuery     = answer{http.StatusBadRequest, "invalid_request", "Send the token in the Authorization header, not in the URL."}
	outOfReach  = answer{http.StatusForbidden, "insufficient_scope", "The access token is not good for this."}
	lockedCalls = answer{http.StatusTooManyRequests, "temporarily_unavailable", "Too many failed attempts. Try again later."}
)

// where a refusal is told.
type where bool

const (
	atEndpoint where = false
	atCall     where = true
)

// Refuse answers a later call that may not pass.
func (o *oauth) Refuse(w http.ResponseWriter, r *http.Request, err error) { refuse(w, err, atCall) }

func refuse(w http.ResponseWriter, err error, at where) {
	dialect.Note(w, err)
	why := auth.RefusalOf(err)
	a := answerTo(why, at)
	h := w.Header()
	if a != unanswered && (a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable) || why.Reason == auth.Locked {
		h.Set("Retry-After", dialect.RetryAfter(why.RetryAfter))
	}
	h["Cache-Control"] = noStore
	switch {
	case at == atCall && a.status < http.StatusTooManyRequests:
		h.Set("WWW-Authenticate", challenge(&a))
	case a.status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Basic realm="sallyport"`)
	}
	writeAnswer(w, a)
}

func answerTo(why *auth.Refusal, at where) answer {
	switch why.Reason {
	case auth.BadCredentials, auth.Inactive:
		return pick(at, wrongClient, wrongToken)
	case auth.NoToken:
		return noBearer
	case auth.UnknownToken:
		return wrongToken
	case auth.TwoTokens:
		return twoTokens
	case auth.WrongAccount:
		return outOfReach
	case auth.MissingApp, auth.UnknownApp:
		return pick(at, wrongClient, outOfReach)
	case auth.Locked:
		return pick(at, locked, lockedCalls)
	case auth.Throttled:
		return throttled
	case auth.Malformed:
		return badRequest(why)
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

func pick(at where, endpoint, call answer) answer {
	if at == atCall {
		return call
	}
	return endpoint
}

func badRequest(why *auth.Refusal) answer {
	if errors.Is(why, errQuery) {
		return inQuery
	}
	for i := range causes {
		if errors.Is(why.Cause, causes[i].cause) {
			return causes[i].answer
		}
	}
	return unreadable
}

// challenge is the header that goes with a refused call (RFC 6750, 3). A call
// without a credential is told nothing but how to send one.
func challenge(a *answer) string {
	if a.code == "" {
		return `Bearer realm="sallyport"`
	}
	return `Bearer realm="sallyport", error="` + a.code + `", error_description="` + a.text + `"`
}

func writeAnswer(w http.ResponseWriter, a answer) {
	b := make([]byte, 0, 192)
	b = append(b, '{')
	if a.code != "" {
		b = appendMember(b, "error", a.code)
		b = appendMember(append(b, ','), "error_description", a.text)
	}
	writeJSON(w, a.status, append(b, '}'))
}
