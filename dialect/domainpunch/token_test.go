package domainpunch

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/dialecttest"
)

const session = "499602d2010203040506070876657269666965722d6f662d31362d62b12c815e7054e07c9d4eb526bc234a8d"

// served is the dialect of a mount called domainpunch, over a core of its own.
func served(t testing.TB, options string) *domainpunch {
	t.Helper()
	s := dialecttest.Serve(t, setup(options))
	def := Definition()
	d, err := New(dialect.Config{Service: s.Service(), Mount: def.Mount("domainpunch", ""), Options: func(into any) error {
		if options == "" {
			return nil
		}
		return yaml.Unmarshal([]byte(options), into)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return d.(*domainpunch)
}

// header makes headers of lines "Name: value".
func header(lines ...string) http.Header {
	h := http.Header{}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		h.Add(name, value)
	}
	return h
}

func TestToken(t *testing.T) {
	d, legacy := served(t, ""), served(t, "legacy: true\n")
	etoken := d.etokens.issue(session, d.service.Now())
	bearer := "Authorization: Bearer " + etoken
	jar := "Cookie: PHPSESSID=" + session
	const api, sl = "/sed/api.php?c=set", "/sed/api-sl.php?c=set"
	for _, c := range []struct {
		name    string
		target  string
		headers []string
		legacy  bool
		opens   bool        // the session is found
		nothing bool        // it is found that it is no session
		want    auth.Reason // or refused
	}{
		{name: "cookie", target: api, headers: []string{jar}, opens: true},
		{name: "cookie at api-sl.php", target: sl, headers: []string{jar}, opens: true},
		{name: "cookie elsewhere", target: "/sed/index.php", headers: []string{jar}, opens: true},
		{name: "cookie among others", target: api, headers: []string{"Cookie: a=b", "Cookie: c=d; PHPSESSID=" + session + "; e=f"}, opens: true},
		{name: "etoken", target: sl, headers: []string{bearer}, opens: true},
		{name: "etoken in any case of the scheme", target: sl, headers: []string{"Authorization: bEARER   " + etoken}, opens: true},
		{name: "etoken and its cookie", target: sl, headers: []string{bearer, jar}, opens: true},
		{name: "etoken and a stale cookie", target: sl, headers: []string{bearer, "Cookie: PHPSESSID=stale"}, opens: true},
		{name: "etoken with two slashes before the script", target: "/sed//api-sl.php", headers: []string{bearer}, opens: true},
		{name: "nothing", target: api, want: auth.NoToken},
		{name: "nothing at api-sl.php", target: sl, want: auth.NoToken},
		{name: "an empty cookie", target: api, headers: []string{"Cookie: PHPSESSID="}, want: auth.NoToken},
		{name: "a cookie of another case", target: api, headers: []string{"Cookie: phpsessid=" + session}, want: auth.NoToken},
		{name: "two cookies", target: api, headers: []string{jar + "; PHPSESSID=x"}, want: auth.TwoTokens},
		{name: "etoken at api.php", target: api, headers: []string{bearer}, want: auth.NoToken},
		{name: "cookie at api.php, whatever else", target: api, headers: []string{jar, "Authorization: Basic eDp5"}, opens: true},
		{name: "etoken in another version", target: sl, legacy: true, headers: []string{bearer}, want: auth.NoToken},
		{name: "changed etoken", target: sl, headers: []string{bearer[:len(bearer)-6] + "AAAAAA"}, nothing: true},
		{name: "changed etoken and the cookie", target: sl, headers: []string{bearer[:len(bearer)-6] + "AAAAAA", jar}, nothing: true},
		{name: "no Bearer and the cookie", target: sl, headers: []string{"Authorization: Basic eDp5", jar}, want: auth.UnknownToken},
		{name: "empty Bearer and the cookie", target: sl, headers: []string{"Authorization: Bearer ", jar}, want: auth.UnknownToken},
		{name: "two lines", target: sl, headers: []string{bearer, bearer}, want: auth.UnknownToken},
		{name: "two in a line", target: sl, headers: []string{bearer + " " + etoken}, want: auth.UnknownToken},
		{name: "two with a comma", target: sl, headers: []string{bearer + "," + etoken}, want: auth.UnknownToken},
		{name: "a tab for the space", target: sl, headers: []string{"Authorization: Bearer\t" + etoken}, want: auth.UnknownToken},
		{name: "endless", target: sl, headers: []string{"Authorization: Bearer " + strings.Repeat("_", maxBearer)}, want: auth.UnknownToken},
		{name: "the session id as Bearer", target: sl, headers: []string{"Authorization: Bearer " + session, jar}, nothing: true},
		{name: "the native token of another mount", target: sl, headers: []string{"Authorization: Bearer sp_SZYC0gECAwQFBgcIdmVyaWZpZXItb2YtMTYtYgsZ"}, nothing: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, c.target, nil)
			r.Header = header(c.headers...)
			at := d
			if c.legacy {
				at = legacy
			}
			b, err := at.Token(r)
			switch {
			case c.want != "":
				if err == nil || auth.RefusalOf(err).Reason != c.want {
					t.Errorf("found %+v, %v, want %s", b, err, c.want)
				}
			case err != nil:
				t.Errorf("refused: %v", err)
			case c.opens && b.Value != session, c.nothing && (b.Value != "" || b.Carried == ""), b.Form != auth.FormHex, b.Mount != at.mount:
				t.Errorf("found %+v", b)
			case c.opens && (b.Carried != "") != strings.HasPrefix(c.name, "etoken"):
				t.Errorf("carried %q", b.Carried)
			}
		})
	}
}

// TestCrossSite: with a cookie, what changes something must not come from another
// site's page.
func TestCrossSite(t *testing.T) {
	d := served(t, "")
	etoken := d.etokens.issue(session, d.service.Now())
	const reading = "/api.php?c=admin&t=query&oper=get"
	for _, c := range []struct {
		method, target, site string
		etoken, refused      bool
	}{
		{"GET", "/api.php?c=set&oper=edit", "cross-site", false, true},
		{"GET", "/api.php?c=add", "cross-site", false, true},
		{"GET", "/api.php?c=unknown", "cross-site", false, true},
		{"GET", "/api.php", "cross-site", false, true},
		{"GET", "/api-sl.php?c=set", "cross-site", false, true},
		{"POST", reading, "cross-site", false, true},
		{"GET", reading, "cross-site", false, false},
		{"HEAD", reading, "cross-site", false, false},
		{"GET", reading + "&oper=edit", "cross-site", false, true},
		{"GET", reading + ";OPER=edit", "cross-site", false, true},
		{"GET", reading + "&+c=set", "cross-site", false, true},
		{"GET", reading + "&%63=set", "cross-site", false, true},
		{"GET", "/api.php?c=set&oper=get", "cross-site", false, true},
		{"GET", "/api.php?c=admin", "cross-site", false, true},
		{"GET", "/api.php?c=set", "same-origin", false, false},
		{"GET", "/api.php?c=set", "same-site", false, false},
		{"GET", "/api.php?c=set", "none", false, false},
		{"GET", "/api.php?c=set", "", false, false},
		{"GET", "/api-sl.php?c=set", "cross-site", true, false},
		{"GET", "/index.php?c=set", "cross-site", false, false},
	} {
		r := httptest.NewRequest(c.method, c.target, nil)
		r.Header = header("Cookie: PHPSESSID=" + session)
		if c.etoken {
			r.Header = header("Authorization: Bearer " + etoken)
		}
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		_, err := d.Token(r)
		if (err != nil) != c.refused || (c.refused && !errors.Is(err, errForeign)) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	// Whoever carries no cookie of ours is none of our business.
	r := httptest.NewRequest(http.MethodPost, "/api.php?c=set", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if _, err := d.Token(r); auth.RefusalOf(err).Reason != auth.NoToken {
		t.Errorf("without a cookie: %v", err)
	}
}

func TestIsAuth(t *testing.T) {
	part := func(name, value string) string {
		return "--x\r\nContent-Disposition: form-data; name=" + name + "\r\n\r\n" + value + "\r\n"
	}
	const multi = "multipart/form-data; boundary=x"
	for _, c := range []struct {
		query, media, body string
		want               bool
	}{
		{"c=auth", "", "", true},
		{"x=y&c=auth&user=a", "", "", true},
		{"%63=%61uth", "", "", true},
		{"c=set&c=auth", "", "", true}, // and then refused
		{"c=auth", dialect.FormType, "c=set", true},
		{"c=AUTH", "", "", false},
		{"C=auth", "", "", false},
		{"c=authx", "", "", false},
		{"c=set", dialect.FormType, "c=auth", false},
		{"", dialect.FormType, "a=b&c=auth", true},
		{"", dialect.FormType + "; charset=utf-8", "c=auth", true},
		{"", "text/plain", "c=auth", false},
		{"", dialect.FormType, "c=set", false},
		{"", dialect.FormType, "c=auth&x=%", false},
		{"", dialect.FormType, "c=auth&x=" + strings.Repeat("x", dialect.DefaultMaxBody), false},
		{"", multi, part("c", "auth") + "--x--", true},
		{"", multi, part("c", "set") + "--x--", false},
		{"", multi, part("c", "auth"), false},
		{"", "", "", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/api.php", strings.NewReader(c.body))
		r.URL.RawQuery = c.query
		if c.media != "" {
			r.Header.Set("Content-Type", c.media)
		}
		if got := isAuth(r); got != c.want {
			t.Errorf("%q and %.40q (%s): %v", c.query, c.body, c.media, got)
		}
	}
	r := httptest.NewRequest(http.MethodPut, "/api.php", strings.NewReader("c=auth"))
	r.Header.Set("Content-Type", dialect.FormType)
	if isAuth(r) {
		t.Error("PHP does not read the body of a PUT")
	}
}

func TestStrip(t *testing.T) {
	for name, c := range map[string]struct{ in, want []string }{
		"both":             {[]string{"Cookie: a=b; PHPSESSID=s", "Authorization: Bearer x"}, []string{"Cookie: a=b"}},
		"any case":         {[]string{"Authorization: bearer x"}, nil},
		"after a tab":      {[]string{"Authorization: Bearer\tx"}, nil},
		"the word alone":   {[]string{"Authorization: Bearer"}, nil},
		"Basic":            {[]string{"Authorization: Basic x", "Cookie: PHPSESSID=s"}, []string{"Authorization: Basic x"}},
		"Basic and Bearer": {[]string{"Authorization: Basic x", "Authorization: Bearer y"}, []string{"Authorization: Basic x"}},
		"another scheme":   {[]string{"Authorization: Bearers x"}, []string{"Authorization: Bearers x"}},
		"neither":          {[]string{"X: y"}, []string{"X: y"}},
	} {
		r := &http.Request{Header: header(c.in...)}
		d := &domainpunch{o: Options{Cookie: "PHPSESSID"}}
		d.Strip(r)
		want := header(c.want...)
		if len(r.Header) != len(want) {
			t.Errorf("%s: %v goes on", name, r.Header)
		}
		for k := range want {
			if !slices.Equal(r.Header[k], want[k]) {
				t.Errorf("%s: %v goes on", name, r.Header)
			}
		}
	}
}

// TestAdmit: whoever came with an etoken gets the cookie, with a path that no
// client can write into.
func TestAdmit(t *testing.T) {
	d := served(t, "")
	b := d.bearer(session)
	for target, want := range map[string]string{
		"/api-sl.php?c=set":         "PHPSESSID=" + session + "; Path=/; HttpOnly; Secure; SameSite=Lax",
		"/sed/api-sl.php":           "PHPSESSID=" + session + "; Path=/sed/; HttpOnly; Secure; SameSite=Lax",
		"/a;%20Domain=x/api-sl.php": "",
		"/a%0d%0aX:%20y/api-sl.php": "",
		"/%20/api-sl.php":           "",
		"/a,b/api-sl.php":           "",
		"/%C3%A9/api-sl.php":        "",
	} {
		h := http.Header{}
		d.Admit(h, httptest.NewRequest(http.MethodGet, target, nil), &b)
		if got := h.Get("Set-Cookie"); got != want || (want != "") != (h.Get("Cache-Control") == "no-store") {
			t.Errorf("%s: %v", target, h)
		}
	}
}

func TestCookieDoesNotAllocate(t *testing.T) {
	d := served(t, "")
	r := httptest.NewRequest(http.MethodGet, "/api.php?c=set&t=domain&oper=parse&id=191", nil)
	r.Header = header("Cookie: a=b; PHPSESSID=" + session)
	if n := testing.AllocsPerRun(100, func() { _, _ = d.Token(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkToken(b *testing.B) {
	d := served(b, "")
	r := httptest.NewRequest(http.MethodGet, "/api-sl.php?c=set&t=domain&oper=parse&id=191", nil)
	for name, line := range map[string]string{
		"cookie": "Cookie: PHPSESSID=" + session, "etoken": "Authorization: Bearer " + d.etokens.issue(session, d.service.Now()),
	} {
		r.Header = header(line)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Token(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzAuthorization: whatever the header holds, only what was issued opens, and a
// header never falls back to the cookie.
func FuzzAuthorization(f *testing.F) {
	d := served(f, "")
	etoken := d.etokens.issue(session, d.service.Now())
	for _, seed := range []string{"Bearer " + etoken, "bearer  x", "Bearer", "Basic eDp5", "", "Bearer a,b", "Bearer " + session, "Bearer " + strings.Repeat("A", 128), "Bearer " + etoken + "="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r := httptest.NewRequest(http.MethodGet, "/api-sl.php", nil)
		r.Header = http.Header{"Authorization": {line}, "Cookie": {"PHPSESSID=" + session}}
		b, err := d.Token(r)
		switch {
		case err != nil && auth.RefusalOf(err).Reason != auth.UnknownToken:
			t.Errorf("%q: %v", line, err)
		case err == nil && b.Carried == "":
			t.Errorf("%q: the cookie was taken", line)
		case err == nil && b.Value != "" && b.Carried != etoken:
			t.Errorf("%q opens", line)
		}
	})
}

// FuzzIsAuth: what another parser takes for a login, and only that, is one.
func FuzzIsAuth(f *testing.F) {
	for _, seed := range []string{"c=auth", "%63=auth&c=set", "c=set", "&&c=au%74h", "c", "c=auth%", "+c=auth", "c=auth;x=y"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, query, body string) {
		r := httptest.NewRequest(http.MethodPost, "/api.php", strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", dialect.FormType)
		got := isAuth(r)
		q, named := values(query)
		b, _ := values(body)
		inQuery, inBody := slices.Contains(q, "auth"), !named && slices.Contains(b, "auth")
		if got != inQuery && (inQuery || got != inBody && (got || readable(body))) {
			t.Fatalf("%q and %q: %v", query, body, got)
		}
	})
}

// readable says whether a form can be read at all.
func readable(form string) bool {
	for pair := range strings.SplitSeq(form, "&") {
		name, value, _ := strings.Cut(pair, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || !utf8.ValidString(n) || !utf8.ValidString(v) {
			return false
		}
	}
	return len(form) <= dialect.DefaultMaxBody && strings.Count(form, "&") < dialect.MaxParams
}

// values are those of c as net/url reads them, pair by pair.
func values(raw string) (list []string, found bool) {
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		n, err := url.QueryUnescape(name)
		if err != nil || n != "c" {
			continue
		}
		found = true
		if v, err := url.QueryUnescape(value); err == nil {
			list = append(list, v)
		}
	}
	return list, found
}
