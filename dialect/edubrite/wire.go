package edubrite

import (
	"errors"
	"net/http"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// What is wrong with a request of the login family: causes of refusals with
// reason Malformed.
var (
	errInQuery = errors.New("credentials in the query, which query_credentials forbids")
	errDiffer  = errors.New("a parameter differs between query and form")
)

// readForm reads the parameters of a request. A body of another kind is refused:
// what it says would be passed over.
func readForm(r *http.Request) (dialect.Params, error) {
	p, err := dialect.ReadForm(r, false)
	if err != nil {
		return p, err
	}
	if p.Media != dialect.FormType && p.Media != dialect.MultipartType && (p.Media != "" || r.ContentLength != 0) && r.Method == http.MethodPost {
		return p, auth.Refuse(auth.Malformed, dialect.ErrMedia)
	}
	return p, nil
}

// value is a parameter of the form or else of the query. It may be in both if
// they agree.
func value(p *dialect.Params, name string) (string, error) {
	inQuery, err := p.Query.Get(name)
	if err != nil {
		return "", err
	}
	inForm, err := p.Form.Get(name)
	if err != nil {
		return "", err
	}
	switch {
	case !p.Form.Has(name):
		return inQuery, nil
	case p.Query.Has(name) && inQuery != inForm:
		return "", auth.Refuse(auth.Malformed, errDiffer)
	}
	return inForm, nil
}

// asksTo says whether the parameter dispatch is so, in exactly this case.
func asksTo(p *dialect.Params, dispatch string) bool {
	v, err := value(p, "dispatch")
	return err == nil && v == dispatch
}

// names are the parameters of a raw query as far as they can be decoded, however
// many there are: enough to tell whose a request is.
func names(raw string) (v dialect.Values) {
	for raw != "" {
		var name, value string
		name, value, raw = dialect.NextPair(raw, '&')
		n, ok1 := dialect.Unescape(name)
		if text, ok2 := dialect.Unescape(value); ok1 && ok2 {
			v = append(v, dialect.Param{Name: n, Value: text})
		}
	}
	return v
}

// setCookie adds a cookie in a header line of its own: clients look at one line
// after the other. It goes with the browser, since the session's end is the
// server's to know (inferred, as all attributes are).
func setCookie(w http.ResponseWriter, name, value, more string) {
	w.Header().Add("Set-Cookie", name+"="+value+"; Path=/; Secure; HttpOnly"+more)
}

// The envelope of every answer, as the vendor's page has it. No text in it comes
// from a client and none holds the end of a CDATA section.
const (
	beforeCode    = `<response code="`
	beforeMessage = "\">\n    <msgs>\n        <msg>\n            <code>"
	beforeText    = "</code>\n            <value><![CDATA["
	afterMessage  = "]]></value>\n        </msg>\n    </msgs>\n"
	beforeID      = "\n    <data>\n        <session>\n            <sessionId><![CDATA["
	beforeInfo    = "]]></sessionId>\n            <sessionInfo><![CDATA["
	afterInfo     = "]]></sessionInfo>\n        </session>\n    </data>\n"
	after         = "</response>"
)

func write(w http.ResponseWriter, a answer) { writeWith(w, a, "") }

// writeSession writes the answer to createSessionApi.
func writeSession(w http.ResponseWriter, token string) {
	id, info := split(token)
	writeWith(w, success, beforeID+id+beforeInfo+info+afterInfo)
}

func writeWith(w http.ResponseWriter, a answer, data string) {
	code := "-1"
	if a.status == http.StatusOK {
		code = "0"
	}
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(beforeCode + code + beforeMessage + a.code + beforeText + a.text + afterMessage + data + after))
}

// visible is a URL reference with everything percent-encoded that cannot stand in
// a header as it is.
func visible(s string) string {
	const hex = "0123456789ABCDEF"
	var b []byte
	for i := range len(s) {
		if c := s[i]; c > ' ' && c < 0x7f {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}
