package electa

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/dialecttest"
)

func TestTranscripts(t *testing.T) {
	dialecttest.RunTranscripts(t, Definition(), "testdata", dialecttest.Accounts)
}

const host = " HTTP/1.1\r\nHost: api30.school-network.net\r\n"

func get(path string) string { return "GET " + path + host + "\r\n" }

func post(path, contentType, body string) string {
	return fmt.Sprintf("POST %s%sContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", path, host, contentType, len(body), body)
}

func client() dialecttest.Client {
	const form = dialect.FormType
	good := dialecttest.Credential{Name: dialecttest.ElectaNumber, Secret: dialecttest.ElectaKey}
	pair := "cid=" + good.Name + "&appkey=" + good.Secret
	return dialecttest.Client{
		Good:  good,
		Other: dialecttest.Credential{Name: dialecttest.ElectaNumber2, Secret: dialecttest.ElectaKey2},
		Equals: []dialecttest.Credential{
			{Name: "999999", Secret: dialecttest.ElectaKey},
			{Name: dialecttest.ElectaDisabled, Secret: dialecttest.ElectaDisabledKey},
			{Name: dialecttest.ElectaOff, Secret: dialecttest.ElectaOffKey},
			{Name: dialecttest.ElectaElsewhere, Secret: dialecttest.ElectaElsewhereKey},
			{Name: "not-a-number", Secret: dialecttest.ElectaKey},
			{Name: dialecttest.ElectaNumber, Secret: strings.ToLower(dialecttest.ElectaKey)},
			{Name: dialecttest.ElectaNumber, Secret: dialecttest.ElectaKey + "+"},
		},
		Login: func(c dialecttest.Credential) string {
			return get("/token/?cid=" + url.QueryEscape(c.Name) + "&appkey=" + url.QueryEscape(c.Secret))
		},
		Token: func(r dialecttest.Reply) string {
			m := regexp.MustCompile(`<ResponseCode>0</ResponseCode><ResponseData>([^<]*)<`).FindStringSubmatch(r.Body)
			if m == nil {
				return ""
			}
			return m[1]
		},
		Call: func(token string, c dialecttest.Credential) string {
			return get("/logs/?cid=" + c.Name + "&token=" + url.QueryEscape(token) + "&RoomId=1093")
		},
		Bad: map[string]string{
			"CID twice":            get("/token/?" + pair + "&CID=" + good.Name),
			"AppKey twice":         get("/token/?" + pair + "&AppKey=" + good.Secret),
			"bad encoding":         get("/token/?" + pair + "&note=%zz"),
			"bad encoding at end":  get("/token/?" + pair + "&note=%2"),
			"not UTF-8":            get("/token/?" + pair + "&note=%ff"),
			"endless query":        get("/token/?" + pair + "&note=" + strings.Repeat("x", dialect.MaxQuery)),
			"too many parameters":  get("/token/?" + pair + strings.Repeat("&a=b", dialect.MaxParams)),
			"oversize form":        post("/token/", form, pair+"&note="+strings.Repeat("x", dialect.DefaultMaxBody)),
			"foreign charset":      post("/token/", form+"; charset=utf-16", pair),
			"not a form":           post("/token/", "text/plain", pair),
			"multipart":            post("/token/", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"cid\"\r\n\r\n123456\r\n--x--\r\n"),
			"compressed form":      post("/token/", form+"\r\nContent-Encoding: gzip", pair),
			"two content types":    post("/token/", form+"\r\nContent-Type: text/plain", pair),
			"key in the path":      get("/token/" + good.Secret + "?cid=" + good.Name),
			"CID of a fraction":    get("/token/?cid=123456.0&appkey=" + good.Secret),
			"CID below zero":       get("/token/?cid=-123456&appkey=" + good.Secret),
			"CID beyond 64 bits":   get("/token/?cid=18446744073709675072&appkey=" + good.Secret),
			"CID with white space": get("/token/?cid=+123456&appkey=" + good.Secret),
		},
	}
}

func TestLaws(t *testing.T) {
	dialecttest.Laws(t, dialecttest.Setup{Definition: Definition(), Accounts: dialecttest.Accounts}, client())
}

func TestLawsWithEveryOption(t *testing.T) {
	if testing.Short() {
		t.Skip("the laws hold without the options; with them they are tried at full speed")
	}
	c := client()
	call := c.Call
	c.Login = func(c dialecttest.Credential) string {
		return post("/Apps/Token.ASP", dialect.FormType+"; charset=UTF-8", "CID="+c.Name+"&AppKey="+url.QueryEscape(c.Secret)+"&Result=CSV")
	}
	c.Token = func(r dialecttest.Reply) string {
		token, ok := strings.CutPrefix(r.Body, "0,")
		if !ok {
			return ""
		}
		return token
	}
	c.Call = func(token string, c dialecttest.Credential) string {
		if !strings.Contains(token, "-") {
			return call(token, c)
		}
		return post("/Event/Create", dialect.FormType, "Token="+strings.ToLower(token)+"&CID="+c.Name)
	}
	for what, raw := range c.Bad {
		c.Bad[what] = strings.Replace(raw, "/token/", "/apps/token.asp", 1)
	}
	dialecttest.Laws(t, dialecttest.Setup{
		Definition: Definition(),
		Options:    "token21: true\nlock_blocks_tokens: true\nlocked_code: 7\nlocked_text: Locked <for now>\n",
		Accounts:   dialecttest.Accounts,
	}, c)
}

// TestOffset92 is what a client in the field does instead of parsing XML.
func TestOffset92(t *testing.T) {
	s := dialecttest.Serve(t, dialecttest.Setup{Definition: Definition(), Accounts: dialecttest.Accounts})
	c := client()
	body := s.Send(c.Login(c.Good)).Body
	token := body[92 : 92+36]
	if s.Send(c.Call(token, c.Good)).Status != http.StatusOK || body[128:] != "</ResponseData></Response>" {
		t.Fatalf("36 characters at byte 92 of %q are no token", body)
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"code 0":            {LockedCode: 0, LockedText: "x"},
		"code of two":       {LockedCode: 10, LockedText: "x"},
		"no text":           {LockedCode: 3},
		"endless text":      {LockedCode: 3, LockedText: strings.Repeat("x", maxText+1)},
		"a comma":           {LockedCode: 3, LockedText: "a,b"},
		"a line break":      {LockedCode: 3, LockedText: "a\nb"},
		"not UTF-8":         {LockedCode: 3, LockedText: "a\xff"},
		"a control of C1":   {LockedCode: 3, LockedText: "a\u0085"},
		"a negative number": {LockedCode: -1, LockedText: "x"},
	} {
		d := Definition()
		_, err := New(dialect.Config{Mount: d.Mount("m", ""), Options: func(into any) error { *into.(*Options) = o; return nil }})
		if !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong := errors.New("unknown field")
	d := Definition()
	if _, err := New(dialect.Config{Mount: d.Mount("m", ""), Options: func(any) error { return wrong }}); !errors.Is(err, wrong) {
		t.Errorf("an error of the configuration is lost: %v", err)
	}
}
