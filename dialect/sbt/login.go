package sbt

import (
	"encoding/xml"
	"errors"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// What is wrong with a login that cannot be judged: causes of refusals with
// reason Malformed.
var (
	errEnvelope   = errors.New("the body is no SOAP 1.1 envelope")
	errHeader     = errors.New("a SOAP header must be understood")
	errAction     = errors.New("the action is no operation of the login")
	errParameters = errors.New("the operation's parameters cannot be read")
	errHost       = errors.New("the Host header is not a host")
)

// action is what WCF makes of namespace, contract and operation; inferred.
const action = serviceNS + "ILoginAPI/" + method

// readQuery reads the JSON face's parameter, its name in any case as WCF matches
// it. A key that is missing or empty is judged like a wrong one.
func readQuery(r *http.Request) (string, error) {
	p, err := dialect.ReadParams(r, true)
	if err != nil {
		return "", err
	}
	return p.Query.Get("apikey")
}

// readSOAP reads the API key of a SOAP 1.1 request, "" if it has none. What is
// wrong comes in WCF's order: the body's type, XML, headers, action, parameters.
func readSOAP(r *http.Request) (string, error) {
	if err := checkType(r); err != nil {
		return "", err
	}
	named, err := soapAction(r)
	if err != nil {
		return "", err
	}
	body, err := dialect.PeekBody(r, dialect.DefaultMaxBody)
	if err != nil {
		return "", err
	}
	m, err := readMessage(body)
	inside := errors.Is(err, errInside) || errors.Is(err, dialect.ErrRepeated)
	switch {
	case err != nil && !inside:
		return "", auth.Refuse(auth.Malformed, err)
	case m.mustUnderstand:
		return "", auth.Refuse(auth.Malformed, errHeader)
	case named != "" && named != action, named == "" && m.operation != operation:
		return "", auth.Refuse(auth.Malformed, errAction)
	case inside || m.operation != operation:
		return "", auth.Refuse(auth.Malformed, errParameters)
	}
	return m.key, nil
}

// checkType wants text/xml in UTF-8: SOAP 1.2 and MTOM come as something else.
func checkType(r *http.Request) error {
	media, charset, err := dialect.MediaType(r)
	switch {
	case err != nil:
		return auth.Refuse(auth.Malformed, dialect.ErrMedia)
	case media != soapType || len(r.Header["Content-Encoding"]) > 0:
		return auth.Refuse(auth.Malformed, dialect.ErrMedia)
	case !isUTF8(charset):
		return auth.Refuse(auth.Malformed, dialect.ErrCharset)
	}
	return nil
}

// isUTF8 says whether a charset is UTF-8 or a part of it.
func isUTF8(charset string) bool {
	switch charset {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return true
	}
	return false
}

// soapAction is the header of that name without its quotes (SOAP 1.1, 6.1.1), ""
// if it is missing or empty. WCF refuses that; here the body tells then.
func soapAction(r *http.Request) (string, error) {
	lines := r.Header["Soapaction"]
	if len(lines) > 1 {
		return "", auth.Refuse(auth.Malformed, errAction)
	}
	if len(lines) == 0 {
		return "", nil
	}
	value := strings.Trim(lines[0], " \t")
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	return value, nil
}

// message is what a login's envelope holds. User name and password, which the
// vendor's type has too and gives no use, are not kept.
type message struct {
	mustUnderstand bool
	operation      xml.Name
	key            string
}

// operation is the element that wraps the login's parameters.
var operation = xml.Name{Space: serviceNS, Local: method}

// readMessage reads an envelope. With errInside and ErrRepeated the message says
// as much as was read; any other error means that it is none.
func readMessage(body []byte) (m message, err error) {
	err = readDocument(body, func(d *document, root *xml.StartElement) error {
		if root.Name != (xml.Name{Space: soapNS, Local: "Envelope"}) {
			return errEnvelope
		}
		return m.readEnvelope(d)
	})
	return m, err
}

func (m *message) readEnvelope(d *document) error {
	var header, body bool
	for {
		part, ok, err := d.child()
		switch {
		case err != nil:
			return err
		case !ok && !body:
			return errEnvelope
		case !ok:
			return nil
		case part.Name == xml.Name{Space: soapNS, Local: "Header"} && !header && !body:
			header, err = true, m.readHeader(d)
		case part.Name == xml.Name{Space: soapNS, Local: "Body"} && !body:
			body, err = true, m.readBody(d)
		default:
			return errEnvelope
		}
		if err != nil {
			return err
		}
	}
}

// nextActor is whoever is met first (SOAP 1.1, 4.2.2), here as well.
const nextActor = "http://schemas.xmlsoap.org/soap/actor/next"

// readHeader passes over all headers; one for us that must be understood is not.
func (m *message) readHeader(d *document) error {
	for {
		h, ok, err := d.child()
		if err != nil || !ok {
			return err
		}
		actor := attribute(&h, soapNS, "actor")
		if (actor == "" || actor == nextActor) && isTrue(attribute(&h, soapNS, "mustUnderstand")) {
			m.mustUnderstand = true
		}
		if err := d.skip(); err != nil {
			return err
		}
	}
}

func (m *message) readBody(d *document) error {
	var seen bool
	return d.children(func(e *xml.StartElement) error {
		if err := once(&seen); err != nil {
			return err
		}
		if m.operation = e.Name; e.Name != operation {
			return d.skip()
		}
		return m.readOperation(d)
	})
}

// readOperation looks for loginRequest, and in it for APIKey. Members in any
// order, and others beside them, are fine: that .NET drops a member out of order
// helps nobody.
func (m *message) readOperation(d *document) error {
	var request, key bool
	return d.children(func(e *xml.StartElement) error {
		if e.Name != (xml.Name{Space: serviceNS, Local: "loginRequest"}) {
			return d.skip()
		}
		if err := once(&request); err != nil {
			return err
		}
		isNone := isNil(e)
		return d.children(func(e *xml.StartElement) error {
			if isNone {
				return errInside
			}
			if e.Name != (xml.Name{Space: dataNS, Local: "APIKey"}) {
				return d.skip()
			}
			if err := once(&key); err != nil {
				return err
			}
			var err error
			m.key, _, err = d.text(e)
			return err
		})
	})
}
