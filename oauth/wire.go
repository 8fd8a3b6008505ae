package oauth

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// What is wrong with a request: causes of refusals with reason Malformed.
var (
	errInQuery     = errors.New("parameters in the query")
	errNoGrantType = errors.New("grant_type is missing")
	errGrantType   = errors.New("a grant type that is not known here")
	errScope       = errors.New("a scope that is not known here")
	errTarget      = errors.New("a resource or audience that is not this server's")
	errNoToken     = errors.New("token is missing")
)

// post reads the form of a request to an endpoint that takes no other. It answers
// itself and returns false where there is none.
func (o *oauth) post(w http.ResponseWriter, r *http.Request) (dialect.Values, bool) {
	w.Header()["Pragma"] = noCache // RFC 6749, 5.1
	if !dialect.Allowed(w, r, http.MethodPost) {
		writeAnswer(w, wrongMethod)
		return nil, false
	}
	form, err := readForm(r)
	if err != nil {
		refuse(w, err, atEndpoint)
		return nil, false
	}
	return form, true
}

// readForm reads the parameters of a request. They come in the body alone (RFC
// 6749, 2.3.1), where none is secret in a log; a parameter without a value was not
// sent (3.2), and none is sent twice (3.2) but for those of RFC 8707 and RFC 8693.
func readForm(r *http.Request) (dialect.Values, error) {
	if r.URL.RawQuery != "" {
		return nil, auth.Refuse(auth.Malformed, errInQuery)
	}
	p, err := dialect.ReadParams(r, false)
	if err != nil {
		return nil, err
	}
	if p.Media != dialect.FormType {
		return nil, auth.Refuse(auth.Malformed, dialect.ErrMedia)
	}
	for i := range p.Form {
		name := p.Form[i].Name
		if name != "resource" && name != "audience" && p.Form[i+1:].Has(name) {
			return nil, auth.Refuse(auth.Malformed, dialect.ErrRepeated)
		}
	}
	return p.Form, nil
}

// scope is what the session may be used for: all there is, or as much of it as the
// client asks for (RFC 6749, 3.3). A resource or audience that is asked for has to
// be this server's (RFC 8707, 2).
func (o *oauth) scope(r *http.Request, form dialect.Values) (string, error) {
	for i := range form {
		if p := &form[i]; (p.Name == "resource" || p.Name == "audience") && p.Value != "" {
			if own := o.issuer(r, tokenPath); p.Value != own && p.Value != o.audience(own) {
				return "", auth.Refuse(auth.Malformed, errTarget)
			}
		}
	}
	asked, err := form.Get("scope")
	if err != nil || asked == "" {
		return o.allScope, err
	}
	var scopes []string
	for s := range strings.SplitSeq(asked, " ") {
		if !slices.Contains(o.o.Scopes, s) {
			return "", auth.Refuse(auth.Malformed, errScope)
		}
		if !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	return strings.Join(scopes, " "), nil
}

// granted is a token as the token endpoint answers it.
type granted struct {
	auth.Grant
	scope  string
	issued string // type of the token, where RFC 8693, 2.2.1, has it told; else ""
}

// writeGrant writes a token (RFC 6749, 5.1). Nothing is said of the end of one that
// time does not end.
func writeGrant(w http.ResponseWriter, g *granted) {
	b := make([]byte, 0, 256)
	b = appendMember(append(b, '{'), "access_token", g.Token)
	if g.issued != "" {
		b = appendMember(append(b, ','), "issued_token_type", g.issued)
	}
	b = appendMember(append(b, ','), "token_type", "Bearer")
	if l := &g.Session.Life; !l.Ends.IsZero() {
		b = append(b, `,"expires_in":`...)
		b = strconv.AppendInt(b, int64(l.Ends.Sub(l.Issued)/time.Second), 10)
	}
	if g.scope != "" {
		b = appendMember(append(b, ','), "scope", g.scope)
	}
	writeJSON(w, http.StatusOK, append(b, '}'))
}

// Values of headers, shared by all answers and never changed.
var (
	jsonType = []string{"application/json"}
	noCache  = []string{"no-cache"}
	noStore  = []string{"no-store"}
)

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // JSON by its type, and every text in it is quoted
}
