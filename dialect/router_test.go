package dialect_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/calamp"
	"github.com/sallyport/sallyport/dialect/electa"
)

// withRoutes is a real dialect with endpoints of the test's own.
type withRoutes struct {
	dialect.Dialect
	routes func(dialect.Mux)
}

func (d withRoutes) Routes(m dialect.Mux) { d.routes(m) }

func newElecta(t testing.TB, mount string) (*auth.Mount, dialect.Dialect) {
	return made(t, electa.Definition(), mount)
}

func newCalAmp(t testing.TB, mount string) (*auth.Mount, dialect.Dialect) {
	return made(t, calamp.Definition(), mount)
}

func made(t testing.TB, def dialect.Definition, mount string) (*auth.Mount, dialect.Dialect) {
	t.Helper()
	m := def.Mount(mount, "")
	d, err := def.New(dialect.Config{Mount: m})
	if err != nil {
		t.Fatal(err)
	}
	return m, d
}

func newRouter(log io.Writer) *dialect.Router {
	if log == nil {
		log = io.Discard
	}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	return dialect.NewRouter(dialect.RouterOptions{
		Origin: func(r *http.Request) (auth.Origin, bool) {
			return auth.Origin{Source: netip.MustParseAddr("192.0.2.1"), Request: "req-1"}, r.Header.Get("Test-Plain") == ""
		},
		Logger: slog.New(slog.NewTextHandler(log, nil)),
		Clock:  func() time.Time { now = now.Add(time.Millisecond); return now },
	})
}

func mustMount(t testing.TB, r *dialect.Router, hosts []string, prefix string, m *auth.Mount, d dialect.Dialect) {
	t.Helper()
	if err := r.Mount(hosts, prefix, m, d); err != nil {
		t.Fatal(err)
	}
}

// reaches says whether the router sends a request to a login.
func reaches(r *dialect.Router, host, target string) bool {
	req := httptest.NewRequest(http.MethodGet, target, nil)
	req.Host = host
	_, ok := r.Handler(req)
	return ok
}

func TestPaths(t *testing.T) {
	r := newRouter(nil)
	m, d := newElecta(t, "electa")
	mustMount(t, r, nil, "/school", m, d)
	m, d = newCalAmp(t, "calamp")
	mustMount(t, r, nil, "", m, d)
	for target, want := range map[string]bool{
		"/school/token/":                 true,
		"/school/token":                  true,
		"/School/ToKeN":                  true,
		"/school/token/?cid=1":           true,
		"/school/%74oken/":               true, // decoded, as servers do
		"/school%2ftoken/":               true, // the same: whoever decodes it must find the login's care
		"/school/token%2F":               true,
		"/school/token/x":                false,
		"/school/token//":                false,
		"/school//token/":                false,
		"//school/token/":                false,
		"/school/./token/":               false,
		"/school/x/../token/":            false,
		"/school/token/..":               false,
		"/school/token;x":                false,
		"/token/":                        false,
		"/school/to\u212Aen/":            false, // the Kelvin sign is no k
		"/connect/services/login":        true,
		"/connect/services/login/":       false,
		"/Connect/Services/Login":        false,
		"/connect/services/logout?x":     true,
		"/school/connect/services/login": false,
	} {
		if got := reaches(r, "any.example", target); got != want {
			t.Errorf("%s reaches a login: %v", target, got)
		}
	}
}

// A subtree takes what no endpoint takes: paths that lead nowhere.
func TestSubtree(t *testing.T) {
	r := newRouter(nil)
	var reached string
	to := func(name string) dialect.Handler {
		return func(http.ResponseWriter, *http.Request, auth.Origin) { reached = name }
	}
	m, d := newElecta(t, "electa")
	mustMount(t, r, nil, "/A", m, withRoutes{d, func(m dialect.Mux) {
		m.Handle("/Login.svc", to("folded tree"), dialect.FoldCase, dialect.Subtree)
		m.Handle("/Login.svc/deep", to("deeper tree"), dialect.Subtree)
		m.Handle("/Login.svc/Key", to("endpoint"), dialect.FoldCase)
		m.Handle("/exact", to("exact tree"), dialect.Subtree)
	}})
	for target, want := range map[string]string{
		"/A/Login.svc":            "folded tree",
		"/a/LOGIN.SVC":            "folded tree",
		"/a/login.svc/":           "folded tree",
		"/a/login.svc/x/y":        "folded tree",
		"/a/login.svc/../x":       "folded tree",
		"/a/login.svc/KEY":        "endpoint",
		"/a/login.svc/key/":       "folded tree",
		"/A/Login.svc/deep":       "deeper tree",
		"/A/Login.svc/deep/x":     "deeper tree",
		"/A/Login.svc/deeper":     "folded tree",
		"/A/Login.svc/Deep/x":     "folded tree",
		"/a/login.svcx":           "",
		"/a/login.sv":             "",
		"/A/exact/x":              "exact tree",
		"/a/exact/x":              "",
		"/A/exactly":              "",
		"/a/login.\u017fvc":       "",
		"/Login.svc":              "",
		"/A":                      "",
		"/A/Login.svc%2fAnything": "folded tree",
	} {
		req := httptest.NewRequest(http.MethodGet, target, nil)
		reached = ""
		if h, ok := r.Handler(req); ok {
			h.ServeHTTP(httptest.NewRecorder(), req)
		}
		if reached != want {
			t.Errorf("%s reaches %q, want %q", target, reached, want)
		}
	}
}

func TestHosts(t *testing.T) {
	r := newRouter(nil)
	m, d := newElecta(t, "electa")
	mustMount(t, r, []string{"API30.school-network.net", "[2001:db8::1]"}, "", m, d)
	m, d = newCalAmp(t, "calamp")
	mustMount(t, r, nil, "", m, d)
	for host, want := range map[string]bool{
		"api30.school-network.net":       true,
		"Api30.School-Network.net:8443":  true,
		"api30.school-network.net.":      true,
		"[2001:DB8::1]:443":              true,
		"2001:db8::1":                    true,
		"[2001:db8::1]":                  true,
		"other.example":                  false,
		"":                               false,
		"api30.school-network.net.evil":  false,
		"x.api30.school-network.net":     false,
		"[2001:db8::2]:443":              false,
		"api30.school-network.net:80:80": false,
	} {
		if got := reaches(r, host, "/token/"); got != want {
			t.Errorf("at host %q Electa's login is there: %v", host, got)
		}
		if !reaches(r, host, "/connect/services/login") {
			t.Errorf("at host %q CalAmp's login is missing", host)
		}
	}
}

func TestConflicts(t *testing.T) {
	at := func(path string, opts ...dialect.Option) func(dialect.Mux) {
		return func(m dialect.Mux) {
			m.Handle(path, func(http.ResponseWriter, *http.Request, auth.Origin) {}, opts...)
		}
	}
	for name, c := range map[string]struct {
		hosts  []string
		prefix string
		routes func(dialect.Mux)
		want   bool
	}{
		"the same path":              {nil, "", at("/token/"), true},
		"the optional slash":         {nil, "", at("/token"), true},
		"another case of it":         {nil, "", at("/Token/"), true},
		"a host that has it anyway":  {[]string{"x.example"}, "", at("/token/"), true},
		"by its prefix":              {nil, "/token", at("/"), true},
		"twice in itself":            {nil, "/a", func(m dialect.Mux) { at("/b")(m); at("/b")(m) }, true},
		"twice in itself, by case":   {nil, "/a", func(m dialect.Mux) { at("/b", dialect.FoldCase)(m); at("/B")(m) }, true},
		"another prefix":             {nil, "/b", at("/token/"), false},
		"two cases, none folded":     {nil, "/a", func(m dialect.Mux) { at("/b")(m); at("/B")(m) }, false},
		"below it":                   {nil, "", at("/token/x"), false},
		"prefix without slash":       {nil, "a", at("/x"), true},
		"prefix with slash at end":   {nil, "/a/", at("/x"), true},
		"prefix of Sallyport itself": {nil, "/-", at("/x"), true},
		"prefix below that":          {nil, "/-/x", at("/x"), true},
		"prefix with dots":           {nil, "/a/..", at("/x"), true},
		"prefix with two slashes":    {nil, "/a//b", at("/x"), true},
		"prefix with a query":        {nil, "/a?b", at("/x"), true},
		"a path of Sallyport itself": {nil, "", at("/-/check"), true},
		"path without slash":         {nil, "", at("x"), true},
		"no path":                    {nil, "", at(""), true},
		"no handler":                 {nil, "", func(m dialect.Mux) { m.Handle("/x", nil) }, true},
		"host with a path":           {[]string{"x.example/y"}, "", at("/x"), true},
		"host with a wildcard":       {[]string{"*.example"}, "", at("/x"), true},
		"empty host":                 {[]string{""}, "", at("/x"), true},
	} {
		r := newRouter(nil)
		m, d := newElecta(t, "first")
		mustMount(t, r, nil, "", m, d)
		m, d = newCalAmp(t, "second")
		err := r.Mount(c.hosts, c.prefix, m, withRoutes{d, c.routes})
		if (err != nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
		if errors.Is(err, dialect.ErrClaimed) && c.prefix != "/a" {
			for _, part := range []string{"electa", "first", "calamp", "second", "/token"} {
				if !strings.Contains(strings.ToLower(err.Error()), part) {
					t.Errorf("%s: the error does not name %s: %v", name, part, err)
				}
			}
		}
		if err != nil && (len(r.Covering("any", "/a")) != 1 || !reaches(r, "any", "/token/")) {
			t.Errorf("%s: a mount that failed left something behind", name)
		}
	}
}

func TestTwoHosts(t *testing.T) {
	r := newRouter(nil)
	for i, host := range []string{"a.example", "b.example"} {
		m, d := newElecta(t, fmt.Sprint("electa", i))
		mustMount(t, r, []string{host}, "", m, d)
	}
	m, d := newElecta(t, "third")
	if err := r.Mount([]string{"c.example", "B.example:443"}, "", m, d); !errors.Is(err, dialect.ErrClaimed) || !strings.Contains(err.Error(), "b.example") {
		t.Errorf("one of two hosts is taken: %v", err)
	}
	if reaches(r, "c.example", "/token/") || len(r.Covering("c.example", "/")) != 0 {
		t.Error("half a mount was made")
	}
}

func TestNative(t *testing.T) {
	r := newRouter(nil)
	mounted := map[dialect.Dialect]string{}
	for name, c := range map[string]struct{ prefix, endpoint string }{
		"file":   {"", "/api.php"},
		"folder": {"", "/Connect/services/login"},
		"deeper": {"", "/connect/services/admin/login"},
		"below":  {"/app", "/login"},
		"inner":  {"/connect/other", "/login"},
	} {
		m, d := newElecta(t, name)
		own := &struct{ withRoutes }{withRoutes{d, func(m dialect.Mux) {
			m.Handle(c.endpoint, func(http.ResponseWriter, *http.Request, auth.Origin) {})
		}}}
		mounted[own] = name
		mustMount(t, r, nil, c.prefix, m, own)
	}
	for path, want := range map[string]string{
		"/": "", "/x": "", "/logs/": "", "/api.phpx": "", "/connect/x": "", "/app/x": "", "/connect/other/x": "",
		"/api.php": "file", "/API.php/x": "file",
		"/connect/services/x": "folder", "/connect/SERVICES": "folder", "/connect/servicesx": "",
		"/connect/services/admin/x": "deeper", "/connect/services/login": "folder",
		"/app/login": "below", "/connect/other/login": "inner",
		// As Java's servers read paths.
		"/connect;a=b/services;/x;y": "folder", "/api.php;x": "file", "/;/api.php": "file", "/connect/;a/services/;": "folder", "/x;/api.php": "", ";": "",
	} {
		got := ""
		if at := r.Native("any", path); at != nil {
			got = mounted[at.Dialect]
		}
		if got != want {
			t.Errorf("%s: native to %q, want %q", path, got, want)
		}
	}
}

// TestNativeToTwo: what two dialects have endpoints in belongs to neither, but
// for the endpoints.
func TestNativeToTwo(t *testing.T) {
	r := newRouter(nil)
	at := func(path string) func(dialect.Mux) {
		return func(m dialect.Mux) { m.Handle(path, func(http.ResponseWriter, *http.Request, auth.Origin) {}) }
	}
	m1, d1 := newElecta(t, "one")
	m2, d2 := newElecta(t, "another of the same dialect")
	mustMount(t, r, nil, "", m1, withRoutes{d1, at("/services/token")})
	mustMount(t, r, nil, "", m2, withRoutes{d2, at("/services/key")})
	if at := r.Native("any", "/services/x"); at == nil || at.Mount != m1 {
		t.Errorf("two mounts of one dialect: %+v", at)
	}
	m3, d3 := newCalAmp(t, "of another")
	mustMount(t, r, nil, "", m3, withRoutes{d3, at("/services/login")})
	if at := r.Native("any", "/services/x"); at != nil {
		t.Errorf("two dialects: native to %q", at.Mount.Name)
	}
	if at := r.Native("any", "/services/login/x"); at == nil || at.Mount != m3 {
		t.Errorf("an endpoint: %+v", at)
	}
}

func TestCovering(t *testing.T) {
	r := newRouter(nil)
	for _, c := range []struct {
		name   string
		hosts  []string
		prefix string
	}{
		{"root", nil, ""},
		{"api", nil, "/api"},
		{"api-v2", nil, "/Api/V2"},
		{"other", []string{"other.example"}, "/api"},
	} {
		m, d := newElecta(t, c.name)
		mustMount(t, r, c.hosts, c.prefix, m, withRoutes{d, func(m dialect.Mux) {
			m.Handle("/login-"+c.name, func(http.ResponseWriter, *http.Request, auth.Origin) {})
		}})
	}
	for at, want := range map[string]string{
		"any.example/":               "root",
		"any.example/x":              "root",
		"any.example/apix":           "root",
		"any.example/api":            "api root",
		"any.example/API/x":          "api root",
		"any.example/api/v2":         "api-v2 api root",
		"any.example/api/v2/x":       "api-v2 api root",
		"any.example/api/v20":        "api root",
		"other.example:8080/api":     "api other root",
		"other.example/api/v2/x":     "api-v2 api other root",
		"OTHER.example./x":           "root",
		"any.example/x/../api/v2/y":  "root",
		"any.example/api/../private": "api root",
	} {
		host, path, _ := strings.Cut(at, "/")
		var got []string
		for _, m := range r.Covering(host, "/"+path) {
			got = append(got, m.Mount.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is covered by %q, want %q", at, got, want)
		}
	}
	n := testing.AllocsPerRun(100, func() {
		if len(r.Covering("other.example:8080", "/api/v2/x")) != 4 {
			t.Fatal("wrong mounts")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestHandlerDoesNotAllocate(t *testing.T) {
	r := newRouter(nil)
	m, d := newElecta(t, "electa")
	mustMount(t, r, []string{"api30.school-network.net"}, "", m, d)
	for _, target := range []string{"/token/", "/event/list/"} {
		req := httptest.NewRequest(http.MethodGet, target, nil)
		req.Host = "api30.school-network.net:443"
		if n := testing.AllocsPerRun(100, func() { r.Handler(req) }); n != 0 {
			t.Errorf("%s: %v allocations", target, n)
		}
	}
}

// serve mounts one handler over Electa's refusals and sends one request.
func serve(t *testing.T, h dialect.Handler, req *http.Request, opts ...dialect.Option) (reply *httptest.ResponseRecorder, log string) {
	t.Helper()
	var b bytes.Buffer
	r := newRouter(&b)
	m, d := newElecta(t, "the-mount")
	mustMount(t, r, nil, "", m, withRoutes{d, func(m dialect.Mux) { m.Handle("/login", h, opts...) }})
	reply = httptest.NewRecorder()
	handler, ok := r.Handler(req)
	if !ok {
		t.Fatal("not routed")
	}
	defer func() {
		log = b.String()
		if p := recover(); p != nil {
			if err, _ := p.(error); !errors.Is(err, http.ErrAbortHandler) {
				t.Errorf("panics with %v", p)
			}
			reply.Code = -1 // the connection is cut
		}
	}()
	handler.ServeHTTP(reply, req)
	return reply, b.String()
}

const hush = "S3cretInTheQuery"

func loginRequest(body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/login?key="+hush, body)
	r.Header.Set("Cookie", "authToken="+hush)
	r.Header.Set("Authorization", "Bearer "+hush)
	r.Header.Set("Referer", "https://x.example/?"+hush)
	return r
}

func TestOneLogLine(t *testing.T) {
	reply, log := serve(t, func(w http.ResponseWriter, r *http.Request, from auth.Origin) {
		if from.Source.String() != "192.0.2.1" || from.Request != "req-1" {
			t.Errorf("from is %+v", from)
		}
		dialect.Note(w, auth.Refuse(auth.Locked, errors.New("told why")))
		w.WriteHeader(http.StatusTeapot)
	}, loginRequest(nil))
	want := `time=T level=INFO msg="login request" cause="told why" outcome=locked method=POST path=/login status=418 duration=1ms dialect=electa mount=the-mount source=192.0.2.1 request=req-1` + "\n"
	if _, rest, _ := strings.Cut(log, " "); "time=T "+rest != want {
		t.Errorf("logged\n%swant\n%s", log, want)
	}
	if reply.Header().Get("Cache-Control") != "no-store" {
		t.Error("the reply may be stored")
	}
}

func TestLogOfOddRequests(t *testing.T) {
	req := loginRequest(nil)
	req.Method = hush
	_, log := serve(t, func(w http.ResponseWriter, _ *http.Request, _ auth.Origin) { w.WriteHeader(400) }, req)
	if strings.Contains(log, hush) || !strings.Contains(log, "method=other") || !strings.Contains(log, "outcome=refused") {
		t.Errorf("logged %s", log)
	}
	_, log = serve(t, func(w http.ResponseWriter, _ *http.Request, _ auth.Origin) {
		dialect.Note(w, errors.New("the disk is full"))
	}, loginRequest(nil))
	if !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "outcome=unavailable") || !strings.Contains(log, "the disk is full") {
		t.Errorf("logged %s", log)
	}
	dialect.Note(httptest.NewRecorder(), errors.New("x")) // not the router's: left alone
}

func TestPlainIsRefusedBeforeItIsRead(t *testing.T) {
	req := loginRequest(iotestReader(func([]byte) (int, error) { t.Error("the body is read"); return 0, io.EOF }))
	req.Header.Set("Test-Plain", "1")
	reply, log := serve(t, func(http.ResponseWriter, *http.Request, auth.Origin) { t.Error("the handler is called") }, req)
	if reply.Code != http.StatusForbidden || !strings.Contains(log, "outcome=insecure") || reply.Header().Get("Location") != "" {
		t.Errorf("answered %d, logged %s", reply.Code, log)
	}
}

type iotestReader func([]byte) (int, error)

func (f iotestReader) Read(b []byte) (int, error) { return f(b) }

func TestBodyIsBounded(t *testing.T) {
	for _, c := range []struct {
		opts  []dialect.Option
		limit int64
	}{{nil, dialect.DefaultMaxBody}, {[]dialect.Option{dialect.MaxBody(10)}, 10}} {
		endless := io.LimitReader(iotestReader(func(b []byte) (int, error) { return len(b), nil }), 1<<20)
		serve(t, func(_ http.ResponseWriter, r *http.Request, _ auth.Origin) {
			n, err := io.Copy(io.Discard, r.Body)
			var tooLarge *http.MaxBytesError
			if n != c.limit || !errors.As(err, &tooLarge) {
				t.Errorf("read %d bytes, %v", n, err)
			}
		}, loginRequest(endless), c.opts...)
	}
}

func TestPanics(t *testing.T) {
	reply, log := serve(t, func(w http.ResponseWriter, _ *http.Request, _ auth.Origin) {
		w.Header().Set("Set-Cookie", "authToken="+hush)
		panic(hush)
	}, loginRequest(nil))
	if reply.Code != 200 || !strings.Contains(reply.Body.String(), "Service temporarily unavailable") ||
		reply.Header().Get("Set-Cookie") != "" || reply.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("answered %d %v %s", reply.Code, reply.Header(), reply.Body)
	}
	if strings.Contains(log, hush) || !strings.Contains(log, "panic with a string") || !strings.Contains(log, "router_test.go") {
		t.Errorf("logged %s", log)
	}

	reply, log = serve(t, func(w http.ResponseWriter, _ *http.Request, _ auth.Origin) {
		_, _ = w.Write([]byte("half"))
		panic("x")
	}, loginRequest(nil))
	if reply.Code != -1 || !strings.Contains(log, "level=ERROR") {
		t.Errorf("half a reply: answered %d, logged %s", reply.Code, log)
	}

	reply, log = serve(t, func(http.ResponseWriter, *http.Request, auth.Origin) { panic(http.ErrAbortHandler) }, loginRequest(nil))
	if reply.Code != -1 || strings.Count(log, "\n") != 1 {
		t.Errorf("an abort: answered %d, logged %s", reply.Code, log)
	}
}

func TestReplyCanBeControlled(t *testing.T) {
	reply, _ := serve(t, func(w http.ResponseWriter, _ *http.Request, _ auth.Origin) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	}, loginRequest(nil))
	if !reply.Flushed {
		t.Error("not flushed")
	}
}

// FuzzRoute: no spelling of a path but those that are meant reaches a login.
func FuzzRoute(f *testing.F) {
	r := newRouter(nil)
	m, d := newElecta(f, "electa")
	mustMount(f, r, []string{"a.example"}, "/school", m, d)
	m, d = newCalAmp(f, "calamp")
	mustMount(f, r, nil, "", m, d)
	for _, seed := range []string{"/school/token/", "/SCHOOL/Token", "/connect/services/login", "/school//token", "/school/../school/token"} {
		f.Add("A.example:1", seed)
	}
	meant := []string{"/connect/services/login", "/connect/services/logout"}
	f.Fuzz(func(t *testing.T, host, path string) {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.Host, req.URL.Path = host, path
		_, got := r.Handler(req)
		low := strings.ToLower(path)
		if want := low == "/school/token" || low == "/school/token/"; got && !want && !slices.Contains(meant, path) {
			t.Fatalf("%q at %q reaches a login", path, host)
		}
		for _, m := range r.Covering(host, path) {
			if p := m.Prefix; !strings.HasPrefix(low, p) {
				t.Fatalf("%q is covered by %q", path, p)
			}
		}
	})
}
