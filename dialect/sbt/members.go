package sbt

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// take files a member of a body under its name, in any case. What cannot be two
// things at once, a token and a code, must not be there twice.
func (f *found) take(name, value string, at span) error {
	switch {
	case strings.EqualFold(name, "securityToken"):
		if f.hasToken {
			return dialect.ErrRepeated
		}
		f.token, f.hasToken = value, true
		f.secrets = append(f.secrets, at)
	case strings.EqualFold(name, "orgCode"):
		if f.hasOrg {
			return dialect.ErrRepeated
		}
		f.org, f.hasOrg = value, true
	case strings.EqualFold(name, "APIKey"): // has no business there, and is sent along by some
		f.secrets = append(f.secrets, at)
	}
	return nil
}

// isMember says whether take wants to know of a name.
func isMember(name string) bool {
	return strings.EqualFold(name, "securityToken") || strings.EqualFold(name, "orgCode") || strings.EqualFold(name, "APIKey")
}

// scanJSON looks at the members of the outermost object, which are the
// operation's parameters. json.Valid bounds the depth, and uses no stack for it.
func scanJSON(body []byte) (f found, err error) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return found{}, errEncoding
	}
	d := json.NewDecoder(bytes.NewReader(body))
	outermost, err := d.Token()
	if err != nil {
		return found{}, errEncoding
	}
	if outermost != json.Delim('{') { // a list or a bare value has no parameters
		return found{}, nil
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return found{}, errEncoding
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return found{}, errEncoding
		}
		if name, ok := name.(string); ok && isMember(name) {
			end := int(d.InputOffset())
			value, err := text(raw)
			if err == nil {
				err = f.take(name, value, span{end - len(raw), end})
			}
			if err != nil {
				return found{}, auth.Refuse(auth.Malformed, err)
			}
		}
	}
	return f, nil
}

// text is the value of a member that is a string for .NET: a number is taken as
// it is written, and null is none.
func text(raw json.RawMessage) (string, error) {
	var s string
	switch c := raw[0]; {
	case c == '"':
		err := json.Unmarshal(raw, &s)
		return s, err
	case c == 'n':
		return "", nil
	case c == '-' || (c >= '0' && c <= '9'):
		return string(raw), nil
	}
	return "", errInside
}

// scanXML looks at the children of the element that wraps an operation's
// parameters: the one in the Body of an envelope, or the root of plain XML. Any
// namespace will do here, as those of the later services are not all known, and
// as a second spelling that only the API behind recognized would be one that
// nobody has checked.
func scanXML(body []byte) (f found, err error) {
	err = readDocument(body, func(d *document, root *xml.StartElement) error {
		if root.Name.Local != "Envelope" {
			return f.readMembers(d, root)
		}
		return d.children(func(part *xml.StartElement) error {
			if part.Name.Local != "Body" {
				return d.skip()
			}
			return d.children(func(e *xml.StartElement) error { return f.readMembers(d, e) })
		})
	})
	if err != nil {
		return found{}, auth.Refuse(auth.Malformed, err)
	}
	return f, nil
}

// readMembers reads what an operation's element holds, which may be anything: a
// root that is no operation may hold text.
func (f *found) readMembers(d *document, operation *xml.StartElement) error {
	if f.operation == "" {
		f.operation = operation.Name.Local
	}
	for depth := d.depth; ; {
		t, err := d.next()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if !isMember(t.Name.Local) {
				err = d.skip()
				break
			}
			value, at, e := d.text(&t)
			if err = e; err == nil {
				err = f.take(t.Name.Local, value, at)
			}
		case xml.EndElement:
			if d.depth < depth {
				return nil
			}
		}
		if err != nil {
			return err
		}
	}
}
