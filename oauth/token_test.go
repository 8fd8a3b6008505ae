package oauth

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/dialecttest"
)

const (
	aToken = "sp_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	bToken = "sp_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
)

func newDialect(t testing.TB) *oauth {
	t.Helper()
	def := Definition()
	d, err := New(dialect.Config{Mount: def.Mount("oauth2", "")})
	if err != nil {
		t.Fatal(err)
	}
	return d.(*oauth)
}

// request is a later call with the given Authorization lines, query and form.
func request(query, form string, authorization ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v1/orders?"+query, strings.NewReader(form))
	r.Header.Set("Content-Type", dialect.FormType)
	for _, line := range authorization {
		r.Header.Add("Authorization", line)
	}
	return r
}

func TestToken(t *testing.T) {
	large := "x=" + strings.Repeat("x", maxForm)
	for name, c := range map[string]struct {
		r    *http.Request
		want auth.Reason
	}{
		"header":                        {r: request("", "", "Bearer "+aToken)},
		"in any case":                   {r: request("", "", "bEARER   "+aToken+" ")},
		"form":                          {r: request("", "a=b&access_token="+aToken)},
		"form, encoded":                 {r: request("", "access%5ftoken="+strings.ReplaceAll(aToken, "_", "%5F"))},
		"form beside Basic":             {r: request("", "access_token="+aToken, "Basic eDp5")},
		"header and a large form":       {r: request("", large, "Bearer "+aToken)},
		"header and a stranger's token": {r: request("access_token=EAAB", "access_token=EAAB&access_token=x", "Bearer "+aToken)},
		"nothing":                       {r: request("", ""), want: auth.NoToken},
		"empty Bearer":                  {r: request("", "", "Bearer "), want: auth.NoToken},
		"another scheme":                {r: request("", "", "Basic "+aToken), want: auth.NoToken},
		"a stranger's token":            {r: request("", "access_token=EAAB"), want: auth.NoToken},
		"a large form":                  {r: request("", large+"&access_token="+aToken), want: auth.Malformed},
		"query":                         {r: request("access_token="+aToken, ""), want: auth.Malformed},
		"query in another spelling":     {r: request("x=1;%41CCESS_TOKEN[]="+aToken, ""), want: auth.Malformed},
		"query and header":              {r: request("access_token="+aToken, "", "Bearer "+aToken), want: auth.Malformed},
		"two headers":                   {r: request("", "", "Bearer "+aToken, "Bearer "+aToken), want: auth.TwoTokens},
		"header and form":               {r: request("", "access_token="+bToken, "Bearer "+aToken), want: auth.TwoTokens},
		"header and form, equal":        {r: request("", "access_token="+aToken, "Bearer "+aToken), want: auth.TwoTokens},
		"two in the form":               {r: request("", "access_token="+aToken+"&access_token="+bToken), want: auth.TwoTokens},
		"two in the form, two ways":     {r: request("", "access_token="+aToken+"&Access_Token%00="+bToken), want: auth.TwoTokens},
	} {
		t.Run(name, func(t *testing.T) {
			body := c.r.ContentLength
			b, err := newDialect(t).Token(c.r)
			if c.want == "" && (err != nil || b.Value != aToken || b.Number != 0 || b.Code != "" || b.Carried != "") {
				t.Errorf("found %+v, %v", b, err)
			}
			if c.want != "" && (err == nil || auth.RefusalOf(err).Reason != c.want) {
				t.Errorf("found %+v, refused with %v, want %s", b, err, c.want)
			}
			if left, err := io.ReadAll(c.r.Body); err != nil || int64(len(left)) != body {
				t.Errorf("%d bytes of %d are left of the body (%v)", len(left), body, err)
			}
		})
	}
	get := httptest.NewRequest(http.MethodGet, "/v1/orders", strings.NewReader("access_token="+aToken))
	get.Header.Set("Content-Type", dialect.FormType)
	if _, err := newDialect(t).Token(get); auth.RefusalOf(err).Reason != auth.NoToken {
		t.Errorf("a GET with a body: %v", err)
	}
}

func TestTokensHaveThePrefix(t *testing.T) {
	s := dialecttest.Serve(t, dialecttest.Setup{Definition: Definition(), Accounts: accounts})
	if token := tokenOf(s.Send(post(tokenPath, basicOf("demo-client", "demo-secret"), grant))); !strings.HasPrefix(token, prefix) {
		t.Errorf("the token is %q", token)
	}
}

func TestStrip(t *testing.T) {
	for name, c := range map[string]struct{ query, form, wantQuery, wantForm string }{
		"nothing":            {"a=1", "b=2", "a=1", "b=2"},
		"form":               {"", "a=1&access_token=" + aToken + "&b=2", "", "a=1&b=2"},
		"another spelling":   {"", "Access%5FToken=" + aToken, "", ""},
		"query":              {"access_token=" + aToken + "&a=1", "", "a=1", ""},
		"a stranger's token": {"access_token=x", "access_token=y", "access_token=x", "access_token=y"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(c.query, c.form, "Bearer "+aToken)
			newDialect(t).Strip(r)
			body, err := io.ReadAll(r.Body)
			if err != nil || string(body) != c.wantForm || r.URL.RawQuery != c.wantQuery || r.Header["Authorization"] != nil {
				t.Errorf("goes on with %v, %q and %q (%v)", r.Header, r.URL.RawQuery, body, err)
			}
			if r.ContentLength != int64(len(body)) {
				t.Errorf("a length of %d, with %d bytes", r.ContentLength, len(body))
			}
		})
	}
}

func TestTokenDoesNotAllocate(t *testing.T) {
	o := newDialect(t)
	r := httptest.NewRequest(http.MethodGet, "/v1/orders?page=1&customer=x", nil)
	r.Header.Set("Authorization", "Bearer "+aToken)
	if n := testing.AllocsPerRun(100, func() { _, _ = o.Token(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzScan: what is found is what url.ParseQuery finds under the name, and Strip
// leaves none of it.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{"access_token=" + aToken, "a=b&Access_Token=sp_", "access_token[]=sp_x;access_token%00=sp_y", "%", "access_token", "+access_token=sp_%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		n, token := scan(raw)
		values, err := url.ParseQuery(raw)
		ours := 0
		for _, v := range values[param] {
			if strings.HasPrefix(v, prefix) {
				ours++
			}
		}
		if err == nil && ours > n {
			t.Fatalf("%q: found %d, net/url %d", raw, n, ours)
		}
		if n > 0 && !strings.HasPrefix(token, prefix) {
			t.Fatalf("%q: found %q", raw, token)
		}
		if left, _ := scan(dialect.WithoutPairs(raw, param)); left > 0 {
			t.Fatalf("%q: %d are left", raw, left)
		}
	})
}

// FuzzBearer: the token is what stands behind the scheme.
func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"Bearer " + aToken, "bearer x", "Bearer", "Bearer  x  y ", "Basic eDp5", "", "BEARER\tx"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got, err := bearerToken([]string{line})
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if got != "" && (len(line) < 8 || !strings.EqualFold(line[:7], "Bearer ") || strings.Trim(line[7:], " \t") != got) {
			t.Fatalf("%q: found %q", line, got)
		}
	})
}

// FuzzBasic: what net/http reads from a Basic header, with both parts decoded, is
// what is found, or the header is refused.
func FuzzBasic(f *testing.F) {
	for _, c := range [][2]string{{"a", "b"}, {"demo%2Dclient", "x+y"}, {"a:b", ":"}, {"", ""}, {"%", "%zz"}} {
		r := new(http.Request)
		r.Header = http.Header{}
		r.SetBasicAuth(c[0], c[1])
		f.Add(r.Header.Get("Authorization"))
	}
	f.Add("basic  YTpi ")
	f.Add("Basic YTpi\n")
	f.Fuzz(func(t *testing.T, line string) {
		c, err := basic([]string{line})
		if err != nil {
			return
		}
		r := http.Request{Header: http.Header{"Authorization": {"Basic " + strings.Trim(line[len("Basic "):], " \t")}}}
		id, secret, ok := r.BasicAuth()
		if !ok {
			t.Fatalf("%q: found %q, net/http nothing", line, c)
		}
		wantID, err1 := url.QueryUnescape(id)
		wantSecret, err2 := url.QueryUnescape(secret)
		if err1 != nil || err2 != nil || c != (client{wantID, wantSecret}) {
			t.Fatalf("%q: found %q, want %q and %q (%v, %v)", line, c, wantID, wantSecret, err1, err2)
		}
	})
}

// FuzzForm: a request that is read has no parameter twice and none in the query, and
// gives the values that net/url gives.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{grant, "a=1&a=2", "resource=x&resource=y", "token=%2B+x", "&&=&", "%zz"} {
		f.Add(seed, "")
	}
	f.Add(grant, "x=1")
	f.Fuzz(func(t *testing.T, body, query string) {
		r, err := http.NewRequest(http.MethodPost, "https://api.example/oauth2/token", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", dialect.FormType)
		form, err := readForm(r)
		if err != nil {
			if auth.RefusalOf(err).Reason != auth.Malformed {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		if query != "" {
			t.Fatalf("the query %q passed", query)
		}
		values, err := url.ParseQuery(body)
		for i := range form {
			p := form[i]
			if p.Name == "resource" || p.Name == "audience" {
				continue
			}
			if err == nil && fmt.Sprint(values[p.Name]) != fmt.Sprint([]string{p.Value}) {
				t.Fatalf("%q: %s is %q, to net/url %q", body, p.Name, p.Value, values[p.Name])
			}
		}
	})
}
