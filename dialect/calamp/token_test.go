package calamp

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

const token = "SkNCMEU1SGRhY1BmQUdNaTl0b1V4USUzRCUzRDpnakdPemM2Mkw4WnJxQjRzRWs0VmRnJTNEJTNE"

func newDialect(t testing.TB) *calamp {
	t.Helper()
	def := Definition()
	d, err := New(dialect.Config{Mount: def.Mount("calamp", "")})
	if err != nil {
		t.Fatal(err)
	}
	return d.(*calamp)
}

func TestToken(t *testing.T) {
	for _, c := range []struct {
		name    string
		headers []string // "Name: value"
		want    auth.Reason
	}{
		{name: "cookie", headers: []string{"Cookie: authToken=" + token}},
		{name: "among others", headers: []string{"Cookie: a=b; authToken=" + token + "; c"}},
		{name: "without spaces", headers: []string{"Cookie: a=b;authToken=" + token + ";c=d"}},
		{name: "in quotes", headers: []string{`Cookie: authToken="` + token + `"`}},
		{name: "in a second line", headers: []string{"Cookie: $Version=0; JSESSIONID=x; $Path=/", "Cookie: $Version=0; authToken=" + token}},
		{name: "Bearer", headers: []string{"Authorization: Bearer " + token}},
		{name: "Bearer in any case", headers: []string{"Authorization: bEARER   " + token}},
		{name: "both, equal", headers: []string{"Cookie: authToken=" + token, "Authorization: Bearer " + token}},
		{name: "cookie and an empty Bearer", headers: []string{"Cookie: authToken=" + token, "Authorization: Bearer "}},
		{name: "cookie and another scheme", headers: []string{"Cookie: authToken=" + token, "Authorization: Basic eDp5"}},
		{name: "nothing", want: auth.NoToken},
		{name: "empty cookie", headers: []string{"Cookie: authToken="}, want: auth.NoToken},
		{name: "cookie of another case", headers: []string{"Cookie: authtoken=" + token}, want: auth.NoToken},
		{name: "cookie without a value", headers: []string{"Cookie: authToken"}, want: auth.NoToken},
		{name: "another scheme", headers: []string{"Authorization: Basic " + token}, want: auth.NoToken},
		{name: "both, different", headers: []string{"Cookie: authToken=" + token, "Authorization: Bearer x"}, want: auth.TwoTokens},
		{name: "two cookies", headers: []string{"Cookie: authToken=" + token + "; authToken=x"}, want: auth.TwoTokens},
		{name: "two equal cookies", headers: []string{"Cookie: authToken=" + token + "; authToken=" + token}, want: auth.TwoTokens},
		{name: "two cookies, one empty", headers: []string{"Cookie: authToken=; authToken=" + token}, want: auth.TwoTokens},
		{name: "two cookies in two lines", headers: []string{"Cookie: authToken=" + token, "Cookie: authToken=x"}, want: auth.TwoTokens},
		{name: "two Authorization lines", headers: []string{"Authorization: Bearer " + token, "Authorization: Bearer x"}, want: auth.TwoTokens},
		{name: "two application keys", headers: []string{"Cookie: authToken=" + token, "Calamp-Services-App: x"}, want: auth.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/connect/services/users/currentUser", nil)
			r.Header.Add("calamp-services-app", " the-app ")
			for _, h := range c.headers {
				name, value, _ := strings.Cut(h, ": ")
				r.Header.Add(name, value)
			}
			b, err := newDialect(t).Token(r)
			if c.want == "" {
				if err != nil || b.Value != token || b.App != "the-app" || b.Number != 0 {
					t.Errorf("found %+v, %v", b, err)
				}
			} else if err == nil || auth.RefusalOf(err).Reason != c.want {
				t.Errorf("refused with %v, want %s", err, c.want)
			}
		})
	}
}

func TestTokenDoesNotAllocate(t *testing.T) {
	c := newDialect(t)
	r := typical()
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Token(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func typical() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/connect/results/events/avl/search", nil)
	r.Header.Add("Calamp-Services-App", "c0ffee00-0000-4000-8000-000000000001")
	r.Header.Add("Cookie", "JSESSIONID=0123456789; authToken="+token+"; x=y")
	return r
}

func BenchmarkToken(b *testing.B) {
	c := newDialect(b)
	r := typical()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Token(r); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzCookies: where net/http finds the cookie once, the dialect finds the same
// value; where it finds several, the dialect refuses.
func FuzzCookies(f *testing.F) {
	for _, seed := range []string{
		"authToken=" + token, "a=b; authToken=x;", `authToken="x"`, "authToken=x; authToken=y", "$Version=0; authToken=x; $Path=/", "authToken", "=;=", " authToken = x ", "authToken=a=b==", `authToken="`,
	} {
		f.Add(seed, "")
		f.Add("x=y", seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		if strings.ContainsAny(first+second, "\r\n") {
			t.Skip("no header line has a line break")
		}
		lines := []string{first, second}
		r := http.Request{Header: http.Header{"Cookie": lines}}
		got, err := dialect.Cookie(&r, "authToken")
		others := r.CookiesNamed("authToken")
		switch {
		case err != nil && auth.RefusalOf(err).Reason != auth.TwoTokens:
			t.Fatalf("%q: refused with %v", lines, err)
		case len(others) > 1 && err == nil:
			t.Fatalf("%q: took %q of %d cookies", lines, got, len(others))
		case len(others) == 1 && err == nil && others[0].Value != got && trim(others[0].Value) != got: // net/http leaves the space before a semicolon
			t.Fatalf("%q: found %q, net/http %q", lines, got, others[0].Value)
		}
	})
}

func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"Bearer " + token, "bearer x", "Bearer", "Bearer  x  y ", "Basic eDp5", "", "BEARER\tx"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got, err := bearerToken([]string{line})
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if got != "" && (len(line) < 8 || !strings.EqualFold(line[:7], "Bearer ") || !strings.Contains(line[7:], got)) {
			t.Fatalf("%q: found %q", line, got)
		}
	})
}
