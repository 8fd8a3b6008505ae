package sbt

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
)

// The operation's name comes from the client and becomes part of the reply: only
// what can be a name is taken.
func TestLastName(t *testing.T) {
	for path, want := range map[string]string{
		"/a/b.svc/GetOrgTree":                   "GetOrgTree",
		"/a/b.svc/GetOrgTree/":                  "GetOrgTree",
		"http://SBTService/IMessage/RequestVBT": "RequestVBT",
		"V2":                                    "V2",
		"/a/2V":                                 "",
		"/a/b.svc":                              "",
		"/a/<b>":                                "",
		`/a/b"`:                                 "",
		"/a/b c":                                "",
		"/a/b_c":                                "",
		"/a/b@":                                 "",
		"/a/b[":                                 "",
		"/a/\u00e9":                             "",
		"/a/ \n":                                "",
		"/":                                     "",
		"":                                      "",
		"/" + strings.Repeat("a", maxOperation): strings.Repeat("a", maxOperation),
		"/" + strings.Repeat("a", maxOperation+1): "",
	} {
		if got := lastName(path); got != want {
			t.Errorf("%q calls %q, want %q", path, got, want)
		}
	}
}

// Every reason has an answer at the login and on calls, and only a wrong token
// has the code at which clients log in again.
func TestEveryReason(t *testing.T) {
	s := newDialect(t)
	for _, reason := range []auth.Reason{
		auth.BadCredentials, auth.Inactive, auth.Locked, auth.Throttled, auth.UnknownApp, auth.MissingApp, auth.Malformed, auth.Busy,
		auth.Unavailable, auth.NoToken, auth.UnknownToken, auth.TwoTokens, auth.WrongAccount, auth.Insecure, "a reason of tomorrow",
	} {
		if a := s.answers.atLogin(reason); a.code != codeWrongKey && a.code != codeTrouble {
			t.Errorf("%s at the login: %+v", reason, a)
		}
		again := slices.Contains([]auth.Reason{auth.NoToken, auth.UnknownToken, auth.TwoTokens, auth.BadCredentials, auth.Inactive}, reason)
		if a := s.answers.onCall(&auth.Refusal{Reason: reason}); (a.code == codeWrongToken) != again || a.code == codeOK {
			t.Errorf("%s on a call: %+v", reason, a)
		}
	}
}

// A refusal comes in the shape of the call.
func TestShape(t *testing.T) {
	for name, c := range map[string]struct {
		path, media, action string
		soap                bool
	}{
		"SOAP by folder":         {path: "/Sbt.App.SetUp/wsservices/MessageWSService.svc", soap: true},
		"JSON by folder":         {path: "/SBT.App.SetUp/RSServices/MessageRSService.svc/SendMessage", media: "text/xml", action: "x"},
		"SOAP by type":           {path: "/behind/another/prefix", media: "text/xml; charset=utf-8", soap: true},
		"SOAP by action":         {path: "/behind/another/prefix", action: `""`, soap: true},
		"JSON by type":           {path: "/behind/another/prefix", media: "application/json"},
		"a type nobody can read": {path: "/x", media: "text/xml; charset"},
	} {
		r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: c.path}, Header: http.Header{}}
		if c.media != "" {
			r.Header.Set("Content-Type", c.media)
		}
		if c.action != "" {
			r.Header.Set("SOAPAction", c.action)
		}
		w := httptest.NewRecorder()
		newDialect(t).Refuse(w, r, auth.Refuse(auth.UnknownToken, nil))
		if got := strings.HasPrefix(w.Body.String(), "<s:Envelope"); got != c.soap {
			t.Errorf("%s: %s", name, w.Body)
		}
	}
}

// PHP's SoapClient without a WSDL ends its action in '#' and the operation. The
// operation is then told by the body, and the answer is its result with 1000.
func TestOperationOfPHPWithoutWSDL(t *testing.T) {
	const body = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
		`<RequestVBT xmlns="http://SBTService/ServiceContracts/"><securityToken>x</securityToken></RequestVBT></s:Body></s:Envelope>`
	for _, action := range []string{`"http://SBTService/ServiceContracts/#RequestVBT"`, `"http://SBTService/ServiceContracts/IX/RequestVBT"`, `""`} {
		r := httptest.NewRequest(http.MethodPost, "/Sbt.App.SetUp/WSServices/MessageWSService.svc", strings.NewReader(body))
		r.Header.Set("Content-Type", "text/xml; charset=utf-8")
		r.Header.Set("SOAPAction", action)
		w := httptest.NewRecorder()
		newDialect(t).Refuse(w, r, auth.Refuse(auth.UnknownToken, nil))
		if got := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(got, "<RequestVBTResult ") || !strings.Contains(got, ">1000<") {
			t.Errorf("action %s: %d %s", action, w.Code, got)
		}
	}
}

// FuzzRefuse: whatever a call was made of, it is refused in XML or JSON that can be
// read, by the code, and with nothing of the call in it but an operation's name.
func FuzzRefuse(f *testing.F) {
	for _, seed := range []string{"/Sbt.App.SetUp/WSServices/MessageWSService.svc", "/SBT.App.SetUp/RSServices/X.svc/GetOrgTree", "/x/<y>", `/x/"`, "/", "/wsservices/loginapiservice.svc"} {
		f.Add(seed, `"http://SBTService/ServiceContracts/IMessage/RequestVBT"`, "text/xml", envelopeOf("<phone>1</phone>"))
		f.Add(seed, "x/<y>", "application/json", `{"a":1}`)
	}
	s := newDialect(f)
	f.Fuzz(func(t *testing.T, path, action, media, body string) {
		r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: path}, Header: http.Header{"Content-Type": {media}, "Soapaction": {action}}, Body: io.NopCloser(strings.NewReader(body))}
		for _, reason := range []auth.Reason{auth.UnknownToken, auth.WrongAccount, auth.Malformed, auth.Unavailable} {
			w := httptest.NewRecorder()
			s.Refuse(w, r, auth.Refuse(reason, nil))
			said := w.Body.Bytes()
			if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
				if !json.Valid(said) {
					t.Fatalf("answered %q", said)
				}
			} else if err := readDocument(said, func(d *document, _ *xml.StartElement) error { return d.skip() }); err != nil {
				t.Fatalf("answered %q: %v", said, err)
			}
			if len(said) > 2048 {
				t.Fatalf("answered %d bytes", len(said))
			}
		}
	})
}
