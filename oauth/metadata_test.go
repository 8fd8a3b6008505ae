package oauth

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// TestMetadataOfAPrefix: what stands behind the well-known name is the mount's
// prefix, and what the metadata names is there.
func TestMetadataOfAPrefix(t *testing.T) {
	for name, c := range map[string]struct {
		options      Options
		host, issuer string
		origin       string
	}{
		"the client's host": {Options{}, "api.example:8443", "https://api.example:8443/as", "https://api.example:8443"},
		"plain":             {Options{PlainAddress: true}, "127.0.0.1:8080", "http://127.0.0.1:8080/as", "http://127.0.0.1:8080"},
		"configured":        {Options{Issuer: "https://login.example/as"}, "api.example", "https://login.example/as", "https://login.example"},
		"of another path":   {Options{Issuer: "https://login.example"}, "attacker.example", "https://login.example", "https://login.example"},
	} {
		t.Run(name, func(t *testing.T) {
			router := dialect.NewRouter(dialect.RouterOptions{Origin: func(*http.Request) (auth.Origin, bool) { return auth.Origin{}, true }})
			def := Definition()
			m := def.Mount("oauth2", "")
			d, err := New(dialect.Config{Router: router, Mount: m, Options: func(into any) error { *into.(*Options) = c.options; return nil }})
			if err != nil {
				t.Fatal(err)
			}
			if err := router.Mount(nil, "/as", m, d); err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodGet, "/.well-known/oauth-authorization-server/as", nil)
			r.Host = c.host
			h, ok := router.Handler(r)
			if !ok {
				t.Fatal("nobody answers")
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			var told described
			if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil {
				t.Fatal(err)
			}
			if told.Issuer != c.issuer {
				t.Errorf("the issuer is %s", told.Issuer)
			}
			for _, endpoint := range []string{told.Token, told.Introspection, told.Revocation} {
				path, here := strings.CutPrefix(endpoint, c.origin)
				if _, ok := router.Handler(httptest.NewRequest(http.MethodPost, path, nil)); !here || !ok {
					t.Errorf("nobody answers at %s", endpoint)
				}
			}
			for _, path := range []string{"/.well-known/oauth-authorization-server", "/as/.well-known/oauth-authorization-server"} {
				if _, ok := router.Handler(httptest.NewRequest(http.MethodGet, path, nil)); ok {
					t.Errorf("%s is answered", path)
				}
			}
		})
	}
}
