package gate

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/calamp"
	"github.com/sallyport/sallyport/dialect/electa"
)

// What describes a call, or frames it, comes from the gate alone, under whatever
// name an API might read it. All else passes.
func TestProxySaysItselfWhereACallIsFrom(t *testing.T) {
	a := newAPI(t, nil)
	f := newKit(t).front(t, to(t, a.URL))
	for _, name := range []string{
		"X-Original-URL", "X-Original-Path", "X-Original-Scheme", "X-Original-Remote-Addr", "X_ORIGINAL_HOST",
		"X-Rewrite-URL", "X-Rewrite-Path", "X-Override-URL", "X-Override", "X-Forwarded-Server", "X-Forwarded", "Forwarded", "Forwarded-For",
		"True-Client-IP", "X-Client-IP", "Client-IP", "X-Cluster-Client-IP", "CF-Connecting-IP", "Fastly-Client-IP", "X-Real-IP", "x_real.ip",
		"X-Remote-IP", "X-Remote-Addr", "X-Remote-User", "Remote-User", "REMOTE_USER", "Remote-Addr", "Proxy", "proxy_x",
		"Content_Length", "content.length", "Transfer_Encoding", "Content_Type", "Content_Encoding",
	} {
		res, body := f.say(t, "POST /x HTTP/1.1\r\n"+f.credentials()+name+": evil\r\nContent-Length: 1\r\nContent-Type: text/plain\r\n\r\nx")
		if saw := a.heard(); res.StatusCode != 200 || strings.Contains(saw, "evil") || !strings.Contains(saw, "\r\nContent-Length: 1\r\n") || !strings.Contains(saw, "\r\nContent-Type: text/plain\r\n") {
			t.Errorf("%s: answered %d %s, and the API heard\n%s", name, res.StatusCode, body, saw)
		}
	}
	for _, name := range []string{"X-HTTP-Method-Override", "X-Original-Filename", "X-Originator", "X-Forwardable", "X-Client", "Proxyless", "Content-Language", "Remote", "Real_uname", "X-Request-Id"} {
		res, body := f.say(t, "GET /x HTTP/1.1\r\n"+f.credentials()+name+": fine\r\n\r\n")
		if saw := a.heard(); res.StatusCode != 200 || !strings.Contains(strings.ToLower(saw), strings.ToLower(name)+": fine") {
			t.Errorf("%s: answered %d %s, and the API heard\n%s", name, res.StatusCode, body, saw)
		}
	}
}

// A browser says which page it comes from, and the URLs of some pages hold tokens.
func TestProxyCutsTheQueryOfAReferer(t *testing.T) {
	a := newAPI(t, nil)
	f := newKit(t).front(t, to(t, a.URL))
	for referer, want := range map[string]string{
		"https://both.example/launch/?cid=123456&token=%s":  "https://both.example/launch/",
		"https://both.example/launch/?cid=123456&token=%s#": "https://both.example/launch/",
		"/launch/?token=%s":               "/launch/",
		"https://both.example/#token=%s":  "https://both.example/",
		"https://both.example/page":       "https://both.example/page",
		"?token=%s":                       "",
		"https://a/?x\r\nReferer: /?t=%s": "https://a/",
	} {
		res, body := f.say(t, "GET /x HTTP/1.1\r\n"+f.credentials()+"Referer: "+strings.Replace(referer, "%s", f.electa, 1)+"\r\n\r\n")
		saw := a.heard()
		if res.StatusCode != 200 || strings.Contains(saw, f.electa) || strings.Contains(saw, "\r\nReferer: "+want+"\r\n") != (want != "") {
			t.Errorf("%q: answered %d %s, and the API heard\n%s", referer, res.StatusCode, body, saw)
		}
	}
}

// The cookie of one mount comes with calls of others: browsers send it to every
// path of the host. No API but its own may have it, and that may not either.
func TestProxyKeepsACookieFromOtherMounts(t *testing.T) {
	a := newAPI(t, nil)
	k := newKit(t)
	for prefix, def := range map[string]dialect.Definition{"": electa.Definition(), "/cal": calamp.Definition()} {
		m := def.Mount(def.Name+"-mixed", "")
		d, err := def.New(dialect.Config{Service: k.service, Mount: m})
		must(t, err)
		must(t, k.o.Router.Mount([]string{"mixed.example"}, prefix, m, d))
	}
	f := k.front(t, to(t, a.URL))
	res, body := f.say(t, "GET /x?cid="+accountNumber+"&token="+k.electa+" HTTP/1.1\r\nHost: mixed.example\r\nCookie: lang=de; authToken="+k.calamp+"; a=b\r\nAuthorization: Basic YTpi\r\n\r\n")
	saw := a.heard()
	if res.StatusCode != 200 || strings.Contains(saw, k.calamp) || strings.Contains(saw, "authToken") {
		t.Errorf("answered %d %s, and the API heard\n%s", res.StatusCode, body, saw)
	}
	if !strings.Contains(saw, "\r\nCookie: lang=de; a=b\r\n") || !strings.Contains(saw, "\r\nAuthorization: Basic YTpi\r\n") {
		t.Errorf("more than the cookie is gone in\n%s", saw)
	}
	res, _ = f.say(t, "GET /x?cid="+accountNumber+"&token="+k.electa+" HTTP/1.1\r\nHost: mixed.example\r\nCookie: authToken="+k.calamp+"\r\n\r\n")
	if saw := a.heard(); res.StatusCode != 200 || strings.Contains(saw, "Cookie") {
		t.Errorf("answered %d, and the API heard\n%s", res.StatusCode, saw)
	}
}

// Identity headers that an API echoes stay inside: in what comes before the
// answer, in it and behind it.
func TestProxyEchoesNoIdentity(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Sallyport-Account", "1")
		h.Set("sallyport_x", "1")
		h.Set("Link", "</x>")
		w.WriteHeader(http.StatusEarlyHints)
		h.Set("Trailer", "Sallyport-Subject, X-After")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "x")
		h.Set("Sallyport-Subject", "1")
		h.Set("X-After", "yes")
		h.Set(http.TrailerPrefix+"Sallyport-Session", "1")
		h.Set(http.TrailerPrefix+"X-More", "yes")
	})
	f := newKit(t).front(t, to(t, a.URL))
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			client := f.Client()
			if proto == "HTTP/1.1" {
				client = &http.Client{Transport: &http.Transport{TLSClientConfig: f.Client().Transport.(*http.Transport).TLSClientConfig.Clone()}}
			}
			var early http.Header
			r := f.ask(t, "GET", "/x", nil)
			r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
				Got1xxResponse: func(_ int, h textproto.MIMEHeader) error { early = http.Header(h).Clone(); return nil }}))
			res, err := client.Do(r)
			must(t, err)
			defer res.Body.Close()
			_, err = io.ReadAll(res.Body)
			must(t, err)
			if early.Get("Link") == "" || res.Trailer.Get("X-After") != "yes" || res.Trailer.Get("X-More") != "yes" || res.Proto != proto {
				t.Errorf("%s with %v, then %v", res.Proto, early, res.Trailer)
			}
			for what, h := range map[string]http.Header{"103": early, "header": res.Header, "trailer": res.Trailer} {
				for name, v := range h {
					if claimsIdentity(name) {
						t.Errorf("%s: the client is told %s %v", what, name, v)
					}
				}
			}
		})
	}
}

// What the log says of an API that is no HTTP is none of the API's own bytes.
func TestProxyLogsNothingOfTheAPI(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nX-Key hush-hush\r\n\r\n", "HTTP/1.1 200 OK\r\n hush-hush: x\r\n\r\n", "hush-hush\r\n\r\n", "HTTP/1.1 hush-hush OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: hush-hush\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: hush-hush\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: hush-hush\r\n\r\n", "HTTP/hush-hush 200 OK\r\n\r\n",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Read(make([]byte, 4096))
				_, _ = io.WriteString(c, answer)
				_ = c.Close()
			}
		}()
		k := newKit(t)
		var log bytes.Buffer
		k.o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		f := k.front(t, to(t, "http://"+l.Addr().String()))
		res, body := f.do(t, f.ask(t, "GET", "/x", nil))
		if res.StatusCode != http.StatusBadGateway || !strings.Contains(log.String(), "does not answer") {
			t.Errorf("%q: answered %d %s; the log: %s", answer, res.StatusCode, body, log.String())
		}
		if strings.Contains(log.String(), "hush") || log.Len() > 1000 {
			t.Errorf("%q: the log: %s", answer, log.String())
		}
	}
}
