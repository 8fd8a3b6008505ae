package calamp

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// What is wrong with a login that cannot be judged: causes of refusals with
// reason Malformed.
var (
	errNotAsked = errors.New("useAuthToken is not true")
	errInQuery  = errors.New("credentials in the query")
)

// read makes an attempt of a login. wantsToken says whether it asks for the
// cookie. A missing user name or password is judged like an empty one, as Spring
// does.
func (c *calamp) read(r *http.Request, from auth.Origin) (a auth.Attempt, wantsToken bool, err error) {
	a = auth.Attempt{Mount: c.mount, Scheme: auth.Password, Form: auth.FormSeries, Origin: from}
	p, err := dialect.ReadParams(r, false)
	if err != nil {
		return a, false, err
	}
	if p.Media != dialect.FormType && (p.Media != "" || r.ContentLength != 0) {
		return a, false, auth.Refuse(auth.Malformed, dialect.ErrMedia)
	}
	if !c.lenient && (p.Query.Has("username") || p.Query.Has("password")) {
		return a, false, auth.Refuse(auth.Malformed, errInQuery)
	}
	flag, err := c.useAuthToken(&p)
	if err != nil {
		return a, false, err
	}
	if wantsToken = isTrue(flag); !wantsToken && !c.plain {
		return a, false, auth.Refuse(auth.Malformed, errNotAsked)
	}
	if a.User, err = p.Get("username"); err != nil {
		return a, false, err
	}
	if a.Secret, err = p.Get("password"); err != nil {
		return a, false, err
	}
	a.App, err = appKey(r)
	return a, wantsToken, err
}

// useAuthToken is the parameter of that name, in the query or the form: the
// vendor's pages show both.
func (c *calamp) useAuthToken(p *dialect.Params) (string, error) {
	name := "useAuthToken"
	if c.lenient {
		for _, values := range []dialect.Values{p.Query, p.Form} {
			for i := range values {
				if strings.EqualFold(values[i].Name, name) {
					values[i].Name = name
				}
			}
		}
	}
	return p.Get(name)
}

// isTrue reads a flag as Spring Security reads its remember-me parameter.
func isTrue(flag string) bool {
	return flag == "1" || strings.EqualFold(flag, "true") || strings.EqualFold(flag, "on") || strings.EqualFold(flag, "yes")
}

// cookieDate is Tomcat's: English names, dashes, GMT.
const cookieDate = "Mon, 02-Jan-2006 15:04:05 GMT"

// endless is what a token is announced for that time does not end, as clients
// need a date.
const endless = 10 * 365 * 24 * time.Hour

// expires is the latest instant at which the session may still live, whole
// seconds.
func expires(l *auth.Life) time.Time {
	switch {
	case !l.Cap.IsZero():
		return l.Cap
	case !l.Ends.IsZero():
		return l.Ends
	}
	return l.Issued.Add(endless)
}

// setCookie writes the cookie by hand: clients cut the line at its first
// attribute, take that for Expires, and parse a date with dashes. net/http would
// write Path first and the date with spaces. It is the only cookie of the reply,
// as some clients take the first and some the last.
func setCookie(w http.ResponseWriter, token string, until time.Time) {
	w.Header().Set("Set-Cookie", "authToken="+token+"; Expires="+until.UTC().Format(cookieDate)+"; Path=/; Secure; HttpOnly")
}

// cancelCookie takes the cookie away, in Tomcat's form.
func cancelCookie(w http.ResponseWriter) {
	w.Header().Set("Set-Cookie", "authToken=; Expires=Thu, 01-Jan-1970 00:00:10 GMT; Path=/")
}

const contentType = "application/json;charset=UTF-8"

// writeEmpty writes the body of a success, which nobody reads.
func writeEmpty(w http.ResponseWriter) {
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write([]byte("{}"))
}

func writeMessage(w http.ResponseWriter, a answer) {
	body, err := json.Marshal(struct {
		Message string `json:"message"`
		Code    string `json:"code"`
	}{a.message, a.code})
	if err != nil { // two strings always marshal
		body = nil
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(a.status)
	_, _ = w.Write(body)
}
