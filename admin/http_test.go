package admin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/client"
)

// request sends a request as it is, by an owner, and changes it first.
func (k *kit) request(method, path, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	k.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(numberOf(ownerAll), k.secrets[ownerAll])
	if change != nil {
		change(r)
	}
	rec := httptest.NewRecorder()
	k.handler.ServeHTTP(rec, r)
	return rec
}

// What cannot be read is refused in whole, with a problem that names the field.
func TestRequestsAreReadStrictly(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	before := k.state()
	for _, c := range []struct {
		what, method, path, body string
		change                   func(*http.Request)
		status                   int
		code, field              string
	}{
		{"a field that does not exist", "POST", "/keys", `{"account":1,"name":"x","networkz":[]}`, nil, 422, api.Invalid, "networkz"},
		{"a field in other letters", "POST", "/keys", `{"account":1,"Name":"x"}`, nil, 422, api.Invalid, "Name"},
		{"a field twice", "POST", "/keys", `{"account":1,"account":2,"name":"x"}`, nil, 422, api.Invalid, "account"},
		{"a wrong type", "POST", "/keys", `{"account":"1","name":"x"}`, nil, 422, api.Invalid, "account"},
		{"a wrong time", "POST", "/keys", `{"account":1,"name":"x","expires":"tomorrow"}`, nil, 422, api.Invalid, "expires"},
		{"a wrong span", "POST", "/policies", `{"name":"x","span":"3 days"}`, nil, 422, api.Invalid, "span"},
		{"a negative span", "POST", "/policies", `{"name":"x","span":"-3h"}`, nil, 422, api.Invalid, "span"},
		{"something behind it", "POST", "/keys", `{"account":1,"name":"x"} {}`, nil, 422, api.Invalid, "body"},
		{"a list", "POST", "/keys", `[]`, nil, 422, api.Invalid, "body"},
		{"nothing", "POST", "/keys", ``, nil, 422, api.Invalid, "body"},
		{"half of it", "POST", "/keys", `{"account":1,"name":`, nil, 422, api.Invalid, "body"},
		{"a form", "POST", "/keys", `account=1`, func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 415, api.BadMediaType, ""},
		{"a plain text, as a page from elsewhere can send", "POST", "/sessions/end", `{"account":1}`, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415, api.BadMediaType, ""},
		{"too much", "POST", "/keys", `{"account":1,"name":"` + strings.Repeat("x", 2<<20) + `"}`, nil, 413, api.TooLarge, ""},
		{"a parameter that does not exist", "GET", "/keys?acount=1", "", nil, 422, api.Invalid, "acount"},
		{"a parameter twice", "GET", "/keys?account=1&account=2", "", nil, 422, api.Invalid, "account"},
		{"a parameter that is no number", "GET", "/keys?account=one", "", nil, 422, api.Invalid, "account"},
		{"a query that cannot be read", "GET", "/keys?account=%zz", "", nil, 422, api.Invalid, "query"},
		{"an id that is no number", "GET", "/keys/first", "", nil, 422, api.Invalid, "id"},
		{"a negative id", "GET", "/keys/-1", "", nil, 422, api.Invalid, "id"},
		{"an end that is over", "POST", "/keys", `{"account":1,"name":"x","expires":"2020-01-01T00:00:00Z"}`, nil, 422, api.Invalid, "expires"},
		{"another end that is over", "PATCH", "/keys/1", `{"expires":"2020-01-01T00:00:00Z"}`, nil, 422, api.Invalid, "expires"},
		{"a rotation to what is over", "POST", "/keys/1/rotate", `{"expires":"2020-01-01T00:00:00Z"}`, nil, 422, api.Invalid, "expires"},
		{"a page of nothing", "GET", "/keys?limit=0", "", nil, 422, api.Invalid, "limit"},
		{"a ranking of nobody", "GET", "/usage?limit=0", "", nil, 422, api.Invalid, "limit"},
		{"a page of too many", "GET", "/keys?limit=100000", "", nil, 422, api.Invalid, "limit"},
		{"a page behind nonsense", "GET", "/keys?after=x", "", nil, 422, api.Invalid, "after"},
		{"a page of the audit behind nonsense", "GET", "/audit?after=1", "", nil, 422, api.Invalid, "after"},
		{"a time that is none", "GET", "/audit?since=yesterday", "", nil, 422, api.Invalid, "since"},
		{"a path of nobody's", "GET", "/nothing", "", nil, 404, api.NotFound, ""},
		{"another method", "DELETE", "/keys", "", nil, 405, api.BadMethod, ""},
		{"plain HTTP", "GET", "/keys", "", func(r *http.Request) { r.Header.Set("Test-Plain", "1") }, 403, api.PlainTransport, ""},
		{"nobody", "GET", "/keys", "", func(r *http.Request) { r.Header.Del("Authorization") }, 401, api.Unauthorized, ""},
		{"two who ask", "GET", "/keys", "", func(r *http.Request) { r.Header.Add("Authorization", "Basic eDp4") }, 401, api.Unauthorized, ""},
		{"a token where there is no console", "GET", "/keys", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401, api.Unauthorized, ""},
		{"a Basic that is none", "GET", "/keys", "", func(r *http.Request) { r.Header.Set("Authorization", "Basic !") }, 401, api.Unauthorized, ""},
	} {
		rec := k.request(c.method, api.Prefix+c.path, c.body, c.change)
		var p api.Problem
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || rec.Header().Get("Content-Type") != api.ProblemType {
			t.Errorf("%s: %s %v", c.what, rec.Body, err)
			continue
		}
		if rec.Code != c.status || p.Status != c.status || p.Type != api.ProblemPrefix+c.code || p.Field != c.field || p.Title == "" {
			t.Errorf("%s: %d %+v, want %d %s %s", c.what, rec.Code, p, c.status, c.code, c.field)
		}
		if rec.Header().Get("Cache-Control") != "no-store" || rec.Header().Get("X-Content-Type-Options") != "nosniff" ||
			!strings.HasPrefix(rec.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: headers %v", c.what, rec.Header())
		}
		if c.status == 401 && !strings.HasPrefix(rec.Header().Get("WWW-Authenticate"), "B") {
			t.Errorf("%s: 401 without a challenge", c.what)
		}
		if c.status == 405 && rec.Header().Get("Allow") != "GET, POST" {
			t.Errorf("%s: allowed are %q", c.what, rec.Header().Get("Allow"))
		}
	}
	if now := k.state(); now != before {
		t.Errorf("something was changed:\n%s\n%s", before, now)
	}
}

// Guessing at an administrator's key locks the address it came from, and the lock
// is told.
func TestGuessingLocks(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	// Whoever was right from there before is let in all the same.
	if _, err := k.as(operatorAll).ServerShow(t.Context()); err != nil {
		t.Fatal(err)
	}
	wrong := func(r *http.Request) { r.SetBasicAuth("1", "wrong") }
	for i := range 50 {
		if rec := k.request("GET", "/admin/v1/server", "", wrong); rec.Code != 401 {
			t.Fatalf("guess %d: %d", i+1, rec.Code)
		}
	}
	rec := k.request("GET", "/admin/v1/server", "", wrong)
	if rec.Code != 429 || rec.Header().Get("Retry-After") == "" {
		t.Errorf("the guess after the last: %d %v", rec.Code, rec.Header())
	}
	locks, err := k.as(operatorAll).LockList(t.Context(), api.LockQuery{Name: home.String()})
	if err != nil || len(locks.Items) != 1 || locks.Items[0].Mount != admin.Dialect || !strings.Contains(locks.Items[0].Name, home.String()) {
		t.Errorf("listed: %+v, %v", locks, err)
	}
}

// consoleKit adds a console to the kit: an administrator with a password and a session.
func consoleKit(t *testing.T, role auth.Role) (*kit, string) {
	k := newKit(t)
	m := &auth.Mount{Name: "console", Dialect: auth.ConsoleDialect, Policy: auth.Policy{Span: time.Hour}}
	a := admin.New(admin.Options{Service: k.service})
	k.handler = a.Handler(admin.HandlerOptions{Console: m, Origin: func(*http.Request) (auth.Origin, bool) {
		return auth.Origin{Source: home, Request: "req-1"}, true
	}})
	hash, err := k.service.Hasher().Hash(t.Context(), "console-password")
	if err != nil {
		t.Fatal(err)
	}
	u := auth.User{Tenant: auth.AccountID(k.acme), Account: auth.AccountID(k.west), Name: "ada", Password: hash, Active: true, Role: role}
	k.put(func(tx auth.Tx) error { return tx.PutUser(&u) })
	g, err := k.service.Login(t.Context(), &auth.Attempt{Mount: m, Scheme: auth.Password, User: "ada", Secret: "console-password", Form: auth.FormNative, Origin: auth.Origin{Source: home}})
	if err != nil {
		t.Fatal(err)
	}
	return k, g.Token
}

// A session of the console asks as its user, and a page from elsewhere cannot use it.
func TestSessionsOfTheConsole(t *testing.T) {
	t.Parallel()
	k, token := consoleKit(t, auth.Operator)
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	if rec := k.request("GET", "/admin/v1/server", "", bearer); rec.Code != 200 || !strings.Contains(rec.Body.String(), `"subject":"ada"`) {
		t.Errorf("a bearer: %d %s", rec.Code, rec.Body)
	}
	cookie := func(more func(*http.Request)) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Del("Authorization")
			r.AddCookie(&http.Cookie{Name: admin.CookieName, Value: token})
			if more != nil {
				more(r)
			}
		}
	}
	own := func(r *http.Request) { r.Header.Set(admin.ConsoleHeader, "1") }
	for _, c := range []struct {
		what, method string
		more         func(*http.Request)
		status       int
	}{
		{"a read", "GET", nil, 200},
		{"a change without the header", "POST", nil, 403},
		{"a change", "POST", own, 201},
		{"a change by a page from elsewhere", "POST", func(r *http.Request) { own(r); r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"a change by a page of another origin", "POST", func(r *http.Request) { own(r); r.Header.Set("Origin", "https://evil.example") }, 403},
		{"two cookies", "GET", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: admin.CookieName, Value: "x"}) }, 401},
	} {
		path, body := "/admin/v1/accounts", ""
		if c.method == "POST" {
			body = `{"parent":` + json.Number(jsonID(k.west)).String() + `,"code":"C-` + strings.ReplaceAll(c.what, " ", "-") + `"}`
		}
		if rec := k.request(c.method, path, body, cookie(c.more)); rec.Code != c.status {
			t.Errorf("%s: %d %s", c.what, rec.Code, rec.Body)
		}
	}
	// The role is the one that the user has now.
	k.put(func(tx auth.Tx) error {
		u, err := tx.UserByName(auth.AccountID(k.acme), "ada")
		if err != nil {
			return err
		}
		u.Role = auth.Auditor
		return tx.PutUser(&u)
	})
	if rec := k.request("POST", "/admin/v1/accounts", `{"parent":`+jsonID(k.west)+`,"code":"LATER"}`, bearer); rec.Code != 403 {
		t.Errorf("after the role was narrowed: %d %s", rec.Code, rec.Body)
	}
	if rec := k.request("GET", "/admin/v1/server", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x"+token) }); rec.Code != 401 ||
		rec.Header().Get("WWW-Authenticate") != `Bearer realm="sallyport"` {
		t.Errorf("a token of nobody's: %d %v", rec.Code, rec.Header())
	}
	// The token of a client is none of the console's.
	if rec := k.request("GET", "/admin/v1/server", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+k.keySession.Token) }); rec.Code != 401 {
		t.Errorf("a client's token: %d %s", rec.Code, rec.Body)
	}
}

func jsonID(id int64) string { b, _ := json.Marshal(id); return string(b) }

// An operator does not sign out whoever looks after the server beside it; an owner
// may, and so may everybody end what is their own.
func TestSessionsOfRolesAreTheOwners(t *testing.T) {
	t.Parallel()
	k, token := consoleKit(t, auth.Auditor)
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	list, err := k.as(operatorAll).SessionList(t.Context(), api.SessionQuery{Dialect: auth.ConsoleDialect})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("listed: %+v, %v", list, err)
	}
	s := list.Items[0]
	_, err = k.as(operatorAll).SessionEnd(t.Context(), api.Removal{ID: s.ID})
	if !client.HasCode(err, api.Forbidden) {
		t.Errorf("an operator ends an auditor's session: %v", err)
	}
	_, err = k.as(operatorAll).SessionEndAll(t.Context(), api.EndAll{User: s.Principal})
	if !client.HasCode(err, api.Forbidden) {
		t.Errorf("an operator ends all of an auditor's sessions: %v", err)
	}
	if rec := k.request("GET", "/admin/v1/server", "", bearer); rec.Code != 200 {
		t.Errorf("the auditor is answered %d", rec.Code)
	}
	if out, err := k.as(ownerAll).SessionEnd(t.Context(), api.Removal{ID: s.ID}); err != nil || out.Ended != 1 {
		t.Errorf("an owner: %+v, %v", out, err)
	}
}
