package server

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/config/strict"
)

// Whoever reads the metadata of the issuer that signs finds its keys there, and
// under no other issuer's name.
func TestMetadataTellsTheKeys(t *testing.T) {
	metadata := func(t *testing.T, issuer, options string) string {
		cfg := configured(t.TempDir())
		cfg.Assertion = config.Assertion{Issuer: issuer}
		var m struct {
			Options strict.Raw `yaml:"options"`
		}
		if err := strict.Decode("test", []byte("options: "+options), &m, strict.Options{}); err != nil {
			t.Fatal(err)
		}
		cfg.Mounts = []config.Mount{{Name: "oauth2", Dialect: "oauth2", Prefix: "/", Options: m.Options}}
		s, _ := start(t, cfg)
		ask := func(path string) string {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = "login.example"
			r.Header.Set("X-Forwarded-Proto", "https")
			r.Header.Set("X-Forwarded-For", "192.0.2.1")
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
		var told struct {
			JWKS string `json:"jwks_uri"`
		}
		if err := json.Unmarshal([]byte(ask("/.well-known/oauth-authorization-server")), &told); err != nil {
			t.Fatal(err)
		}
		if path, here := strings.CutPrefix(told.JWKS, "https://login.example/"); here && !strings.Contains(ask("/"+path), `"keys":[{`) {
			t.Errorf("there are no keys at %s", told.JWKS)
		}
		return told.JWKS
	}
	const keys = "https://login.example/.well-known/jwks.json"
	for what, c := range map[string]struct{ signs, options, want string }{
		"configured":            {"https://login.example", "{issuer: https://login.example}", keys},
		"the host of a request": {"https://login.example", "{}", keys},
		"another issuer":        {"https://login.example", "{issuer: https://other.example}", ""},
		"another host":          {"https://other.example", "{}", ""},
		"nobody signs":          {"", "{issuer: https://login.example}", ""},
		"said otherwise":        {"https://login.example", "{jwks_uri: https://keys.example/all}", "https://keys.example/all"},
	} {
		t.Run(what, func(t *testing.T) {
			if got := metadata(t, c.signs, c.options); got != c.want {
				t.Errorf("jwks_uri is %q, want %q", got, c.want)
			}
		})
	}
}
