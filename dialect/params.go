package dialect

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"unicode/utf8"

	"github.com/sallyport/sallyport/auth"
)

// What is wrong with a request that cannot be read. They are causes of refusals
// with reason Malformed and never hold what the client sent.
var (
	ErrMethod    = errors.New("the method is not allowed here")
	ErrMedia     = errors.New("the body is of a media type that is not read here")
	ErrCharset   = errors.New("the body's charset is not UTF-8, US-ASCII or ISO-8859-1")
	ErrTooLarge  = errors.New("the request is too large")
	ErrTooMany   = errors.New("too many parameters")
	ErrRepeated  = errors.New("a parameter is repeated")
	ErrEncoding  = errors.New("a parameter is not encoded properly")
	ErrBodyBroke = errors.New("the body could not be read to its end")
)

// Limits of the parameters of one request to the login family. The body's size is
// bounded by the endpoint, see [MaxBody].
const (
	MaxParams = 256     // in the query, and again in the form
	MaxQuery  = 8 << 10 // bytes
)

// FormType is the media type of the only kind of form that ReadParams reads.
const FormType = "application/x-www-form-urlencoded"

// Param is a decoded parameter.
type Param struct{ Name, Value string }

// Values are parameters in the order in which they came.
type Values []Param

// Has says whether there is a parameter of that name.
func (v Values) Has(name string) bool {
	for i := range v {
		if v[i].Name == name {
			return true
		}
	}
	return false
}

// Get is the value of the parameter of that name, "" if there is none. Servers
// disagree about which value of a repeated one counts, so it is refused.
func (v Values) Get(name string) (string, error) {
	found, value := false, ""
	for i := range v {
		if v[i].Name != name {
			continue
		}
		if found {
			return "", auth.Refuse(auth.Malformed, ErrRepeated)
		}
		found, value = true, v[i].Value
	}
	return value, nil
}

// Params are the parameters of one request.
type Params struct {
	Query Values
	Form  Values
	Media string // of the body, lower-case, without parameters; "": none given
}

// Get looks into the query first and into the form only if the name is not there.
func (p *Params) Get(name string) (string, error) {
	if p.Query.Has(name) {
		return p.Query.Get(name)
	}
	return p.Form.Get(name)
}

// ReadParams reads the query and, if the request is a POST of [FormType], the
// form. With fold the ASCII letters of names become lower-case. Everything must
// be percent-encoded properly and be UTF-8; a form may say that it is US-ASCII,
// which is a part of UTF-8, or ISO-8859-1, which is converted. Bodies of other
// media types are left alone. Errors are refusals with reason Malformed and one
// of this package's errors as the cause.
func ReadParams(r *http.Request, fold bool) (Params, error) {
	var p Params
	if len(r.URL.RawQuery) > MaxQuery {
		return p, auth.Refuse(auth.Malformed, ErrTooLarge)
	}
	query, err := parsePairs(r.URL.RawQuery, fold, false)
	if err != nil {
		return p, malformed("query", err)
	}
	p.Query = query
	media, latin1, err := bodyType(r)
	p.Media = media
	if err != nil {
		return p, malformed("content type", err)
	}
	if r.Method != http.MethodPost || media != FormType {
		return p, nil
	}
	body, err := readBody(r)
	if err != nil {
		return p, malformed("form", err)
	}
	if p.Form, err = parsePairs(body, fold, latin1); err != nil {
		return p, malformed("form", err)
	}
	return p, nil
}

func malformed(where string, err error) error {
	return auth.Refuse(auth.Malformed, fmt.Errorf("%s: %w", where, err))
}

// bodyType reads Content-Type. A charset matters to forms alone, and an encoded
// body (RFC 9110, 8.4) is not one.
func bodyType(r *http.Request) (media string, latin1 bool, err error) {
	lines := r.Header["Content-Type"]
	if len(lines) == 0 {
		return "", false, nil
	}
	if len(lines) > 1 {
		return "", false, ErrRepeated
	}
	if lines[0] == FormType && len(r.Header["Content-Encoding"]) == 0 { // nearly always
		return FormType, false, nil
	}
	media, params, err := mime.ParseMediaType(lines[0])
	if err != nil {
		return "", false, ErrMedia
	}
	if media != FormType {
		return media, false, nil
	}
	if len(r.Header["Content-Encoding"]) != 0 {
		return media, false, ErrMedia
	}
	switch lower(params["charset"]) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return media, false, nil
	case "iso-8859-1", "iso8859-1", "latin1":
		return media, true, nil
	}
	return media, false, ErrCharset
}

func readBody(r *http.Request) (string, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", bodyError(err)
	}
	return string(body), nil
}

// parsePairs decodes a query or form.
func parsePairs(raw string, fold, latin1 bool) (Values, error) {
	var v Values
	for raw != "" {
		var name, value string
		name, value, raw = NextPair(raw, '&')
		if name == "" && value == "" {
			continue
		}
		if len(v) == MaxParams {
			return nil, ErrTooMany
		}
		p := Param{}
		var err error
		if p.Name, err = decode(name, latin1); err != nil {
			return nil, err
		}
		if p.Value, err = decode(value, latin1); err != nil {
			return nil, err
		}
		if fold {
			p.Name = lower(p.Name)
		}
		v = append(v, p)
	}
	return v, nil
}

func decode(raw string, latin1 bool) (string, error) {
	s, ok := Unescape(raw)
	if !ok {
		return "", ErrEncoding
	}
	if latin1 {
		return fromLatin1(s), nil
	}
	if !utf8.ValidString(s) {
		return "", ErrEncoding
	}
	return s, nil
}

// fromLatin1 converts ISO-8859-1, whose bytes are Unicode's first code points.
func fromLatin1(s string) string {
	b := make([]rune, len(s))
	for i := range len(s) {
		b[i] = rune(s[i])
	}
	return string(b)
}
