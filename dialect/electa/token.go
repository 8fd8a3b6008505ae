package electa

import (
	"errors"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// maxForm bounds the form of a later call, in bytes. It is above what IIS lets
// classic ASP read unless it is told otherwise, 200 kB.
const maxForm = 256 << 10

var (
	errNoToken   = auth.Refuse(auth.NoToken, nil)
	errRepeated  = auth.Refuse(auth.Malformed, dialect.ErrRepeated)
	errEncoding  = auth.Refuse(auth.Malformed, dialect.ErrEncoding)
	errTwoTokens = auth.Refuse(auth.TwoTokens, nil)
	errTwoCIDs   = auth.Refuse(auth.Malformed, errors.New("the call names two accounts"))
	errNumber    = auth.Refuse(auth.Malformed, errors.New("CID is not an account number"))
)

// Token finds CID and Token as classic ASP looks parameters up: each in the query
// or else in the form, names in any case. Both have to be there, once: the token
// is of an account, and the call has to say of which. What is in both places has to
// agree, as the API behind may look into the form first; so has a multipart form
// beside a token in the query.
func (e *electa) Token(r *http.Request) (auth.Bearer, error) {
	at, err := scan(r.URL.RawQuery)
	if err != nil {
		return auth.Bearer{}, err
	}
	if at.hasToken && at.hasCID && isOf(r, dialect.MultipartType) {
		if err := at.besideParts(r); err != nil {
			return auth.Bearer{}, err
		}
	}
	if isForm(r) {
		form, err := dialect.PeekBody(r, maxForm)
		if err != nil && !at.hasToken {
			return auth.Bearer{}, dialect.Unsearched(err)
		}
		if err != nil {
			return auth.Bearer{}, err
		}
		if at, err = at.and(string(form)); err != nil {
			return auth.Bearer{}, err
		}
	}
	return e.bearer(at)
}

func (e *electa) bearer(at carried) (auth.Bearer, error) {
	if !at.hasCID || !at.hasToken {
		return auth.Bearer{}, errNoToken
	}
	cid, ok1 := dialect.Unescape(at.cid)
	token, ok2 := dialect.Unescape(at.token)
	if !ok1 || !ok2 {
		return auth.Bearer{}, errEncoding
	}
	n := number(cid)
	if n == 0 {
		return auth.Bearer{}, errNumber
	}
	return auth.Bearer{Mount: e.mount, Form: auth.FormGUID, Value: token, Number: n}, nil
}

// Read takes the GUID that a login answered.
func (e *electa) Read(token string) (auth.Bearer, error) {
	return auth.Bearer{Mount: e.mount, Form: auth.FormGUID, Value: token}, nil
}

// carried is what a query or form carries, still encoded.
type carried struct {
	cid, token       string
	hasCID, hasToken bool
}

// and joins what the query carries and a form.
func (c carried) and(form string) (carried, error) {
	o, err := scan(form)
	if err != nil {
		return carried{}, err
	}
	if !c.hasToken {
		c.token, c.hasToken = o.token, o.hasToken
	} else if differ(c.token, o.token) {
		return carried{}, errTwoTokens
	}
	if !c.hasCID {
		c.cid, c.hasCID = o.cid, o.hasCID
	} else if c.hasToken && differ(c.cid, o.cid) { // else it is no call of ours
		return carried{}, errTwoCIDs
	}
	return c, nil
}

// differ says whether a parameter of the form is another than that of the query. An
// empty one is none.
func differ(query, form string) bool {
	if form == "" || query == form {
		return false
	}
	q, ok1 := dialect.Unescape(query)
	f, ok2 := dialect.Unescape(form)
	return !ok1 || !ok2 || q != f
}

// scan looks for the two parameters and passes over all others, whatever they
// are. A semicolon separates too: some servers behind the gate believe so, and
// must not find an account number there that was not compared.
func scan(raw string) (c carried, err error) {
	for raw != "" {
		var name, value string
		name, value, raw = dialect.NextPair(raw, '&', ';')
		switch {
		case dialect.IsName(name, "cid"):
			if c.hasCID {
				return carried{}, errRepeated
			}
			c.cid, c.hasCID = value, true
		case dialect.IsName(name, "token"):
			if c.hasToken {
				return carried{}, errRepeated
			}
			c.token, c.hasToken = value, true
		}
	}
	return c, nil
}

// besideParts refuses a multipart form that disagrees with the query. No client has
// its token there, and none is looked for; but an API may look there first.
func (c carried) besideParts(r *http.Request) error {
	form, err := dialect.PeekForm(r, maxForm)
	if err != nil {
		return err
	}
	for _, p := range form {
		switch {
		case dialect.IsName(p.Name, "token") && another(c.token, p.Value):
			return errTwoTokens
		case dialect.IsName(p.Name, "cid") && another(c.cid, p.Value):
			return errTwoCIDs
		}
	}
	return nil
}

// another says whether a part is another than the parameter of the query.
func another(query, part string) bool {
	q, ok := dialect.Unescape(query)
	return part != "" && (!ok || q != part)
}

// isForm says whether the body is a form that classic ASP would read.
func isForm(r *http.Request) bool { return isOf(r, dialect.FormType) }

// isOf says whether a POST has a body of a media type.
func isOf(r *http.Request, want string) bool {
	if r.Method != http.MethodPost || r.Body == nil || r.Body == http.NoBody {
		return false
	}
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(media), want)
}
