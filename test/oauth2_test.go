package test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// TestOAuth2 is a client by golang.org/x/oauth2, in both styles of authentication,
// for each kind of account that there is, and a verifier by net/http.
func TestOAuth2(t *testing.T) {
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	newReader(t).start("bin/sallyport demo --addr "+addr, addr)
	base := "http://" + addr
	var metadata struct {
		Token         string `json:"token_endpoint"`
		Introspection string `json:"introspection_endpoint"`
		Revocation    string `json:"revocation_endpoint"`
	}
	getJSON(t, base+"/.well-known/oauth-authorization-server", &metadata)
	for name, style := range map[string]oauth2.AuthStyle{"basic": oauth2.AuthStyleInHeader, "form": oauth2.AuthStyleInParams} {
		for id, secret := range map[string]string{
			"demo-client": "demo-secret", "123456": "UO86CN11XY73SF72TT40PG18ZE76VV71", "ACME-WEST-1": "demo-sbt-1-year", "ACME": "demo-sbt-never",
		} {
			t.Run(name+" "+id, func(t *testing.T) {
				c := clientcredentials.Config{ClientID: id, ClientSecret: secret, TokenURL: metadata.Token, AuthStyle: style, Scopes: []string{"api"}}
				token, err := c.Token(t.Context())
				if err != nil || token.Type() != "Bearer" || token.Expiry.IsZero() != (id == "ACME") {
					t.Fatalf("%+v, %v", token, err)
				}
				var said struct{ Identity map[string]string }
				res, err := c.Client(t.Context()).Get(base + "/v1/orders")
				decode(t, res, err, &said)
				if said.Identity["Sallyport-Account"] != id || said.Identity["Sallyport-Dialect"] != "oauth2" {
					t.Errorf("the API is told %v", said.Identity)
				}
				var told struct {
					Active bool
					Client string `json:"client_id"`
				}
				askForm(t, metadata.Introspection, "demo-verifier", "demo-verifier-secret", token.AccessToken, &told)
				if !told.Active || told.Client != id {
					t.Errorf("introspection tells %+v", told)
				}
				askForm(t, metadata.Revocation, id, secret, token.AccessToken, nil)
				askForm(t, metadata.Introspection, "demo-verifier", "demo-verifier-secret", token.AccessToken, &told)
				if told.Active {
					t.Error("active after it was revoked")
				}
			})
		}
	}
	wrong := clientcredentials.Config{ClientID: "demo-client", ClientSecret: "wrong", TokenURL: metadata.Token}
	var refused *oauth2.RetrieveError
	if _, err := wrong.Token(t.Context()); !errors.As(err, &refused) || refused.ErrorCode != "invalid_client" || refused.Response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong secret: %v", err)
	}
}

func getJSON(t *testing.T, address string, into any) {
	t.Helper()
	res, err := http.Get(address)
	decode(t, res, err, into)
}

// askForm sends a token as a client or verifier does.
func askForm(t *testing.T, address, id, secret, token string, into any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	res, err := http.DefaultClient.Do(r)
	decode(t, res, err, into)
}

// decode reads an answer that has to be good; nil: one without a body.
func decode(t *testing.T, res *http.Response, err error, into any) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s (%v)", res.Status, body, err)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
}
