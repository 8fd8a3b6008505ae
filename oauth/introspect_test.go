package oauth

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect/dialecttest"
)

// server is a server of the dialect alone, with helpers for its clients.
type server struct {
	*testing.T
	*dialecttest.Server
}

func serve(t *testing.T, options string, adjust func(*auth.Mount)) *server {
	t.Helper()
	return &server{t, dialecttest.Serve(t, dialecttest.Setup{Definition: Definition(), Options: options, Accounts: accounts, Adjust: adjust})}
}

var (
	verifier = basicOf("demo-verifier", "demo-verifier-secret")
	west     = basicOf("ACME-WEST", "west-verifier-secret")
	backEnd  = basicOf("CALAMP", "delegate-secret")
)

func (s *server) login(id, secret string) string {
	s.T.Helper()
	reply := s.Send(post(tokenPath, basicOf(id, secret), grant))
	token := tokenOf(reply)
	if token == "" {
		s.Fatalf("no login:\n%s", reply.Raw)
	}
	return token
}

// ask introspects.
func (s *server) ask(as, token, more string) dialecttest.Reply {
	s.T.Helper()
	reply := s.Send(post(introspectPath, as, "token="+url.QueryEscape(token)+more))
	if reply.Status != http.StatusOK {
		s.Fatalf("answered\n%s", reply.Raw)
	}
	return reply
}

func (s *server) active(as, token, more string) bool {
	s.T.Helper()
	var a struct {
		Active bool `json:"active"`
	}
	if err := json.Unmarshal([]byte(s.ask(as, token, more).Body), &a); err != nil {
		s.Fatal(err)
	}
	return a.Active
}

// introspected is the answer as encoding/json writes it.
type introspected struct {
	Active    bool     `json:"active"`
	Scope     string   `json:"scope,omitempty"`
	Client    string   `json:"client_id"`
	Username  string   `json:"username"`
	TokenType string   `json:"token_type"`
	Exp       int64    `json:"exp,omitempty"`
	Iat       int64    `json:"iat"`
	Sub       string   `json:"sub"`
	Aud       string   `json:"aud"`
	Iss       string   `json:"iss"`
	Act       *acting  `json:"act,omitempty"`
	Account   string   `json:"account"`
	Refs      []string `json:"account_path"`
	Session   uint64   `json:"sallyport_session"`
	Principal int64    `json:"sallyport_principal"`
	Path      []int64  `json:"sallyport_path"`
	Dialect   string   `json:"sallyport_dialect"`
	Cache     int64    `json:"sallyport_cache"`
	Feed      uint64   `json:"sallyport_feed"`
}

type acting struct {
	Sub       string  `json:"sub"`
	Client    string  `json:"client_id,omitempty"`
	Username  string  `json:"username"`
	Principal int64   `json:"sallyport_principal"`
	Path      []int64 `json:"sallyport_path"`
}

// TestAnswer: the answer is what encoding/json would write, for names that need
// escaping too.
func TestAnswer(t *testing.T) {
	o := newDialect(t)
	r, err := http.NewRequest(http.MethodPost, "https://api.example:8443/as/oauth2/introspect", nil)
	if err != nil {
		t.Fatal(err)
	}
	issued := time.Date(2026, 11, 25, 12, 0, 0, 999, time.UTC)
	who := &auth.Identity{Principal: 7, Subject: "we \"say\"\\ h\u00e4 \u2028 <&> \x7f", AccountRef: "W\u00c4ST", Path: []auth.AccountID{1, 20}, PathRefs: []string{`A"C`, "W\u00c4ST"}}
	session := auth.Session{ID: auth.MaxSessionID, Identity: who, Dialect: "oauth2",
		Attrs: attrs{scope: "api"}.String(), Life: auth.Life{Issued: issued, Ends: issued.Add(time.Hour)}}
	want := introspected{Active: true, Scope: "api", Client: "W\u00c4ST", Username: who.Subject, TokenType: "Bearer",
		Exp: 1795611600, Iat: 1795608000, Sub: "7", Aud: "https://api.example:8443/as", Iss: "https://api.example:8443/as",
		Account: "W\u00c4ST", Refs: who.PathRefs, Session: uint64(auth.MaxSessionID), Principal: 7, Path: []int64{1, 20}, Dialect: "oauth2", Cache: 60, Feed: 17}
	check := func(what string) {
		t.Helper()
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.appendSession(nil, r, &session, time.Minute, 17); string(got) != string(b) {
			t.Errorf("%s:\n%s\nwant\n%s", what, got, b)
		}
	}
	check("a client")

	session.Attrs = attrs{scope: "api", actor: actor{9, 20, "back\"end", "its <key>"}}.String()
	want.Client, want.Act = `back"end`, &acting{"9", `back"end`, "its <key>", 9, []int64{20}}
	check("exchanged")

	session.Actor = &auth.Identity{Principal: 5, Subject: "api_1", Path: []auth.AccountID{1}}
	want.Act = &acting{"5", "", "api_1", 5, []int64{1}}
	check("acting for somebody")
	session.Actor = nil

	session.Dialect, session.App, session.Life.Ends = "calamp", "c0ffee", time.Time{}
	want.Client, want.Act, want.Exp, want.Dialect = "c0ffee", nil, 0, "calamp"
	check("of another dialect")

	o.o.Issuer, o.o.Audience, o.allScope = "https://login.example", "orders", ""
	want.Iss, want.Aud, want.Scope = "https://login.example", "orders", ""
	check("with options")
}

// TestIntrospectionSaysNothing: for a token that is not good for the verifier there
// is one answer, whatever the reason.
func TestIntrospectionSaysNothing(t *testing.T) {
	s := serve(t, "", nil)
	foreign, revoked, expired := s.login("demo-client", "demo-secret"), s.login("ACME-WEST", "west-secret"), s.login("ACME-WEST-1", "west-1-secret")
	if !s.active(west, revoked, "") || !s.active(west, expired, "") {
		t.Fatal("a token in the verifier's reach is not active")
	}
	s.Send(post(revokePath, basicOf("ACME-WEST", "west-secret"), "token="+revoked))
	want := s.ask(west, "made up", "").Raw
	if body := want[strings.Index(want, "\r\n\r\n")+4:]; body != `{"active":false}` {
		t.Fatalf("answered %s", want)
	}
	for what, token := range map[string]string{
		"of another tenant": foreign, "of the account above": s.login("ACME", "acme-secret"), "revoked": revoked,
		"forged": aToken, "a secret": "west-secret", "endless": strings.Repeat("x", maxToken+1), "cut": foreign[:61],
		"a GUID": "9C467079-FE3B-45C5-8AA5-9726397081AA", "odd": "\x00 \u2028 \"",
	} {
		if got := s.ask(west, token, "").Raw; got != want {
			t.Errorf("%s: answered\n%s", what, got)
		}
	}
	s.Advance(time.Hour - time.Nanosecond)
	if !s.active(west, expired, "") {
		t.Error("not active before its end")
	}
	s.Advance(time.Nanosecond)
	if got := s.ask(west, expired, "").Raw; got != want {
		t.Errorf("expired: answered\n%s", got)
	}
}

// TestIntrospectionOfACall: what the call named beside its token has to fit.
func TestIntrospectionOfACall(t *testing.T) {
	s := serve(t, "", nil)
	number, code := s.login("123456", dialecttest.ElectaKey), s.login("ACME-WEST", "west-secret")
	for more, want := range map[string]bool{
		"": true, "&number=": true, "&number=123456": true, "&number=11267192": false, "&number=0123456": false, "&number=x": false,
		"&app=": true, "&app=nobody": false, "&app=" + dialecttest.CalAmpAppAbroad: true, "&code=ACME-WEST": false,
	} {
		if got := s.active(verifier, number, more); got != want {
			t.Errorf("%q of an account with a number: %v", more, got)
		}
	}
	for more, want := range map[string]bool{
		"&code=ACME-WEST": true, "&code=ACME-WEST-1": true, "&code=ACME": false, "&code=ACME-EAST": false, "&number=1": false,
	} {
		if got := s.active(verifier, code, more); got != want {
			t.Errorf("%q of an account with a code: %v", more, got)
		}
	}
	// Nobody acts for others over this dialect, even for a user of the own tenant.
	acme := s.login("ACME", "acme-secret")
	for _, more := range []string{"&user=" + dialecttest.CalAmpUser, "&kind=api&user=" + dialecttest.CalAmpUser, "&kind=api", "&kind=browser"} {
		if s.active(verifier, acme, more) {
			t.Errorf("%q is active", more)
		}
	}
}

// TestIntrospectionIsAUse: a question counts, and keeps an idle session alive.
func TestIntrospectionIsAUse(t *testing.T) {
	s := serve(t, "", func(m *auth.Mount) { m.Policy.Uses, m.Policy.Idle = 3, 10*time.Minute })
	token := s.login("demo-client", "demo-secret")
	for i, want := range []bool{true, true, true, false} {
		if got := s.active(verifier, token, ""); got != want {
			t.Errorf("question %d: %v", i+1, got)
		}
		s.Advance(6 * time.Minute)
	}
	if token = s.login("demo-client", "demo-secret"); s.active(verifier, token, "&number=1") || !s.active(verifier, token, "") {
		t.Error("a call that does not fit took a use, or the first use failed")
	}
	s.Advance(10 * time.Minute)
	if s.active(verifier, token, "") {
		t.Error("active after it was idle")
	}
}

// TestIntrospectionIsForVerifiers: nobody else is told anything, and all are refused
// with equal bytes.
func TestIntrospectionIsForVerifiers(t *testing.T) {
	s := serve(t, "", nil)
	token := "token=" + s.login("demo-client", "demo-secret")
	want := s.Send(post(introspectPath, basicOf("nobody", "demo-verifier-secret"), token))
	if want.Status != http.StatusUnauthorized || want.Header.Get("WWW-Authenticate") == "" {
		t.Fatalf("answered\n%s", want.Raw)
	}
	for who, header := range map[string]string{
		"a client": basicOf("demo-client", "demo-secret"), "a back end": backEnd, "an auditor": basicOf("auditor", "auditor-secret"),
		"a wrong secret": basicOf("demo-verifier", "x"), "nobody": "",
	} {
		if got := s.Send(post(introspectPath, header, token)); got.Raw != want.Raw {
			t.Errorf("%s: answered\n%s", who, got.Raw)
		}
	}
	if reply := s.Send(post(introspectPath, "", token+"&client_id=demo-verifier&client_secret=demo-verifier-secret")); !strings.HasPrefix(reply.Body, `{"active":true,`) {
		t.Errorf("client_secret_post: answered\n%s", reply.Raw)
	}
	for _, form := range []string{"", "token=", "token=a&token=b"} {
		if reply := s.Send(post(introspectPath, verifier, form)); reply.Status != http.StatusBadRequest || !strings.Contains(reply.Body, `"invalid_request"`) {
			t.Errorf("%q: answered\n%s", form, reply.Raw)
		}
	}
	if got := s.Minted(); got != 1 {
		t.Errorf("%d sessions began", got)
	}
}

// TestIntrospectionWithoutAStore: nobody vouches for what cannot be known.
func TestIntrospectionWithoutAStore(t *testing.T) {
	s := serve(t, "", nil)
	token := s.login("demo-client", "demo-secret")
	s.ask(verifier, token, "")
	s.FailStore()
	s.Advance(time.Minute)
	reply := s.Send(post(introspectPath, verifier, "token="+token))
	if reply.Status != http.StatusServiceUnavailable || reply.Header.Get("Retry-After") == "" || strings.Contains(reply.Body, "active") {
		t.Errorf("answered\n%s", reply.Raw)
	}

	// The verifier is known, and the session has to be looked up.
	s = serve(t, "", nil)
	token = s.login("demo-client", "demo-secret")
	s.Restart()
	s.ask(verifier, aToken, "")
	s.FailStore()
	reply = s.Send(post(introspectPath, verifier, "token="+token))
	if reply.Status != http.StatusServiceUnavailable || reply.Header.Get("Retry-After") == "" || strings.Contains(reply.Body, "active") {
		t.Errorf("answered\n%s", reply.Raw)
	}
}

// TestRevocation: a client ends its own tokens, whichever of its keys got them, and
// no others.
func TestRevocation(t *testing.T) {
	s := serve(t, "", nil)
	own, others := s.login("ACME-WEST", "west-secret"), s.login("ACME-WEST-1", "west-1-secret")
	me := basicOf("ACME-WEST", "west-second-secret")
	for what, c := range map[string]struct {
		as, form string
		status   int
		code     string
	}{
		"below":           {me, "token=" + others, http.StatusBadRequest, "invalid_grant"},
		"of nobody":       {me, "token=" + aToken, http.StatusOK, ""},
		"a verifier":      {west, "token=" + own, http.StatusUnauthorized, "invalid_client"},
		"wrong secret":    {basicOf("ACME-WEST", "x"), "token=" + own, http.StatusUnauthorized, "invalid_client"},
		"no token":        {me, "token_type_hint=access_token", http.StatusBadRequest, "invalid_request"},
		"in the query":    {me, "", http.StatusBadRequest, "invalid_request"},
		"token in header": {"Authorization: Bearer " + own + "\r\n", "token=" + own, http.StatusUnauthorized, "invalid_client"},
	} {
		reply := s.Send(post(revokePath, c.as, c.form))
		if reply.Status != c.status || !strings.Contains(reply.Body, c.code) {
			t.Errorf("%s: answered\n%s", what, reply.Raw)
		}
	}
	if !s.active(verifier, own, "") || !s.active(verifier, others, "") {
		t.Fatal("a token was ended")
	}
	for range 2 {
		if reply := s.Send(post(revokePath, me, "token="+own+"&token_type_hint=refresh_token")); reply.Status != http.StatusOK || reply.Body != "" {
			t.Errorf("answered\n%s", reply.Raw)
		}
		if s.active(verifier, own, "") {
			t.Error("active after it was revoked")
		}
	}
	var last audit.Event
	for _, e := range s.Audit() {
		if e.Kind == audit.Logout {
			last = e
		}
	}
	if last.Account != "ACME-WEST" || last.Dialect != "oauth2" {
		t.Errorf("the audit has %+v", last)
	}
}

// TestRevocationWhileLocked: whoever is locked out by others may give a token up.
func TestRevocationWhileLocked(t *testing.T) {
	s := serve(t, "", func(m *auth.Mount) { m.Names.Failures, m.LockBlocksTokens = 3, true })
	me := basicOf("demo-client", "demo-secret")
	token, other := s.login("demo-client", "demo-secret"), s.login("demo-client", "demo-secret")
	s.Send(post(revokePath, me, "token=made-up"))
	for range 3 {
		s.Send(post(tokenPath, basicOf("demo-client", "x"), grant))
	}
	if s.active(verifier, token, "") {
		t.Error("active while its owner is locked out")
	}
	if reply := s.Send(post(revokePath, me, "token="+token)); reply.Status != http.StatusOK {
		t.Errorf("answered\n%s", reply.Raw)
	}
	s.Advance(time.Minute)
	if s.active(verifier, token, "") || !s.active(verifier, other, "") {
		t.Error("the token was not ended, or another one was")
	}
}

// TestEndless: of a token that time does not end no end is told.
func TestEndless(t *testing.T) {
	s := serve(t, "", func(m *auth.Mount) { m.Policy = auth.Policy{Never: true} })
	reply := s.Send(post(tokenPath, basicOf("demo-client", "demo-secret"), grant))
	if strings.Contains(reply.Body, "expires_in") || strings.Contains(s.ask(verifier, tokenOf(reply), "").Body, `"exp"`) {
		t.Errorf("answered\n%s", reply.Raw)
	}
}

func (s *server) exchange(as, more string) dialecttest.Reply {
	s.T.Helper()
	return s.Send(post(tokenPath, as, "grant_type="+url.QueryEscape(tokenExchange)+more))
}

func subjectOf(token, kind string) string {
	return "&subject_token=" + url.QueryEscape(token) + "&subject_token_type=" + url.QueryEscape(kind)
}

// TestExchange: a back end gets a user's session, acts in it, and can give it up.
func TestExchange(t *testing.T) {
	s := serve(t, "", nil)
	reply := s.exchange(backEnd, subjectOf(dialecttest.CalAmpUser, userName)+"&requested_token_type="+url.QueryEscape(accessToken))
	token := tokenOf(reply)
	if token == "" || !strings.Contains(reply.Body, `"issued_token_type":"`+accessToken+`","token_type":"Bearer","expires_in":3600,"scope":"api"`) {
		t.Fatalf("answered\n%s", reply.Raw)
	}
	if got := s.Send(call(token)).Body; got != `account 3, subject `+dialecttest.CalAmpUser+`, body ""` {
		t.Errorf("a call is of %s", got)
	}
	var told introspected
	if err := json.Unmarshal([]byte(s.ask(verifier, token, "").Body), &told); err != nil {
		t.Fatal(err)
	}
	if told.Act == nil || told.Act.Client != "2" || told.Act.Username != "back end" || told.Client != "2" || told.Username != dialecttest.CalAmpUser || told.Account != "3" || strings.Join(told.Refs, " ") != "2 3" {
		t.Errorf("introspection tells %+v, %+v", told, told.Act)
	}
	events := s.Audit()
	if e := events[len(events)-1]; e.Kind != audit.Login || e.Actor != "2/back end" || e.Subject != dialecttest.CalAmpUser {
		t.Errorf("the audit has %+v", e)
	}
	// A token of the user's stands for the user as well.
	again := tokenOf(s.exchange(backEnd, subjectOf(token, accessToken)))
	if again == "" || again == token || !s.active(verifier, again, "") {
		t.Error("a token is not exchanged")
	}
	if reply := s.Send(post(revokePath, basicOf("3", "fleet-secret"), "token="+token)); reply.Status != http.StatusBadRequest {
		t.Errorf("another back end's revocation is answered\n%s", reply.Raw)
	}
	if reply := s.Send(post(revokePath, backEnd, "token="+token)); reply.Status != http.StatusOK || s.active(verifier, token, "") || !s.active(verifier, again, "") {
		t.Errorf("its own revocation is answered\n%s", reply.Raw)
	}
}

// TestExchangeRefused: nobody learns why a subject is not to be had.
func TestExchangeRefused(t *testing.T) {
	s := serve(t, "", nil)
	fleet, acme := basicOf("3", "fleet-secret"), basicOf("ACME", "acme-delegate-secret")
	want := s.exchange(fleet, subjectOf("nobody", userName))
	if want.Status != http.StatusBadRequest || !strings.Contains(want.Body, `"invalid_request"`) {
		t.Fatalf("answered\n%s", want.Raw)
	}
	for what, subject := range map[string]string{
		"inactive": subjectOf(dialecttest.CalAmpInactive, userName), "out of reach": subjectOf("top@calamp.example", userName),
		"in another case": subjectOf(strings.ToUpper(dialecttest.CalAmpUser), userName),
		"endless":         subjectOf(strings.Repeat("x", 500), userName), "no token": subjectOf(aToken, accessToken),
		"a client's token":         subjectOf(s.login("CALAMP", "delegate-secret"), accessToken),
		"a token out of reach":     subjectOf(tokenOf(s.exchange(backEnd, subjectOf("top@calamp.example", userName))), accessToken),
		"of another tenant's user": subjectOf(tokenOf(s.exchange(acme, subjectOf(dialecttest.CalAmpUser, userName))), accessToken),
	} {
		if got := s.exchange(fleet, subject); got.Raw != want.Raw {
			t.Errorf("%s: answered\n%s", what, got.Raw)
		}
	}
	good := subjectOf(dialecttest.CalAmpUser, userName)
	for more, code := range map[string]string{
		"": "invalid_request", subjectOf("x", "urn:ietf:params:oauth:token-type:jwt"): "invalid_request",
		good + "&actor_token=x&actor_token_type=y":                                    "invalid_request",
		good + "&requested_token_type=urn:ietf:params:oauth:token-type:refresh_token": "invalid_request",
		good + "&scope=admin":                             "invalid_scope",
		good + "&audience=https://other.example":          "invalid_target",
		good + "&resource=https://api.example&resource=x": "invalid_target",
	} {
		if got := s.exchange(fleet, more); got.Status != http.StatusBadRequest || !strings.Contains(got.Body, `"`+code+`"`) {
			t.Errorf("%q: answered\n%s", more, got.Raw)
		}
	}
	if tokenOf(s.exchange(fleet, good+"&resource=https://api.example&audience=https://api.example")) == "" {
		t.Error("this server's own audience is refused")
	}
	for who, header := range map[string]string{"a client": basicOf("ACME", "acme-secret"), "a verifier": verifier, "nobody": ""} {
		if got := s.exchange(header, good); got.Status != http.StatusUnauthorized || !strings.Contains(got.Body, `"invalid_client"`) {
			t.Errorf("%s: answered\n%s", who, got.Raw)
		}
	}
}

func TestAttrs(t *testing.T) {
	for _, a := range []attrs{{}, {scope: "api"}, {scope: "a b", actor: actor{1, 2, "c", "d"}},
		{actor: actor{1, 2, strings.Repeat("c", auth.MaxCode), strings.Repeat("n", auth.MaxName)}, scope: strings.Repeat("s", maxScopes)}} {
		kept := a.String()
		if got := parseAttrs(kept); got != a || len(kept) > auth.MaxAttrs {
			t.Errorf("%+v became %+v in %d bytes", a, got, len(kept))
		}
	}
	for _, odd := range []string{"api\n", "api\n1\n2", "api\nx\n2\nc\nd"} {
		if got := parseAttrs(odd); got != (attrs{scope: "api"}) {
			t.Errorf("%q became %+v", odd, got)
		}
	}
}
