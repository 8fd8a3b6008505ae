package sbt

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/sallyport/sallyport/dialect"
)

// Limits of an XML document, beside its size.
const (
	maxDepth      = 32     // WCF's own
	maxAttributes = 32     // of one element
	maxTokens     = 20_000 // elements, ends and texts
)

// What is wrong with an XML document. None holds anything of it.
var (
	errXML    = errors.New("the XML is not well-formed")
	errDTD    = errors.New("the XML has a document type or a processing instruction")
	errBounds = errors.New("the XML is too deep or has too many parts")
	errInside = errors.New("text or an element stands where none may")
)

// document reads XML token by token and never more than is asked for: no entity
// but the five is known, nothing outside the document is looked at.
type document struct {
	decoder *xml.Decoder
	offset  int   // of what the decoder sees in the body
	before  int64 // where the last token began, for the decoder
	depth   int
	tokens  int
	spaces  map[string]bool // namespaces that were declared so far
}

var byteOrderMark = []byte("\xef\xbb\xbf")

func newDocument(body []byte) *document {
	rest := bytes.TrimPrefix(body, byteOrderMark)
	decoder := xml.NewDecoder(bytes.NewReader(rest)) //nolint:gosec // read token by token, within bounds
	return &document{decoder: decoder, offset: len(body) - len(rest), spaces: map[string]bool{xmlNamespace: true}}
}

// next is the next start, end or text; io.EOF at the end of the document.
func (d *document) next() (xml.Token, error) {
	for {
		d.before = d.decoder.InputOffset()
		t, err := d.decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if err != nil {
			return nil, errXML // the decoder's own error quotes the document
		}
		if d.tokens++; d.tokens > maxTokens {
			return nil, errBounds
		}
		switch t := t.(type) {
		case xml.Comment:
			continue
		case xml.Directive:
			return nil, errDTD
		case xml.ProcInst:
			if t.Target != "xml" || d.before != 0 {
				return nil, errDTD
			}
			continue
		case xml.StartElement:
			if d.depth++; d.depth > maxDepth || len(t.Attr) > maxAttributes {
				return nil, errBounds
			}
			if !d.wellNamed(&t) {
				return nil, errXML
			}
		case xml.EndElement:
			d.depth--
		}
		return t, nil
	}
}

// xmlNamespace needs no declaration (Namespaces in XML 1.0, 3).
const xmlNamespace = "http://www.w3.org/XML/1998/namespace"

// wellNamed says whether an element has no attribute twice (XML 1.0, 3.1) and no
// prefix that nothing declares (Namespaces in XML 1.0, 5), which encoding/xml does
// not look at: it leaves such a prefix where the namespace would stand.
func (d *document) wellNamed(t *xml.StartElement) bool {
	for i, a := range t.Attr {
		if a.Name.Space == "xmlns" || a.Name == (xml.Name{Local: "xmlns"}) {
			d.spaces[a.Value] = true
		}
		for _, b := range t.Attr[:i] {
			if a.Name == b.Name {
				return false
			}
		}
	}
	declared := func(n xml.Name) bool { return n.Space == "" || n.Space == "xmlns" || d.spaces[n.Space] }
	for _, a := range t.Attr {
		if !declared(a.Name) {
			return false
		}
	}
	return declared(t.Name)
}

// child is the next element inside the current one, or of the document; false at
// the end. Text between elements is refused.
func (d *document) child() (xml.StartElement, bool, error) {
	for {
		t, err := d.next()
		if errors.Is(err, io.EOF) {
			return xml.StartElement{}, false, nil
		}
		if err != nil {
			return xml.StartElement{}, false, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			return t, true, nil
		case xml.EndElement:
			return xml.StartElement{}, false, nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return xml.StartElement{}, false, errInside
			}
		}
	}
}

// skip passes over the rest of the element that was just begun.
func (d *document) skip() error {
	for depth := d.depth; d.depth >= depth; {
		if _, err := d.next(); err != nil {
			return err
		}
	}
	return nil
}

// span is a part of a body.
type span struct{ from, to int }

// text is the text of the element that was just begun, to its end, and where it
// stands. xsi:nil says that there is none.
func (d *document) text(start *xml.StartElement) (string, span, error) {
	var text strings.Builder
	at := span{from: d.offset + int(d.decoder.InputOffset())}
	for {
		t, err := d.next()
		if err != nil {
			return "", span{}, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			return "", span{}, errInside
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			at.to = d.offset + int(d.before)
			if isNil(start) && text.Len() > 0 {
				return "", span{}, errInside
			}
			return text.String(), at, nil
		}
	}
}

// isNil says whether an element says that it has no value.
func isNil(start *xml.StartElement) bool {
	return isTrue(attribute(start, schemaNS, "nil"))
}

// isTrue reads an xs:boolean.
func isTrue(s string) bool {
	s = strings.TrimSpace(s)
	return s == "true" || s == "1"
}

func attribute(start *xml.StartElement, space, local string) string {
	for i := range start.Attr {
		if a := &start.Attr[i]; a.Name.Space == space && a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

// readDocument calls read with the document's only root element. Beside that
// nothing but white space may stand.
func readDocument(body []byte, read func(*document, *xml.StartElement) error) error {
	d := newDocument(body)
	root, ok, err := d.child()
	if errors.Is(err, errInside) || (err == nil && !ok) {
		return errXML
	}
	if err == nil {
		err = read(d, &root)
	}
	if err != nil {
		return err
	}
	_, more, err := d.child()
	if errors.Is(err, errInside) || more {
		return errXML
	}
	return err
}

// once notes that something was met, and refuses the second time.
func once(seen *bool) error {
	if *seen {
		return dialect.ErrRepeated
	}
	*seen = true
	return nil
}

// children calls read for each element inside the current one, to its end. read
// leaves the document at the end of its element.
func (d *document) children(read func(*xml.StartElement) error) error {
	for {
		e, ok, err := d.child()
		if err != nil || !ok {
			return err
		}
		if err := read(&e); err != nil {
			return err
		}
	}
}
