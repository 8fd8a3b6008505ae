package sbt

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/dialecttest"
)

func TestTranscripts(t *testing.T) {
	dialecttest.RunTranscripts(t, Definition(), "testdata", dialecttest.SBTAccounts)
}

const host = " HTTP/1.1\r\nHost: ui.solutionsbytext.com\r\n"

func get(path string) string { return "GET " + path + host + "\r\n" }

func post(path, headers, body string) string {
	return fmt.Sprintf("POST %s%s%sContent-Length: %d\r\n\r\n%s", path, host, headers, len(body), body)
}

// escaped is text as any XML writer writes it.
func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

const (
	textXML   = "Content-Type: text/xml; charset=utf-8\r\n"
	loginHead = textXML + `SOAPAction: "` + action + `"` + "\r\n"
)

// envelope is a login around the members of its request.
func envelope(members string) string {
	return `<s:Envelope xmlns:s="` + soapNS + `"><s:Body><AuthenticateAPIKey xmlns="` + serviceNS + `"><loginRequest xmlns:a="` + dataNS + `">` +
		members + `</loginRequest></AuthenticateAPIKey></s:Body></s:Envelope>`
}

func apiKey(key string) string { return "<a:APIKey>" + escaped(key) + "</a:APIKey>" }

// client logs in over JSON and calls with the token in the query.
func client() dialecttest.Client {
	key := func(secret string) dialecttest.Credential {
		return dialecttest.Credential{Name: "ACME-WEST", Secret: secret}
	}
	good := dialecttest.SBTWestKey
	login := func(query string) string { return get(restPath + "/AuthenticateAPIKey" + query) }
	return dialecttest.Client{
		Nameless: true,
		Good:     key(good),
		Other:    key(dialecttest.SBTTenantKey),
		Equals: []dialecttest.Credential{
			key("nobody's"),
			key(""),
			key(strings.ToUpper(good)),
			key(good + " "),
			key(dialecttest.SBTDisabledKey),
			key(dialecttest.SBTOffKey),
			key(dialecttest.SBTElsewhereKey),
			key(dialecttest.SBTExpiredKey),
			key(strings.Repeat("x", 4000)),
		},
		Login: func(c dialecttest.Credential) string { return login("?APIKey=" + url.QueryEscape(c.Secret)) },
		Token: func(r dialecttest.Reply) string {
			var reply struct {
				AuthenticateAPIKeyResult struct {
					Result        bool
					ErrorCode     int
					SecurityToken string
				}
			}
			if json.Unmarshal([]byte(r.Body), &reply) != nil || reply.AuthenticateAPIKeyResult.ErrorCode != 1400 {
				return ""
			}
			return reply.AuthenticateAPIKeyResult.SecurityToken
		},
		Call: func(token string, c dialecttest.Credential) string {
			return get("/SBT.App.SetUp/RSServices/GeneralRSService.svc/GetCarrierLookup?securityToken=" + url.QueryEscape(token) + "&orgCode=ACME-WEST")
		},
		Bad: map[string]string{
			"key twice":               login("?APIKey=" + good + "&APIKey=" + good),
			"key twice, in two cases": login("?APIKey=" + good + "&apikey=" + good),
			"bad encoding":            login("?APIKey=" + good + "&x=%zz"),
			"not UTF-8":               login("?APIKey=" + good + "&x=%ff"),
			"endless query":           login("?APIKey=" + good + "&x=" + strings.Repeat("x", dialect.MaxQuery)),
			"too many parameters":     login("?APIKey=" + good + strings.Repeat("&a=b", dialect.MaxParams)),
			"key in the path":         login("/" + good),
			"key in a form":           strings.Replace(post(restPath+"/AuthenticateAPIKey", "Content-Type: "+dialect.FormType+"\r\n", "APIKey="+good), "POST", "GET", 1),
		},
	}
}

// soapClient logs in over SOAP and calls with the token in an envelope.
func soapClient() dialecttest.Client {
	c := client()
	c.FaultStatus = http.StatusInternalServerError
	good := apiKey(dialecttest.SBTWestKey)
	login := func(body string) string { return post(soapPath, loginHead, body) }
	c.Login = func(c dialecttest.Credential) string { return login(envelope(apiKey(c.Secret))) }
	c.Token = func(r dialecttest.Reply) string {
		m := regexp.MustCompile(`<a:Result>true</a:Result><a:ErrorCode>1400</a:ErrorCode>.*<a:SecurityToken>([^<]+)<`).FindStringSubmatch(r.Body)
		if m == nil {
			return ""
		}
		return m[1]
	}
	c.Call = func(token string, _ dialecttest.Credential) string {
		return post("/Sbt.App.SetUp/WSServices/MessageWSService.svc", textXML+"SOAPAction: \""+serviceNS+"IMessage/RequestVBT\"\r\n",
			`<e:Envelope xmlns:e="`+soapNS+`"><e:Header/><e:Body><m:RequestVBT xmlns:m="`+serviceNS+`"><m:phone>5551234567</m:phone><m:orgCode>ACME-WEST-1</m:orgCode><m:securityToken>`+
				escaped(token)+`</m:securityToken></m:RequestVBT></e:Body></e:Envelope>`)
	}
	whole := envelope(good)
	c.Bad = map[string]string{
		"key twice":              login(envelope(good + good)),
		"request twice":          login(strings.Replace(whole, "</AuthenticateAPIKey>", "<loginRequest/></AuthenticateAPIKey>", 1)),
		"two Bodies":             login(strings.Replace(whole, "</s:Envelope>", "<s:Body/></s:Envelope>", 1)),
		"two operations":         login(strings.Replace(whole, "</s:Body>", "<x/></s:Body>", 1)),
		"two documents":          login(whole + whole),
		"element in the key":     login(envelope("<a:APIKey>5b1d<b/>7703-acme-west</a:APIKey>")),
		"a document type":        login("<!DOCTYPE x>" + whole),
		"an internal entity":     login(`<!DOCTYPE x [<!ENTITY k "` + dialecttest.SBTWestKey + `">]>` + envelope("<a:APIKey>&k;</a:APIKey>")),
		"an external entity":     login(`<!DOCTYPE x [<!ENTITY k SYSTEM "file:///etc/hostname">]>` + envelope("<a:APIKey>&k;</a:APIKey>")),
		"billion laughs":         login(`<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>` + envelope("<a:UserName>&c;</a:UserName>"+good)),
		"a processing directive": login("<?xml-stylesheet href='x'?>" + whole),
		"too deep":               login(envelope(strings.Repeat("<x>", maxDepth) + strings.Repeat("</x>", maxDepth) + good)),
		"too many attributes":    login(envelope("<x" + attributes(maxAttributes+1) + "/>" + good)),
		"too many elements":      login(envelope(strings.Repeat("<x/>", maxTokens/2) + good)),
		"oversize":               login(envelope("<x>" + strings.Repeat("x", dialect.DefaultMaxBody) + "</x>" + good)),
		"UTF-16 by its type":     post(soapPath, strings.Replace(loginHead, "utf-8", "utf-16", 1), whole),
		"UTF-16 by its bytes":    login("\xff\xfe" + strings.Join(strings.Split(whole, ""), "\x00") + "\x00"),
		"not UTF-8":              login(envelope("<x>\xff</x>" + good)),
		"another encoding":       login(`<?xml version="1.0" encoding="windows-1252"?>` + whole),
		"no type":                post(soapPath, "SOAPAction: \""+action+"\"\r\n", whole),
		"two types":              post(soapPath, loginHead+"Content-Type: text/xml\r\n", whole),
		"SOAP 1.2":               post(soapPath, "Content-Type: application/soap+xml; charset=utf-8\r\n", whole),
		"compressed":             post(soapPath, loginHead+"Content-Encoding: gzip\r\n", whole),
		"multipart":              post(soapPath, "Content-Type: multipart/related; boundary=x\r\n", whole),
		"another action":         post(soapPath, textXML+"SOAPAction: \""+serviceNS+"ILoginAPI/Other\"\r\n", whole),
		"two actions":            post(soapPath, loginHead+"SOAPAction: \"\"\r\n", whole),
		"must be understood":     login(strings.Replace(whole, "<s:Body>", `<s:Header><x:y xmlns:x="urn:x" s:mustUnderstand="1"/></s:Header><s:Body>`, 1)),
		"an unbound prefix":      login(strings.Replace(whole, `xmlns:s="`+soapNS+`"`, "", 1)),
		"cut off":                login(whole[:len(whole)-3]),
		"empty":                  login(""),
	}
	return c
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d=""`, i)
	}
	return b.String()
}

// fewer keeps the laws from sending sixty wrong keys for each lock.
func fewer(m *auth.Mount) { m.Names.Failures = 6 }

func setup() dialecttest.Setup {
	return dialecttest.Setup{Definition: Definition(), Accounts: dialecttest.SBTAccounts, Adjust: fewer}
}

func TestLaws(t *testing.T)         { dialecttest.Laws(t, setup(), client()) }
func TestLawsOverSOAP(t *testing.T) { dialecttest.Laws(t, setup(), soapClient()) }

func TestLawsWithEveryOption(t *testing.T) {
	if testing.Short() {
		t.Skip("the laws hold without the options; with them they are tried at full speed")
	}
	c, s := client(), setup()
	s.Options = "host: sbt.example:8443\nplain_address: true\nmax_body: 8192\ntext_1400: Yes\ntext_1401: Trouble\ntext_1402: <No>\ntext_1000: Again\norg_code_error: 1002\norg_code_text: Elsewhere\n"
	c.Call = func(token string, _ dialecttest.Credential) string {
		return post("/SBT.App.SetUp/RSServices/MessageRSService.svc/SendMessage", "Content-Type: application/json\r\n",
			`{"sendTo":[{"sendTo":"5551234567","CustomFields":null}],"SecurityToken":`+quote(token)+`,"ORGCODE":"ACME-WEST","message":"x"}`)
	}
	dialecttest.Laws(t, s, c)
}

// A client with a stale key, which tries again and again, keeps the others behind
// its address out for half a minute at a time, and with a try a second not at all
// for most of the time.
func TestOneBadClientBehindAnAddress(t *testing.T) {
	s := setup()
	s.Adjust = nil
	server := dialecttest.Serve(t, s)
	c := client()
	in := 0
	const minutes = 6
	for range minutes * 60 {
		server.Advance(time.Second)
		server.Send(c.Login(dialecttest.Credential{Secret: "stale"}))
		if c.Token(server.Send(c.Login(c.Good))) != "" {
			in++
		}
	}
	if in < minutes*60/2 {
		t.Errorf("another client logged in %d times of %d", in, minutes*60)
	}
}

func TestOptions(t *testing.T) {
	alter := func(f func(*Options)) func(any) error {
		return func(into any) error { f(into.(*Options)); return nil }
	}
	for name, f := range map[string]func(*Options){
		"host with a path":          func(o *Options) { o.Host = "a/b" },
		"host with markup":          func(o *Options) { o.Host = "a<b" },
		"endless host":              func(o *Options) { o.Host = strings.Repeat("x", 256) },
		"small body":                func(o *Options) { o.MaxBody = minMaxBody - 1 },
		"large body":                func(o *Options) { o.MaxBody = maxMaxBody + 1 },
		"no text":                   func(o *Options) { o.Text1402 = "" },
		"endless text":              func(o *Options) { o.Text1000 = strings.Repeat("x", maxText+1) },
		"a line break":              func(o *Options) { o.Text1401 = "a\nb" },
		"not UTF-8":                 func(o *Options) { o.Text1400 = "a\xff" },
		"no text of the reach":      func(o *Options) { o.OrgCodeText = "" },
		"code that logs in again":   func(o *Options) { o.OrgCodeError = 1000 },
		"code of success":           func(o *Options) { o.OrgCodeError = 1400 },
		"code of the login":         func(o *Options) { o.OrgCodeError = 1402 },
		"code of five digits":       func(o *Options) { o.OrgCodeError = 10000 },
		"code that cannot be there": func(o *Options) { o.OrgCodeError = -1403 },
	} {
		d := Definition()
		if _, err := New(dialect.Config{Mount: d.Mount("m", ""), Options: alter(f)}); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong := errors.New("unknown field")
	d := Definition()
	if _, err := New(dialect.Config{Mount: d.Mount("m", ""), Options: func(any) error { return wrong }}); !errors.Is(err, wrong) {
		t.Errorf("an error of the configuration is lost: %v", err)
	}
}

// A token may be a parameter of String[1000], and travels in URLs.
func TestTokenFitsItsParameter(t *testing.T) {
	s := dialecttest.Serve(t, setup())
	c := client()
	token := c.Token(s.Send(c.Login(c.Good)))
	if token == "" || len(token) > 1000 || url.QueryEscape(token) != token {
		t.Errorf("the token %q cannot stand in a query as it is", token)
	}
}

// The WSDL is XML, and its references lead somewhere.
func TestWSDL(t *testing.T) {
	d := xml.NewDecoder(strings.NewReader(wsdl))
	defined, used := map[string]bool{}, map[string]bool{}
	for {
		tok, err := d.Token()
		if err != nil {
			break
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range e.Attr {
			_, local, _ := strings.Cut(a.Value, ":")
			switch a.Name.Local {
			case "name":
				defined[e.Name.Local+" "+a.Value] = true
			case "message", "binding", "element":
				used[a.Name.Local+" "+local] = true
			case "type":
				if e.Name.Local == "binding" {
					used["portType "+local] = true
				} else if !strings.HasPrefix(a.Value, "xs:") {
					used["complexType "+local] = true
				}
			}
		}
	}
	if _, err := d.Token(); err == nil || len(used) < 6 {
		t.Fatalf("%v, %d references", err, len(used))
	}
	for name := range used {
		if !defined[name] {
			t.Errorf("%s is not defined", name)
		}
	}
	if strings.Count(wsdl, `location="LOCATION"`) != 2 {
		t.Error("the addresses are not both filled in")
	}
	for _, name := range []string{action, serviceNS, dataNS, serialNS, soapNS[:len(soapNS)-len("soap/envelope/")]} {
		if !strings.Contains(wsdl, `"`+name) {
			t.Errorf("%s is not in it", name)
		}
	}
}

// A mount below a prefix advertises that, and no mark-up that a path may hold.
func TestLocation(t *testing.T) {
	d := newDialect(t)
	r := func(host, path string) *http.Request {
		return &http.Request{Host: host, URL: &url.URL{Path: path + soapPath}}
	}
	for _, c := range []struct{ host, prefix, want string }{
		{"a.example", "", "https://a.example" + soapPath},
		{"a.example:8443", "/api", "https://a.example:8443/api" + soapPath},
		{"a.example", `/<"&`, "https://a.example/&lt;&quot;&amp;" + soapPath},
		{`a"b`, "", ""},
		{"", "", ""},
	} {
		if got := d.location(r(c.host, c.prefix)); got != c.want && !(c.prefix == `/<"&` && !strings.ContainsAny(got, `<"`)) {
			t.Errorf("%s below %q is at %q, want %q", c.host, c.prefix, got, c.want)
		}
	}
}
