package sbt

import (
	"errors"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// The vendor's codes. Clients compare the number and nothing else.
const (
	codeOK         = 1400
	codeTrouble    = 1401
	codeWrongKey   = 1402
	codeWrongToken = 1000
	codeMissing    = 1001 // documented for fields that are missing
)

// answer is the triple that heads every reply of the vendor's, and its status.
type answer struct {
	status int
	code   int
	text   string
}

// answers are a mount's own words. That failures are answered with status 200 is
// inferred, as clients look at the code alone.
type answers struct{ ok, wrongKey, loginTrouble, wrongToken, outOfReach answer }

func (o *Options) answers() answers {
	return answers{
		ok:           answer{http.StatusOK, codeOK, o.Text1400},
		loginTrouble: answer{http.StatusOK, codeTrouble, o.Text1401},
		wrongKey:     answer{http.StatusOK, codeWrongKey, o.Text1402},
		wrongToken:   answer{http.StatusOK, codeWrongToken, o.Text1000},
		outOfReach:   answer{http.StatusOK, o.OrgCodeError, o.OrgCodeText},
	}
}

// These are inferred. None has code 1000, at which a client logs in again: that
// would mend nothing, and over plain HTTP give the key away too.
var (
	callTrouble = answer{http.StatusServiceUnavailable, codeTrouble, "Service temporarily unavailable"}
	unanswered  = answer{http.StatusServiceUnavailable, codeTrouble, "The service did not answer, the call may have been carried out"}
	plainHTTP   = answer{http.StatusForbidden, codeWrongKey, "Secure connection required"}
	unreadable  = answer{http.StatusBadRequest, codeMissing, "The request cannot be read"}
)

// atLogin answers a refused login. A lock looks like a wrong key: the vendor has
// no code for it.
func (t *answers) atLogin(reason auth.Reason) answer {
	switch reason {
	case auth.BadCredentials, auth.Inactive, auth.Locked, auth.Throttled, auth.UnknownApp, auth.MissingApp,
		auth.NoToken, auth.UnknownToken, auth.TwoTokens, auth.WrongAccount:
		return t.wrongKey
	case auth.Malformed:
		return answer{http.StatusBadRequest, t.wrongKey.code, t.wrongKey.text}
	case auth.Insecure:
		return plainHTTP
	case auth.Busy, auth.Unavailable:
		return t.loginTrouble
	}
	return t.loginTrouble
}

// onCall answers a refused later call.
func (t *answers) onCall(why *auth.Refusal) answer {
	switch why.Reason {
	case auth.NoToken, auth.UnknownToken, auth.TwoTokens, auth.BadCredentials, auth.Inactive:
		return t.wrongToken
	case auth.WrongAccount:
		return t.outOfReach
	case auth.Malformed:
		return unreadable
	case auth.Insecure:
		return plainHTTP
	case auth.Unavailable:
		if errors.Is(why.Cause, dialect.ErrUnanswered) {
			return unanswered
		}
		return callTrouble
	case auth.Busy, auth.Locked, auth.Throttled, auth.UnknownApp, auth.MissingApp:
		return callTrouble
	}
	return callTrouble
}

// Refuse answers a call that may not pass, in the shape in which it came. The
// router uses it for the login itself, too.
func (s *sbt) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	dialect.Note(w, err)
	w.Header().Set("Cache-Control", "no-store")
	why := auth.RefusalOf(err)
	reason := why.Reason
	soap, login := speaksSOAP(r), isLogin(r.URL.Path)
	if reason == auth.WrongAccount {
		dialect.Final(w) // a client that logs in again is told the same for ever
	}
	switch {
	case login && soap:
		writeSOAP(w, method, s.answers.atLogin(reason), tokenXML(""))
	case login:
		writeJSON(w, method, s.answers.atLogin(reason), tokenJSON(""))
	case soap:
		s.refuseSOAP(w, r, s.answers.onCall(why))
	default:
		writeJSON(w, lastName(r.URL.Path), s.answers.onCall(why), "")
	}
}

// refuseSOAP writes the triple as the result of the operation that was called. A
// client that calls none, or that cannot take a triple for an answer because the
// service itself is in trouble, gets a fault.
func (s *sbt) refuseSOAP(w http.ResponseWriter, r *http.Request, a answer) {
	switch a {
	case callTrouble:
		writeFault(w, internalFault)
		return
	case unanswered:
		writeFault(w, unansweredFault)
		return
	case unreadable:
		writeFault(w, deserializationFault)
		return
	}
	if operation := s.operation(r); operation != "" {
		writeSOAP(w, operation, a, "")
		return
	}
	writeFault(w, fault{code: "s:Client", text: a.text})
}

// operation is the name of the SOAP operation that is called, "" if it cannot be
// told.
func (s *sbt) operation(r *http.Request) string {
	if action, err := soapAction(r); err == nil {
		// PHP without a WSDL writes its action in another way; then the body tells.
		if name := lastName(action); name != "" {
			return name
		}
	}
	body, err := dialect.PeekBody(r, s.maxBody)
	if err != nil || len(body) == 0 {
		return ""
	}
	found, err := scanXML(body)
	if err != nil {
		return ""
	}
	return lastName(found.operation)
}

// isLogin says whether a path is of the login's own services.
func isLogin(path string) bool {
	return strings.Contains(strings.ToLower(path), strings.ToLower("/LoginAPIService.svc"))
}

// speaksSOAP says whether a call came as SOAP: by its folder, as the vendor's
// services have one for each face, else by what it carries.
func speaksSOAP(r *http.Request) bool {
	path := strings.ToLower(r.URL.Path)
	switch {
	case strings.Contains(path, "/wsservices/"):
		return true
	case strings.Contains(path, "/rsservices/"):
		return false
	}
	media, _, err := dialect.MediaType(r)
	return len(r.Header["Soapaction"]) > 0 || (err == nil && media == soapType)
}

// maxOperation is how long the name of an operation may be, in bytes.
const maxOperation = 64

// lastName is what follows the last slash, if it can be the name of an operation:
// it becomes part of the reply.
func lastName(path string) string {
	path = strings.TrimSuffix(path, "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	if name == "" || len(name) > maxOperation {
		return ""
	}
	for i := range len(name) {
		c := name[i] | 0x20
		if letter := 'a' <= c && c <= 'z'; !letter && (i == 0 || name[i] < '0' || name[i] > '9') {
			return ""
		}
	}
	return name
}
