package sbt

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/dialecttest"
)

const token = "sp_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func newDialect(t testing.TB) *sbt {
	t.Helper()
	def := Definition()
	d, err := New(dialect.Config{Mount: def.Mount("sbt", "")})
	if err != nil {
		t.Fatal(err)
	}
	return d.(*sbt)
}

// envelopeOf is a later call around its parameters.
func envelopeOf(parameters string) string {
	return `<s:Envelope xmlns:s="` + soapNS + `"><s:Body><RequestVBT xmlns="` + serviceNS + `">` + parameters + `</RequestVBT></s:Body></s:Envelope>`
}

func call(query, media, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/SBT.App.SetUp/RSServices/MessageRSService.svc/SendMessage?"+query, strings.NewReader(body))
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	return r
}

func TestToken(t *testing.T) {
	const (
		inJSON = "application/json; charset=utf-8"
		inXML  = "text/xml; charset=utf-8"
		both   = "securityToken=" + token + "&orgCode=ACME"
	)
	for _, c := range []struct {
		name, query, media, body string
		want                     auth.Reason // "": found
		noOrg                    bool
	}{
		{name: "query", query: both},
		{name: "any case", query: "SECURITYTOKEN=" + token + "&OrgCode=ACME"},
		{name: "encoded", query: "s%65curityToken=%73p_" + token[3:] + "&orgCode=%41CME"},
		{name: "among others", query: "a=%&" + both + "&phone=1;x"},
		{name: "no organization", query: "securityToken=" + token, noOrg: true},
		{name: "empty organization", query: "orgCode=&securityToken=" + token, noOrg: true},
		{name: "form", media: dialect.FormType, body: both},
		{name: "form in Latin-1", media: dialect.FormType + "; charset=ISO-8859-1", body: both + "&note=%e9"},
		{name: "JSON", media: inJSON, body: `{"securityToken":"` + token + `","orgCode":"ACME","sendTo":[{"orgCode":"B"}]}`},
		{name: "JSON in any case, escaped", media: "text/json", body: "\r\n{ \"SecurityT\\u006fken\" : \"" + token + "\" , \"ORGCODE\":\"\\u0041CME\"}"},
		{name: "JSON by its look", body: ` {"securityToken":"` + token + `","orgCode":"ACME"}`},
		{name: "JSON with nulls", media: inJSON, query: both, body: `{"securityToken":null,"orgCode":null}`},
		{name: "SOAP", media: inXML, body: envelopeOf("<securityToken>" + token + "</securityToken><orgCode>ACME</orgCode>")},
		{name: "SOAP by its look", body: "\xef\xbb\xbf<?xml version='1.0'?>" + envelopeOf("<orgcode>ACME</orgcode><x><securityToken>y</securityToken></x><securityToken>"+token[:9]+"<!-- --><![CDATA["+token[9:]+"]]></securityToken>")},
		{name: "plain XML", media: "application/xml", body: "<SendMessage><securityToken>" + token + "</securityToken><orgCode>ACME</orgCode></SendMessage>"},
		{name: "one here and one there", query: "orgCode=ACME", media: inJSON, body: `{"securityToken":"` + token + `"}`},
		{name: "the same in both", query: both, media: inJSON, body: `{"securityToken":"` + token + `","orgCode":"ACME"}`},
		{name: "a body of no kind", query: both, media: "text/plain; charset=utf-16", body: "the orgCode=B is %zz, \xff\n&and=so%"},
		{name: "a form by its look", body: both},
		{name: "a form of another type, agreeing", query: both, media: "text/plain", body: "x=y&orgCode=ACME"},
		{name: "another type", query: both, media: "text/plain", body: `{"orgCode":"ACME"}`},
		{name: "a list", query: both, media: inJSON, body: `[{"orgCode":"B"}]`},
		{name: "a value", query: both, media: inJSON, body: `"orgCode"`},
		{name: "no body", query: both, media: inJSON},
		{name: "JSON that says it is a form, agreeing", query: both, media: dialect.FormType, body: `{"orgCode":"ACME","loadId":5}`},
		{name: "JSON that says it is a form", media: dialect.FormType, body: `{"securityToken":"` + token + `","orgCode":"ACME"}`},

		{name: "nothing", want: auth.NoToken},
		{name: "organization alone", query: "orgCode=ACME", want: auth.NoToken},
		{name: "empty token", query: "securityToken=&orgCode=ACME", want: auth.NoToken},
		{name: "deeper in JSON", media: inJSON, body: `{"request":{"securityToken":"` + token + `"}}`, want: auth.NoToken},
		{name: "in a SOAP header", media: inXML, body: `<s:Envelope xmlns:s="` + soapNS + `"><s:Header><securityToken>` + token + `</securityToken></s:Header><s:Body><x/></s:Body></s:Envelope>`, want: auth.NoToken},
		{name: "two tokens", query: both, media: inJSON, body: `{"securityToken":"x"}`, want: auth.TwoTokens},
		{name: "two organizations", query: both, media: inJSON, body: `{"orgCode":"ACME-WEST"}`, want: auth.Malformed},
		{name: "two organizations by form", query: both, media: dialect.FormType, body: "orgCode=B", want: auth.Malformed},
		{name: "two organizations by JSON that says it is a form", query: both, media: dialect.FormType, body: "\r\n{\"orgCode\":\"EAST\"}", want: auth.Malformed},
		{name: "two organizations by SOAP that says it is a form", query: both, media: dialect.FormType, body: envelopeOf("<orgCode>EAST</orgCode>"), want: auth.Malformed},
		{name: "two organizations in JSON that is a form", query: "securityToken=" + token, media: dialect.FormType, body: `{"orgCode":"ACME","x":"&orgCode=EAST&"}`, want: auth.Malformed},
		{name: "UTF-16 that says it is a form", query: both, media: dialect.FormType, body: "\xff\xfe{\x00\"\x00", want: auth.Malformed},
		{name: "half of JSON that says it is a form", query: both, media: dialect.FormType, body: `{"orgCode":"EAST"`, want: auth.Malformed},
		{name: "two organizations by SOAP", query: both, media: inXML, body: envelopeOf("<orgCode>B</orgCode>"), want: auth.Malformed},
		{name: "in a body of another type", media: "text/plain", body: `{"securityToken":"` + token + `"}`, want: auth.NoToken},
		{name: "in a multipart form", media: "multipart/form-data; boundary=x", body: "--x\r\nContent-Disposition: form-data; name=\"securityToken\"\r\n\r\n" + token + "\r\n--x--\r\n", want: auth.NoToken},
		{name: "an organization in UTF-16 by another type", query: both, media: "text/plain", body: "\xff\xfe{\x00\"\x00", want: auth.Malformed},
		{name: "an organization in UTF-16 by no type", query: both, body: "\xfe\xff\x00{\x00\"", want: auth.Malformed},
		{name: "two organizations behind a vertical tab", query: both, media: "text/plain", body: "\v{\"orgCode\":\"B\"}", want: auth.Malformed},
		{name: "two organizations by another type", query: both, media: "text/plain", body: ` {"orgCode":"B"}`, want: auth.Malformed},
		{name: "an organization in a multipart form", query: "securityToken=" + token, media: "multipart/form-data; boundary=x", body: "--x\r\nContent-Disposition: form-data; name=\"orgCode\"\r\n\r\nB\r\n--x--\r\n", want: auth.Malformed},
		{name: "two organizations in a form of another type", query: both, media: "text/plain", body: "x=y&orgCode=B", want: auth.Malformed},
		{name: "two organizations in a form of no type", query: both, body: "orgCode=B", want: auth.Malformed},
		{name: "two organizations in one form of another type", query: both, media: "text/plain", body: "orgCode=ACME&orgCode=B", want: auth.Malformed},
		{name: "two organizations by look", query: both, body: `{"orgCode":"B"}`, want: auth.Malformed},
		{name: "token twice", query: "securityToken=x&SecurityToken=x", want: auth.Malformed},
		{name: "organization twice", query: both + "&orgcode=ACME", want: auth.Malformed},
		{name: "organization twice after a semicolon", query: both + "&x;orgCode=B", want: auth.Malformed},
		{name: "organization twice in JSON", media: inJSON, query: "securityToken=" + token, body: `{"orgCode":"ACME","OrgCode":"B"}`, want: auth.Malformed},
		{name: "token twice in JSON", media: inJSON, body: `{"securityToken":"` + token + `","\u0073ecurityToken":"B"}`, want: auth.Malformed},
		{name: "token with a long s in JSON", media: inJSON, body: `{"securityToken":"` + token + `","\u017fecurityToken":"B"}`, want: auth.Malformed},
		{name: "organization twice in SOAP, of two namespaces", media: inXML, body: envelopeOf("<securityToken>" + token + `</securityToken><orgCode>ACME</orgCode><x:orgCode xmlns:x="urn:x">B</x:orgCode>`), want: auth.Malformed},
		{name: "organization in two operations", media: inXML, query: "securityToken=" + token, body: strings.Replace(envelopeOf("<orgCode>ACME</orgCode>"), "</s:Body>", "<y><orgCode>B</orgCode></y></s:Body>", 1), want: auth.Malformed},
		{name: "organization in two Bodies", media: inXML, query: "securityToken=" + token, body: strings.Replace(envelopeOf("<orgCode>ACME</orgCode>"), "</s:Envelope>", "<s:Body><y><orgCode>B</orgCode></y></s:Body></s:Envelope>", 1), want: auth.Malformed},
		{name: "a list for a token", media: inJSON, body: `{"securityToken":["` + token + `"]}`, want: auth.Malformed},
		{name: "a truth for an organization", media: inJSON, query: both, body: `{"orgCode":true}`, want: auth.Malformed},
		{name: "an element in the token", media: inXML, body: envelopeOf("<securityToken>x<y/></securityToken>"), want: auth.Malformed},
		{name: "nil that is not", media: inXML, query: both, body: envelopeOf(`<orgCode xmlns:i="` + schemaNS + `" i:nil="true">B</orgCode>`), want: auth.Malformed},
		{name: "badly encoded token", query: "securityToken=%4", want: auth.Malformed},
		{name: "badly encoded organization", query: "securityToken=x&orgCode=%zz", want: auth.Malformed},
		{name: "broken JSON", media: inJSON, query: both, body: `{"orgCode":"ACME"`, want: auth.Malformed},
		{name: "more after JSON", media: inJSON, query: both, body: `{} {"orgCode":"B"}`, want: auth.Malformed},
		{name: "JSON not in UTF-8", media: inJSON, query: both, body: "{\"x\":\"\xff\"}", want: auth.Malformed},
		{name: "JSON with a mark", media: inJSON, query: both, body: "\xef\xbb\xbf{}", want: auth.Malformed},
		{name: "JSON in UTF-16", media: "application/json; charset=utf-16", query: both, body: `{}`, want: auth.Malformed},
		{name: "form in UTF-7", media: dialect.FormType + "; charset=utf-7", query: both, body: `x=1`, want: auth.Malformed},
		{name: "organization beyond ASCII in Latin-1", media: dialect.FormType + "; charset=windows-1252", query: "securityToken=" + token, body: `orgCode=%c3%a9`, want: auth.Malformed},
		{name: "a document type", media: inXML, query: both, body: "<!DOCTYPE x><x/>", want: auth.Malformed},
		{name: "an unknown entity", media: inXML, query: both, body: envelopeOf("&x;"), want: auth.Malformed},
		{name: "two documents", media: inXML, query: both, body: "<x/><x/>", want: auth.Malformed},
		{name: "endless body", media: inJSON, query: both, body: `{"x":"` + strings.Repeat("x", 256<<10) + `"}`, want: auth.Malformed},
		{name: "a type that cannot be read", media: "text/xml; charset", query: both, body: "<x/>", want: auth.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newDialect(t)
			r := call(c.query, c.media, c.body)
			b, err := s.Token(r)
			org := "ACME"
			if c.noOrg || strings.HasSuffix(c.query, "securityToken="+token) && c.body == "" {
				org = ""
			}
			if c.want == "" {
				if err != nil || b.Value != token || b.Code != org || b.Mount != s.mount || b.Form != auth.FormNative {
					t.Errorf("found %+v, %v", b, err)
				}
			} else if err == nil || auth.RefusalOf(err).Reason != c.want {
				t.Errorf("found %+v, refused with %v, want %s", b, err, c.want)
			}
			if left, err := io.ReadAll(r.Body); err != nil || string(left) != c.body {
				t.Errorf("the next reader gets %d of %d bytes, %v", len(left), len(c.body), err)
			}
		})
	}
}

func TestTokenOfACompressedBody(t *testing.T) {
	for media, query := range map[string]string{"application/json": "", "text/plain": "securityToken=" + token, "": ""} {
		r := call(query, media, "{}")
		r.Header.Set("Content-Encoding", "gzip")
		if _, err := newDialect(t).Token(r); !errors.Is(err, dialect.ErrMedia) {
			t.Errorf("a compressed body of %q: %v", media, err)
		}
	}
	r := call("", "text/plain", "{}") // somebody else's
	r.Header.Set("Content-Encoding", "gzip")
	if _, err := newDialect(t).Token(r); auth.RefusalOf(err).Reason != auth.NoToken {
		t.Errorf("somebody else's compressed body: %v", err)
	}
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("the client hung up") }

func TestTokenOfABodyThatBreaksOff(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/x?securityToken="+token, brokenBody{})
	r.Header.Set("Content-Type", "application/json")
	if _, err := newDialect(t).Token(r); !errors.Is(err, dialect.ErrBodyBroke) {
		t.Errorf("a body that breaks off gives %v", err)
	}
}

// The hot path: a GET.
func TestTokenDoesNotAllocate(t *testing.T) {
	s := newDialect(t)
	r := httptest.NewRequest(http.MethodGet, "/x?securityToken="+token+"&orgCode=ACME-WEST&phone=1", nil)
	if n := testing.AllocsPerRun(100, func() { _, _ = s.Token(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkToken(b *testing.B) {
	s := newDialect(b)
	r := httptest.NewRequest(http.MethodGet, "/x?securityToken="+token+"&orgCode=ACME-WEST&phone=1", nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Token(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTokenInSOAP(b *testing.B) {
	body := envelopeOf("<securityToken>" + token + "</securityToken><orgCode>ACME</orgCode><phone>1</phone>")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := scanXML([]byte(body)); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzPairs: what is found in a query is what another parser finds, and nothing
// that another parser finds slips by.
func FuzzPairs(f *testing.F) {
	for _, seed := range []string{
		"securityToken=a&orgCode=b", "SECURITYTOKEN=a&securitytoken=b", "s%65curitytoken=%61+b", "a=b;orgcode=c", "+orgCode=a&%20orgcode", "orgCode=%zz", "&&=&a=b=c", "%", "APIKey=k&x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got, err := scanPairs(query)
		if err != nil {
			if auth.RefusalOf(err).Reason != auth.Malformed {
				t.Fatalf("%q: the error is %v", query, err)
			}
			return
		}
		for name, value := range map[string]string{"securitytoken": got.token, "orgcode": got.org} {
			if all := dialecttest.LenientValues(query, name); len(all) > 1 || (len(all) == 1) != (all != nil && all[0] == value) || (len(all) == 0 && value != "") {
				t.Fatalf("%q: %s is %q, others find %q", query, name, value, all)
			}
		}
		rest := withoutSecrets(query)
		if again, err := scanPairs(rest); err != nil || again.hasToken || again.org != got.org {
			t.Fatalf("%q became %q: %+v, %v", query, rest, again, err)
		}
	})
}

// FuzzJSON: what is found is what encoding/json finds, and nothing that it would
// take for a token or an organization slips by.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"securityToken":"a","orgCode":"b"}`, `{"securityToken":"a","SECURITYTOKEN":"b"}`, `{"orgCode":5e3}`, `{"orgCode":null , "securityToken" : "x" }`,
		`{"\u0073ecurityToken":"a\u0062"}`, `[{"orgCode":1}]`, `{"a":{"orgCode":1}}`, `{"APIKey":"k","apikey":[1]}`, "{}", `{"orgCode":"\ud800"}`, `{"orgcode":-0.1e-7}`, "null",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := scanJSON(body)
		var want struct{ SecurityToken, OrgCode any }
		var members map[string]json.RawMessage
		failed := json.Unmarshal(body, &members)
		if err != nil {
			var refusal *auth.Refusal
			if !errors.As(err, &refusal) || refusal.Reason != auth.Malformed {
				t.Fatalf("%q: the error is %v", body, err)
			}
			return
		}
		if failed != nil {
			if got.hasToken || got.hasOrg {
				t.Fatalf("%q: found %+v in what is no object", body, got)
			}
			return
		}
		d := json.NewDecoder(strings.NewReader(string(body)))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if asText(want.SecurityToken) != got.token || asText(want.OrgCode) != got.org {
			t.Fatalf("%q: found %q and %q, others find %v and %v", body, got.token, got.org, want.SecurityToken, want.OrgCode)
		}
		stripped(t, "application/json", body)
	})
}

func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// FuzzXML: whatever the bytes are, reading them ends within bounds and with a
// typed error; what is stripped holds no token any more and is XML still.
func FuzzXML(f *testing.F) {
	for _, seed := range []string{
		envelopeOf("<securityToken>a</securityToken><orgCode>b</orgCode>"), envelopeOf("<securityToken/><x:ORGCODE xmlns:x='y'>b</x:ORGCODE>"),
		"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>\n<a><securityToken>x<!-- y --><![CDATA[<]]>&amp;</securityToken></a>\n",
		"<!DOCTYPE a><a/>", "<a>&b;</a>", "<a><?b?></a>", "<a><b></a>", "<a:b/>", "<a APIKey=''><APIKey></APIKey></a>", "<a/>x", envelope("<a:APIKey>k</a:APIKey>"),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := scanXML(body); err == nil {
			stripped(t, "text/xml", body)
		} else if r := (*auth.Refusal)(nil); !errors.As(err, &r) || r.Reason != auth.Malformed {
			t.Fatalf("%q: the error is %v", body, err)
		}
	})
}

// stripped holds what Strip makes of a body against what it was.
func stripped(t *testing.T, media string, body []byte) {
	t.Helper()
	r := call("", media, string(body))
	r.ContentLength = -1
	s := &sbt{maxBody: maxMaxBody}
	before, err := s.scanBody(r, false)
	if err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	s.Strip(r)
	after, err := s.scanBody(r, false)
	if err != nil || after.token != "" || after.org != before.org || after.hasToken != before.hasToken || after.operation != before.operation {
		left, _ := io.ReadAll(r.Body)
		t.Fatalf("%q became %q: %+v, then %+v, %v", body, left, before, after, err)
	}
}

// FuzzLogin: a key is only ever read out of an envelope that says it, and every
// error says why.
func FuzzLogin(f *testing.F) {
	for _, seed := range []string{
		envelope("<a:APIKey>k</a:APIKey>"), envelope(""), envelope("<a:APIKey>k</a:APIKey><a:APIKey/>"), envelope("<APIKey>k</APIKey>"), envelope("x"),
		strings.Replace(envelope("<a:APIKey>k</a:APIKey>"), "<s:Body>", "<s:Header><s:x s:mustUnderstand='1'/></s:Header><s:Body>", 1),
		`<!DOCTYPE a [<!ENTITY k "v">]>` + envelope("<a:APIKey>&k;</a:APIKey>"), "<a/>", "", "<?xml version='1.0' encoding='latin1'?><a/>",
	} {
		f.Add([]byte(seed))
	}
	known := []error{errXML, errDTD, errBounds, errInside, errEnvelope, dialect.ErrRepeated}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := readMessage(body)
		if err != nil {
			for _, k := range known {
				if errors.Is(err, k) {
					return
				}
			}
			t.Fatalf("%q: the error is %v", body, err)
		}
		if m.key != "" && (m.operation != operation || !strings.Contains(string(body), dataNS)) {
			t.Fatalf("%q: the key is %q", body, m.key)
		}
	})
}
