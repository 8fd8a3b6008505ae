package gate

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sallyport/sallyport/auth"
)

// dial opens a web socket through the proxy.
func (f *front) dial(t *testing.T) *websocket.Conn {
	t.Helper()
	header := http.Header{"Cookie": {"authToken=" + f.calamp}, "Calamp-Services-App": {app}, "Sallyport-Account": {"victim"}}
	c, res, err := websocket.Dial(t.Context(), "wss"+strings.TrimPrefix(f.URL, "https")+"/socket",
		&websocket.DialOptions{HTTPHeader: header, Host: "both.example", HTTPClient: f.Client()})
	if err != nil {
		t.Fatalf("%v: %v", res, err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// echoSocket answers each message with who the API is told has sent it.
func echoSocket(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	for {
		kind, b, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if string(b) == "bye" {
			_ = c.Close(4001, "as you wish")
			return
		}
		if err := c.Write(r.Context(), kind, append([]byte(r.Header.Get(AccountHeader)+": "), b...)); err != nil {
			return
		}
	}
}

func TestProxyPassesWebSockets(t *testing.T) {
	a := newAPI(t, echoSocket)
	k := newKit(t)
	f := k.frontWith(t, func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond }, to(t, a.URL))
	c := f.dial(t)
	large := strings.Repeat("x", 20_000)
	for _, message := range []string{"hello", large} {
		time.Sleep(60 * time.Millisecond) // past the server's time-outs
		must(t, c.Write(t.Context(), websocket.MessageText, []byte(message)))
		if _, b, err := c.Read(t.Context()); err != nil || string(b) != accountNumber+": "+message {
			t.Fatalf("answered %.40q: %v", b, err)
		}
	}
	if saw := a.heard(); strings.Contains(saw, f.calamp) || strings.Contains(saw, "victim") {
		t.Errorf("the API saw %s", saw)
	}
	must(t, c.Write(t.Context(), websocket.MessageText, []byte("bye")))
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != 4001 {
		t.Errorf("the API's close arrives as %v", err)
	}
}

// A call that lasts ends with its session.
func TestProxyCutsWhatOutlastsItsSession(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/socket" {
			echoSocket(w, r)
			return
		}
		if r.URL.Path == "/stream" {
			_, _ = io.WriteString(w, "first")
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	})
	k := newKit(t)
	f := k.front(t, to(t, a.URL))
	c := f.dial(t)
	stream, err := f.Client().Do(f.ask(t, "GET", "/stream", nil))
	must(t, err)
	defer stream.Body.Close()
	first := make([]byte, 5)
	_, err = io.ReadFull(stream.Body, first)
	must(t, err)
	waiting := make(chan *http.Response, 1)
	go func() {
		res, err := f.Client().Do(f.ask(t, "GET", "/wait", nil))
		if err != nil {
			t.Error(err)
		}
		waiting <- res
	}()
	for a.calls.Load() < 3 {
		time.Sleep(time.Millisecond)
	}
	must(t, f.service.Logout(t.Context(), &auth.Bearer{Mount: &auth.Mount{Dialect: "calamp"}, Form: auth.FormSeries, Value: f.calamp}, auth.Origin{}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, _, err := c.Read(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("the web socket goes on: %v", err)
	}
	if b, err := io.ReadAll(stream.Body); err == nil {
		t.Errorf("the stream ended as if it were whole: %q", b)
	}
	if res := <-waiting; res != nil {
		defer res.Body.Close()
		if b, _ := io.ReadAll(res.Body); res.StatusCode != 401 || !strings.Contains(string(b), "not_authenticated") {
			t.Errorf("a call that waited is answered %d %s", res.StatusCode, b)
		}
	}
}

// Only web sockets may be switched to: a client that talks HTTP/2 to the API
// through a tunnel has no gate before it.
func TestProxySwitchesToNothingElse(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if to := r.Header.Get("Upgrade"); to != "" && to != "websocket" || r.Header.Get("Http2-Settings") != "" || len(r.Header["Upgrade"]) > 1 {
			t.Errorf("the API was asked to switch: %v", r.Header)
		}
	})
	f := newKit(t).front(t, to(t, a.URL))
	for _, header := range []string{
		"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
		"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: websocket, h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
		"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: websocket\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n",
		"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
	} {
		if res, body := f.say(t, "GET /x HTTP/1.1\r\n"+f.credentials()+header+"\r\n"); res.StatusCode != 200 {
			t.Errorf("%q is answered %d %s", header, res.StatusCode, body)
		}
	}
	if a.calls.Load() != 4 {
		t.Errorf("%d calls reached the API", a.calls.Load())
	}
}

// Each piece goes on when it comes, in both directions, and for longer than the
// server's time-outs for logins; over HTTP/2 too.
func TestProxyStreams(t *testing.T) {
	const pieces = 4
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			got := make(chan string)
			a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
				// Over HTTP/1 Go's server takes the whole request before it answers.
				duplex := r.Header.Get("Via") == "HTTP/2.0"
				if duplex {
					must(t, http.NewResponseController(w).EnableFullDuplex())
					must(t, http.NewResponseController(w).Flush())
				}
				b := make([]byte, 8)
				defer func() {
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = w.Write(b)
				}()
				for range pieces {
					if _, err := io.ReadFull(r.Body, b); err != nil {
						t.Error(err)
						return
					}
					got <- string(b)
					if duplex {
						_, _ = w.Write(b)
						must(t, http.NewResponseController(w).Flush())
					}
				}
			})
			f := newKit(t).frontWith(t, func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = 40*time.Millisecond, 40*time.Millisecond }, to(t, a.URL))
			client := f.Client()
			if proto == "HTTP/1.1" {
				client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
			}
			in, out := io.Pipe()
			answered := make(chan *http.Response, 1)
			go func() {
				res, err := client.Do(f.ask(t, "POST", "/x", in, "Via", proto))
				if err != nil {
					t.Error(err)
				}
				answered <- res
			}()
			want := 8
			var res *http.Response
			if proto == "HTTP/2.0" {
				want = (pieces + 1) * 8
				if res = <-answered; res == nil {
					return
				}
			}
			for range pieces {
				time.Sleep(30 * time.Millisecond)
				_, err := io.WriteString(out, "piece...")
				must(t, err)
				if s := <-got; s != "piece..." {
					t.Errorf("the API got %q", s)
				}
			}
			must(t, out.Close())
			if res == nil {
				if res = <-answered; res == nil {
					return
				}
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			if err != nil || len(b) != want || res.Proto != proto {
				t.Errorf("%s: answered %q: %v", res.Proto, b, err)
			}
		})
	}
}

// A stream's pieces arrive one by one, with nothing sent in between.
func TestProxyFlushes(t *testing.T) {
	next := make(chan struct{})
	a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			_, _ = io.WriteString(w, "event\n")
			must(t, http.NewResponseController(w).Flush())
			<-next
		}
	})
	f := newKit(t).front(t, to(t, a.URL))
	res, err := f.Client().Do(f.ask(t, "GET", "/x", nil))
	must(t, err)
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for range 3 {
		line, err := lines.ReadString('\n')
		must(t, err)
		if line != "event\n" {
			t.Errorf("got %q", line)
		}
		next <- struct{}{}
	}
}

// A client that sends a part of a body and then nothing is given up, and so is
// one that reads nothing of a large answer.
func TestProxyGivesUpOnSilentClients(t *testing.T) {
	ended := make(chan error, 1)
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			_, err := io.Copy(io.Discard, r.Body)
			ended <- err
			return
		}
		_, err := io.Copy(w, endless{})
		ended <- err
	})
	rt := to(t, a.URL)
	rt.Idle = 50 * time.Millisecond
	f := newKit(t).front(t, rt)
	for _, request := range []string{"POST /x HTTP/1.1\r\n" + f.credentials() + "Content-Length: 100\r\n\r\nhalf", "GET /x HTTP/1.1\r\n" + f.credentials() + "\r\n"} {
		c, err := tls.Dial("tcp", f.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		must(t, err)
		defer c.Close()
		_, err = io.WriteString(c, request)
		must(t, err)
		select {
		case err := <-ended:
			if err == nil {
				t.Errorf("%.4s: the API's call ended well", request)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%.4s: the call goes on", request)
		}
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func TestProxyStopsForAClientThatLeaves(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	a := newAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		close(ended)
	})
	f := newKit(t).front(t, to(t, a.URL))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	res, err := f.Client().Do(f.ask(t, "GET", "/x", nil).WithContext(ctx))
	if err == nil {
		res.Body.Close()
		t.Error("answered")
	}
	<-ended
}

// Expect: 100-continue reaches the API, and its no comes before the body does.
func TestProxyContinues(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Expect") != "100-continue" {
			t.Errorf("the API is not asked: %v", r.Header)
		}
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		b, _ := io.ReadAll(r.Body)
		_, _ = w.Write(b)
	})
	f := newKit(t).front(t, to(t, a.URL))
	for path, want := range map[string]string{"/yes": "HTTP/1.1 100 Continue\r\n", "/no": "HTTP/1.1 417 Expectation Failed\r\n"} {
		c, err := tls.Dial("tcp", f.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		must(t, err)
		defer c.Close()
		must(t, c.SetDeadline(time.Now().Add(5*time.Second)))
		_, err = io.WriteString(c, "POST "+path+" HTTP/1.1\r\n"+f.credentials()+"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")
		must(t, err)
		in := bufio.NewReader(c)
		if line, err := in.ReadString('\n'); err != nil || line != want {
			t.Errorf("%s is answered %q %v", path, line, err)
		}
		c.Close()
	}
}

// Trailers pass in both directions, but for those that only a header may say,
// after the gate has looked at it.
func TestProxyPassesTrailers(t *testing.T) {
	seen := make(chan http.Header, 1)
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-After")
		b, _ := io.ReadAll(r.Body)
		_, _ = w.Write(b)
		w.Header().Set("X-After", "answered")
		w.Header().Set(http.TrailerPrefix+"X-Unannounced", "too")
		seen <- r.Trailer.Clone()
	})
	f := newKit(t).front(t, to(t, a.URL))
	names := []string{"X-Digest", "X-Forwarded-For", "Sallyport-Account", "Sallyport_account", "Sallyport-Role"}
	for _, proto := range []string{"HTTP/2.0", "HTTP/1.1"} {
		client := f.Client()
		if proto == "HTTP/1.1" {
			client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
			names = append(append(names, "Authorization", "Cookie"), spellings...)
		}
		r := f.ask(t, "POST", "/x", io.MultiReader(strings.NewReader("body")))
		r.Trailer = http.Header{}
		for _, name := range names {
			r.Trailer[http.CanonicalHeaderKey(name)] = []string{"victim"}
		}
		res, err := client.Do(r)
		must(t, err)
		b, err := io.ReadAll(res.Body)
		must(t, err)
		res.Body.Close()
		got := <-seen
		if len(got) != 1 || got.Get("X-Digest") != "victim" {
			t.Errorf("%s: the API got the trailers %v", proto, got)
		}
		if string(b) != "body" || res.Trailer.Get("X-After") != "answered" || res.Trailer.Get("X-Unannounced") != "too" || res.Proto != proto {
			t.Errorf("%s: answered %q with %v", res.Proto, b, res.Trailer)
		}
		a.heard()
	}
}

func TestProxyPassesLargeBodies(t *testing.T) {
	const size = 8 << 20
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = io.Copy(w, io.LimitReader(endless{}, n))
	})
	f := newKit(t).front(t, to(t, a.URL))
	n := 0
	r := f.ask(t, "PUT", "/x", io.LimitReader(endless{}, size))
	res, err := f.Client().Do(r)
	must(t, err)
	defer res.Body.Close()
	b := make([]byte, 64<<10)
	for {
		m, err := res.Body.Read(b)
		n += m
		if err == io.EOF {
			break
		}
		must(t, err)
	}
	if n != size {
		t.Errorf("%d bytes came back", n)
	}
}

// To an API over TLS calls go in HTTP/2 where it speaks that, trailers and
// streams included, and web sockets in HTTP/1, as they must.
func TestProxyToAnAPIOverTLS(t *testing.T) {
	protos := make(chan string, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/socket" {
			echoSocket(w, r)
			return
		}
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-After")
		_, _ = w.Write(b)
		w.Header().Set("X-After", r.Trailer.Get("X-Digest")+r.Trailer.Get("Sallyport-Role")+r.Header.Get(AccountHeader))
		protos <- r.Proto
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	rt := to(t, s.URL)
	rt.RootCAs = x509.NewCertPool()
	rt.RootCAs.AddCert(s.Certificate())
	f := newKit(t).front(t, rt)
	r := f.ask(t, "POST", "/x", io.MultiReader(strings.NewReader("body")))
	r.Trailer = http.Header{"X-Digest": {"d"}, "Sallyport-Role": {"victim"}}
	res, body := f.do(t, r)
	if res.StatusCode != 200 || body != "body" || res.Trailer.Get("X-After") != "d"+accountNumber {
		t.Fatalf("answered %d %q, %v", res.StatusCode, body, res.Trailer)
	}
	if got := <-protos; got != "HTTP/2.0" {
		t.Errorf("the API was asked over %s", got)
	}
	c := f.dial(t)
	must(t, c.Write(t.Context(), websocket.MessageBinary, []byte("hello")))
	if _, b, err := c.Read(t.Context()); err != nil || string(b) != accountNumber+": hello" {
		t.Errorf("the web socket answers %q %v", b, err)
	}
}

// An API may take longer to answer than the server's time-outs are, which are for
// logins.
func TestProxyWaitsForTheAPI(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(120 * time.Millisecond)
		_, _ = io.WriteString(w, "late")
	})
	f := newKit(t).frontWith(t, func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = 40*time.Millisecond, 40*time.Millisecond }, to(t, a.URL))
	one := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for _, client := range []*http.Client{one, f.Client()} {
		res, err := client.Do(f.ask(t, "GET", "/x", nil))
		if err != nil {
			t.Errorf("not answered: %v", err)
			continue
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || string(b) != "late" {
			t.Errorf("%s: answered %q %v", res.Proto, b, err)
		}
	}
}

// While the API is slow to take a body, the client's time does not run.
func TestProxyWaitsForTheAPIToRead(t *testing.T) {
	const size = 32 << 20 // more than fits between the two
	got := make(chan int64, 1)
	a := newAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		time.Sleep(1500 * time.Millisecond)
		n, _ := io.Copy(io.Discard, r.Body)
		got <- n
	})
	rt := to(t, a.URL)
	rt.Idle = time.Second
	f := newKit(t).front(t, rt)
	res, body := f.do(t, f.ask(t, "PUT", "/x", io.LimitReader(endless{}, size)))
	if n := <-got; res.StatusCode != 200 || n != size {
		t.Errorf("answered %d %s after %d bytes", res.StatusCode, body, n)
	}
}
