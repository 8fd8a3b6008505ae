package oauth

import (
	"errors"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

var (
	errNoBearer  = auth.Refuse(auth.NoToken, nil)
	errTwoTokens = auth.Refuse(auth.TwoTokens, nil)
	errQuery     = auth.Refuse(auth.Malformed, errors.New("a token in the query"))
	errUnknown   = auth.Refuse(auth.UnknownToken, nil)
)

// maxForm bounds the form of a later call that is read for its token, in bytes. A
// call that has its token in the header may have a form of any size.
const maxForm = 64 << 10

// param is the parameter in which a form may carry a token.
const param = "access_token"

// prefix is what all tokens of this dialect begin with. A parameter that does not
// is some other server's token, on its way to the API.
const prefix = "sp_"

// Token finds the token in a Bearer header (RFC 6750, 2.1) or in the form of a POST
// (2.2). One in the query is refused wherever another is (RFC 9700, 4.3.2), and so
// are two, even if they are one (RFC 6750, 2).
func (o *oauth) Token(r *http.Request) (auth.Bearer, error) {
	if inQuery, _ := scan(r.URL.RawQuery); inQuery > 0 {
		return auth.Bearer{}, errQuery
	}
	header, err := bearerToken(r.Header["Authorization"])
	if err != nil {
		return auth.Bearer{}, err
	}
	n, inForm, err := scanForm(r, header != "")
	switch {
	case err != nil:
		return auth.Bearer{}, err
	case n > 1 || n == 1 && header != "":
		return auth.Bearer{}, errTwoTokens
	case n == 1:
		header = inForm
	}
	if header == "" {
		return auth.Bearer{}, errNoBearer
	}
	return o.bearer(header), nil
}

// Read takes an access token.
func (o *oauth) Read(token string) (auth.Bearer, error) {
	if !strings.HasPrefix(token, prefix) {
		return auth.Bearer{}, errUnknown
	}
	return o.bearer(token), nil
}

func (o *oauth) bearer(token string) auth.Bearer {
	return auth.Bearer{Mount: o.mount, Form: auth.FormNative, Value: token}
}

// bearerToken is the token of an Authorization header of that scheme, in any case,
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
	return strings.Trim(token, " \t"), nil
}

// scan counts the tokens in a query or form, and returns the last of them. Names
// are read as servers behind the gate may read them, and a semicolon separates too.
func scan(raw string) (n int, token string) {
	if len(raw) < len(param) {
		return 0, ""
	}
	for raw != "" {
		var name, value string
		name, value, raw = dialect.NextPair(raw, '&', ';')
		if !dialect.IsName(name, param) {
			continue
		}
		if v, ok := dialect.Unescape(value); ok && strings.HasPrefix(v, prefix) {
			n, token = n+1, v
		}
	}
	return n, token
}

// scanForm does the same with the form of a call. has says that the call has a
// token elsewhere.
func scanForm(r *http.Request, has bool) (n int, token string, err error) {
	if !isForm(r) {
		return 0, "", nil
	}
	form, err := dialect.PeekBody(r, maxForm)
	if err != nil {
		if has && errors.Is(err, dialect.ErrTooLarge) {
			return 0, "", nil
		}
		return 0, "", dialect.Unsearched(err)
	}
	n, token = scan(string(form))
	return n, token, nil
}

// isForm says whether a call has a form in which a token may stand: not with GET,
// which gives a body no meaning (RFC 6750, 2.2).
func isForm(r *http.Request) bool {
	if r.Method != http.MethodPost || r.Body == nil || r.Body == http.NoBody {
		return false
	}
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(media), dialect.FormType)
}
