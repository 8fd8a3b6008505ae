package gate

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// forward asks about a call as Traefik does, from an address.
func (k *kit) forward(remote, host, uri string, pairs ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://gate.internal/-/check", nil)
	r.RemoteAddr = remote
	r.Header = header(append([]string{"X-Forwarded-Method", "GET", "X-Forwarded-Host", host, "X-Forwarded-Uri", uri,
		"X-Forwarded-For", "198.51.100.7"}, pairs...)...)
	if r.Header.Get("X-Forwarded-Proto") == "" {
		r.Header.Set("X-Forwarded-Proto", "https")
	}
	w := httptest.NewRecorder()
	k.Check(w, r)
	return w
}

func (k *kit) electaURI() string { return "/logs/?cid=" + accountNumber + "&token=" + k.electa }

func TestCheckAnswersWithTheIdentity(t *testing.T) {
	k := newKit(t)
	for name, w := range map[string]*httptest.ResponseRecorder{
		"electa":                   k.forward(proxyAddr, "both.example", k.electaURI()),
		"electa, alone":            k.forward(proxyAddr, "electa.example", "/api"+k.electaURI()),
		"electa, small letters":    k.forward(proxyAddr, "both.example", strings.ToLower(k.electaURI())),
		"electa, slashes doubled":  k.forward(proxyAddr, "electa.example", "//api//logs/?cid=123456&token="+k.electa),
		"calamp by cookie":         k.forward(proxyAddr, "both.example", "/x", "Cookie", "a=b; authToken="+k.calamp, "calamp-services-app", app),
		"calamp by Bearer":         k.forward(proxyAddr, "both.example", "/x", "Authorization", "Bearer "+k.calamp, "calamp-services-app", app),
		"calamp, at a port":        k.forward(proxyAddr, "calamp.example:8443", "/api/x", "Authorization", "Bearer "+k.calamp, "calamp-services-app", app),
		"calamp, found by both":    k.forward(proxyAddr, "both.example", "/x?cid=123456&token="+url.QueryEscape(k.calamp), "Authorization", "Bearer "+k.calamp, "calamp-services-app", app),
		"the client's own account": k.forward(proxyAddr, "both.example", k.electaURI(), "Sallyport-Account", "1", "Sallyport-Subject", "root"),
	} {
		t.Run(name, func(t *testing.T) {
			over, subject := "electa", "J%C3%B6rg's key"
			if strings.HasPrefix(name, "calamp") {
				over, subject = "calamp", "demo"
			}
			if w.Code != http.StatusOK || w.Body.Len() != 0 {
				t.Fatalf("answered %d: %s", w.Code, w.Body)
			}
			h := w.Header()
			for header, want := range map[string]string{
				"Sallyport-Account": accountNumber, "Sallyport-Subject": subject, "Sallyport-Dialect": over, "Cache-Control": "no-store",
			} {
				if got := h.Values(header); len(got) != 1 || got[0] != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
			if h.Get("Sallyport-Session") == "" {
				t.Error("no session id")
			}
			for _, v := range h {
				if strings.Contains(v[0], k.electa) || strings.Contains(v[0], k.calamp) {
					t.Error("a token is in the answer")
				}
			}
		})
	}
}

func TestCheckRefuses(t *testing.T) {
	k := newKit(t)
	const electaSays, calampSays, gateSays = "<Response>", `{"`, "sallyport: "
	const madeUp = "9C467079-FE3B-45C5-8AA5-9726397081AA"
	for name, c := range map[string]struct {
		w      *httptest.ResponseRecorder
		status int
		words  string
	}{
		"no token":                     {k.forward(proxyAddr, "electa.example", "/api/logs/?cid=1"), 401, electaSays},
		"no token, calamp":             {k.forward(proxyAddr, "calamp.example", "/api/x"), 401, calampSays},
		"no token, of two":             {k.forward(proxyAddr, "both.example", "/x"), 401, electaSays},
		"no token, beside a login":     {k.forward(proxyAddr, "both.example", "/connect/services/users/currentUser"), 401, calampSays},
		"two tokens, beside a login":   {k.forward(proxyAddr, "both.example", "/connect/services"+k.electaURI(), "Cookie", "authToken="+k.calamp, "calamp-services-app", app), 401, calampSays},
		"a made-up token":              {k.forward(proxyAddr, "both.example", "/logs/?cid=123456&token="+madeUp), 401, electaSays},
		"a made-up token, calamp":      {k.forward(proxyAddr, "both.example", "/", "Authorization", "Bearer x", "calamp-services-app", app), 401, calampSays},
		"another account":              {k.forward(proxyAddr, "both.example", "/logs/?cid=2&token="+k.electa), 401, electaSays},
		"the token twice":              {k.forward(proxyAddr, "both.example", k.electaURI()+"&TOKEN="+k.electa), 403, electaSays},
		"a token of each dialect":      {k.forward(proxyAddr, "both.example", k.electaURI(), "Cookie", "authToken="+k.calamp, "calamp-services-app", app), 401, electaSays},
		"another dialect's token":      {k.forward(proxyAddr, "calamp.example", "/api/x", "Authorization", "Bearer "+k.electa, "calamp-services-app", app), 401, calampSays},
		"no application key":           {k.forward(proxyAddr, "calamp.example", "/api/x", "Authorization", "Bearer "+k.calamp), 403, calampSays},
		"plain HTTP":                   {k.forward(proxyAddr, "electa.example", "/api"+k.electaURI(), "X-Forwarded-Proto", "http"), 403, electaSays},
		"plain HTTP, calamp":           {k.forward(proxyAddr, "calamp.example", "/api/x", "X-Forwarded-Proto", "http"), 403, calampSays},
		"no mount":                     {k.forward(proxyAddr, "else.example", k.electaURI()), 403, gateSays},
		"outside of the prefix":        {k.forward(proxyAddr, "electa.example", k.electaURI()), 403, gateSays},
		"out of the prefix":            {k.forward(proxyAddr, "electa.example", "/api/../x?cid=123456&token="+k.electa), 403, gateSays},
		"out of the prefix, encoded":   {k.forward(proxyAddr, "electa.example", "/api/%2e%2E/x?cid=123456&token="+k.electa), 403, gateSays},
		"out of the prefix, semicolon": {k.forward(proxyAddr, "electa.example", "/api/..;/x?cid=123456&token="+k.electa), 403, gateSays},
		"two URIs":                     {k.forward(proxyAddr, "both.example", k.electaURI(), "X-Original-URI", "/other"), 403, gateSays},
		"a stranger describes a call":  {k.forward(clientAddr, "both.example", k.electaURI()), 403, gateSays},
		"an identity in underscores":   {k.forward(proxyAddr, "both.example", k.electaURI(), "Sallyport_Account", "1"), 403, gateSays},
		"an assertion":                 {k.forward(proxyAddr, "both.example", k.electaURI(), "Sallyport-Assertion", "x"), 403, gateSays},
	} {
		t.Run(name, func(t *testing.T) {
			if c.w.Code != c.status || !strings.Contains(c.w.Body.String(), c.words) {
				t.Errorf("answered %d in the words %q, want %d in words with %q", c.w.Code, c.w.Body, c.status, c.words)
			}
			for name := range c.w.Header() {
				if claimsIdentity(name) {
					t.Errorf("a refusal carries %s", name)
				}
			}
			if got := c.w.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control %q", got)
			}
		})
	}
}

// silent is a dialect whose refusals are an empty 200.
type silent struct{}

func (silent) Routes(dialect.Mux)                               {}
func (silent) Token(*http.Request) (auth.Bearer, error)         { return auth.Bearer{}, noToken }
func (silent) Refuse(http.ResponseWriter, *http.Request, error) {}

func TestCheckNeverSaysYesByKeepingSilent(t *testing.T) {
	k := newKit(t)
	must(t, k.o.Router.Mount([]string{"silent.example"}, "", &auth.Mount{Name: "silent", Dialect: "silent"}, silent{}))
	if w := k.forward(proxyAddr, "silent.example", "/"); w.Code != http.StatusUnauthorized {
		t.Errorf("answered %d", w.Code)
	}
}

func TestCheckOfOneselfLooksAtTheRequest(t *testing.T) {
	k := newKit(t)
	r := httptest.NewRequest(http.MethodGet, "https://both.example/-/check?cid=123456&token="+k.electa, nil)
	r.RemoteAddr = clientAddr
	// A stranger's description is not looked at.
	r.Header.Set("X-Forwarded-Uri", "/x")
	w := httptest.NewRecorder()
	k.Check(w, r)
	if w.Code != http.StatusOK || w.Header().Get(AccountHeader) != accountNumber {
		t.Errorf("answered %d: %s", w.Code, w.Body)
	}
	r.TLS = nil
	w = httptest.NewRecorder()
	k.Check(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("over plain HTTP answered %d", w.Code)
	}
}

func TestCheckFailsClosed(t *testing.T) {
	k := newKit(t)
	if w := k.forward(proxyAddr, "both.example", k.electaURI()); w.Code != http.StatusOK {
		t.Fatalf("answered %d", w.Code)
	}
	must(t, k.service.Close())
	must(t, k.store.Close())
	k.late.Store(int64(time.Minute)) // nothing was heard of the feed for so long
	for name, w := range map[string]*httptest.ResponseRecorder{
		"electa": k.forward(proxyAddr, "electa.example", "/api"+k.electaURI()),
		"calamp": k.forward(proxyAddr, "calamp.example", "/api/x", "Authorization", "Bearer "+k.calamp, "calamp-services-app", app),
	} {
		if w.Code != http.StatusServiceUnavailable || w.Header().Get(AccountHeader) != "" {
			t.Errorf("%s: without feed and store answered %d: %s", name, w.Code, w.Body)
		}
	}
}

func TestCheckMethods(t *testing.T) {
	k := newKit(t)
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "PUT": 405, "OPTIONS": 405, "DELETE": 405} {
		r := httptest.NewRequest(method, "https://both.example/-/check?cid=123456&token="+k.electa, nil)
		r.RemoteAddr = clientAddr
		w := httptest.NewRecorder()
		k.Check(w, r)
		if w.Code != want {
			t.Errorf("%s is answered %d, want %d", method, w.Code, want)
		}
		if want == 405 && w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: Allow: %q", method, w.Header().Get("Allow"))
		}
	}
}

func TestCheckAfterTheEnd(t *testing.T) {
	k := newKit(t)
	if w := k.forward(proxyAddr, "both.example", k.electaURI()); w.Code != http.StatusOK {
		t.Fatalf("answered %d", w.Code)
	}
	w := k.forward(proxyAddr, "both.example", k.electaURI())
	var id auth.SessionID
	for _, c := range w.Header().Get(SessionHeader) {
		id = id*10 + auth.SessionID(c-'0')
	}
	if n, err := k.service.Revoke(t.Context(), auth.Revocation{Session: id, Actor: "test"}); err != nil || n != 1 {
		t.Fatalf("revoked %d sessions: %v", n, err)
	}
	if w := k.forward(proxyAddr, "both.example", k.electaURI()); w.Code != http.StatusUnauthorized {
		t.Errorf("a revoked session is answered %d", w.Code)
	}
}

// BenchmarkCheck is what /-/check costs beyond net/http.
func BenchmarkCheck(b *testing.B) {
	k := newKit(b)
	r := httptest.NewRequest(http.MethodGet, "http://gate.internal/-/check", nil)
	r.RemoteAddr = proxyAddr
	r.Header = header("X-Forwarded-Method", "GET", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "electa.example",
		"X-Forwarded-Uri", "/api"+k.electaURI(), "X-Forwarded-For", "198.51.100.7", "User-Agent", "bench", "Accept", "*/*")
	w := &discard{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.h)
		w.status = 0
		k.Check(w, r)
		if w.status != 0 {
			b.Fatal("refused", w.status)
		}
	}
}

type discard struct {
	h      http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

// The hot path must stay within reach of a bare handler: one allocation for the
// call that is described and its parts, one for the values of the headers, one
// for the session's number.
func TestCheckAllocates(t *testing.T) {
	k := newKit(t)
	r := httptest.NewRequest(http.MethodGet, "http://gate.internal/-/check", nil)
	r.RemoteAddr = proxyAddr
	r.Header = header("X-Forwarded-Proto", "https", "X-Forwarded-Host", "electa.example", "X-Forwarded-Uri", "/api"+k.electaURI())
	w := &discard{h: http.Header{}}
	if n := testing.AllocsPerRun(1000, func() { k.Check(w, r) }); n > 3 {
		t.Errorf("%v allocations in a check, want 3", n)
	}
}
