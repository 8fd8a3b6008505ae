package verify

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
)

// post sends a form to the server as a client does, and returns cookies and body.
func (w *world) post(path, form string, header ...string) (cookies string, body string) {
	w.Helper()
	r, err := http.NewRequest(http.MethodPost, w.http.URL+path, strings.NewReader(form))
	w.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := (&http.Client{CheckRedirect: noRedirect}).Do(r)
	w.must(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	w.must(err)
	var list []string
	for _, c := range res.Cookies() {
		list = append(list, c.Name+"="+c.Value)
	}
	return strings.Join(list, "; "), string(b)
}

// A client of each dialect that logs in over its wire passes the API with what it
// was given, from the second call on without a question, until its session ends.
func TestEveryDialect(t *testing.T) {
	w := newWorld(t)
	v := w.verify().follow()
	guid := regexp.MustCompile(`[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}`)
	for _, c := range []struct {
		dialect string
		find    Finder
		login   func() string // the call that it makes, as calls has them
		memory  bool
		subject string
		actor   string
	}{
		{"electa", Electa(), func() string {
			_, body := w.post("/token/", "cid=123456&appkey=secret")
			return "GET /?CID=123456&Token=" + guid.FindString(body)
		}, true, "main", ""},
		{"sbt", SBT(), func() string {
			return "POST /\nContent-Type: application/json\n\n{\"securityToken\":\"" + w.login("sbt").Token + "\",\"orgCode\":\"ACME-WEST-1\"}"
		}, true, "main", ""},
		{"calamp", CalAmp(), func() string {
			cookies, _ := w.post("/connect/services/login?useAuthToken=true", "username=demo&password=password", "calamp-services-app", appKey)
			return "GET /\nCookie: " + cookies + "\ncalamp-services-app: " + appKey
		}, true, "demo", ""},
		{"edubrite", EduBrite(""), func() string {
			cookies, _ := w.post("/oltpublish/site/connect.do", "username=api_1&password=password")
			return "GET /\nCookie: " + cookies + "\nREAL_UNAME: demo|x|y"
		}, true, "demo", "api_1"},
		{"domainpunch", DomainPunch(""), func() string {
			cookies, _ := w.post("/api.php?c=auth", "user=demo&pass=password")
			return "GET /api.php?c=set\nCookie: " + cookies
		}, true, "demo", ""},
		{"domainpunch", DomainPunch(""), func() string {
			_, body := w.post("/api.php?c=auth", "user=demo&pass=password")
			var said map[string]any
			w.must(json.Unmarshal([]byte(body), &said))
			token, _ := said["etoken"].(string)
			return "GET /api-sl.php?c=set\nAuthorization: Bearer " + token
		}, false, "demo", ""},
		{"oauth2", OAuth2(), func() string {
			_, body := w.post("/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"123456"}, "client_secret": {"secret"}}.Encode())
			var said map[string]any
			w.must(json.Unmarshal([]byte(body), &said))
			token, _ := said["access_token"].(string)
			return "GET /\nAuthorization: Bearer " + token
		}, true, "main", ""},
	} {
		t.Run(c.dialect, func(t *testing.T) {
			call := c.login()
			var s Session
			api := v.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { s, _ = FromContext(r.Context()) }), c.find)
			try := func() (status int, asked bool) {
				rec, before := httptest.NewRecorder(), w.asks.Load()
				api.ServeHTTP(rec, requestOf(t, call))
				return rec.Code, w.asks.Load() > before
			}
			if status, asked := try(); status != 200 || !asked || s.Dialect != c.dialect || s.Subject != c.subject || s.Actor != c.actor {
				t.Fatalf("%s: status %d, asked %v, session %+v", call, status, asked, s)
			}
			if status, asked := try(); status != 200 || asked == c.memory {
				t.Fatalf("again: status %d, asked %v", status, asked)
			}
			end := auth.Revocation{Session: auth.SessionID(s.ID)}
			if c.actor != "" { // the session is the actor's, and so is its end
				end = auth.Revocation{Principal: w.robot}
			}
			w.revoke(end)
			v.caughtUp()
			if status, _ := try(); status != 401 {
				t.Errorf("when it ended: status %d", status)
			}
		})
	}
}

// Who acts for a user needs the user as well as its own session, and acts for no
// user that there is not.
func TestActing(t *testing.T) {
	w := newWorld(t)
	v := w.verify().follow()
	cookies, _ := w.post("/oltpublish/site/connect.do", "username=api_1&password=password")
	find := EduBrite("")
	check := func(uname string) error {
		call := "GET /\nCookie: " + cookies
		if uname != "" {
			call += "\nREAL_UNAME: " + uname
		}
		c, err := find(requestOf(t, call))
		if err == nil {
			_, err = v.CheckCredential(t.Context(), c)
		}
		return err
	}
	for uname, want := range map[string]error{"demo": nil, "nobody": ErrRefused, "": ErrRefused, "api_1": ErrRefused, "|": ErrRefused} {
		if err := check(uname); !sameError(err, want) {
			t.Errorf("REAL_UNAME %q: %v, want %v", uname, err, want)
		}
	}
	w.update(func(tx auth.Tx) error {
		u, err := tx.User(w.user)
		if err != nil {
			return err
		}
		u.Active = false
		return tx.PutUser(&u)
	})
	v.caughtUp()
	if err := check("demo"); !sameError(err, ErrRefused) {
		t.Errorf("for a user that is not active: %v", err)
	}
}
