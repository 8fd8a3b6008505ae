package gate

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/domainpunch"
	"github.com/sallyport/sallyport/dialect/electa"
)

// mountPunch mounts DomainPunch at a host of its own, below a prefix.
func (k *kit) mountPunch(t *testing.T, prefix string, once bool) {
	t.Helper()
	def := domainpunch.Definition()
	m := def.Mount("domainpunch"+prefix, "ACME")
	d, err := def.New(dialect.Config{Service: k.service, Mount: m, Options: func(into any) error {
		into.(*domainpunch.Options).EtokenOnce = once
		return nil
	}})
	must(t, err)
	must(t, k.o.Router.Mount([]string{"punch.example"}, prefix, m, d))
}

// punchEtoken logs in at a mount.
func (k *kit) punchEtoken(t *testing.T, prefix string) (etoken, cookie string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "https://punch.example"+prefix+"/api.php?c=auth&user=demo&pass=password", nil)
	r.RemoteAddr = clientAddr
	h, ok := k.o.Router.Handler(r)
	if !ok {
		t.Fatal("nobody answers the login")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var said struct {
		Etoken string `json:"etoken"`
	}
	must(t, json.Unmarshal(w.Body.Bytes(), &said))
	for _, c := range w.Result().Cookies() {
		cookie = c.Name + "=" + c.Value
	}
	if said.Etoken == "" || cookie == "" {
		t.Fatalf("the login is answered %d: %s", w.Code, w.Body)
	}
	return said.Etoken, cookie
}

// TestNestedMounts: a mount that covers another of its dialect is asked about the
// other's tokens too, and its no is not the last word. Two credentials stay two.
func TestNestedMounts(t *testing.T) {
	for _, once := range []bool{false, true} {
		k := newKit(t)
		for _, prefix := range []string{"", "/sed", "/other"} {
			k.mountPunch(t, prefix, once)
		}
		def := electa.Definition()
		d, err := def.New(dialect.Config{Service: k.service, Mount: def.Mount("electa-punch", "")})
		must(t, err)
		must(t, k.o.Router.Mount([]string{"punch.example"}, "", def.Mount("electa-punch", ""), d))
		for _, prefix := range []string{"", "/sed"} {
			script := prefix + "/api-sl.php?c=set"
			elsewhere := http.StatusUnauthorized
			if prefix == "" {
				elsewhere = http.StatusOK // it covers that path as well
			}
			for name, c := range map[string]struct {
				uri, bearer string // %: the etoken
				cookie      bool
				status      int
			}{
				"cookie":                  {prefix + "/api.php?c=set", "", true, 200},
				"etoken":                  {script, "Bearer %", false, 200},
				"etoken and its cookie":   {script, "Bearer %", true, 200},
				"etoken elsewhere":        {"/other/api-sl.php?c=set", "Bearer %", false, elsewhere},
				"nothing":                 {script, "", false, 401},
				"changed etoken":          {script, "Bearer AAAA%", true, 401},
				"no etoken":               {script, "Bearer sp_x", true, 401},
				"no Bearer":               {script, "Basic eDp5", true, 401},
				"etoken and Electa token": {script + "&cid=123456&token=" + k.electa, "Bearer %", false, 401},
			} {
				etoken, cookie := k.punchEtoken(t, prefix)
				var headers []string
				if c.bearer != "" {
					headers = append(headers, "Authorization", strings.ReplaceAll(c.bearer, "%", etoken))
				}
				if c.cookie {
					headers = append(headers, "Cookie", cookie)
				}
				if w := k.forward(proxyAddr, "punch.example", c.uri, headers...); w.Code != c.status {
					t.Errorf("%s of %q, once %v: answered %d, want %d: %s", name, prefix, once, w.Code, c.status, w.Body)
				}
			}
		}
	}
}
