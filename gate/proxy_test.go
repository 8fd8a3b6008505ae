package gate

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// The API gets the address byte for byte, whatever is in it.
func TestProxyKeepsTheAddress(t *testing.T) {
	a := newAPI(t, nil)
	base := to(t, a.URL+"/base%2Fof/")
	base.Name, base.Path = "base", "/based"
	f := newKit(t).front(t, to(t, a.URL), base)
	for _, uri := range []string{
		"/", "/a/b", "/a%2Fb", "/a%2fb%41", "//a//b/", "/a;b=c/d;e", "/?", "/x?", "/x??", "/x?a=b;c=d&&e", "/x?a=%zz&%", "/x?a=b?c/../d",
		"/%C3%BC", "/\xc3\xbc%2F", "/a\"b%2Fc", "/a%3Fb%23c", "/a+b?c+d", "/[a]%5B", "/..a/.b", "/x?q=a%00b", "/%7Euser/~", "/x?a=b c"[:6],
	} {
		res, _ := f.say(t, "GET "+uri+" HTTP/1.1\r\n"+f.credentials()+"Connection: close\r\n\r\n")
		if got := firstLine(a.heard()); res.StatusCode != 200 || got != "GET "+uri+" HTTP/1.1" {
			t.Errorf("%q (%d) reached the API as %q", uri, res.StatusCode, got)
		}
	}
	for uri, want := range map[string]string{"/based": "/base%2Fof/based", "/based/a%2Fb?c": "/base%2Fof/based/a%2Fb?c", "/based/\"%2F": "/base%2Fof/based/\"%2F"} {
		f.say(t, "GET "+uri+" HTTP/1.1\r\n"+f.credentials()+"Connection: close\r\n\r\n")
		if got := firstLine(a.heard()); got != "GET "+want+" HTTP/1.1" {
			t.Errorf("%q reached the API as %q, want %s", uri, got, want)
		}
	}
}

// What could mean one thing to the gate and another to the API is refused.
func TestProxyRefusesAmbiguousAddresses(t *testing.T) {
	a := newAPI(t, nil)
	f := newKit(t).front(t, to(t, a.URL))
	for _, uri := range []string{"/a#b", "/a?b#c", "/a/../b", "/a/%2e%2e/b", "/a/..;x/b", "/a%5Cb", "/a%00b"} {
		if res, body := f.say(t, "GET "+uri+" HTTP/1.1\r\n"+f.credentials()+"Connection: close\r\n\r\n"); res.StatusCode != 403 {
			t.Errorf("%q is answered %d %s", uri, res.StatusCode, body)
		}
	}
	for _, method := range []string{"TRACE", "CONNECT"} {
		if res, _ := f.say(t, method+" /x HTTP/1.1\r\n"+f.credentials()+"Connection: close\r\n\r\n"); res.StatusCode != 405 {
			t.Errorf("%s is answered %d", method, res.StatusCode)
		}
	}
	if n := a.calls.Load(); n != 0 {
		t.Errorf("%d calls reached the API", n)
	}
}

// Nobody without a session learns which routes there are, or reaches an API.
func TestProxyPassesOnNothingWithoutASession(t *testing.T) {
	a := newAPI(t, nil)
	rt := to(t, a.URL)
	rt.Path = "/there"
	k := newKit(t)
	f := k.front(t, rt)
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "PROPFIND"} {
		for _, header := range []string{"", "Authorization: Bearer x\r\n", "Cookie: authToken=x\r\n", "Origin: https://x\r\nAccess-Control-Request-Method: GET\r\n",
			"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Expect: 100-continue\r\nContent-Length: 5\r\n"} {
			var answers []string
			for _, path := range []string{"/there", "/nowhere"} {
				if method == "HEAD" {
					continue // ReadResponse would wait for a body
				}
				if !strings.Contains(header, "Connection") {
					header += "Connection: close\r\n"
				}
				res, body := f.say(t, method+" "+path+" HTTP/1.1\r\nHost: both.example\r\n"+header+"\r\n")
				res.Header.Del("Date")
				answers = append(answers, res.Status+body)
			}
			if len(answers) == 2 && answers[0] != answers[1] {
				t.Errorf("%s: a path that is there is refused with %s, another with %s", method, answers[0], answers[1])
			}
		}
	}
	if n := a.calls.Load(); n != 0 {
		t.Errorf("%d calls reached the API", n)
	}
	if res, body := f.do(t, f.ask(t, "GET", "/nowhere", nil)); res.StatusCode != 404 || body != "sallyport: no route leads here\n" {
		t.Errorf("a session without a route is answered %d %s", res.StatusCode, body)
	}
	if res, _ := f.do(t, f.ask(t, "GET", "/there", nil)); res.StatusCode != 200 {
		t.Errorf("a session is answered %d", res.StatusCode)
	}
}

func TestProxyRefusesTwoCredentials(t *testing.T) {
	a := newAPI(t, nil)
	f := newKit(t).front(t, to(t, a.URL))
	for name, r := range map[string]*http.Request{
		"of two dialects": f.ask(t, "GET", f.electaURI(), nil),
		"of one":          f.ask(t, "GET", "/x", nil, "Authorization", "Bearer other"),
		"two cookies":     f.ask(t, "GET", "/x", nil, "Cookie", "authToken="+f.calamp),
		"two headers":     f.ask(t, "GET", "/x", nil, "Authorization", "Bearer "+f.calamp, "Authorization", "Bearer "+f.calamp),
		"form and cookie": f.ask(t, "POST", "/x", strings.NewReader("cid=123456&token="+f.electa), "Content-Type", "application/x-www-form-urlencoded"),
	} {
		res, body := f.do(t, r)
		if res.StatusCode == 200 && !strings.Contains(body, "ResponseCode>1<") {
			t.Errorf("%s: answered %d %s", name, res.StatusCode, body)
		}
	}
	if n := a.calls.Load(); n != 0 {
		t.Errorf("%d calls reached the API", n)
	}
}

// Of what says where a call comes from, the API is told what the gate knows.
func TestProxySaysWhereACallComesFrom(t *testing.T) {
	var got http.Header
	var host string
	a := newAPI(t, func(_ http.ResponseWriter, r *http.Request) { got, host = r.Header, r.Host })
	own := to(t, a.URL)
	own.Name, own.Path, own.UpstreamHost = "own", "/own", true
	f := newKit(t).front(t, to(t, a.URL), own)
	lies := []string{}
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Uri", "Forwarded", "X-Real-Ip",
		"X_forwarded_for", "x-forwarded-for", "X_FORWARDED_HOST", "X-Original-Url", "X-Rewrite-Url", "X.Original.Url", "X-Original-For", "X-Forwarded"} {
		lies = append(lies, name, "untrue")
	}
	f.do(t, f.ask(t, "GET", "/x", nil, append(lies, "X-Original-Filename", "a.txt", "X-Forwardedness", "kept")...))
	for name, v := range got {
		if strings.Contains(strings.Join(v, ""), "untrue") {
			t.Errorf("the API is told %s: %v", name, v)
		}
	}
	if got.Get("X-Forwarded-For") != "127.0.0.1" || got.Get("X-Forwarded-Proto") != "https" || got.Get("X-Forwarded-Host") != "both.example" || host != "both.example" {
		t.Errorf("the API is told %v of host %q", got, host)
	}
	if got.Get("X-Original-Filename") != "a.txt" || got.Get("X-Forwardedness") != "kept" {
		t.Errorf("what describes no call was removed: %v", got)
	}
	f.do(t, f.ask(t, "GET", "/own", nil))
	if host != strings.TrimPrefix(a.URL, "http://") || got.Get("X-Forwarded-Host") != "both.example" {
		t.Errorf("with the upstream's host the API gets %q and %v", host, got)
	}
}

// What the API says under the identity headers' names is not told to clients, and
// everything else is.
func TestProxyAnswers(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Link", "</x>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		h.Set("Sallyport-Account", r.Header.Get("Sallyport-Account"))
		h["SALLYPORT_SESSION"] = []string{"1"}
		h.Set("X-Kept", "yes")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "body")
	})
	f := newKit(t).front(t, to(t, a.URL))
	hints := 0
	r := f.ask(t, "GET", "/x", nil)
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		if code == http.StatusEarlyHints && h.Get("Link") != "" {
			hints++
		}
		return nil
	}}))
	res, body := f.do(t, r)
	if res.StatusCode != http.StatusTeapot || body != "body" || res.Header.Get("X-Kept") != "yes" || hints != 1 {
		t.Errorf("answered %d %q %v after %d hints", res.StatusCode, body, res.Header, hints)
	}
	for name := range res.Header {
		if claimsIdentity(name) {
			t.Errorf("the client is told %s", name)
		}
	}
	if res, body := f.do(t, f.ask(t, "HEAD", "/x", nil)); res.StatusCode != http.StatusTeapot || body != "" {
		t.Errorf("HEAD is answered %d %q", res.StatusCode, body)
	}
}

// An API that is down is told of in the dialect's words, with a status that says
// whose fault it is.
func TestProxyWhenTheAPIDoesNotAnswer(t *testing.T) {
	slow := newAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see the caller leave
		<-r.Context().Done()
	})
	rude := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		c, _, _ := w.(http.Hijacker).Hijack()
		_, _ = io.WriteString(c, "hello, this is no HTTP\r\n")
		c.Close()
	})
	large := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Large", strings.Repeat("x", maxAnswerHeader))
	})
	gone := newAPI(t, nil)
	gone.Close()
	k := newKit(t)
	for name, c := range map[string]struct {
		url    string
		header time.Duration
		status int
	}{
		"gone": {gone.URL, time.Minute, 502}, "rude": {rude.URL, time.Minute, 502}, "too much": {large.URL, time.Minute, 502}, "slow": {slow.URL, 20 * time.Millisecond, 504},
	} {
		rt := to(t, c.url)
		rt.Header = c.header
		f := k.front(t, rt)
		res, body := f.do(t, f.ask(t, "POST", "/x", strings.NewReader("body")))
		word, promise := `"unanswered"`, ""
		if name == "gone" { // nothing can have come of it
			word, promise = `"unavailable"`, "1"
		}
		if res.StatusCode != c.status || !strings.Contains(body, word) || res.Header.Get("Retry-After") != promise || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: answered %d %s %v", name, res.StatusCode, body, res.Header)
		}
		r, err := http.NewRequest("GET", f.URL+f.electaURI(), nil)
		must(t, err)
		r.Host = "both.example"
		if res, body := f.do(t, r); res.StatusCode != c.status || !strings.Contains(body, "<ResponseCode>2</ResponseCode>") {
			t.Errorf("%s, Electa: answered %d %s", name, res.StatusCode, body)
		}
	}
}

// Half an answer must not look like a whole one.
func TestProxyWhenTheAPIBreaksOff(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		must(t, http.NewResponseController(w).Flush())
		panic(http.ErrAbortHandler)
	})
	f := newKit(t).front(t, to(t, a.URL))
	res, err := f.Client().Do(f.ask(t, "GET", "/x", nil))
	must(t, err)
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("%q was taken for all of it", b)
	}
}

// A body that is larger than the route allows is refused with 413, told
// beforehand or not.
func TestProxyBoundsBodies(t *testing.T) {
	a := newAPI(t, nil)
	rt := to(t, a.URL)
	rt.MaxBody = 100_000
	f := newKit(t).front(t, rt)
	for _, size := range []int{100_000, 100_001} {
		for name, body := range map[string]io.Reader{"told": strings.NewReader(strings.Repeat("x", size)), "chunked": io.MultiReader(strings.NewReader(strings.Repeat("x", size)))} {
			r := f.ask(t, "PUT", "/x", body)
			res, said := f.do(t, r)
			want := 200
			if size > 100_000 {
				want = 413
			}
			if res.StatusCode != want || want == 413 && !strings.Contains(said, `"too_large"`) {
				t.Errorf("%d bytes, %s: answered %d %s", size, name, res.StatusCode, said)
			}
		}
	}
	// A form that Electa would have to look into is 413 as well.
	r, err := http.NewRequest("POST", f.URL+"/logs/", strings.NewReader("x="+strings.Repeat("x", 256<<10)))
	must(t, err)
	r.Host = "electa.example"
	r.URL.Path = "/api/logs/"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if res, body := f.do(t, r); res.StatusCode != 413 || !strings.Contains(body, "<ResponseCode>2") {
		t.Errorf("a form too large to be searched for a token is answered %d %s", res.StatusCode, body)
	}
}

// A session opens the routes that are for it.
func TestProxyRoutesAreForSome(t *testing.T) {
	a := newAPI(t, nil)
	k := newKit(t)
	must(t, k.service.Update(t.Context(), func(tx auth.Tx) error {
		tenant, err := tx.AccountByCode(0, "ACME")
		if err != nil {
			return err
		}
		for _, a := range []auth.Account{{Level: auth.Organization, Tenant: tenant.ID, Parent: tenant.ID, Code: "EAST"}, {Level: auth.Tenant, Code: "OTHER"}} {
			if err := tx.PutAccount(&a); err != nil {
				return err
			}
		}
		return nil
	}))
	for name, c := range map[string]struct {
		change func(*Route)
		want   int
	}{
		"anybody":           {func(*Route) {}, 200},
		"its dialect":       {func(r *Route) { r.Dialects = []string{"oauth2", "calamp"} }, 200},
		"another dialect":   {func(r *Route) { r.Dialects = []string{"oauth2", "electa"} }, 403},
		"its tenant":        {func(r *Route) { r.Tenant = "ACME" }, 200},
		"another tenant":    {func(r *Route) { r.Tenant = "OTHER" }, 403},
		"no tenant":         {func(r *Route) { r.Tenant = "NOBODY" }, 403},
		"its level":         {func(r *Route) { r.Level = auth.Organization }, 200},
		"another level":     {func(r *Route) { r.Level = auth.Tenant }, 403},
		"above its account": {func(r *Route) { r.Tenant, r.Account = "ACME", "ACME" }, 200},
		"another account":   {func(r *Route) { r.Tenant, r.Account = "ACME", "EAST" }, 403},
		"no account":        {func(r *Route) { r.Tenant, r.Account = "ACME", "NOWHERE" }, 403},
	} {
		rt := to(t, a.URL)
		c.change(&rt)
		f := k.front(t, rt)
		before := a.calls.Load()
		res, body := f.do(t, f.ask(t, "GET", "/x", nil))
		// Whichever way a call is checked, the route's conditions hold.
		if got := k.forward(proxyAddr, "both.example", "/x"+strings.TrimPrefix(k.electaURI(), "/logs/")); len(rt.Dialects) == 0 && (got.Code == 200) != (c.want == 200) {
			t.Errorf("%s: forward-auth says %d %s", name, got.Code, got.Body)
		}
		if reached := a.calls.Load() > before; res.StatusCode != c.want || reached != (c.want == 200) {
			t.Errorf("%s: answered %d %s, reached %v", name, res.StatusCode, body, reached)
		}
	}
}

func TestProxyNeedsRoutesThatWork(t *testing.T) {
	k := newKit(t)
	good := to(t, "http://127.0.0.1:9/")
	for name, change := range map[string]func(*Route){
		"no upstream":          func(r *Route) { r.Upstream = nil },
		"credentials":          func(r *Route) { r.Upstream = to(t, "http://a:b@x/").Upstream },
		"a query":              func(r *Route) { r.Upstream = to(t, "http://x/?a").Upstream },
		"another scheme":       func(r *Route) { r.Upstream = to(t, "ftp://x/").Upstream },
		"no host":              func(r *Route) { r.Upstream = to(t, "http:///x").Upstream },
		"a path that climbs":   func(r *Route) { r.Path = "/a/../b" },
		"a path without slash": func(r *Route) { r.Path = "a" },
		"account, no tenant":   func(r *Route) { r.Account = "A" },
		"no time-out":          func(r *Route) { r.Header = 0 },
	} {
		rt := good
		change(&rt)
		if _, err := k.Proxy([]Route{rt}); !errors.Is(err, ErrRoute) {
			t.Errorf("%s: %v", name, err)
		}
	}
	one, two := good, good
	one.Name, two.Name, two.Path = "one", "two", "/A/"
	one.Path = "/a"
	if _, err := k.Proxy([]Route{one, two}); !errors.Is(err, ErrRoute) || !strings.Contains(err.Error(), "one") || !strings.Contains(err.Error(), "two") {
		t.Errorf("two equal routes: %v", err)
	}
	two.Hosts = []string{"x.example"}
	if _, err := k.Proxy([]Route{one, two}); err != nil {
		t.Errorf("one for every host and one for one: %v", err)
	}
}

func TestLongestRouteWins(t *testing.T) {
	k := newKit(t)
	named := func(name, path string, hosts ...string) Route {
		rt := to(t, "http://127.0.0.1:9/")
		rt.Name, rt.Path, rt.Hosts = name, path, hosts
		return rt
	}
	_, err := k.Proxy([]Route{named("all", "/"), named("api", "/api"), named("deep", "/API/v2/"), named("host", "/", "A.example"), named("hostapi", "/api", "a.example", "b.example")})
	must(t, err)
	for _, c := range [][3]string{
		{"x", "/", "all"}, {"x", "/apis", "all"}, {"x", "/api", "api"}, {"x", "/api/", "api"}, {"x", "/Api/v1", "api"}, {"x", "/api/v2", "deep"}, {"x", "//api//v2/x", "deep"},
		{"x", "/;x", "all"}, {"x", "/api/v2/x;p=1", "deep"}, {"x", "/api/a.b./c%20", "api"}, {"a.example", "/", "host"}, {"A.EXAMPLE.:443", "/x", "host"}, {"a.example", "/api/x", "hostapi"}, {"a.example", "/api/v2", "deep"},
		{"b.example", "/", "all"}, {"b.example", "/api", "hostapi"}, {"[::1]:80", "/api", "api"}, {"x", "", "all"},
	} {
		if u, err := k.routes.find(c[0], c[1]); err != nil || u == nil || u.Name != c[2] {
			t.Errorf("%s%s: %v %v, want %s", c[0], c[1], u, err, c[2])
		}
	}
	// To some servers these are below /api.
	for _, path := range []string{"/api;x", "/;x/api", "/;/api", "//;x//api/a", "/api;p=1/v2;q/x", "/api.", "/api ", "/api. ./x", "/api::$DATA", "/api?x", "/api#x"} {
		if u, err := k.routes.find("x", path); !errors.Is(err, errAmbiguous) {
			t.Errorf("%q takes %v, %v", path, u, err)
		}
	}
	_, err = k.Proxy([]Route{named("api", "/api", "a.example")})
	must(t, err)
	for _, c := range [][2]string{{"b.example", "/api"}, {"a.example", "/"}, {"a.example", "/apis"}, {"a.example", "*"}} {
		if u, err := k.routes.find(c[0], c[1]); u != nil || err != nil {
			t.Errorf("%s%s: route %v, %v", c[0], c[1], u, err)
		}
	}
}

// A target that is no path has none to judge, and a host with more in it than a
// name is another host to somebody behind.
func TestProxyRefusesOddTargets(t *testing.T) {
	a := newAPI(t, nil)
	k := newKit(t)
	f := k.front(t, to(t, a.URL))
	query := strings.TrimPrefix(k.electaURI(), "/logs/")
	for _, c := range []struct {
		target, host string
		passes       bool
	}{
		{"/x" + query, "both.example", true},
		{"/x" + query, "both.example:443", true},
		{"https://both.example/x" + query, "other.example", true}, // RFC 9112, 3.2.2
		{"x:http://h/admin" + query, "both.example", false},
		{"x:https://both.example/admin" + query, "both.example", false},
		{"x:/admin" + query, "both.example", false},
		{"x://both.example/admin" + query, "both.example", false},
		{"https://a:b@both.example/x" + query, "both.example", false},
		{"/x" + query, "both.example:443:80", false},
		{"/x" + query, "both.example,other", false},
		{"/x" + query, "both.example;other", false},
		{"/x" + query, "", false},
	} {
		before := a.calls.Load()
		status := f.raw(t, "GET "+c.target+" HTTP/1.1\r\nHost: "+c.host+"\r\nConnection: close\r\n\r\n")
		if passed := a.calls.Load() > before; passed != c.passes || (status == 200) != c.passes {
			t.Errorf("%s at %q: answered %d, passed on: %v", c.target, c.host, status, passed)
		}
	}
}

// raw sends bytes and returns the status of the answer.
func (f *front) raw(t *testing.T, request string) int {
	t.Helper()
	c, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", f.Listener.Addr().String())
	must(t, err)
	defer c.Close()
	_, err = io.WriteString(c, request)
	must(t, err)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	must(t, err)
	defer res.Body.Close()
	return res.StatusCode
}
