package verify

import (
	"errors"
	"fmt"
	"net/http"
)

// Why a call is refused. Test for them with errors.Is.
var (
	ErrNoToken     = errors.New("verify: the call carries no token")
	ErrTwoTokens   = errors.New("verify: the call carries two different tokens")
	ErrMalformed   = errors.New("verify: the call cannot be read")
	ErrRefused     = errors.New("verify: the token opens no session for this call") // made up, expired, ended, another account's: deliberately one
	ErrUnavailable = errors.New("verify: nobody can say whether the session is alive")
)

// errUnsearched is errTooLarge of a call that has no token of a finder's elsewhere. It
// does not speak against a call in which another finder finds one.
var (
	errTooLarge   = malformed("the body is too large")
	errUnsearched = fmt.Errorf("%w to be searched for a token", errTooLarge)
)

// StatusOf is the HTTP status for an error of this package: 503 for
// [ErrUnavailable], 400 for [ErrMalformed], 401 for all others.
func StatusOf(err error) int {
	switch {
	case errors.Is(err, ErrUnavailable):
		return http.StatusServiceUnavailable
	case errors.Is(err, ErrMalformed):
		return http.StatusBadRequest
	}
	return http.StatusUnauthorized
}

// refuse is the answer to a call that may not pass, if [Options].Refuse gives
// none. The challenge is RFC 6750's, section 3; a call without a token is told
// no error code (3.1).
func refuse(w http.ResponseWriter, _ *http.Request, err error) {
	status, text := StatusOf(err), "the token is not valid"
	h := w.Header()
	switch status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
		text = "the token cannot be checked right now"
	case http.StatusBadRequest:
		text = "the request cannot be read"
	default:
		challenge := `Bearer error="invalid_token"`
		if errors.Is(err, ErrNoToken) {
			challenge, text = "Bearer", "the call carries no token"
		}
		h.Set("WWW-Authenticate", challenge)
	}
	h.Set("Cache-Control", "no-store")
	http.Error(w, text, status)
}
