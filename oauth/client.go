package oauth

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// client is how a client says who it is (RFC 6749, 2.3).
type client struct{ id, secret string }

// What is wrong with how a client says who it is: causes of refusals with reason
// Malformed.
var (
	errTwoMethods = errors.New("the client authenticates in two ways")
	errTwoIDs     = errors.New("the form names another client than the header")
	errScheme     = errors.New("the client authenticates in a way that is not known here")
	errBasic      = errors.New("the Basic header cannot be read")
)

// maxBasic bounds a Basic header, in bytes.
const maxBasic = 8 << 10

// readClient finds the client's id and secret in a Basic header or in the form.
// One that says neither is judged like one with an id of nobody's.
func readClient(r *http.Request, form dialect.Values) (c client, err error) {
	id, err := form.Get("client_id")
	if err != nil {
		return c, err
	}
	secret, err := form.Get("client_secret")
	if err != nil {
		return c, err
	}
	assertion, err := form.Get("client_assertion_type")
	if err != nil {
		return c, err
	}
	if assertion != "" { // RFC 7521
		return c, auth.Refuse(auth.Malformed, errScheme)
	}
	lines := r.Header["Authorization"]
	if len(lines) == 0 {
		return client{id, secret}, nil
	}
	if c, err = basic(lines); err != nil {
		return client{}, auth.Refuse(auth.Malformed, err)
	}
	switch {
	case secret != "": // RFC 6749, 2.3: no more than one method
		return client{}, auth.Refuse(auth.Malformed, errTwoMethods)
	case id != "" && id != c.id:
		return client{}, auth.Refuse(auth.Malformed, errTwoIDs)
	}
	return c, nil
}

// basic reads HTTP Basic authentication (RFC 7617), whose two parts are encoded as
// in a form (RFC 6749, 2.3.1).
func basic(lines []string) (client, error) {
	if len(lines) > 1 {
		return client{}, errTwoMethods
	}
	scheme, coded, _ := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "Basic") {
		return client{}, errScheme
	}
	if len(coded) > maxBasic {
		return client{}, errBasic
	}
	var room [128]byte
	plain, err := base64.StdEncoding.AppendDecode(room[:0], []byte(strings.Trim(coded, " \t")))
	if err != nil {
		return client{}, errBasic
	}
	id, secret, found := strings.Cut(string(plain), ":")
	if !found {
		return client{}, errBasic
	}
	var c client
	var ok1, ok2 bool
	c.id, ok1 = dialect.Unescape(id)
	c.secret, ok2 = dialect.Unescape(secret)
	if !ok1 || !ok2 || !utf8.ValidString(c.id) || !utf8.ValidString(c.secret) {
		return client{}, errBasic
	}
	return c, nil
}

// attempt makes an attempt of what a client says. Its id is the number of an
// account, in decimal without leading zeros, or, if there is none of that number,
// a code.
func (o *oauth) attempt(c client, from auth.Origin) auth.Attempt {
	return auth.Attempt{Mount: o.mount, Scheme: auth.AccountKey, Number: number(c.id), Code: c.id, Secret: c.secret,
		Form: auth.FormNative, Origin: from}
}

// number is an account's number, 0 for what is none.
func number(text string) int64 {
	if text == "" || text[0] < '1' || text[0] > '9' { // ParseInt takes signs
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// caller is who asks an endpoint that begins no session.
func (o *oauth) caller(r *http.Request, form dialect.Values, from auth.Origin, roles ...auth.Role) (*auth.Caller, error) {
	c, err := readClient(r, form)
	if err != nil {
		return nil, err
	}
	a := o.attempt(c, from)
	return o.service.Authenticate(r.Context(), &a, roles...)
}
