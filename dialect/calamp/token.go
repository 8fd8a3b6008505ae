package calamp

import (
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

var (
	errNoToken   = auth.Refuse(auth.NoToken, nil)
	errTwoTokens = auth.Refuse(auth.TwoTokens, nil)
	errRepeated  = auth.Refuse(auth.Malformed, dialect.ErrRepeated)
)

// Token finds the token in the cookie authToken, in a Bearer header or in both,
// if they agree. A second cookie of the name is refused even if it agrees: it
// would be for another path or domain, and which one counts is anyone's guess.
func (c *calamp) Token(r *http.Request) (auth.Bearer, error) {
	cookie, err := dialect.Cookie(r, "authToken")
	if err != nil {
		return auth.Bearer{}, err
	}
	token, err := bearerToken(r.Header["Authorization"])
	switch {
	case err != nil:
		return auth.Bearer{}, err
	case token == "":
		token = cookie
	case cookie != "" && cookie != token:
		return auth.Bearer{}, errTwoTokens
	}
	if token == "" {
		return auth.Bearer{}, errNoToken
	}
	app, err := appKey(r)
	if err != nil {
		return auth.Bearer{}, err
	}
	return c.bearer(token, app), nil
}

func (c *calamp) bearer(token, app string) auth.Bearer {
	return auth.Bearer{Mount: c.mount, Form: auth.FormSeries, Value: token, App: app}
}

// Read takes the value of authToken.
func (c *calamp) Read(token string) (auth.Bearer, error) { return c.bearer(token, ""), nil }

// bearerToken is the token of an Authorization header of that scheme (RFC 6750, 2.1),
// "" if there is none.
func bearerToken(lines []string) (string, error) {
	if len(lines) == 0 {
		return "", nil
	}
	if len(lines) > 1 {
		return "", errTwoTokens
	}
	scheme, token, _ := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", nil
	}
	return trim(token), nil
}

// appKey is the application key, "" if none was sent.
func appKey(r *http.Request) (string, error) {
	lines := r.Header["Calamp-Services-App"]
	if len(lines) > 1 {
		return "", errRepeated
	}
	if len(lines) == 0 {
		return "", nil
	}
	return trim(lines[0]), nil
}

// trim takes off optional white space (RFC 9110, 5.6.3).
func trim(s string) string { return strings.Trim(s, " \t") }
