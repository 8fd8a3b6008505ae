package gate

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/electa"
	"github.com/sallyport/sallyport/dialect/sbt"
	"github.com/sallyport/sallyport/secret"
)

// placeless is a dialect without endpoints.
type placeless struct{ dialect.Dialect }

func (placeless) Routes(dialect.Mux) {}

// successorToken mounts what stands in for OAuth 2.0 at a host, and logs in.
func (k *kit) successorToken(t *testing.T, host string) string {
	t.Helper()
	def := electa.Definition()
	def.Name = successor
	m := def.Mount(successor, "")
	d, err := def.New(dialect.Config{Service: k.service, Mount: m})
	must(t, err)
	must(t, k.o.Router.Mount([]string{host}, "", m, placeless{d}))
	grant, err := k.service.Login(t.Context(), &auth.Attempt{
		Mount: m, Scheme: auth.AccountKey, Number: 123456, Secret: "secret", Form: secret.FormGUID,
	})
	must(t, err)
	return grant.Token
}

// TestNative: where several dialects share a host, the paths of one are closed to
// the others' tokens and open to its own and those of the dialect that customers
// move to. Paths of none are open to all.
func TestNative(t *testing.T) {
	k := newKit(t)
	modern := k.successorToken(t, "both.example")
	const native = "/connect/services/users/currentUser"
	query := strings.TrimPrefix(k.electaURI(), "/logs/")
	bearer := []string{"Authorization", "Bearer " + k.calamp, "calamp-services-app", app}
	for name, c := range map[string]struct {
		uri     string
		headers []string
		status  int
	}{
		"its own":                       {native, bearer, 200},
		"its own in capitals":           {"/Connect/SERVICES/x", bearer, 200},
		"of the successor":              {native + "?cid=123456&token=" + modern, nil, 200},
		"nobody's path":                 {"/fleet/units" + query, nil, 200},
		"nobody's path, its own":        {"/fleet/units", bearer, 200},
		"another's endpoint, its own":   {"/token/x", bearer, 401},
		"another's":                     {native + query, nil, 401},
		"another's, capitals":           {"/Connect/SERVICES/x" + query, nil, 401},
		"another's, slashes":            {"//connect//services//x" + query, nil, 401},
		"another's, encoded":            {"/%63onnect%2Fservices/x" + query, nil, 401},
		"another's, path parameters":    {"/connect;a/services;b=c/x" + query, nil, 401},
		"another's, an empty parameter": {"/;/connect/;x/services/x" + query, nil, 401},
	} {
		t.Run(name, func(t *testing.T) {
			w := k.forward(proxyAddr, "both.example", c.uri, c.headers...)
			if w.Code != c.status {
				t.Fatalf("answered %d: %s", w.Code, w.Body)
			}
			if said := w.Body.String(); c.status != http.StatusOK && strings.Contains(said, "<Response>") != (c.uri == "/token/x") {
				t.Errorf("the words are those of another: %s", said)
			}
		})
	}
}

// TestFinal: sbt's answer to an organization that is out of reach is not one to
// log in again at, nor is its status.
func TestFinal(t *testing.T) {
	k := newKit(t)
	def := sbt.Definition()
	m := def.Mount("sbt", "")
	d, err := def.New(dialect.Config{Service: k.service, Mount: m})
	must(t, err)
	must(t, k.o.Router.Mount([]string{"sbt.example"}, "", m, d))
	grant, err := k.service.Login(t.Context(), &auth.Attempt{Mount: m, Scheme: auth.BareKey, Secret: "secret", Form: auth.FormNative})
	must(t, err)
	const at = "/SBT.App.SetUp/RSServices/GeneralRSService.svc/GetCarrierLookup?securityToken="
	for uri, want := range map[string]struct {
		status int
		code   string
	}{
		at + grant.Token:                     {200, ""},
		at + grant.Token + "&orgCode=NOBODY": {403, `"ErrorCode":1403`},
		at + "made-up":                       {401, `"ErrorCode":1000`},
	} {
		w := k.forward(proxyAddr, "sbt.example", uri)
		if w.Code != want.status || !strings.Contains(w.Body.String(), want.code) {
			t.Errorf("answered %d: %s, want %d with %q", w.Code, w.Body, want.status, want.code)
		}
	}
}
