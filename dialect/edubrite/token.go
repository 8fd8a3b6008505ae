package edubrite

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// The cookies of a session. Clients compare the names byte for byte.
const (
	idCookie   = "SESSION_ID"
	infoCookie = "SESSION_INFO"
)

var (
	errNoToken      = auth.Refuse(auth.NoToken, nil)
	errUnknownToken = auth.Refuse(auth.UnknownToken, nil)
	errForNone      = auth.Refuse(auth.BadCredentials, errNobody)
	errForAPI       = auth.Refuse(auth.BadCredentials, errAPIUser)
)

// Token finds the two cookies, in any of the Cookie lines, and the user whom the
// call is made for. Clients of API sessions always send REAL_UNAME and browsers
// never do, which says what kind of session the cookies have to be of.
func (e *edubrite) Token(r *http.Request) (auth.Bearer, error) {
	token, err := pairOf(r)
	if err != nil {
		return auth.Bearer{}, err
	}
	user, sent, err := realUname(r.Header)
	b := auth.Bearer{Mount: e.mount, Form: auth.FormNative, Value: token, As: user.name, Attrs: apiSession}
	switch {
	case err != nil:
		return auth.Bearer{}, err
	case !sent:
		b.Attrs = browserSession
	case user.name == "" && !e.EmptyUname:
		return auth.Bearer{}, errForNone
	case e.isAPIUser(user.name):
		return auth.Bearer{}, errForAPI
	}
	return b, nil
}

// pairOf is the token in the two cookies of a call. One cookie alone is none.
func pairOf(r *http.Request) (string, error) {
	id, err := dialect.Cookie(r, idCookie)
	if err != nil {
		return "", err
	}
	info, err := dialect.Cookie(r, infoCookie)
	if err != nil {
		return "", err
	}
	if id == "" || info == "" {
		return "", errNoToken
	}
	return join(id, info), nil
}

// Read takes the values of SESSION_ID and SESSION_INFO, in this order, with a
// space between them. What is no such pair is of no session here. Sessions of both
// kinds are found, the API user's and those of browsers.
func (e *edubrite) Read(token string) (auth.Bearer, error) {
	id, info, _ := strings.Cut(token, " ")
	if id, info = strings.TrimSpace(id), strings.TrimSpace(info); id == "" || info == "" {
		return auth.Bearer{}, errUnknownToken
	}
	return auth.Bearer{Mount: e.mount, Form: auth.FormNative, Value: join(id, info)}, nil
}

// A token is 62 characters. Each of its parts has more than half of what makes it
// impossible to guess: the first the session's number and 72 random bits, the
// second 56 random bits and 128 of the MAC. The asterisks are how the vendor's
// strings end (inferred).
const (
	half     = 31
	idStar   = "*"
	infoStar = "**"
)

func split(token string) (id, info string) {
	return token[:half] + idStar, token[half:] + infoStar
}

// join is the inverse of split. Two strings that split did not make become
// something that is no token.
func join(id, info string) string {
	if len(id) == half+len(idStar) && id[half:] == idStar && len(info) == half+len(infoStar) && info[half:] == infoStar {
		return id[:half] + info[:half]
	}
	return id + " " + info
}

// anonymous is a SESSION_ID of nobody's, which looks like any other.
func anonymous() string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])[:half] + idStar
}
