package server

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// tokens are, for each dialect, the token of a call as a verifier hands it on, and
// whose it is.
var tokens = map[string]struct {
	of   func(*http.Request) string
	name string // of the user, else the key
	own  string // a parameter that fits the session
	odd  string // one that does not
}{
	"electa":      {query("token"), "main", "number=123456", "number=11267192"},
	"sbt":         {query("securityToken"), "1-week", "code=ACME-WEST-1", "code=ACME"},
	"calamp":      {cookie("authToken"), "demo@calamp.example", "app=c0ffee00-0000-4000-8000-000000000001", "app="},
	"domainpunch": {cookie("PHPSESSID"), "setup-admin", "code=DOMAINPUNCH", "number=1"},
	"edubrite": {func(r *http.Request) string {
		return cookie("SESSION_ID")(r) + " " + cookie("SESSION_INFO")(r)
	}, "api_11111111-2222-3333-4444-555555555555", "user=charles&kind=api", "user=dora&kind=api"},
	"oauth2": {func(r *http.Request) string {
		return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	}, "demo-client", "code=demo-client", "user=charles&kind=api"},
}

func query(name string) func(*http.Request) string {
	return func(r *http.Request) string { return r.URL.Query().Get(name) }
}

func cookie(name string) func(*http.Request) string {
	return func(r *http.Request) string {
		c, err := r.Cookie(name)
		if err != nil {
			return ""
		}
		return c.Value
	}
}

// A verifier learns whose a token is, whichever dialect it is of, and whether the
// call that carried it fits; and that it is of nobody any more when it was ended.
func TestIntrospectionOfEveryDialect(t *testing.T) {
	d := startDemo(t, "")
	ask := func(t *testing.T, token, more string) (told struct {
		Active  bool
		Name    string `json:"username"`
		Dialect string `json:"sallyport_dialect"`
		Session uint64 `json:"sallyport_session"`
	}) {
		t.Helper()
		body := postForm(t, d.Server, "/oauth2/introspect", "demo-verifier", "demo-verifier-secret", "token="+url.QueryEscape(token)+"&"+more)
		if err := json.Unmarshal([]byte(body), &told); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		return told
	}
	for _, def := range Dialects() {
		t.Run(def.Name, func(t *testing.T) {
			c, known := tokens[def.Name]
			if !known {
				t.Fatal("the dialect has no token here: add one")
			}
			r := loggedIn(t, d.Server, def.Name)
			token := c.of(r)
			told := ask(t, token, "")
			if !told.Active || told.Dialect != def.Name || told.Name != c.name || told.Session == 0 {
				t.Errorf("of %q is told %+v", token, told)
			}
			if !ask(t, token, c.own).Active || ask(t, token, c.odd).Active {
				t.Errorf("what the call names is not compared")
			}
			if told := ask(t, token[1:], ""); told.Active || told.Session != 0 {
				t.Errorf("of half a token is told %+v", told)
			}
			if def.Name != "sbt" && def.Name != "electa" && def.Name != "oauth2" {
				return // users are no clients
			}
			id, secret := demoClient(def.Name)
			postForm(t, d.Server, "/oauth2/revoke", id, secret, "token="+url.QueryEscape(token))
			if ask(t, token, "").Active {
				t.Error("active after its client revoked it")
			}
		})
	}
}

// demoClient is the account of a dialect's demo credentials as an OAuth client.
func demoClient(name string) (id, secret string) {
	switch name {
	case "sbt":
		return "ACME-WEST", "demo-sbt-1-week"
	case "electa":
		return "123456", "UO86CN11XY73SF72TT40PG18ZE76VV71"
	}
	return "demo-client", "demo-secret"
}

func postForm(t *testing.T, s *Server, path, id, secret, form string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr().String()+path, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s (%v)", path, res.Status, body, err)
	}
	return string(body)
}
