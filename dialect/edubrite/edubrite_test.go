package edubrite

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/dialecttest"
)

func TestTranscripts(t *testing.T) {
	dialecttest.RunTranscripts(t, Definition(), "testdata", dialecttest.EduBriteAccounts)
}

const (
	host = " HTTP/1.1\r\nHost: yoursite.edubrite.com\r\n"
	site = "/oltpublish/site/"
)

func get(page, headers string) string { return "GET " + site + page + host + headers + "\r\n" }

func post(page, contentType, body string) string {
	return fmt.Sprintf("POST %s%s%sContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", site, page, host, contentType, len(body), body)
}

func form(c dialecttest.Credential) string {
	return "username=" + url.QueryEscape(c.Name) + "&password=" + url.QueryEscape(c.Secret)
}

func multipart(c dialecttest.Credential) (contentType, body string) {
	part := func(name, value string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	return "multipart/form-data; boundary=x", part("username", c.Name) + part("password", c.Secret) + "--x--\r\n"
}

// idLength is where a token of the tests, both cookies in one string, is cut.
const idLength = half + len(idStar)

// cookiesOf takes both cookies out of one reply, as a PHP client in the field
// does: line by line, names in exactly this case.
func cookiesOf(r dialecttest.Reply) (id, info string) {
	for _, line := range r.Header.Values("Set-Cookie") {
		pair, _, _ := strings.Cut(line, ";")
		if v, ok := strings.CutPrefix(pair, "SESSION_ID="); ok {
			id = v
		}
		if v, ok := strings.CutPrefix(pair, "SESSION_INFO="); ok {
			info = v
		}
	}
	return id, info
}

func client() dialecttest.Client {
	const kind = dialect.FormType
	good := dialecttest.Credential{Name: dialecttest.EduBriteUser, Secret: dialecttest.EduBritePassword}
	pair := form(good)
	inParts, parts := multipart(good)
	return dialecttest.Client{
		Good:  good,
		Other: dialecttest.Credential{Name: dialecttest.EduBriteUser2, Secret: dialecttest.EduBritePassword},
		Equals: []dialecttest.Credential{
			{Name: "api_nobody", Secret: good.Secret},
			{Name: dialecttest.EduBriteInactive, Secret: good.Secret},
			{Name: dialecttest.EduBriteTeacher, Secret: good.Secret},
			{Name: "charles", Secret: ""},
			{Name: strings.ToUpper(good.Name), Secret: good.Secret},
			{Name: good.Name, Secret: good.Secret + " "},
			{Name: good.Name, Secret: strings.Split(good.Secret, "|")[0]},
			{Name: "", Secret: good.Secret},
		},
		Login: func(c dialecttest.Credential) string { return post("connect.do", kind, form(c)) },
		Token: func(r dialecttest.Reply) string {
			id, info := cookiesOf(r)
			if info == "" {
				return ""
			}
			return id + info
		},
		Call: func(token string, _ dialecttest.Credential) string {
			id, info := token[:min(len(token), idLength)], token[min(len(token), idLength):]
			return get("userService.do?dispatch=list", "REAL_UNAME: charles||\r\nCookie: $Version=0; SESSION_ID="+id+"\r\nCookie: $Version=0; SESSION_INFO="+info+"\r\n")
		},
		Bad: map[string]string{
			"username twice":          post("connect.do", kind, pair+"&username="+url.QueryEscape(good.Name)),
			"password twice":          post("index.do", kind, pair+"&password=x"),
			"query and form disagree": post("connect.do?password=x", kind, pair),
			"bad encoding":            post("home.do", kind, pair+"&x=%"),
			"not UTF-8":               post("connect.do", kind, pair+"&x=%c3"),
			"foreign charset":         post("connect.do", kind+"; charset=utf-7", pair),
			"too many parameters":     post("connect.do", kind, pair+strings.Repeat("&a=b", dialect.MaxParams)),
			"oversize form":           post("connect.do", kind, pair+"&x="+strings.Repeat("x", dialect.DefaultMaxBody)),
			"oversize form to a page": post("index.do", kind, pair+"&x="+strings.Repeat("x", dialect.DefaultMaxBody)),
			"endless query":           get("home.do?"+pair+"&x="+strings.Repeat("x", dialect.MaxQuery), ""),
			"JSON":                    post("connect.do", "application/json", `{"username":"`+good.Name+`"}`),
			"no content type":         strings.Replace(post("connect.do", kind, pair), "Content-Type: "+kind+"\r\n", "", 1),
			"parts without boundary":  post("connect.do", "multipart/form-data", parts),
			"parts cut off":           post("connect.do", inParts, parts[:len(parts)-10]),
			"a part twice":            post("connect.do", inParts, strings.TrimSuffix(parts, "--x--\r\n")+parts),
		},
	}
}

// fixed is what the laws need: sessions that end at a fixed instant, and as many
// logins of one address as they like.
func fixed(m *auth.Mount) {
	m.Policy = auth.Policy{Span: 30 * time.Minute}
	m.Rate = auth.Rate{}
	m.Names.Failures = 3 // each guess costs a hash
}

func TestLaws(t *testing.T) {
	dialecttest.Laws(t, dialecttest.Setup{Definition: Definition(), Options: "max_sessions: 0\n", Accounts: dialecttest.EduBriteAccounts, Adjust: fixed}, client())
}

// TestLawsOfTheOtherWay: multipart, another page, one Cookie line, every option.
func TestLawsOfTheOtherWay(t *testing.T) {
	c := client()
	c.Login = func(c dialecttest.Credential) string {
		kind, body := multipart(c)
		return post("index.do", kind, body)
	}
	c.Call = func(token string, _ dialecttest.Credential) string {
		id, info := token[:min(len(token), idLength)], token[min(len(token), idLength):]
		return get("userService.do", "Cookie: SESSION_INFO="+info+"; SESSION_ID="+id+"\r\nREAL_UNAME:\r\n")
	}
	c.Bad["credentials in the query"] = get("home.do?"+form(c.Good), "")
	dialecttest.Laws(t, dialecttest.Setup{
		Definition: Definition(),
		Options:    "max_sessions: 0\nquery_credentials: false\nauto_create_users: true\nempty_uname: true\ndeny_admins: true\nsame_site: lax\ndisconnect: true\n",
		Accounts:   dialecttest.EduBriteAccounts,
		Adjust:     fixed,
	}, c)
}

func TestOptions(t *testing.T) {
	for name, set := range map[string]func(*Options){
		"negative cap":      func(o *Options) { o.MaxSessions = -1 },
		"no span":           func(o *Options) { o.HandOffSpan = 0 },
		"endless span":      func(o *Options) { o.HandOffSpan = maxHandOff + 1 },
		"same site strict":  func(o *Options) { o.SameSite = "strict" },
		"same site in caps": func(o *Options) { o.SameSite = "None" },
		"no sign-in page":   func(o *Options) { o.SignIn = "" },
		"two lines":         func(o *Options) { o.SignIn = "a\r\nSet-Cookie: x=y" },
		"not ASCII":         func(o *Options) { o.SignIn = "ü" },
	} {
		d := Definition()
		m := d.Mount("m", "")
		_, err := New(dialect.Config{Mount: m, Options: func(into any) error { set(into.(*Options)); return nil }})
		if !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong := errors.New("unknown field")
	d := Definition()
	m := d.Mount("m", "")
	if _, err := New(dialect.Config{Mount: m, Options: func(any) error { return wrong }}); !errors.Is(err, wrong) {
		t.Errorf("an error of the configuration is lost: %v", err)
	}
	if _, err := New(dialect.Config{Mount: m}); err != nil || m.MaxSessions != 10 || m.Validate() != nil {
		t.Errorf("without options: %v, a cap of %d", err, m.MaxSessions)
	}
}
