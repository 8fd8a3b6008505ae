package sbt

import (
	"bytes"
	"errors"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

var (
	errNoToken   = auth.Refuse(auth.NoToken, nil)
	errTwoTokens = auth.Refuse(auth.TwoTokens, nil)
	errRepeated  = auth.Refuse(auth.Malformed, dialect.ErrRepeated)
	errEncoding  = auth.Refuse(auth.Malformed, dialect.ErrEncoding)
	errTwoCodes  = auth.Refuse(auth.Malformed, errors.New("the call names two organizations"))
	errMedia     = auth.Refuse(auth.Malformed, dialect.ErrMedia)
	errCharset   = auth.Refuse(auth.Malformed, dialect.ErrCharset)
)

// Token finds securityToken and orgCode, names in any case, in the query and in
// a body that is JSON, XML (SOAP or not) or a form. Both places are always looked
// at, and what is in both has to agree: the organization that was compared must
// be the one that the API behind will read. A call that names no organization is
// the key's own.
func (s *sbt) Token(r *http.Request) (auth.Bearer, error) {
	at, err := scanPairs(r.URL.RawQuery)
	if err != nil {
		return auth.Bearer{}, err
	}
	if r.Body != nil && r.Body != http.NoBody {
		inBody, err := s.scanBody(r, at.hasToken)
		if err != nil && !at.hasToken {
			return auth.Bearer{}, dialect.Unsearched(err)
		}
		if err != nil {
			return auth.Bearer{}, err
		}
		if at, err = at.and(inBody.carried); err != nil {
			return auth.Bearer{}, err
		}
	}
	if at.token == "" {
		return auth.Bearer{}, errNoToken
	}
	return auth.Bearer{Mount: s.mount, Form: auth.FormNative, Value: at.token, Code: at.org}, nil
}

// Read takes a securityToken.
func (s *sbt) Read(token string) (auth.Bearer, error) {
	return auth.Bearer{Mount: s.mount, Form: auth.FormNative, Value: token}, nil
}

// carried is what one place carries.
type carried struct {
	token, org       string
	hasToken, hasOrg bool
}

// found is what a body carries, and where its secrets stand.
type found struct {
	carried
	operation string // local name of the XML element that wraps the parameters
	secrets   []span
}

// and joins two places.
func (c carried) and(o carried) (carried, error) {
	if c.token != "" && o.token != "" && c.token != o.token {
		return carried{}, errTwoTokens
	}
	if c.org != "" && o.org != "" && c.org != o.org {
		return carried{}, errTwoCodes
	}
	if c.token == "" {
		c.token = o.token
	}
	if c.org == "" {
		c.org = o.org
	}
	return c, nil
}

// scanPairs looks through a query or form and passes over all other parameters,
// whatever they are. A semicolon separates too: some servers believe so. It
// allocates only to decode.
func scanPairs(raw string) (c carried, err error) {
	for raw != "" {
		var name, value string
		name, value, raw = dialect.NextPair(raw, '&', ';')
		var ok bool
		switch {
		case dialect.IsName(name, "securitytoken"):
			if c.hasToken {
				return carried{}, errRepeated
			}
			c.hasToken = true
			c.token, ok = dialect.Unescape(value)
		case dialect.IsName(name, "orgcode"):
			if c.hasOrg {
				return carried{}, errRepeated
			}
			c.hasOrg = true
			c.org, ok = dialect.Unescape(value)
		default:
			continue
		}
		if !ok {
			return carried{}, errEncoding
		}
	}
	return c, nil
}

// The kinds of bodies that are looked into.
type kind uint8

const (
	other kind = iota
	formKind
	jsonKind
	xmlKind
)

func kindOf(media string) kind {
	switch {
	case media == dialect.FormType:
		return formKind
	case media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json"):
		return jsonKind
	case media == soapType || media == "application/xml" || strings.HasSuffix(media, "+xml"):
		return xmlKind
	}
	return other
}

// looksLike is for a body that does not say that it is of one of these kinds: an
// API may read it as one all the same.
func looksLike(body []byte) kind {
	switch body = bytes.TrimLeft(bytes.TrimPrefix(body, byteOrderMark), " \t\r\n\v\f"); {
	case len(body) == 0:
		return other
	case body[0] == '<':
		return xmlKind
	case body[0] == '{':
		return jsonKind
	}
	if c, err := scanPairs(string(body)); err != nil || c.hasToken || c.hasOrg {
		return formKind
	}
	return other
}

// utf16 says whether a body begins with a byte-order mark of UTF-16 or UTF-32.
func utf16(body []byte) bool {
	return bytes.HasPrefix(body, []byte{0xff, 0xfe}) || bytes.HasPrefix(body, []byte{0xfe, 0xff}) ||
		bytes.HasPrefix(body, []byte{0, 0, 0xfe, 0xff})
}

// readBody is the body of a call if it is one to look into. ours says that the
// call is of this dialect for sure: then a body of a type that the services do not
// know is looked at too, or one could hide an organization in it.
func (s *sbt) readBody(r *http.Request, ours bool) (body []byte, k kind, charset string, err error) {
	media, charset, err := dialect.MediaType(r)
	if err != nil {
		return nil, other, "", err
	}
	k = kindOf(media)
	if k == other && media != "" && !ours {
		return nil, other, "", nil
	}
	if strings.HasPrefix(media, "multipart/") || len(r.Header["Content-Encoding"]) > 0 {
		return nil, other, "", errMedia
	}
	if body, err = dialect.PeekBody(r, s.maxBody); err != nil {
		return nil, other, "", err
	}
	switch {
	case len(body) == 0:
		k = other
	case (k == other || k == formKind) && utf16(body):
		return nil, other, "", errMedia // some servers would read on, here nobody can
	case k == other:
		k = looksLike(body)
	}
	return body, k, charset, nil
}

func (s *sbt) scanBody(r *http.Request, ours bool) (f found, err error) {
	body, k, charset, err := s.readBody(r, ours)
	if err != nil || k == other {
		return found{}, err
	}
	f, err = scanAs(body, k)
	if also := besides(body, k); err == nil && also != other {
		var g found
		if g, err = scanAs(body, also); err == nil {
			f.carried, err = f.and(g.carried)
		}
	}
	if err == nil && !isUTF8(charset) && !(isLatin(charset) && isASCII(f.org)) {
		err = errCharset // the API behind may read another code there
	}
	return f, err
}

// scanAs reads a body as one of a kind.
func scanAs(body []byte, k kind) (f found, err error) {
	switch k {
	case formKind:
		f.carried, err = scanPairs(string(body))
	case jsonKind:
		f, err = scanJSON(body)
	case xmlKind:
		f, err = scanXML(body)
	case other:
	}
	return f, err
}

// besides is what else an API may take a form for: JSON or XML that says it is a
// form, as programs send it that set no type of their own. Both readings count then.
func besides(body []byte, k kind) kind {
	if k != formKind {
		return other
	}
	if like := looksLike(body); like != formKind {
		return like
	}
	return other
}

// isLatin says whether a charset has ASCII in its lower half.
func isLatin(charset string) bool {
	return strings.HasPrefix(charset, "iso-8859-") || strings.HasPrefix(charset, "windows-125")
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
