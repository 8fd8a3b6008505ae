package gate

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// api is a server behind the gate that keeps every byte that reaches it.
type api struct {
	*httptest.Server
	calls atomic.Int64
	mu    sync.Mutex
	saw   bytes.Buffer
}

func newAPI(t testing.TB, h http.HandlerFunc) *api {
	t.Helper()
	a := &api{}
	a.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.calls.Add(1)
		if h == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			return
		}
		h(w, r)
	}))
	a.Listener = overheard{a.Listener, a}
	a.Start()
	t.Cleanup(a.Close)
	return a
}

// heard is what has reached the API since the last time that somebody asked.
func (a *api) heard() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.saw.String()
	a.saw.Reset()
	return s
}

type overheard struct {
	net.Listener
	api *api
}

func (l overheard) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &overheardConn{c, l.api}, nil
}

type overheardConn struct {
	net.Conn
	api *api
}

func (c *overheardConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	c.api.saw.Write(b[:n])
	return n, err
}

// to is a route of everything to an API.
func to(t testing.TB, address string) Route {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	return Route{Name: "api", Path: "/", Upstream: u, Connect: 10 * time.Second, Header: time.Minute, Idle: time.Minute}
}

// call sends a request through the proxy to an API that only listens. reached is
// what came to it, nil if nothing.
func (k *kit) call(r *http.Request) (w *httptest.ResponseRecorder, reached *http.Request, body string) {
	t := k.t
	t.Helper()
	a := newAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		reached, body = r, string(b)
	})
	route := to(t, a.URL)
	if k.o.Assertions.Issuer != "" {
		route.Name, route.Assertion = k.o.Assertions.Audience, true
	}
	p, err := k.Proxy([]Route{route})
	must(t, err)
	r.RemoteAddr = clientAddr
	w = httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w, reached, body
}

// front is the proxy, served over TLS to real clients.
type front struct {
	*kit
	*httptest.Server
}

func (k *kit) front(t testing.TB, routes ...Route) *front {
	t.Helper()
	return k.frontWith(t, nil, routes...)
}

func (k *kit) frontWith(t testing.TB, change func(*http.Server), routes ...Route) *front {
	t.Helper()
	p, err := k.Proxy(routes)
	must(t, err)
	s := httptest.NewUnstartedServer(p)
	s.EnableHTTP2 = true
	if change != nil {
		change(s.Config)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return &front{k, s}
}

// ask makes a call of CalAmp's user, for the host of both dialects.
func (f *front) ask(t testing.TB, method, uri string, body io.Reader, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, f.URL+uri, body)
	must(t, err)
	r.Host = "both.example"
	r.Header.Set("Cookie", "lang=de; authToken="+f.calamp)
	r.Header.Set("Calamp-Services-App", app)
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = append(r.Header[header[i]], header[i+1])
	}
	return r
}

// do sends a request and reads the whole answer.
func (f *front) do(t testing.TB, r *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := f.Client().Do(r)
	must(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	return res, string(b)
}

// say sends bytes as they are, over HTTP/1, and returns the answer.
func (f *front) say(t testing.TB, request string) (*http.Response, string) {
	t.Helper()
	c, err := tls.Dial("tcp", f.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	must(t, err)
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(c, request)
	must(t, err)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	must(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	return res, string(b)
}

// credentials are the lines of CalAmp's user, as they go over the wire.
func (f *front) credentials() string {
	return "Host: both.example\r\nCookie: lang=de; authToken=" + f.calamp + "\r\nCalamp-Services-App: " + app + "\r\n"
}

// firstLine is the request line that reached an API.
func firstLine(heard string) string {
	line, _, _ := strings.Cut(heard, "\r\n")
	return line
}
