package server

import (
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asked is an answer of the admin listener to a request that is changed first.
func asked(t *testing.T, s *Server, path string, change func(*http.Request)) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.AdminAddr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

func withAdmin(t *testing.T) *Server {
	cfg := configured(t.TempDir())
	cfg.Admin.Listen, cfg.Admin.Hosts = "127.0.0.1:0", []string{"admin.example.com"}
	s, _ := start(t, cfg)
	return s
}

func TestAdminAnswers(t *testing.T) {
	s := withAdmin(t)
	for path, want := range map[string]string{
		"/metrics": "sallyport_sessions_cached 0", "/debug/pprof/": "goroutine", "/debug/pprof/cmdline": "", "/debug/pprof/goroutine?debug=1": "goroutine profile",
		"/debug/pprof/symbol": "num_symbols",
	} {
		status, body, h := asked(t, s, path, nil)
		if status != 200 || !strings.Contains(body, want) || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s is answered %d %v: %.100s", path, status, h, body)
		}
	}
	if status, _, _ := asked(t, s, "/-/check", nil); status != 404 {
		t.Errorf("the gate answers administrators: %d", status)
	}
	// And the others are not answered as administrators.
	for _, path := range []string{"/metrics", "/debug/pprof/"} {
		if status, body := get(t, s, path); status != 404 {
			t.Errorf("%s is answered %d to everybody: %.100s", path, status, body)
		}
	}
}

// A page that a browser on this machine is looking at cannot have it ask here,
// whatever it has a DNS server say.
func TestAdminIsNotForPagesFromElsewhere(t *testing.T) {
	s := withAdmin(t)
	_, port, _ := net.SplitHostPort(s.AdminAddr().String())
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	header := func(pairs ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(pairs); i += 2 {
				r.Header.Set(pairs[i], pairs[i+1])
			}
		}
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"by address":               {nil, 200},
		"localhost":                {host("localhost:" + port), 200},
		"localhost, written oddly": {host("LocalHost.:" + port), 200},
		"IPv6":                     {host("[::1]:" + port), 200},
		"a listed name":            {host("Admin.Example.com"), 200},
		"another name":             {host("evil.example"), 421},
		"another name with a port": {host("evil.example:" + port), 421},
		"a name that begins alike": {host("localhost.evil.example"), 421},
		"a name like an address":   {host("127.0.0.1.evil.example"), 421},
		"no name":                  {host(" "), 421},

		"a script of ours":           {header("Origin", "http://127.0.0.1:"+port), 200},
		"a script from elsewhere":    {header("Origin", "https://evil.example"), 403},
		"a script of another port":   {header("Origin", "http://127.0.0.1:1"), 403},
		"a sandboxed script":         {header("Origin", "null"), 403},
		"an image in another's page": {header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"), 403},
		"a link in another's page":   {header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"), 200},
		"typed by hand":              {header("Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"), 200},
		"a form in another's page": {func(r *http.Request) {
			r.Method = http.MethodPost
			header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")(r)
		}, 403},
	} {
		if status, body, _ := asked(t, s, "/metrics", c.change); status != c.want {
			t.Errorf("%s: answered %d, want %d: %.80s", name, status, c.want, body)
		}
	}
}

func TestAdminIsOffByDefault(t *testing.T) {
	s, _ := start(t, configured(t.TempDir()))
	if a := s.AdminAddr(); a != nil {
		t.Errorf("listens at %v", a)
	}
}

// A taken address stops the start, unless any other will do, as for the demo.
func TestAdminAddressIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := configured(t.TempDir())
	cfg.Admin.Listen = l.Addr().String()
	_, err = New(t.Context(), cfg, Options{Log: t.Output()})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "change admin.listen") {
		t.Errorf("the start says %v", err)
	}
	s, err := New(t.Context(), cfg, Options{Log: t.Output(), AdminElsewhere: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.AdminAddr().String() == l.Addr().String() || !strings.HasPrefix(s.AdminAddr().String(), "127.0.0.1:") {
		t.Errorf("listens at %v", s.AdminAddr())
	}
}

// An open admin listener speaks TLS if the server does.
func TestAdminSpeaksTLSWhenOpen(t *testing.T) {
	dir := t.TempDir()
	cfg := configured(dir)
	cfg.TLS.Cert, cfg.TLS.Key = writePair(t, dir, 1)
	cfg.Data = filepath.Join(dir, "other.db")
	cfg.Admin.Listen, cfg.Admin.Open = "127.0.0.1:0", true
	s, _ := start(t, cfg)
	status, body, _ := asked(t, s, "/metrics", nil)
	if status != 400 || !strings.Contains(body, "HTTP request to an HTTPS server") {
		t.Errorf("plain HTTP is answered %d: %.100s", status, body)
	}
}

func TestDemoAdminServesThisMachineOnly(t *testing.T) {
	_, err := NewDemo(t.Context(), DemoOptions{Addr: "127.0.0.1:0", Admin: "0.0.0.0:0", Log: t.Output()})
	if !errors.Is(err, ErrNotLoopback) {
		t.Errorf("the start says %v", err)
	}
	d, err := NewDemo(t.Context(), DemoOptions{Addr: "127.0.0.1:0", Admin: "127.0.0.1:0", Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	running(t, d)
	if status, _, _ := asked(t, d.Server, "/metrics", nil); status != 200 {
		t.Errorf("answered %d", status)
	}
}
