package verify

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// Bounds of a body that is looked into.
const (
	maxBody       = 1 << 20 // bytes
	maxDepth      = 32
	maxTokens     = 20_000
	maxAttributes = 32 // of one element
)

// SBT finds securityToken and orgCode, names in any case, in the query and in a body
// of up to 1 MB that is JSON, XML (SOAP or not) or a form, in UTF-8. What is in
// both places has to agree, as the organization that was compared must be the one
// that the API reads.
func SBT() Finder {
	return func(r *http.Request) (Credential, error) {
		at, err := sbtPairs(r.URL.RawQuery)
		if err != nil {
			return Credential{}, err
		}
		inBody, err := sbtBody(r, at["securitytoken"] != "")
		if at["securitytoken"] == "" {
			err = unsearched(err)
		}
		if err != nil {
			return Credential{}, err
		}
		c := Credential{Token: at["securitytoken"], Dialect: "sbt", Code: at["orgcode"]}
		for _, both := range [...]struct {
			mine  *string
			other string
			err   error
		}{{&c.Token, inBody["securitytoken"], ErrTwoTokens}, {&c.Code, inBody["orgcode"], malformed("the call names two organizations")}} {
			if *both.mine != "" && both.other != "" && *both.mine != both.other {
				return Credential{}, both.err
			}
			if *both.mine == "" {
				*both.mine = both.other
			}
		}
		return some(c)
	}
}

// members are parameters by their lower-case names.
type members map[string]string

func sbtPairs(raw string) (members, error) { return pairs(raw, "securitytoken", "orgcode") }

// take files a member that is one of the two.
func (m members) take(spelled, value string) error {
	name := "securitytoken"
	if strings.EqualFold(spelled, "orgCode") {
		name = "orgcode"
	}
	if _, twice := m[name]; twice {
		return malformed("a parameter is repeated")
	}
	m[name] = value
	return nil
}

func isMember(name string) bool {
	return strings.EqualFold(name, "securityToken") || strings.EqualFold(name, "orgCode")
}

// sbtBody looks into the body. ours says that the call is of this dialect for sure:
// then a body of another type is looked at too, or it could hide an organization.
func sbtBody(r *http.Request, ours bool) (members, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	media, charset := "", ""
	switch lines := r.Header["Content-Type"]; len(lines) {
	case 0:
	case 1:
		m, params, err := mime.ParseMediaType(lines[0])
		if err != nil {
			return nil, malformed("the media type cannot be read")
		}
		media, charset = m, strings.ToLower(params["charset"])
	default:
		return nil, malformed("Content-Type is repeated")
	}
	read := sbtReader(media)
	if read == nil && media != "" && !ours {
		return nil, nil
	}
	if strings.HasPrefix(media, "multipart/") || len(r.Header["Content-Encoding"]) > 0 {
		return nil, malformed("the body is of a type that is not read here")
	}
	body, err := peek(r, maxBody)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	switch charset {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
	default:
		return nil, malformed("the body is not UTF-8")
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if media == formType {
		return sbtLookedAt(body)
	}
	if read == nil {
		if read, err = sbtGuess(body); read == nil {
			return nil, err
		}
	}
	return read(body)
}

// sbtLookedAt reads a form, and once more what begins as JSON or XML does: programs
// send these as forms that set no type of their own, and an API may go by the look.
// Both readings have to agree.
func sbtLookedAt(form []byte) (members, error) {
	guess, err := sbtGuess(form)
	if err != nil || guess == nil {
		return nil, err
	}
	found, err := sbtForm(form)
	if err != nil {
		return nil, err
	}
	again, err := guess(form)
	if err != nil {
		return nil, err
	}
	for name, value := range again {
		if found[name] != "" && value != "" && found[name] != value {
			return nil, malformed("the body can be read in two ways")
		}
		if value != "" {
			found[name] = value
		}
	}
	return found, nil
}

func sbtReader(media string) func([]byte) (members, error) {
	switch {
	case media == formType:
		return sbtForm
	case media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json"):
		return sbtJSON
	case media == "text/xml" || media == "application/xml" || strings.HasSuffix(media, "+xml"):
		return sbtXML
	}
	return nil
}

func sbtForm(body []byte) (members, error) { return sbtPairs(string(body)) }

// sbtGuess is for a body that does not say of what type it is.
func sbtGuess(body []byte) (func([]byte) (members, error), error) {
	if bytes.HasPrefix(body, []byte{0xff, 0xfe}) || bytes.HasPrefix(body, []byte{0xfe, 0xff}) || bytes.HasPrefix(body, []byte{0, 0, 0xfe, 0xff}) {
		return nil, malformed("the body is not UTF-8")
	}
	switch start := bytes.TrimLeft(body, " \t\r\n\v\f"); {
	case len(start) == 0:
		return nil, nil
	case start[0] == '<':
		return sbtXML, nil
	case start[0] == '{':
		return sbtJSON, nil
	}
	return sbtForm, nil
}

// sbtJSON looks at the members of the outermost object.
func sbtJSON(body []byte) (members, error) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, malformed("the JSON cannot be read")
	}
	found := members{}
	d := json.NewDecoder(bytes.NewReader(body))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return nil, nil //nolint:nilerr // it is valid: a list or a bare value, without parameters
	}
	for d.More() {
		name, err := d.Token()
		var raw json.RawMessage
		if err == nil {
			err = d.Decode(&raw)
		}
		if err != nil {
			return nil, malformed("the JSON cannot be read")
		}
		if name, ok := name.(string); ok && isMember(name) {
			value, err := jsonText(raw)
			if err == nil {
				err = found.take(name, value)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// jsonText is a string, or a number as it is written, or null for none.
func jsonText(raw json.RawMessage) (s string, err error) {
	switch c := raw[0]; {
	case c == '"':
		if err := json.Unmarshal(raw, &s); err != nil {
			return "", malformed("the JSON cannot be read")
		}
		return s, nil
	case c == 'n':
		return "", nil
	case c == '-' || (c >= '0' && c <= '9'):
		return string(raw), nil
	}
	return "", malformed("a parameter is no text")
}

// sbtXML looks at the children of the element that wraps an operation's
// parameters: the one in the Body of an envelope, or the root of plain XML.
func sbtXML(body []byte) (members, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	found := members{}
	var path []string
	roots, spaces := 0, map[string]bool{xmlNamespace: true}
	member, text := "", new(strings.Builder)
	for range maxTokens {
		t, err := d.Token()
		if errors.Is(err, io.EOF) && len(path) == 0 && roots == 1 {
			return found, nil
		}
		if err != nil {
			return nil, malformed("the XML is not well-formed")
		}
		switch t := t.(type) {
		case xml.Directive:
			return nil, malformed("the XML has a document type")
		case xml.ProcInst:
			if t.Target != "xml" {
				return nil, malformed("the XML has a processing instruction")
			}
		case xml.StartElement:
			if len(path) == 0 {
				roots++
			}
			if member != "" || len(path) == maxDepth || roots > 1 || len(t.Attr) > maxAttributes {
				return nil, malformed("an element stands where none may")
			}
			if !wellNamed(&t, spaces) {
				return nil, malformed("the XML is not well-formed")
			}
			if isMember(t.Name.Local) && isOperation(path) {
				member = t.Name.Local
				text.Reset()
			}
			path = append(path, t.Name.Local)
		case xml.CharData:
			if member != "" {
				text.Write(t)
			} else if len(path) == 0 && len(bytes.TrimSpace(t)) > 0 {
				return nil, malformed("the XML is not well-formed")
			}
		case xml.EndElement:
			path = path[:len(path)-1]
			if member != "" {
				if err := found.take(member, text.String()); err != nil {
					return nil, err
				}
				member = ""
			}
		}
	}
	return nil, malformed("the XML has too many parts")
}

// xmlNamespace needs no declaration (Namespaces in XML 1.0, 3).
const xmlNamespace = "http://www.w3.org/XML/1998/namespace"

// wellNamed says whether an element has no attribute twice (XML 1.0, 3.1) and no
// prefix that nothing declares (Namespaces in XML 1.0, 5): encoding/xml looks at
// neither, and strict parsers refuse both. spaces are what was declared so far.
func wellNamed(t *xml.StartElement, spaces map[string]bool) bool {
	for i, a := range t.Attr {
		if a.Name.Space == "xmlns" || a.Name == (xml.Name{Local: "xmlns"}) {
			spaces[a.Value] = true
		}
		for _, b := range t.Attr[:i] {
			if a.Name == b.Name {
				return false
			}
		}
	}
	declared := func(n xml.Name) bool { return n.Space == "" || n.Space == "xmlns" || spaces[n.Space] }
	for _, a := range t.Attr {
		if !declared(a.Name) {
			return false
		}
	}
	return declared(t.Name)
}

// isOperation says whether a path of elements leads to an operation's.
func isOperation(path []string) bool {
	if len(path) > 0 && path[0] == "Envelope" {
		return len(path) == 3 && path[1] == "Body"
	}
	return len(path) == 1
}
