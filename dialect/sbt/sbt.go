package sbt

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// Definition describes the dialect.
func Definition() dialect.Definition {
	return dialect.Definition{
		Name:  "sbt",
		Title: "SolutionsByText API 1.0",
		// For keys without a policy of their own. That there are six settings is
		// documented, which of them a new key has is inferred.
		Policy: auth.Policy{Name: "sbt-1-day", Span: 24 * time.Hour},
		// Inferred. An API key claims no name, so failures count by address. They
		// are generated and long: the limit is for what they cost, and short, so that
		// a client with a stale key does not keep others behind its address out.
		Names:    auth.Limits{Failures: 60, Window: time.Minute, Lock: 30 * time.Second},
		Nameless: true,
		// Inferred. One login a second, all the time, is a client gone wild.
		FairUse: auth.FairUse{Logins: 3600, Answer: auth.AnswerRefuse},
		Risks: []dialect.Risk{
			{
				What:   "The API key stands in the URL of the JSON login, where proxies and servers log it.",
				Clause: "OWASP ASVS 5.0, 14.2.1; RFC 9110, 17.9",
				Answer: "Query strings of the login are never logged, replies are no-store, plain HTTP is refused and not redirected; the SOAP login has the key in its body.",
			},
			{
				What:   "The token stands in the URL of later JSON calls.",
				Clause: "RFC 9700, 4.3.2; RFC 6750, 5.3",
				Answer: "The gate takes it out before the API behind sees the call; it can be revoked, and is good for the key's node and below only.",
			},
			{
				What:   "Tokens may live for a year, for ten or for ever, and there is no logout.",
				Clause: "OWASP ASVS 5.0, 7.3.2 and 7.4.1",
				Answer: "The setting is a policy of the key and one day where none is set; disabling the key ends its tokens at once.",
			},
			{
				What:   "A key alone logs in: it claims no name that a lock could count by.",
				Clause: "OWASP ASVS 5.0, 6.3.1",
				Answer: "Failures count by address, the lock is short and leaves tokens alone; a key can be bound to networks.",
			},
		},
		Recipe: dialect.Recipe{
			Login: `curl -sS '{base}/SBT.App.SetUp/RSServices/LoginAPIService.svc/AuthenticateAPIKey?APIKey={secret}'`,
			Call:  `curl -sS '{base}/SBT.App.SetUp/RSServices/GeneralRSService.svc/GetCarrierLookup?securityToken={token}&orgCode={code}&phone=5551234567'`,
		},
		New: New,
	}
}

// Options are what a mount may configure.
type Options struct {
	// Host, with a port if need be, is what the WSDL's addresses name. Without it
	// they name the host that the WSDL was asked of.
	Host string `yaml:"host"`

	// PlainAddress has a WSDL that was fetched over plain HTTP advertise http: for
	// a demo on loopback, never behind a proxy. Otherwise it is https, always.
	PlainAddress bool `yaml:"plain_address"`

	// MaxBody is how large the body of a later call may be, in bytes: it is looked
	// into for the token and the organization's code.
	MaxBody int64 `yaml:"max_body"`

	// The texts of the codes. Those of 1400 and 1000 are the vendor's, those of
	// 1401 and 1402 are inferred.
	Text1400 string `yaml:"text_1400"` // logged in
	Text1401 string `yaml:"text_1401"` // the server's own trouble at a login
	Text1402 string `yaml:"text_1402"` // wrong key
	Text1000 string `yaml:"text_1000"` // wrong token

	// OrgCodeError and OrgCodeText answer a call for an organization that is out
	// of the token's reach. The vendor's answer is not known.
	OrgCodeError int    `yaml:"org_code_error"`
	OrgCodeText  string `yaml:"org_code_text"`
}

// Bounds of options.
const (
	maxText    = 200 // bytes
	minMaxBody = 4 << 10
	maxMaxBody = 16 << 20
)

func (o *Options) validate() error {
	if o.Host != "" && !plainHost(o.Host) {
		return fmt.Errorf("%w: host %q is not a host name or address, with or without a port", auth.ErrInvalid, o.Host)
	}
	if o.MaxBody < minMaxBody || o.MaxBody > maxMaxBody {
		return fmt.Errorf("%w: max_body is %d: must be from %d to %d bytes", auth.ErrInvalid, o.MaxBody, minMaxBody, maxMaxBody)
	}
	if o.OrgCodeError < 1001 || o.OrgCodeError > 9999 || (o.OrgCodeError >= codeOK && o.OrgCodeError <= codeWrongKey) {
		return fmt.Errorf("%w: org_code_error is %d: must have four digits and not be a code of the login or 1000, at which clients log in again", auth.ErrInvalid, o.OrgCodeError)
	}
	for _, t := range []struct{ name, text string }{
		{"text_1400", o.Text1400}, {"text_1401", o.Text1401}, {"text_1402", o.Text1402}, {"text_1000", o.Text1000}, {"org_code_text", o.OrgCodeText},
	} {
		if t.text == "" || len(t.text) > maxText || strings.ContainsFunc(t.text, unprintable) {
			return fmt.Errorf("%w: %s must have 1 to %d printable bytes", auth.ErrInvalid, t.name, maxText)
		}
	}
	return nil
}

func unprintable(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }

type sbt struct {
	service *auth.Service
	mount   *auth.Mount
	host    string
	plain   bool
	maxBody int64
	answers answers
}

// New configures the dialect for a mount. Errors say which option is wrong.
func New(c dialect.Config) (dialect.Dialect, error) {
	o := Options{
		MaxBody:  256 << 10, // a hundred messages, the most that one call may send
		Text1400: "Successfully generated securitytoken",
		Text1401: "SecurityToken generation is failed",
		Text1402: "Error in generating securitytoken",
		Text1000: "Invalid security token",
		// Not among the codes that are known of.
		OrgCodeError: 1403,
		OrgCodeText:  "Invalid organization code",
	}
	if err := c.Decode(&o); err != nil {
		return nil, err
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &sbt{service: c.Service, mount: c.Mount, host: o.Host, plain: o.PlainAddress, maxBody: o.MaxBody, answers: o.answers()}, nil
}

// The endpoints. The irregular name, without RS or WS in it, is the vendor's.
const (
	soapPath = "/Sbt.App.SetUp/WSServices/LoginAPIService.svc"
	restPath = "/Sbt.App.SetUp/RSServices/LoginAPIService.svc"
	method   = "AuthenticateAPIKey"
)

// Routes serves both faces in any case of the path, as IIS does. What lies below
// a service and is no operation of it is not found; it is no later call.
func (s *sbt) Routes(m dialect.Mux) {
	m.Handle(soapPath, s.soap, dialect.FoldCase)
	m.Handle(restPath+"/"+method, s.rest, dialect.FoldCase, dialect.OptionalSlash)
	m.Handle(soapPath+"/", nowhere, dialect.FoldCase, dialect.Subtree)
	m.Handle(restPath, nowhere, dialect.FoldCase, dialect.Subtree)
}

func nowhere(w http.ResponseWriter, _ *http.Request, _ auth.Origin) {
	writePage(w, http.StatusNotFound, "Endpoint not found.")
}

// rest is the JSON face: GET, one parameter.
func (s *sbt) rest(w http.ResponseWriter, r *http.Request, from auth.Origin) {
	if !dialect.Allowed(w, r, http.MethodGet) {
		writePage(w, http.StatusMethodNotAllowed, "Method not allowed.")
		return
	}
	var a answer
	key, err := readQuery(r)
	token := ""
	if err == nil {
		token, err = s.login(r, key, from)
	}
	if err != nil {
		dialect.Note(w, err)
		a = s.answers.atLogin(auth.RefusalOf(err).Reason)
	} else {
		a = s.answers.ok
	}
	writeJSON(w, method, a, tokenJSON(token))
}

// soap is the SOAP face. GET asks about it.
func (s *sbt) soap(w http.ResponseWriter, r *http.Request, from auth.Origin) {
	if !dialect.Allowed(w, r, http.MethodGet, http.MethodPost) {
		writePage(w, http.StatusMethodNotAllowed, "Method not allowed.")
		return
	}
	if r.Method == http.MethodGet {
		s.describe(w, r)
		return
	}
	key, err := readSOAP(r)
	if err != nil {
		dialect.Note(w, err)
		writeUnreadable(w, auth.RefusalOf(err).Cause)
		return
	}
	a := s.answers.ok
	token, err := s.login(r, key, from)
	if err != nil {
		dialect.Note(w, err)
		a = s.answers.atLogin(auth.RefusalOf(err).Reason)
	}
	writeSOAP(w, method, a, tokenXML(token))
}

// login is what both faces come down to. The token is "" with an error.
func (s *sbt) login(r *http.Request, key string, from auth.Origin) (string, error) {
	grant, err := s.service.Login(r.Context(), &auth.Attempt{
		Mount: s.mount, Scheme: auth.BareKey, Secret: key, Form: auth.FormNative, Origin: from,
	})
	return grant.Token, err
}
