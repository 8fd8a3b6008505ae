package verify

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// The handler tells the API whose call it is, and nobody else can.
func TestHandler(t *testing.T) {
	w := newWorld(t)
	v := w.verify().follow()
	g := w.login("electa")
	var seen http.Header
	var session Session
	api := v.Handler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		seen = r.Header
		var ok bool
		if session, ok = FromContext(r.Context()); !ok || r.Trailer != nil {
			t.Errorf("session %v, trailers %v", ok, r.Trailer)
		}
		_, _ = io.Copy(rw, r.Body)
	}), Electa())
	call := func(target string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", target, strings.NewReader("body"))
		for i := 0; i < len(headers); i += 2 {
			r.Header[headers[i]] = append(r.Header[headers[i]], headers[i+1])
		}
		r.Trailer = http.Header{"Sallyport-Account": nil}
		before := r.Header.Clone()
		rec := httptest.NewRecorder()
		seen = nil
		api.ServeHTTP(rec, r)
		if !maps.EqualFunc(before, r.Header, slices.Equal) {
			t.Error("the request itself was changed")
		}
		return rec
	}
	good := "/?CID=123456&Token=" + g.Token
	spoofs := []string{"Sallyport-Account", "1", "Sallyport-Account", "2", "sallyport-account", "3", "SALLYPORT_ACCOUNT", "4",
		"Sallyport.Subject", "5", "Sallyport-Role", "6", "Sallyport", "7", "sallyport_session", "8", "Sallyporter", "9",
		"Connection", "close, Sallyport-Account", "Trailer", "Sallyport-Account", "Cookie", "a=b"}
	rec := call(good, spoofs...)
	if rec.Code != http.StatusOK || rec.Body.String() != "body" {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	want := http.Header{AccountHeader: {"123456"}, SubjectHeader: {"main"}, DialectHeader: {"electa"}, SessionHeader: seen[SessionHeader],
		"Connection": {"close"}, "Cookie": {"a=b"}, "Sallyporter": {"9"}}
	if !maps.EqualFunc(want, seen, slices.Equal) || session.ID != uint64(g.Session.ID) {
		t.Errorf("the API saw %v, session %+v", seen, session)
	}
	for _, c := range []struct {
		what, target, challenge string
		headers                 []string
		status                  int
		text                    string
	}{
		{"no token", "/", "Bearer", nil, 401, "the call carries no token\n"},
		{"another account", "/?CID=7&Token=" + g.Token, `Bearer error="invalid_token"`, nil, 401, "the token is not valid\n"},
		{"made up", "/?CID=123456&Token=00000000-0000-0000-0000-000000000000", `Bearer error="invalid_token"`, nil, 401, "the token is not valid\n"},
		{"repeated", good + "&Token=x", "", nil, 400, "the request cannot be read\n"},
	} {
		rec := call(c.target, c.headers...)
		if rec.Code != c.status || rec.Header().Get("WWW-Authenticate") != c.challenge || rec.Body.String() != c.text || seen != nil || rec.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v %q, the API saw %v", c.what, rec.Code, rec.Header(), rec.Body, seen)
		}
	}
	w.wire.lead("")
	w.wire.cut()
	v.clock.turn(time.Second)
	if rec := call(good); rec.Code != 503 || seen != nil || rec.Header().Get("Retry-After") == "" {
		t.Errorf("nobody to ask: %d", rec.Code)
	}
}

func TestRefuseIsTheAPIs(t *testing.T) {
	w := newWorld(t)
	v := w.verify(func(o *Options) {
		o.Refuse = func(rw http.ResponseWriter, r *http.Request, err error) {
			http.Error(rw, err.Error(), http.StatusTeapot)
		}
	})
	rec := httptest.NewRecorder()
	v.Handler(http.NotFoundHandler(), Any(Bearer(), Query("token"))).ServeHTTP(rec, requestOf(t, "GET /?token=a\nAuthorization: Bearer b"))
	if rec.Code != http.StatusTeapot || !strings.Contains(rec.Body.String(), ErrTwoTokens.Error()) {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestHeaderSafe(t *testing.T) {
	for in, want := range map[string]string{"": "", "main": "main", "Jörg": "J%C3%B6rg", "a\r\nb": "a%0D%0Ab", "100%": "100%25", "a b": "a b"} {
		if got := headerSafe(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

// The memory is bounded, whatever is asked.
func TestBounded(t *testing.T) {
	w := newWorld(t)
	v := w.verify(func(o *Options) { o.CacheSessions = 2 * cacheShards }).follow()
	var last auth.Grant
	for range 6 * cacheShards {
		last = w.login("sbt")
		if _, err := v.Check(t.Context(), last.Token); err != nil {
			t.Fatal(err)
		}
	}
	if n := v.cache.len(); n > 2*cacheShards || n < cacheShards {
		t.Errorf("%d verdicts are remembered", n)
	}
	if len(v.cache.sessions) != v.cache.len() || len(v.cache.owners) != 1 {
		t.Errorf("%d sessions and %d owners for %d verdicts", len(v.cache.sessions), len(v.cache.owners), v.cache.len())
	}
	v.want(Credential{Token: last.Token}, nil, true)

	w.revoke(auth.Revocation{Principal: w.key})
	v.caughtUp()
	for range cacheShards {
		v.cache.sweep(v.now())
	}
	if v.cache.len() != 0 || len(v.cache.sessions) != 0 || len(v.cache.owners) != 0 {
		t.Errorf("%d verdicts, %d sessions, %d owners are left", v.cache.len(), len(v.cache.sessions), len(v.cache.owners))
	}
	for range 3 * maxRecent {
		v.cache.obey(v.cache.mark().seq+1, notice{session: 1})
	}
	if len(v.cache.recent) > 2*maxRecent {
		t.Errorf("%d notices are kept", len(v.cache.recent))
	}
}

// However many calls come at once, few questions reach the server, and each
// credential is asked about once.
func TestFlood(t *testing.T) {
	const atOnce = 4
	w := newWorld(t)
	gate := &slowServer{open: make(chan struct{})}
	v := w.verify(func(o *Options) {
		o.MaxAsks, o.Freshness = atOnce, time.Hour
		gate.RoundTripper = o.HTTPClient.Transport
		o.HTTPClient.Transport = gate
	})
	var busy, refused atomic.Int64
	var calls sync.WaitGroup
	count := func(token string) {
		_, err := v.Check(context.Background(), token)
		switch {
		case sameError(err, ErrRefused):
			refused.Add(1)
		case sameError(err, ErrUnavailable):
			busy.Add(1)
		default:
			t.Errorf("check says %v", err)
		}
	}
	for range 100 {
		calls.Go(func() { count("sp_one") })
	}
	w.await("a hundred to share one question", func() bool { return gate.now.Load() == 1 })
	for i := range 40 * atOnce {
		calls.Go(func() { count("sp_" + string(rune('a'+i/26)) + string(rune('a'+i%26))) })
	}
	w.await("the queue to be full", func() bool { return busy.Load() == 40*atOnce-17*atOnce+1 })
	close(gate.open)
	calls.Wait()
	if gate.most.Load() > atOnce {
		t.Errorf("%d questions at once", gate.most.Load())
	}
	if asks := w.asks.Load(); asks < 17*atOnce || asks > 17*atOnce+100 {
		t.Errorf("%d questions", asks)
	}
	if refused.Load()+busy.Load() != 100+40*atOnce {
		t.Errorf("%d refused, %d busy", refused.Load(), busy.Load())
	}
}

// slowServer holds questions until it is opened.
type slowServer struct {
	http.RoundTripper
	open      chan struct{}
	now, most atomic.Int64
}

func (s *slowServer) RoundTrip(r *http.Request) (*http.Response, error) {
	n := s.now.Add(1)
	defer s.now.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); {
		most = s.most.Load()
	}
	<-s.open
	return s.RoundTripper.RoundTrip(r)
}

// Credentials go to the server and nowhere else.
func TestNoRedirect(t *testing.T) {
	var followed atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer thief.Close()
	server := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	v, err := New(Options{Server: server.URL, ClientID: "a", ClientSecret: "b"})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if _, err := v.Check(t.Context(), "sp_x"); !sameError(err, ErrUnavailable) {
		t.Errorf("check says %v", err)
	}
	if _, err := v.follow(t.Context()); err == nil {
		t.Error("a redirected feed is followed")
	}
	if followed.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestOptions(t *testing.T) {
	for server, want := range map[string]error{
		"https://login.example.com": nil, "https://login.example.com/": nil, "http://127.0.0.1:8080": nil, "http://[::1]:1": nil, "http://localhost": nil,
		"http://login.example.com": ErrOptions, "http://127.0.0.1.example.com": ErrOptions, "login.example.com": ErrOptions, "": ErrOptions, "ftp://x": ErrOptions,
		"https://user:pw@login.example.com": ErrOptions, "https://login.example.com?x": ErrOptions, "https://": ErrOptions,
	} {
		if _, err := New(Options{Server: server, ClientID: "a", ClientSecret: "b"}); !sameError(err, want) {
			t.Errorf("%q: %v, want %v", server, err, want)
		}
	}
	for _, o := range []Options{{}, {ClientID: "a"}, {ClientSecret: "b"}, {ClientID: "a", ClientSecret: "b", Freshness: -1}} {
		o.Server = "https://login.example.com"
		if _, err := New(o); !sameError(err, ErrOptions) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// After Close nothing passes.
func TestClosed(t *testing.T) {
	w := newWorld(t)
	v := w.verify().follow()
	g := w.login("electa")
	v.want(electaCall(g), nil, false)
	w.must(v.Close())
	if _, err := v.CheckCredential(t.Context(), electaCall(g)); !sameError(err, ErrUnavailable) {
		t.Errorf("check says %v", err)
	}
}
