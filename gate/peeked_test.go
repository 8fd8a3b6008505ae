package gate

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/dialect"
)

// peeked is a form, which Electa reads before it is passed on.
const peeked = "Content-Type: " + dialect.FormType + "\r\n"

// A client that waits until it may send its body is told so once, whoever reads the
// body first.
func TestProxyContinuesOnce(t *testing.T) {
	a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = w.Write(b)
	})
	for name, call := range map[string]struct{ api, media string }{
		"read by the gate":          {a.URL, peeked},
		"read by the API alone":     {a.URL, ""},
		"read before the API's say": {"http://" + sayLate(t), ""},
	} {
		f := newKit(t).front(t, to(t, call.api))
		c, err := tls.Dial("tcp", f.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		must(t, err)
		defer c.Close()
		must(t, c.SetDeadline(time.Now().Add(time.Minute)))
		_, err = io.WriteString(c, "POST /x HTTP/1.1\r\n"+f.credentials()+call.media+"Connection: close\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
		must(t, err)
		in := bufio.NewReader(c)
		first, err := in.ReadString('\n')
		must(t, err)
		_, err = io.WriteString(c, "body")
		must(t, err)
		rest, err := io.ReadAll(in)
		must(t, err)
		if n := strings.Count(first+string(rest), "100 Continue"); n != 1 || !strings.HasSuffix(string(rest), "body") {
			t.Errorf("%s: told %d times: %s%s", name, n, first, rest)
		}
	}
}

// sayLate is an API that tells a client to go on when it has the body already, which
// is what one that waited for it in vain sends.
func sayLate(t *testing.T) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r, err := http.ReadRequest(bufio.NewReader(c))
			if err == nil {
				_, err = io.ReadAll(r.Body)
			}
			if err == nil {
				_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody")
			}
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// A trailer that was not announced does not pass, though the gate knows it by the
// time that the call goes on.
func TestProxyPassesAnnouncedTrailersAlone(t *testing.T) {
	seen := make(chan http.Header, 1)
	a := newAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		seen <- r.Trailer.Clone()
	})
	f := newKit(t).front(t, to(t, a.URL))
	for _, media := range []string{peeked, ""} {
		for _, announced := range []string{"Trailer: X-Digest\r\n", ""} {
			res, body := f.say(t, "POST /x HTTP/1.1\r\n"+f.credentials()+media+announced+"Transfer-Encoding: chunked\r\n\r\n"+
				"4\r\nbody\r\n0\r\nX-Digest: d\r\nX-Unannounced: u\r\n\r\n")
			if res.StatusCode != http.StatusOK {
				t.Fatalf("answered %d %s", res.StatusCode, body)
			}
			got := <-seen
			if got.Get("X-Unannounced") != "" || (got.Get("X-Digest") == "d") != (announced != "") {
				t.Errorf("%q, %q: the API got %v", media, announced, got)
			}
		}
	}
}
