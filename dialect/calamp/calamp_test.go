package calamp

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/dialecttest"
)

func TestTranscripts(t *testing.T) {
	dialecttest.RunTranscripts(t, Definition(), "testdata", dialecttest.Accounts)
}

const (
	host  = " HTTP/1.1\r\nHost: connect.calamp.com\r\n"
	path  = "/connect/services/login?useAuthToken=true"
	appIs = "calamp-services-app: " + dialecttest.CalAmpApp + "\r\n"
)

// post is a login as the vendor's page shows it; headers end with CRLF.
func post(path, contentType, headers, body string) string {
	return fmt.Sprintf("POST %s%sContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s", path, host, contentType, len(body), headers, body)
}

func form(c dialecttest.Credential) string {
	return "username=" + url.QueryEscape(c.Name) + "&password=" + url.QueryEscape(c.Secret)
}

// cutLikeJasper takes the token and its end out of a reply the way a client in
// the field does: by hand.
func cutLikeJasper(r dialecttest.Reply) (token string, expires time.Time, err error) {
	line := r.Header.Get("Set-Cookie")
	fields := strings.Split(strings.Split(line, "; Path=")[0], "; ")
	if len(fields) != 2 || len(fields[0]) <= 10 {
		return "", time.Time{}, fmt.Errorf("the cookie is %q", line)
	}
	_, date, _ := strings.Cut(fields[1], ", ")
	expires, err = time.Parse("02-Jan-2006 15:04:05", strings.TrimSuffix(date, " GMT"))
	return fields[0][10:], expires, err
}

func client() dialecttest.Client {
	good := dialecttest.Credential{Name: dialecttest.CalAmpUser, Secret: dialecttest.CalAmpPassword}
	pair := form(good)
	return dialecttest.Client{
		Good:  good,
		Other: dialecttest.Credential{Name: dialecttest.CalAmpUser2, Secret: dialecttest.CalAmpPassword},
		Equals: []dialecttest.Credential{
			{Name: "nobody@calamp.example", Secret: dialecttest.CalAmpPassword},
			{Name: dialecttest.CalAmpInactive, Secret: dialecttest.CalAmpPassword},
			{Name: strings.ToUpper(good.Name), Secret: good.Secret},
			{Name: good.Name, Secret: " " + good.Secret},
			{Name: "", Secret: good.Secret},
			{Name: good.Name, Secret: ""},
		},
		Login: func(c dialecttest.Credential) string { return post(path, dialect.FormType, appIs, form(c)) },
		Token: func(r dialecttest.Reply) string {
			token, _, err := cutLikeJasper(r)
			if err != nil || len(r.Header.Values("Set-Cookie")) != 1 {
				return ""
			}
			return token
		},
		Call: func(token string, c dialecttest.Credential) string {
			return "GET /connect/services/users/currentUser" + host + "Accept: application/json;charset=UTF-8\r\n" + appIs + "Cookie: authToken=" + token + "\r\n\r\n"
		},
		Bad: map[string]string{
			"username twice":       post(path, dialect.FormType, appIs, pair+"&username=x"),
			"password twice":       post(path, dialect.FormType, appIs, pair+"&password=x"),
			"flag twice":           post(path+"&useAuthToken=true", dialect.FormType, appIs, pair),
			"bad encoding":         post(path, dialect.FormType, appIs, pair+"&x=%"),
			"not UTF-8":            post(path, dialect.FormType, appIs, pair+"&x=%c3"),
			"foreign charset":      post(path, dialect.FormType+"; charset=windows-1252", appIs, pair),
			"too many parameters":  post(path, dialect.FormType, appIs, pair+strings.Repeat("&a=b", dialect.MaxParams)),
			"oversize form":        post(path, dialect.FormType, appIs, pair+"&x="+strings.Repeat("x", dialect.DefaultMaxBody)),
			"endless query":        post(path+"&x="+strings.Repeat("x", dialect.MaxQuery), dialect.FormType, appIs, pair),
			"JSON":                 post(path, "application/json", appIs, `{"username":"`+good.Name+`","password":"`+good.Secret+`"}`),
			"multipart":            post(path, "multipart/form-data; boundary=x", appIs, "--x--\r\n"),
			"two application keys": post(path, dialect.FormType, appIs+appIs, pair),
			"credentials in query": post(path+"&"+pair, dialect.FormType, appIs, ""),
			"password in query":    post(path+"&password="+good.Secret, dialect.FormType, appIs, "username="+url.QueryEscape(good.Name)),
			"no flag":              post("/connect/services/login", dialect.FormType, appIs, pair),
			"flag of other case":   post("/connect/services/login?useauthtoken=true", dialect.FormType, appIs, pair),
			"flag is false":        post("/connect/services/login?useAuthToken=false", dialect.FormType, appIs, pair),
			"unknown app":          post(path, dialect.FormType, "calamp-services-app: nobody\r\n", pair),
		},
	}
}

func TestLaws(t *testing.T) {
	setup := dialecttest.Setup{Definition: Definition(), Accounts: dialecttest.Accounts}
	if testing.Short() { // each guess costs a hash
		setup.Adjust = func(m *auth.Mount) { m.Names.Failures = 3 }
	}
	dialecttest.Laws(t, setup, client())
}

func TestLawsWithEveryOption(t *testing.T) {
	if testing.Short() {
		t.Skip("the laws hold without the options; with them they are tried at full speed")
	}
	c := client()
	c.Login = func(c dialecttest.Credential) string {
		return post("/connect/services/login?USEAUTHTOKEN=Yes&"+form(c), dialect.FormType, appIs, "")
	}
	call := c.Call
	c.Call = func(token string, c dialecttest.Credential) string {
		return strings.Replace(call(token, c), "Cookie: authToken=", "Authorization: bearer ", 1)
	}
	for _, fine := range []string{"credentials in query", "password in query", "no flag", "flag of other case", "flag is false"} {
		delete(c.Bad, fine)
	}
	dialecttest.Laws(t, dialecttest.Setup{
		Definition: Definition(),
		Options:    "app_at_login: true\nbind_app: true\nlenient: true\nuse_auth_token: optional\n",
		Accounts:   dialecttest.Accounts,
		Adjust:     func(m *auth.Mount) { m.Names.Failures = 3 },
	}, c)
}

// TestCookieDate: the date is the session's end in whole seconds, in English and
// in GMT, whatever the machine's zone.
func TestCookieDate(t *testing.T) {
	s := dialecttest.Serve(t, dialecttest.Setup{Definition: Definition(), Accounts: dialecttest.Accounts})
	s.Advance(1500 * time.Millisecond)
	c := client()
	_, expires, err := cutLikeJasper(s.Send(c.Login(c.Good)))
	if want := dialecttest.Start.Add(14*24*time.Hour + time.Second); err != nil || !expires.Equal(want) {
		t.Fatalf("expires %v (%v), want %v", expires, err, want)
	}
}

// TestPlainLoginLeavesNoSession: a login that gets no token must not leave a
// session that nobody can end.
func TestPlainLoginLeavesNoSession(t *testing.T) {
	s := dialecttest.Serve(t, dialecttest.Setup{Definition: Definition(), Options: "use_auth_token: optional", Accounts: dialecttest.Accounts})
	c := client()
	if reply := s.Send(post("/connect/services/login", dialect.FormType, appIs, form(c.Good))); reply.Status != http.StatusOK {
		t.Fatalf("answered\n%s", reply.Raw)
	}
	var kinds []audit.Kind
	for _, e := range s.Audit() {
		kinds = append(kinds, e.Kind)
	}
	if !slices.Equal(kinds, []audit.Kind{audit.Login, audit.Logout}) {
		t.Errorf("the audit has %v", kinds)
	}
}

func TestExpires(t *testing.T) {
	issued := dialecttest.Start
	for name, c := range map[string]struct {
		policy auth.Policy
		want   time.Duration
	}{
		"span":          {auth.Policy{Span: time.Hour}, time.Hour},
		"idle and span": {auth.Policy{Idle: time.Minute, Span: time.Hour}, time.Hour},
		"never":         {auth.Policy{Never: true}, endless},
		"uses":          {auth.Policy{Uses: 3}, endless},
	} {
		life := c.policy.Begin(issued)
		if got := expires(&life).Sub(issued); got != c.want {
			t.Errorf("%s: after %v, want %v", name, got, c.want)
		}
	}
}

func TestOptions(t *testing.T) {
	d := Definition()
	for _, value := range []string{"", "Required", "never"} {
		_, err := New(dialect.Config{Mount: d.Mount("m", ""), Options: func(into any) error { into.(*Options).UseAuthToken = value; return nil }})
		if !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("use_auth_token %q: %v", value, err)
		}
	}
	wrong := errors.New("unknown field")
	if _, err := New(dialect.Config{Mount: d.Mount("m", ""), Options: func(any) error { return wrong }}); !errors.Is(err, wrong) {
		t.Errorf("an error of the configuration is lost: %v", err)
	}
}
