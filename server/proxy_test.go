package server

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/gate"
)

// wiretap is an API that keeps every byte that reaches it.
type wiretap struct {
	*httptest.Server
	mu  sync.Mutex
	saw strings.Builder
}

func newWiretap(t *testing.T) *wiretap {
	t.Helper()
	w := &wiretap{}
	w.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	w.Listener = tapped{w.Listener, w}
	w.Start()
	t.Cleanup(w.Close)
	return w
}

func (w *wiretap) heard() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.saw.String()
	w.saw.Reset()
	return s
}

type tapped struct {
	net.Listener
	tap *wiretap
}

func (l tapped) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &tappedConn{c, l.tap}, err
}

type tappedConn struct {
	net.Conn
	tap *wiretap
}

func (c *tappedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	c.tap.saw.Write(b[:n])
	return n, err
}

// before is a demo whose reverse proxy leads somewhere else.
func before(t *testing.T, api string) *Demo {
	t.Helper()
	o := DemoOptions{Addr: "127.0.0.1:0", Data: t.TempDir(), Log: t.Output()}
	cfg, err := demoConfig(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := applyDemo(t.Context(), cfg, o.Log); err != nil {
		t.Fatal(err)
	}
	r := config.Route{Upstream: api}
	r.SetDefaults()
	cfg.Routes = []config.Route{r}
	s, err := New(t.Context(), cfg, Options{Log: t.Output(), InsecureLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	d := &Demo{Server: s}
	running(t, d)
	return d
}

// Of no dialect does a credential reach the API, wherever its clients put it.
func TestProxyKeepsCredentials(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("the demo's commands are for curl, which is not here (Debian: curl)")
	}
	api := newWiretap(t)
	d := before(t, api.URL)
	token := regexp.MustCompile(anyToken)
	for i, e := range d.Examples() {
		name := Dialects()[i].Name
		found := token.FindString(shell(t, e.Login))
		calls := []string{e.Call}
		if name == "sbt" {
			url := "curl -s http://" + d.Addr().String() + "/SBTWebServices/OrderAPIService.svc"
			calls = append(calls,
				url+`/rsservices/getOrders -H 'Content-Type: application/json' -d '{"securityToken":"`+found+`","orgCode":"ACME-WEST-1","APIKey":"demo-sbt-1-week","n":1}'`,
				url+`/wsservices -H 'SOAPAction: "urn:getOrders"' -H 'Content-Type: text/xml; charset=utf-8' -d '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><getOrders><securityToken>`+found+`</securityToken><orgCode>ACME-WEST-1</orgCode></getOrders></e:Body></e:Envelope>'`,
				url+`/rsservices/getOrders -d 'orgCode=ACME-WEST-1&SECURITYTOKEN=`+found+`'`)
		}
		for _, call := range calls {
			answer := shell(t, call)
			saw := api.heard()
			if !strings.Contains(saw, "\r\nSallyport-Dialect: "+name+"\r\n") || strings.Count(saw, " HTTP/1.1\r\n") != 1 {
				t.Errorf("%s: %s\nreached the API as %q; the client is answered %s", name, call, saw, answer)
			}
			secrets := append([]string{found}, token.FindAllString(saw, -1)...)
			for j := 1; j < len(demoCredentials[name]); j += 2 {
				if demoCredentials[name][j-1] == "{secret}" {
					secrets = append(secrets, demoCredentials[name][j])
				}
			}
			for _, s := range secrets {
				if s == "" || strings.Contains(saw, s) {
					t.Errorf("%s: %q reached the API in %q", name, s, saw)
				}
			}
			if strings.Contains(call, "orgCode") && !strings.Contains(saw, "ACME-WEST-1") {
				t.Errorf("%s: the organization did not reach the API in %q", name, saw)
			}
		}
	}
}

// An API that is down is told of in the words of each dialect, with one status.
func TestProxyWithoutItsAPI(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("the demo's commands are for curl, which is not here (Debian: curl)")
	}
	api := newWiretap(t)
	d := before(t, api.URL)
	api.Close()
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ".curlrc"), []byte(`write-out = "\n%{http_code}"`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("CURL_HOME", home)
	words := map[string]string{
		"electa": "<ResponseCode>2</ResponseCode>", "sbt": "1401", "edubrite": "9500", "calamp": `"unavailable"`,
		"domainpunch": "Service temporarily unavailable", "oauth2": "temporarily_unavailable",
	}
	for i, e := range d.Examples() {
		name := Dialects()[i].Name
		answer := shell(t, e.Call)
		if words[name] == "" || !strings.Contains(answer, words[name]) || !strings.HasSuffix(answer, "\n502") {
			t.Errorf("%s is answered %s", name, answer)
		}
	}
}

// A route that cannot work stops the start, with its line.
func TestRoutesOfTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for lines, want := range map[string]string{
		"{upstream: 'http://api', dialects: [calamp]}":    `c:5:3: routes[0].dialects: no mount speaks "calamp"`,
		"{upstream: 'https://api', ca: " + empty + "}":    "has no certificate in it",
		"{upstream: 'https://api', ca: " + dir + "/none}": "no such file",
		"{upstream: 'http://api', tenant: T, account: X}": "",
	} {
		cfg, err := config.Parse("c", []byte("listen: 127.0.0.1:0\ntrusted_proxies: [127.0.0.1]\nmounts: [{dialect: electa}]\nroutes:\n- "+lines+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		d := t.TempDir()
		cfg.Data, cfg.Keys = filepath.Join(d, "db"), filepath.Join(d, "keys")
		s, err := New(t.Context(), cfg, Options{Log: t.Output()})
		if want == "" {
			if err != nil {
				t.Error(err)
			} else {
				_ = s.Close()
			}
			continue
		}
		if made, _ := os.ReadDir(d); len(made) > 0 {
			t.Errorf("%s: %s was made all the same", lines, made[0].Name())
		}
		if err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(want, "c:5:3: ")) || !strings.HasPrefix(err.Error(), "c:5:") {
			t.Errorf("%s: %v", lines, err)
		}
	}
}

// An https API is believed if the CA of the route vouches for it, and only then.
func TestRouteWithCA(t *testing.T) {
	api := httptest.NewTLSServer(http.HandlerFunc(echo))
	defer api.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]int{ca: 200, "": 502} {
		o := DemoOptions{Addr: "127.0.0.1:0", Data: t.TempDir(), Log: t.Output()}
		cfg, err := demoConfig(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := applyDemo(t.Context(), cfg, o.Log); err != nil {
			t.Fatal(err)
		}
		r := config.Route{Upstream: api.URL, CA: file}
		r.SetDefaults()
		cfg.Routes = []config.Route{r}
		s, err := New(t.Context(), cfg, Options{Log: t.Output(), InsecureLoopback: true})
		if err != nil {
			t.Fatal(err)
		}
		running(t, s)
		_, login := get(t, s, "/token/?cid=123456&appkey=UO86CN11XY73SF72TT40PG18ZE76VV71")
		found := regexp.MustCompile(anyToken).FindString(login)
		status, body := get(t, s, "/x?cid=123456&token="+found)
		var said struct{ Identity map[string]string }
		_ = json.Unmarshal([]byte(body), &said)
		if status != want || want == 200 && said.Identity[gate.AccountHeader] != "123456" {
			t.Errorf("with CA %q the call is answered %d %s", file, status, body)
		}
	}
}
