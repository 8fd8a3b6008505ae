package oauth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/dialecttest"
)

func TestTranscripts(t *testing.T) {
	dialecttest.RunTranscripts(t, Definition(), "testdata", accounts)
}

// accounts are those of the other dialects, and clients, verifiers and a back end.
func accounts(t testing.TB, s *auth.Service) {
	t.Helper()
	dialecttest.Accounts(t, s)
	err := s.Update(t.Context(), func(tx auth.Tx) error {
		account := func(a auth.Account) auth.AccountID {
			if err := tx.PutAccount(&a); err != nil {
				t.Fatal(err)
			}
			return a.ID
		}
		key := func(of auth.AccountID, k auth.Key, secret string) {
			k.Account, k.Digest, k.Pepper = of, s.Keys().KeyDigest(secret), s.Keys().Pepper()
			if k.Name == "" {
				k.Name = "main"
			}
			if err := tx.PutKey(&k); err != nil {
				t.Fatal(err)
			}
		}
		client := func(code, secret string, k auth.Key) {
			key(account(auth.Account{Level: auth.Tenant, Code: code}), k, secret)
		}
		client("demo-client", "demo-secret", auth.Key{})
		client("odd: client+%", "odd: secret+%", auth.Key{})
		client("777777", "number-like", auth.Key{})
		client("off-client", "off-secret", auth.Key{Disabled: true})
		client("demo-verifier", "demo-verifier-secret", auth.Key{Role: auth.Verifier, Everywhere: true})
		client("auditor", "auditor-secret", auth.Key{Role: auth.Auditor, Everywhere: true})

		acme := account(auth.Account{Level: auth.Tenant, Code: "ACME"})
		key(acme, auth.Key{}, "acme-secret")
		key(acme, auth.Key{Name: "back end", Role: auth.Delegate}, "acme-delegate-secret")
		west := account(auth.Account{Level: auth.Organization, Tenant: acme, Parent: acme, Code: "ACME-WEST"})
		key(west, auth.Key{}, "west-secret")
		key(west, auth.Key{Name: "second"}, "west-second-secret")
		key(west, auth.Key{Name: "asks", Role: auth.Verifier}, "west-verifier-secret")
		div := account(auth.Account{Level: auth.Division, Tenant: acme, Parent: west, Code: "ACME-WEST-1"})
		key(div, auth.Key{}, "west-1-secret")

		calamp, err := tx.AccountByCode(0, "CALAMP")
		if err != nil {
			return err
		}
		key(calamp.ID, auth.Key{Name: "back end", Role: auth.Delegate}, "delegate-secret")
		fleet, err := tx.AccountByNumber(calamp.ID, 3)
		if err != nil {
			return err
		}
		key(fleet.ID, auth.Key{Name: "fleet's back end", Role: auth.Delegate}, "fleet-secret")
		// Of the tenant itself, and so out of the fleet's reach.
		top := auth.User{Tenant: calamp.ID, Account: calamp.ID, Name: "top@calamp.example", Active: true}
		if err := tx.PutUser(&top); err != nil {
			return err
		}
		// Of another tenant, with a name that CALAMP has as well.
		abroad := auth.User{Tenant: acme, Account: acme, Name: dialecttest.CalAmpUser, Active: true}
		return tx.PutUser(&abroad)
	})
	if err != nil {
		t.Fatalf("creating accounts: %v", err)
	}
}

const host = " HTTP/1.1\r\nHost: api.example\r\n"

// post is a request with a form; headers end with CRLF.
func post(path, headers, form string) string {
	return fmt.Sprintf("POST %s%sContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s", path, host, dialect.FormType, len(form), headers, form)
}

// basicOf is the header of client_secret_basic, encoded as RFC 6749, 2.3.1, says.
func basicOf(id, secret string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret))) + "\r\n"
}

func call(token string) string {
	return "GET /v1/orders" + host + "Authorization: Bearer " + token + "\r\n\r\n"
}

const grant = "grant_type=client_credentials"

// tokenOf is the token in an answer, "" if there is none.
func tokenOf(r dialecttest.Reply) string {
	var a struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
	}
	if json.Unmarshal([]byte(r.Body), &a) != nil || a.Type != "Bearer" {
		return ""
	}
	return a.Token
}

func laws() dialecttest.Client {
	good := dialecttest.Credential{Name: "demo-client", Secret: "demo-secret"}
	in := basicOf(good.Name, good.Secret)
	return dialecttest.Client{
		Good:  good,
		Other: dialecttest.Credential{Name: dialecttest.ElectaNumber, Secret: dialecttest.ElectaKey},
		Equals: []dialecttest.Credential{
			{Name: "nobody", Secret: good.Secret},
			{Name: "999999", Secret: good.Secret},
			{Name: dialecttest.ElectaDisabled, Secret: dialecttest.ElectaDisabledKey},
			{Name: dialecttest.ElectaOff, Secret: dialecttest.ElectaOffKey},
			{Name: dialecttest.ElectaElsewhere, Secret: dialecttest.ElectaElsewhereKey},
			{Name: "off-client", Secret: "off-secret"},
			{Name: "demo-verifier", Secret: "demo-verifier-secret"},
			{Name: "auditor", Secret: "auditor-secret"},
			{Name: "Demo-Client", Secret: good.Secret},
			{Name: good.Name, Secret: good.Secret + " "},
			{Name: good.Name, Secret: ""},
			{Name: "", Secret: good.Secret},
			{Name: "0" + dialecttest.ElectaNumber, Secret: dialecttest.ElectaKey},
			{Name: "-" + dialecttest.ElectaNumber, Secret: dialecttest.ElectaKey},
			{Name: strings.Repeat("9", 30), Secret: good.Secret},
			{Name: strings.Repeat("x", 300), Secret: good.Secret},
		},
		Login: func(c dialecttest.Credential) string { return post(tokenPath, basicOf(c.Name, c.Secret), grant) },
		Token: tokenOf,
		Call:  func(token string, _ dialecttest.Credential) string { return call(token) },
		Bad: map[string]string{
			"grant_type twice":      post(tokenPath, in, grant+"&"+grant),
			"unknown twice":         post(tokenPath, in, grant+"&x=1&x=2"),
			"scope twice":           post(tokenPath, in, grant+"&scope=api&scope=api"),
			"no grant type":         post(tokenPath, in, ""),
			"empty grant type":      post(tokenPath, in, "grant_type="),
			"password grant":        post(tokenPath, in, "grant_type=password&username=x&password=y"),
			"refresh":               post(tokenPath, in, "grant_type=refresh_token&refresh_token=x"),
			"two methods":           post(tokenPath, in, grant+"&client_id=demo-client&client_secret=demo-secret"),
			"secret beside Basic":   post(tokenPath, in, grant+"&client_secret=demo-secret"),
			"another client_id":     post(tokenPath, in, grant+"&client_id=other"),
			"two headers":           post(tokenPath, in+in, grant),
			"Bearer":                post(tokenPath, "Authorization: Bearer demo-secret\r\n", grant),
			"assertion":             post(tokenPath, in, grant+"&client_assertion_type=x&client_assertion=y"),
			"no base64":             post(tokenPath, "Authorization: Basic demo-client:demo-secret\r\n", grant),
			"no colon":              post(tokenPath, "Authorization: Basic ZGVtby1jbGllbnQ=\r\n", grant),
			"Basic badly encoded":   post(tokenPath, "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("demo-client:demo-secret%"))+"\r\n", grant),
			"secret in the query":   post(tokenPath+"?client_secret=demo-secret", in, grant),
			"anything in the query": post(tokenPath+"?x=1", in, grant),
			"unknown scope":         post(tokenPath, in, grant+"&scope=admin"),
			"one unknown scope":     post(tokenPath, in, grant+"&scope=api+admin"),
			"two spaces":            post(tokenPath, in, grant+"&scope=api++api"),
			"another audience":      post(tokenPath, in, grant+"&resource=https://other.example"),
			"bad encoding":          post(tokenPath, in, grant+"&x=%"),
			"not UTF-8":             post(tokenPath, in, grant+"&x=%ff"),
			"too many parameters":   post(tokenPath, in, grant+strings.Repeat("&a=b", dialect.MaxParams)),
			"oversize":              post(tokenPath, in, grant+"&x="+strings.Repeat("x", dialect.DefaultMaxBody)),
			"JSON":                  strings.Replace(post(tokenPath, in, `{"grant_type":"client_credentials"}`), dialect.FormType, "application/json", 1),
			"no media type":         strings.Replace(post(tokenPath, in, grant), "Content-Type: "+dialect.FormType+"\r\n", "", 1),
			"foreign charset":       strings.Replace(post(tokenPath, in, grant), dialect.FormType, dialect.FormType+"; charset=utf-16", 1),
		},
	}
}

func TestLaws(t *testing.T) {
	dialecttest.Laws(t, dialecttest.Setup{Definition: Definition(), Accounts: accounts}, laws())
}

func TestLawsWithEveryOption(t *testing.T) {
	if testing.Short() {
		t.Skip("the laws hold without the options; with them they are tried at full speed")
	}
	c := laws()
	c.Login = func(c dialecttest.Credential) string {
		return post(tokenPath, "", grant+"&scope=b+a&client_id="+url.QueryEscape(c.Name)+"&client_secret="+url.QueryEscape(c.Secret))
	}
	c.Call = func(token string, _ dialecttest.Credential) string {
		return post("/v1/orders", "", "a=b&access_token="+url.QueryEscape(token))
	}
	dialecttest.Laws(t, dialecttest.Setup{
		Definition: Definition(),
		Options:    "issuer: https://login.example/as\naudience: orders\nscopes: [a, b]\njwks_uri: https://login.example/.well-known/jwks.json\nplain_address: true\n",
		Accounts:   accounts,
	}, c)
}

// TestClientIDs: an account's number or code, and a number that is a code.
func TestClientIDs(t *testing.T) {
	s := dialecttest.Serve(t, dialecttest.Setup{Definition: Definition(), Accounts: accounts})
	for id, c := range map[string]struct{ secret, account string }{
		"123456":        {dialecttest.ElectaKey, "123456"},
		"777777":        {"number-like", "777777"},
		"2":             {"delegate-secret", "2"},
		"CALAMP":        {"delegate-secret", "2"},
		"ACME":          {"acme-secret", "ACME"},
		"ACME-WEST":     {"west-second-secret", "ACME-WEST"},
		"ACME-WEST-1":   {"west-1-secret", "ACME-WEST-1"},
		"odd: client+%": {"odd: secret+%", "odd: client+%"},
	} {
		for how, raw := range map[string]string{
			"Basic": post(tokenPath, basicOf(id, c.secret), grant),
			"form":  post(tokenPath, "", grant+"&client_id="+url.QueryEscape(id)+"&client_secret="+url.QueryEscape(c.secret)),
			"both":  post(tokenPath, basicOf(id, c.secret), grant+"&client_secret=&client_id="+url.QueryEscape(id)),
		} {
			reply := s.Send(raw)
			if got := s.Send(call(tokenOf(reply))); !strings.HasPrefix(got.Body, "account "+c.account+", ") {
				t.Errorf("%s as %s: answered\n%s\nand the call %s", id, how, reply.Raw, got.Body)
			}
		}
	}
}

func TestOptions(t *testing.T) {
	d := Definition()
	for name, o := range map[string]Options{
		"issuer without a scheme":  {Issuer: "login.example"},
		"issuer with a query":      {Issuer: "https://login.example?x"},
		"issuer with a fragment":   {Issuer: "https://login.example#x"},
		"issuer with a user":       {Issuer: "https://x@login.example"},
		"issuer with a slash":      {Issuer: "https://login.example/"},
		"issuer of another scheme": {Issuer: "ftp://login.example"},
		"issuer with a space":      {Issuer: "https://login.example/a b"},
		"endless issuer":           {Issuer: "https://login.example/" + strings.Repeat("x", maxText)},
		"keys without a host":      {JWKS: "https:///x"},
		"endless audience":         {Audience: strings.Repeat("x", maxText+1)},
		"audience with a break":    {Audience: "a\nb"},
		"empty scope":              {Scopes: []string{""}},
		"scope with a space":       {Scopes: []string{"a b"}},
		"scope with a quote":       {Scopes: []string{`a"b`}},
		"scope twice":              {Scopes: []string{"a", "a"}},
		"scope not in ASCII":       {Scopes: []string{"ä"}},
		"too many scopes":          {Scopes: []string{strings.Repeat("a", 150), strings.Repeat("b", 150), strings.Repeat("c", 150)}},
	} {
		_, err := New(dialect.Config{Mount: d.Mount("m", ""), Options: func(into any) error { *into.(*Options) = o; return nil }})
		if !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong := errors.New("unknown field")
	if _, err := New(dialect.Config{Mount: d.Mount("m", ""), Options: func(any) error { return wrong }}); !errors.Is(err, wrong) {
		t.Errorf("an error of the configuration is lost: %v", err)
	}
}
