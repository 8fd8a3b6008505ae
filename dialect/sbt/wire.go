package sbt

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/dialect"
)

// The namespaces, with the slash at the end that is part of the name.
const (
	soapNS    = "http://schemas.xmlsoap.org/soap/envelope/"
	serviceNS = "http://SBTService/ServiceContracts/"
	dataNS    = "http://SBTAPIService/DataContract/"
	schemaNS  = "http://www.w3.org/2001/XMLSchema-instance"
	serialNS  = "http://schemas.microsoft.com/2003/10/Serialization/"
)

const soapType = "text/xml"

// writeSOAP writes the triple as the result of an operation, in the bytes of the
// vendor's sample: no XML declaration, no white space. more follows the triple.
func writeSOAP(w http.ResponseWriter, operation string, a answer, more string) {
	var b strings.Builder
	b.Grow(1024)
	b.WriteString(`<s:Envelope xmlns:s="` + soapNS + `"><s:Body><`)
	b.WriteString(operation)
	b.WriteString(`Response xmlns="` + serviceNS + `"><`)
	b.WriteString(operation)
	b.WriteString(`Result z:Id="i1" xmlns:a="` + dataNS + `" xmlns:i="` + schemaNS + `" xmlns:z="` + serialNS + `"><a:Result>`)
	b.WriteString(strconv.FormatBool(a.code == codeOK))
	b.WriteString(`</a:Result><a:ErrorCode>`)
	b.WriteString(strconv.Itoa(a.code))
	b.WriteString(`</a:ErrorCode><a:Message>`)
	b.WriteString(escape.Replace(a.text))
	b.WriteString(`</a:Message>`)
	b.WriteString(more)
	b.WriteString(`</`)
	b.WriteString(operation)
	b.WriteString(`Result></`)
	b.WriteString(operation)
	b.WriteString(`Response></s:Body></s:Envelope>`)
	writeXML(w, a.status, b.String())
}

// escape is for the text of an element.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// tokenXML is the token's element; "": none, which .NET writes as nil.
func tokenXML(token string) string {
	if token == "" {
		return `<a:SecurityToken i:nil="true"/>`
	}
	return `<a:SecurityToken>` + escape.Replace(token) + `</a:SecurityToken>`
}

func writeXML(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", soapType+"; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) //nolint:gosec // not a page, and made of names that were checked and texts that were escaped
}

// writeJSON writes the triple in the one member that WCF wraps results in; bare
// where no operation was called. more follows the triple.
func writeJSON(w http.ResponseWriter, operation string, a answer, more string) {
	body := `{"Result":` + strconv.FormatBool(a.code == codeOK) + `,"ErrorCode":` + strconv.Itoa(a.code) + `,"Message":` + quote(a.text) + more + `}`
	if operation != "" {
		body = `{"` + operation + `Result":` + body + `}`
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(body)) //nolint:gosec // the same
}

// tokenJSON is the token's member; "": none, which WCF writes as null.
func tokenJSON(token string) string {
	if token == "" {
		return `,"SecurityToken":null`
	}
	return `,"SecurityToken":` + quote(token)
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil { // a string always marshals
		return `""`
	}
	return string(b)
}

// fault is a SOAP fault (SOAP 1.1, 4.4) as WCF writes it; the texts are ours.
type fault struct {
	space string // namespace of the prefix a; "": the code does not need it
	code  string
	text  string
}

const (
	noneNS     = "http://schemas.microsoft.com/ws/2005/05/addressing/none"
	dispatchNS = "http://schemas.microsoft.com/net/2005/12/windowscommunicationfoundation/dispatcher"
)

var (
	actionFault          = fault{noneNS, "a:ActionNotSupported", "The SOAPAction, or the element in the Body without one, is no operation of this service."}
	deserializationFault = fault{dispatchNS, "a:DeserializationFailed", "The parameters of the operation cannot be read from the Body."}
	internalFault        = fault{dispatchNS, "a:InternalServiceFault", "The service is in trouble and did nothing. Try again later."}
	unansweredFault      = fault{dispatchNS, "a:InternalServiceFault", "The service did not answer. It is not known whether the operation was carried out."}
	understandFault      = fault{code: "s:MustUnderstand", text: "A header that must be understood is not understood here."}
)

func writeFault(w http.ResponseWriter, f fault) {
	space := ""
	if f.space != "" {
		space = ` xmlns:a="` + f.space + `"`
	}
	writeXML(w, http.StatusInternalServerError, `<s:Envelope xmlns:s="`+soapNS+`"><s:Body><s:Fault><faultcode`+space+`>`+f.code+
		`</faultcode><faultstring xml:lang="en-US">`+escape.Replace(f.text)+`</faultstring></s:Fault></s:Body></s:Envelope>`)
}

// writeUnreadable answers a SOAP login that cannot be judged: a fault where it is
// SOAP, a page where it is not.
func writeUnreadable(w http.ResponseWriter, cause error) {
	switch {
	case errors.Is(cause, errHeader):
		writeFault(w, understandFault)
	case errors.Is(cause, errAction):
		writeFault(w, actionFault)
	case errors.Is(cause, errParameters), errors.Is(cause, dialect.ErrRepeated):
		writeFault(w, deserializationFault)
	case errors.Is(cause, dialect.ErrMedia), errors.Is(cause, dialect.ErrCharset):
		writePage(w, http.StatusUnsupportedMediaType, "The service takes text/xml in UTF-8.")
	case errors.Is(cause, dialect.ErrTooLarge):
		writePage(w, http.StatusRequestEntityTooLarge, "The request is too large.")
	default:
		writePage(w, http.StatusBadRequest, "The request is not a SOAP 1.1 message.")
	}
}

// writePage writes a page for people. The text is ours.
func writePage(w http.ResponseWriter, status int, html string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte("<!DOCTYPE html><html lang=\"en\"><head><title>Service</title></head><body><p>" + html + "</p></body></html>\n"))
}
