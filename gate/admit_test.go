package gate

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/calamp"
	"github.com/sallyport/sallyport/dialect/domainpunch"
	"github.com/sallyport/sallyport/internal/origin"
)

// unwrapping is a gate with a dialect that takes a session out of what a call
// carries, beside one that takes any Bearer token as it is. It returns an etoken
// and its session.
func unwrapping(t *testing.T) (g *Gate, etoken, session string) {
	t.Helper()
	service := newKit(t).service
	o := origin.New([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, false)
	router := dialect.NewRouter(dialect.RouterOptions{Origin: func(r *http.Request) (auth.Origin, bool) {
		p := o.Of(r)
		return auth.Origin{Source: p.Source}, p.Secure
	}})
	for _, def := range []dialect.Definition{calamp.Definition(), domainpunch.Definition()} {
		m := def.Mount(def.Name, "")
		d, err := def.New(dialect.Config{Service: service, Mount: m, Options: longWindow})
		must(t, err)
		must(t, router.Mount(nil, "", m, d))
	}
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "https://x/api.php?c=auth&user=demo&pass=password", nil)
	h, ok := router.Handler(r)
	if !ok {
		t.Fatal("no login")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var said struct{ Etoken string }
	must(t, json.Unmarshal(w.Body.Bytes(), &said))
	session, _, _ = strings.Cut(strings.TrimPrefix(w.Header().Get("Set-Cookie"), "PHPSESSID="), ";")
	if said.Etoken == "" || session == "" {
		t.Fatalf("answered %s", w.Body)
	}
	return New(Options{Service: service, Router: router, Origin: o, Logger: slog.New(slog.DiscardHandler)}), said.Etoken, session
}

// longWindow keeps a slow machine from outliving an etoken.
func longWindow(into any) error {
	if o, ok := into.(*domainpunch.Options); ok {
		o.EtokenExpiry = 86400
	}
	return nil
}

// TestUnwrapped: a Bearer token that two mounts find is one credential, even if
// one of them takes a session out of it; the client then gets the session.
func TestUnwrapped(t *testing.T) {
	g, etoken, session := unwrapping(t)
	want := "PHPSESSID=" + session + "; Path=/sed/; HttpOnly; Secure; SameSite=Lax"
	carrying := func(target, proxied string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		r.RemoteAddr = clientAddr
		if proxied != "" {
			r.RemoteAddr = proxyAddr
			r.Header.Set("X-Forwarded-Proto", "https")
			r.Header.Set("X-Forwarded-For", "203.0.113.9")
			r.Header.Set("X-Forwarded-Uri", proxied)
		}
		return r
	}
	var behind http.Header
	up := newAPI(t, func(w http.ResponseWriter, r *http.Request) { behind = r.Header; w.WriteHeader(http.StatusTeapot) })
	api, err := g.Proxy([]Route{to(t, up.URL)})
	must(t, err)

	// The proxy.
	r := carrying("https://x/sed/api-sl.php?c=set", "")
	r.Header.Set("Authorization", "Bearer "+etoken)
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	if w.Code != http.StatusTeapot || w.Header().Get("Set-Cookie") != want || behind.Get("Authorization") != "" || behind.Get(SubjectHeader) != "demo" {
		t.Errorf("answered %d %v, and the API got %v", w.Code, w.Header(), behind)
	}
	// Forward-auth.
	r = carrying("https://x/-/check", "/sed/api-sl.php?c=set")
	r.Header.Set("Authorization", "Bearer "+etoken)
	w = httptest.NewRecorder()
	g.Check(w, r)
	if w.Code != http.StatusOK || w.Header().Get("Set-Cookie") != want {
		t.Errorf("the proxy is answered %d %v", w.Code, w.Header())
	}
	// Who brings the cookie has it.
	r = carrying("https://x/sed/api-sl.php?c=set", "")
	r.Header.Set("Cookie", "PHPSESSID="+session)
	w = httptest.NewRecorder()
	api.ServeHTTP(w, r)
	if w.Code != http.StatusTeapot || w.Header().Get("Set-Cookie") != "" || behind.Get("Cookie") != "" {
		t.Errorf("with a cookie: answered %d %v, and the API got %v", w.Code, w.Header(), behind)
	}
	// Who is refused gets none.
	r = carrying("https://x/sed/api-sl.php?c=set", "")
	r.Header.Set("Authorization", "Bearer "+etoken[:len(etoken)-8]+"AAAAAAA=")
	w = httptest.NewRecorder()
	api.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("a changed token: answered %d %v", w.Code, w.Header())
	}
	// Two different credentials stay two.
	r = carrying("https://x/sed/api-sl.php?c=set", "")
	r.Header.Set("Authorization", "Bearer "+etoken)
	r.Header.Set("Cookie", "authToken=another")
	w = httptest.NewRecorder()
	api.ServeHTTP(w, r)
	if w.Code == http.StatusTeapot {
		t.Error("two different credentials pass")
	}
}
