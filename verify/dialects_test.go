package verify

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/calamp"
	"github.com/sallyport/sallyport/dialect/domainpunch"
	"github.com/sallyport/sallyport/dialect/edubrite"
	"github.com/sallyport/sallyport/dialect/electa"
	"github.com/sallyport/sallyport/dialect/sbt"
	"github.com/sallyport/sallyport/oauth"
)

// the finders, and the dialects that they speak for.
var finders = map[string]struct {
	Finder
	definition dialect.Definition
}{
	"oauth2":      {OAuth2(), oauth.Definition()},
	"electa":      {Electa(), electa.Definition()},
	"sbt":         {SBT(), sbt.Definition()},
	"calamp":      {CalAmp(), calamp.Definition()},
	"edubrite":    {EduBrite(""), edubrite.Definition()},
	"domainpunch": {DomainPunch(""), domainpunch.Definition()},
}

// A call as raw lines: the request line, headers, and behind an empty line the body.
var calls = []string{
	"GET /",
	"GET /?CID=123456&Token=abc",
	"GET /?cid=123456&tOKEN=a%20b+c",
	"GET /?cid=123456&token=abc&token=abc",
	"GET /?cid=123456;cid=7&token=abc",
	"GET /?cid=1x&token=abc",
	"GET /?cid=0&token=abc",
	"GET /?cid=123456&token=",
	"GET /?cid=123456&%74oken=abc",
	"GET /?cid=123456&token[]=abc",
	"GET /?cid=123456&token%00x=abc",
	"GET /?cid=123456&+token+=abc",
	"GET /?cid=123456&token=%zz",
	"GET /?cid=123456",
	"POST /?cid=123456\nContent-Type: application/x-www-form-urlencoded\n\ntoken=abc",
	"POST /?cid=123456\nContent-Type: Application/X-WWW-Form-Urlencoded; charset=utf-8\n\ntoken=abc&cid=7",
	"POST /\nContent-Type: application/x-www-form-urlencoded\n\ntoken=abc&cid=7&x=" + strings.Repeat("y", maxForm),
	"POST /?cid=123456&token=abc\nContent-Type: application/x-www-form-urlencoded\n\ntoken=abd",
	"POST /?cid=123456&token=abc\nContent-Type: application/x-www-form-urlencoded\n\ncid=123457",
	"POST /?cid=123456&token=abc\nContent-Type: application/x-www-form-urlencoded\n\ncid=&TOKEN=%61bc",
	"POST /?cid=123456&token=abc\nContent-Type: application/x-www-form-urlencoded\n\ntoken=%6",
	"POST /?cid=1\nContent-Type: application/x-www-form-urlencoded\n\ncid=2",
	"POST /?cid=1&token=\nContent-Type: application/x-www-form-urlencoded\n\ncid=1&token=abc",
	"POST /?cid=123456&token=abc\nContent-Type: application/x-www-form-urlencoded\n\ncid=7&x=" + strings.Repeat("y", 256<<10),
	"POST /\nContent-Type: application/x-www-form-urlencoded\nAuthorization: Bearer sp_abc\n\nx=" + strings.Repeat("y", maxForm),
	"PUT /?cid=123456\nContent-Type: application/x-www-form-urlencoded\n\ntoken=abc",
	"POST /?cid=123456\nContent-Type: text/plain\n\ntoken=abc",

	"POST /?cid=123456&token=abc\nContent-Type: multipart/form-data; boundary=x\n\n--x\r\nContent-Disposition: form-data; name=\"CID\"\r\n\r\n7\r\n--x--",
	"POST /?cid=123456&token=abc\nContent-Type: multipart/form-data; boundary=x\n\n--x\r\nContent-Disposition: form-data; name=\"cid\"\r\n\r\n123456\r\n--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--",
	"POST /?cid=123456&token=abc\nContent-Type: multipart/form-data; boundary=x\n\n--x\r\nContent-Disposition: form-data; name=\"Token\"\r\n\r\nabcd\r\n--x--",
	"POST /?cid=123456&token=abc\nContent-Type: multipart/form-data; boundary=x\n\n--x\r\nContent-Disposition: form-data; name=\" cid[]\"\r\n\r\n7\r\n--x--",
	"POST /?cid=123456&token=abc\nContent-Type: multipart/form-data; boundary=x\n\n--x\r\nContent-Disposition: form-data; name=\"cid\"; filename=\"f\"\r\n\r\n7\r\n--x--",
	"POST /?cid=123456&token=abc\nContent-Type: multipart/form-data; boundary=x\n\n--x\r\nContent-Disposition: form-data; name=\"cid\"\r\n\r\n7\r\n",
	"POST /?cid=123456&token=abc\nContent-Type: multipart/form-data\n\n--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--",
	"POST /?cid=123456&token=abc\nContent-Type: Multipart/Form-Data; boundary=x; charset=utf-8\n\n--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nyyyyyyyyyy\r\n--x--",
	"POST /\nContent-Type: multipart/form-data; boundary=x\n\n--x\r\nContent-Disposition: form-data; name=\"cid\"\r\n\r\n7\r\n--x\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nabc\r\n--x--",
	"POST /?cid=123456\nContent-Type: multipart/form-data; boundary=x\n\n--x\r\nContent-Disposition: form-data; name=\"cid\"\r\n\r\n7\r\n--x\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nabc\r\n--x--",
	"POST /?cid=123456&token=abc\nContent-Type: multipart/form-data; boundary=x\n\n--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + strings.Repeat("y", 256<<10) + "\r\n--x--",

	"GET /\nAuthorization: Bearer sp_abc",
	"GET /\nAuthorization: bearer   sp_abc ",
	"GET /\nAuthorization: Basic abc",
	"GET /\nAuthorization: Bearer",
	"GET /\nAuthorization: Bearer a\nAuthorization: Bearer a",
	"GET /?access_token=sp_abc",
	"GET /?access_token=other",
	"GET /?access_token=sp_abc\nAuthorization: Bearer sp_abc",
	"POST /\nContent-Type: application/x-www-form-urlencoded\n\naccess_token=sp_abc",
	"POST /\nContent-Type: application/x-www-form-urlencoded\n\naccess_token=other",
	"POST /\nContent-Type: application/x-www-form-urlencoded\nAuthorization: Bearer sp_abc\n\naccess_token=sp_abc",
	"POST /\nContent-Type: application/x-www-form-urlencoded\nAuthorization: Bearer sp_abc\n\nx=y",
	"POST /\nContent-Type: application/x-www-form-urlencoded\n\naccess_token=sp_a&access_token=sp_b",

	"GET /\nCookie: authToken=abc\ncalamp-services-app: app",
	"GET /\nCookie: x=y; authToken=\"abc\" ; z",
	"GET /\nCookie: authToken=abc\nCookie: authToken=abc",
	"GET /\nCookie: authToken=abc\nAuthorization: Bearer abc",
	"GET /\nCookie: authToken=abc\nAuthorization: Bearer abcd",
	"GET /\nCookie: authToken=abc\ncalamp-services-app: a\ncalamp-services-app: b",

	"GET /\nCookie: SESSION_ID=a; SESSION_INFO=b",
	"GET /\nCookie: SESSION_ID=a; SESSION_INFO=b\nREAL_UNAME: charles",
	"GET /\nCookie: SESSION_ID=a; SESSION_INFO=b\nREAL_UNAME: charles|c@example.com|Charles",
	"GET /\nCookie: SESSION_ID=a; SESSION_INFO=b\nREAL_UNAME: charles\nREAL_UNAME: dora",
	"GET /\nCookie: SESSION_ID=a; SESSION_INFO=b\nREAL_UNAME: api_2",
	"GET /\nCookie: SESSION_ID=a; SESSION_INFO=b\nREAL_UNAME:  api_2|x",
	"GET /\nCookie: SESSION_ID=a; SESSION_INFO=b\nREAL-UNAME: charles",
	"GET /\nCookie: SESSION_ID=a; SESSION_INFO=b\nREAL_UNAME: ",
	"GET /\nCookie: SESSION_ID=a; SESSION_INFO=b\nREAL_UNAME:  | ",
	"GET /\nCookie: SESSION_ID=a\nREAL_UNAME: charles",

	"GET /api.php\nCookie: PHPSESSID=abc",
	"GET /api.php?c=set\nCookie: PHPSESSID=abc\nSec-Fetch-Site: cross-site",
	"GET /api.php?c=admin&oper=get\nCookie: PHPSESSID=abc\nSec-Fetch-Site: cross-site",
	"POST /api.php?c=admin&oper=get\nCookie: PHPSESSID=abc\nSec-Fetch-Site: cross-site",
	"GET /api-sl.php\nAuthorization: Bearer a b\nCookie: PHPSESSID=abc",
	"GET /api-sl.php\nAuthorization: Basic abc\nCookie: PHPSESSID=abc",
	"GET /api.php\nAuthorization: Basic abc\nCookie: PHPSESSID=abc",

	"GET /?securityToken=abc&orgCode=X",
	"GET /?SECURITYTOKEN=abc",
	"GET /?securityToken=abc&orgCode=X&orgcode=Y",
	"POST /?securityToken=abc\nContent-Type: application/json\n\n{\"OrgCode\":\"X\"}",
	"POST /?securityToken=abc&orgCode=Y\nContent-Type: application/json\n\n{\"OrgCode\":\"X\"}",
	"POST /?securityToken=abc\nContent-Type: application/json\n\n{\"OrgCode\":\"X\",\"orgcode\":\"Y\"}",
	"POST /\nContent-Type: application/json\n\n{\"securityToken\":\"abc\",\"orgCode\":12,\"data\":{\"orgCode\":\"Z\"}}",
	"POST /\nContent-Type: application/json\n\n{\"securityToken\":\"abc\",\"orgCode\":{}}",
	"POST /\nContent-Type: application/json\n\n[1]",
	"POST /\nContent-Type: application/json\n\n{\"securityToken\":",
	"POST /\nContent-Type: application/json; charset=utf-16\n\n{\"securityToken\":\"abc\"}",
	"POST /?securityToken=abc\nContent-Type: text/plain\n\n{\"OrgCode\":\"X\"}",
	"POST /?securityToken=abc\nContent-Type: text/plain\n\norgCode=X",
	"POST /?securityToken=abc\nContent-Type: text/plain\n\nanything else",
	"POST /?securityToken=abc\nContent-Type: text/plain\n\n\xff\xfe{",
	"POST /?securityToken=abc\nContent-Type: multipart/form-data; boundary=x\n\n--x--",
	"POST /\nContent-Type: multipart/form-data; boundary=x\n\n--x--",
	"POST /?securityToken=abc\nContent-Encoding: gzip\n\nxx",
	"POST /\nContent-Type: application/x-www-form-urlencoded\n\nsecurityToken=abc&orgCode=X",
	"POST /?securityToken=abc&orgCode=X\nContent-Type: application/x-www-form-urlencoded\n\n{\"orgCode\":\"EAST\"}",
	"POST /?securityToken=abc\nContent-Type: application/x-www-form-urlencoded\n\n\v{\"orgCode\":\"EAST\"}",
	"POST /?securityToken=abc\nContent-Type: application/x-www-form-urlencoded\n\n{\"orgCode\":\"X\",\"x\":\"&orgCode=EAST&\"}",
	"POST /?securityToken=abc\nContent-Type: application/x-www-form-urlencoded\n\n<Get><orgCode>EAST</orgCode></Get>",
	"POST /?securityToken=abc\nContent-Type: application/x-www-form-urlencoded\n\n<Get>",
	"POST /?securityToken=abc\nContent-Type: application/x-www-form-urlencoded\n\n\xff\xfe{",
	"POST /\nContent-Type: text/xml\n\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header><orgCode>H</orgCode></s:Header><s:Body><Get xmlns=\"u\"><securityToken>abc</securityToken><orgCode>X</orgCode><data><orgCode>Y</orgCode></data></Get></s:Body></s:Envelope>",
	"POST /\nContent-Type: text/xml\n\n<Get><securityToken>abc</securityToken><orgCode>X</orgCode><orgCode>Y</orgCode></Get>",
	"POST /\nContent-Type: text/xml\n\n<!DOCTYPE x><Get><securityToken>abc</securityToken></Get>",
	"POST /\nContent-Type: text/xml\n\n<?x y?><Get><securityToken>abc</securityToken></Get>",
	"POST /\nContent-Type: text/xml\n\n<Get><securityToken>a<b/>c</securityToken></Get>",
	"POST /\nContent-Type: text/xml\n\n<Get><securityToken>a&amp;<![CDATA[b]]></securityToken></Get>",
	"POST /\nContent-Type: text/xml\n\n<Get><securityToken>abc</securityToken>",
	"POST /\nContent-Type: text/xml\n\n<Get><securityToken>abc</securityToken></Get><Get/>",
	"POST /\nContent-Type: text/xml\n\nx<Get><securityToken>abc</securityToken></Get>",
	"POST /\nContent-Type: text/xml\n\n<Get><a:securityToken>abc</a:securityToken></Get>",
	"POST /\nContent-Type: text/xml\n\n<Get x=\"1\" x=\"2\"><securityToken>abc</securityToken></Get>",
}

func requestOf(t testing.TB, raw string) *http.Request {
	head, body, _ := strings.Cut(raw, "\n\n")
	lines := strings.Split(head, "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		r.Header.Add(name, strings.Trim(value, " "))
	}
	return r
}

// same compares what a finder and its dialect find in a call, and sees to it that
// the body is still there.
func same(t *testing.T, raw string, name string, find Finder, d dialect.Dialect) {
	t.Helper()
	r := requestOf(t, raw)
	_, sent, _ := strings.Cut(raw, "\n\n")
	got, err := find(r)
	if body, _ := io.ReadAll(r.Body); string(body) != sent {
		t.Errorf("%s: the body of %.200q is gone", name, raw)
	}
	b, refusal := d.Token(requestOf(t, raw))
	switch {
	case refusal != nil && err == nil && b.Value == "":
		t.Errorf("%s: %.200q passes as %+v, and the dialect says %v", name, raw, got, refusal)
	case refusal == nil && err != nil && b.Value != "" && !stricter(err, raw):
		t.Errorf("%s: %.200q is refused with %v, and the dialect finds %+v", name, raw, err, b)
	case refusal == nil && err == nil:
		want := Credential{Token: b.Value, Dialect: name, Account: b.Number, Code: b.Code, App: b.App, User: b.As, Kind: b.Attrs}
		if b.Carried != "" {
			want.Token = b.Carried
		}
		if got != want {
			t.Errorf("%s: %.200q is %+v, and the dialect finds %+v", name, raw, got, want)
		}
	}
}

// stricter says where finders may refuse what their dialect does not: charsets but
// UTF-8, and a token that is found to be none only by its decoding.
func stricter(err error, raw string) bool {
	return strings.Contains(err.Error(), "not UTF-8") && strings.Contains(raw, "charset")
}

// Each finder finds in every call what the dialect that it speaks for finds there.
func TestFindersAreTheirDialects(t *testing.T) {
	found := map[string]int{}
	for name, f := range finders {
		d, err := f.definition.New(dialect.Config{Mount: f.definition.Mount(name, "")})
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range calls {
			same(t, raw, name, f.Finder, d)
			if _, err := f.Finder(requestOf(t, raw)); err == nil {
				found[name]++
			}
		}
		if found[name] < 3 {
			t.Errorf("%s finds next to nothing", name)
		}
	}
}

// A call with two tokens is refused, one token in two places is one.
func TestAny(t *testing.T) {
	find := Any(Bearer(), Header("X-Token"), Query("token"), Cookie("token"), Form("token"))
	for raw, want := range map[string]error{
		"GET /":                           ErrNoToken,
		"GET /?token=a":                   nil,
		"GET /?TOKEN=a\nX-Token: a":       nil,
		"GET /?token=a\nX-Token: b":       ErrTwoTokens,
		"GET /\nX-Token: a\nX-Token: a":   ErrTwoTokens,
		"GET /?token=a&token=a":           ErrMalformed,
		"GET /\nCookie: token=a":          nil,
		"GET /\nCookie: token=a; token=a": ErrTwoTokens,
		"POST /?token=a\nContent-Type: application/x-www-form-urlencoded\n\ntoken=b":                                            ErrTwoTokens,
		"POST /\nContent-Type: application/x-www-form-urlencoded\n\ntoken=a":                                                    nil,
		"POST /\nContent-Type: application/x-www-form-urlencoded\n\ntoken=a&x=" + strings.Repeat("y", maxForm):                  ErrMalformed,
		"POST /\nAuthorization: Bearer a\nContent-Type: application/x-www-form-urlencoded\n\nx=" + strings.Repeat("y", maxForm): nil,
		"GET /\nAuthorization: Bearer a\nCookie: token=a":                                                                       nil,
		"GET /\nAuthorization: Bearer a\nCookie: token=b":                                                                       ErrTwoTokens,
	} {
		c, err := find(requestOf(t, raw))
		if !sameError(err, want) || (err == nil && c.Token != "a") {
			t.Errorf("%.100q: %+v, %v, want %v", raw, c, err, want)
		}
	}
}
