package test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// front is a program that stands before Sallyport and the API, with the
// configuration that a document shows.
type front struct {
	name, program, debian string
	needs                 string // a file beside the program; "": none
	document              string
	kinds                 []string // of the document's blocks that it is made of; the configuration last
	start                 func(t *testing.T, f *started)
	words                 bool // a refusal has the dialect's own body, and no cookie reaches the API
	others                bool // it leads to the logins of more dialects than Electa's
	shared                bool // and to those at paths that calls share with them
}

// started is one run of a front.
type started struct {
	blocks map[string]string // by kind, with the addresses and folders of this run
	kind   string            // of the block that is the configuration
	dir    string
	site   string // where it is to listen
}

var fronts = []front{
	{"nginx, in short", "nginx", "nginx-light", "", "README.md", []string{"nginx"}, startNginx, false, false, false},
	{"nginx", "nginx", "nginx-light", "", "docs/gate/nginx.md", []string{"nginx-site"}, startNginx, true, true, true},
	{"Caddy", "caddy", "caddy", "", "docs/gate/caddy.md", []string{"caddy"}, startCaddy, true, true, false},
	{"HAProxy", "haproxy", "haproxy", "", "docs/gate/haproxy.md", []string{"haproxy-lua", "haproxy"}, startHAProxy, true, true, false},
	{"Apache", "apache2", "apache2-bin lua-socket", "/usr/share/lua/5.3/socket.lua", "docs/gate/apache.md", []string{"apache-lua", "apache"}, startApache, true, true, false},
}

// The configurations of fronts that the documents show do what they promise, in
// the real programs: logins and calls pass, refusals do not, and what the API is
// told of its caller is the gate's word.
func TestFronts(t *testing.T) {
	var reached atomic.Int64
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		_ = json.NewEncoder(w).Encode(r.Header)
	}))
	t.Cleanup(api.Close)
	addr := sallyport(t, "  - dialect: oauth2\n  - dialect: domainpunch\nroutes: [{path: /api.php, upstream: '"+api.URL+"'}]\n")
	easily := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/-/check" { // which knows what it is asked about
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(easily.Close)
	for _, f := range fronts {
		t.Run(f.name, func(t *testing.T) {
			f.mustBeHere(t)
			v := &visitor{T: t, reached: &reached, words: f.words}
			v.site = f.run(t, addr, api.Listener.Addr().String())
			v.loginAndCalls()
			if f.others {
				v.modernLoginAndCalls()
			}
			if f.shared {
				v.sharedLoginAndCalls()
			}
			v.refusals()
			v.oddCalls()
			v.plainHTTP()

			down, err := freeAddr()
			if err != nil {
				t.Fatal(err)
			}
			v.site = f.run(t, down, api.Listener.Addr().String())
			v.sallyportDown()

			v.site = f.run(t, easily.Listener.Addr().String(), api.Listener.Addr().String())
			v.oddTargets()
		})
	}
}

// Apache before Sallyport's own proxy: it has only to say https.
func TestPlainFront(t *testing.T) {
	f := front{"Apache", "apache2", "apache2-bin", "", "docs/gate/apache.md", []string{"apache-plain"}, startApache, true, true, false}
	f.mustBeHere(t)
	var reached atomic.Int64
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		r.Header.Set("Uri", r.RequestURI)
		_ = json.NewEncoder(w).Encode(r.Header)
	}))
	t.Cleanup(api.Close)
	v := &visitor{T: t, reached: &reached, words: false} // cookies that are no credentials stay
	v.site = f.run(t, sallyport(t, "routes: [{upstream: '"+api.URL+"'}]\n"), "")
	v.loginAndCalls()
	v.plainHTTP()

	status, body := v.ask("GET", strings.Replace(v.call, "/logs/", "/logs/a%2Fb%21", 1)+"&x=1", nil, "sallyport_account", "1", "Sallyport-Role", "admin")
	var told http.Header
	if err := json.Unmarshal([]byte(body), &told); err != nil || status != 200 {
		t.Fatalf("the call is answered %d %s", status, body)
	}
	if told.Get("Uri") != "/logs/a%2Fb%21?cid="+number+"&x=1" || told["Sallyport-Role"] != nil || told["Sallyport_account"] != nil {
		t.Errorf("the API gets %v", told)
	}
	before := reached.Load()
	if status, body := v.ask("GET", "/logs/", nil); status != 200 || !strings.Contains(body, "<ResponseCode>1</ResponseCode>") {
		t.Errorf("a call without a token is answered %d %s", status, body)
	}
	if reached.Load() != before {
		t.Error("a call without a token reached the API")
	}
	v.oddCalls()
	down, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	v.site = f.run(t, down, "")
	v.sallyportDown()
}

// sallyport starts the server with the customers of every script and more in its
// configuration, and returns where it listens.
func sallyport(t *testing.T, more string) (addr string) {
	t.Helper()
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("ADDR", addr)
	r := newReader(t)
	for name, more := range map[string]string{"config.yaml": more, "accounts.yaml": ""} {
		b, err := os.ReadFile(filepath.Join("common", name))
		if err != nil {
			t.Fatal(err)
		}
		r.do(block{kind: "file", arg: name, text: os.ExpandEnv(string(b)) + more})
	}
	r.do(block{kind: "run", text: "bin/sallyport apply -f accounts.yaml --config config.yaml"})
	r.start("bin/sallyport serve --config config.yaml", addr)
	return addr
}

// mustBeHere skips the test where the front is not installed.
func (f *front) mustBeHere(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath(f.program)
	if err == nil && f.needs != "" {
		_, err = os.Stat(f.needs)
	}
	if err != nil {
		t.Skipf("there is no %s here to try its configuration with (Debian: %s)", f.program, f.debian)
	}
}

// run starts the front and returns where it listens.
func (f *front) run(t *testing.T, sallyport, api string) string {
	t.Helper()
	site, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	s := &started{kind: f.kinds[len(f.kinds)-1], dir: t.TempDir(), site: site, blocks: map[string]string{}}
	certificate(t, s.dir)
	place := strings.NewReplacer("127.0.0.1:8443", sallyport, "127.0.0.1:9000", api,
		"/etc/nginx/", s.dir+"/", "/var/log/nginx/", s.dir+"/", "/etc/haproxy/", s.dir+"/",
		"/etc/apache2/", s.dir+"/", "/var/log/apache2/", s.dir+"/")
	for _, b := range blocks(t, f.document) {
		s.blocks[b.kind] = place.Replace(b.text)
	}
	for _, kind := range f.kinds {
		if s.blocks[kind] == "" {
			t.Fatalf("%s lost its %s", f.document, kind)
		}
	}
	f.start(t, s)
	return site
}

// visitor is a client of one front.
type visitor struct {
	*testing.T
	site    string
	words   bool          // see front
	reached *atomic.Int64 // how often the API was
	call    string        // a call with a live token

	header   http.Header // of the last answer to ask
	identity http.Header // of the last call that say sent and that reached the API
}

func (v *visitor) ask(method, path string, form url.Values, header ...string) (int, string) {
	v.Helper()
	r, err := http.NewRequest(method, "https://"+v.site+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = append(r.Header[header[i]], header[i+1])
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	res, err := client.Do(r)
	if err != nil {
		v.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.Fatal(err)
	}
	v.header = res.Header
	return res.StatusCode, string(body)
}

func (v *visitor) loginAndCalls() {
	v.Helper()
	status, body := v.ask("POST", "/Token", url.Values{"cid": {number}, "appkey": {secret}})
	m := granted.FindStringSubmatch(body)
	if status != 200 || m == nil {
		v.Fatalf("the login is answered %d %s", status, body)
	}
	v.call = "/logs/?cid=" + number + "&token=" + m[1]
	for _, method := range []string{"GET", "POST"} {
		var form url.Values
		if method == "POST" {
			form = url.Values{"a": {"b"}}
		}
		status, body = v.ask(method, v.call, form, "Sallyport-Account", "1", "Sallyport-Subject", "root",
			"Sallyport-Session", "999", "Sallyport-Session", "998", "Sallyport-Dialect", "x", "Cookie", "a=b")
		var told http.Header
		if err := json.Unmarshal([]byte(body), &told); err != nil || status != 200 {
			v.Fatalf("%s: the call is answered %d %s", method, status, body)
		}
		if got := told["Sallyport-Account"]; len(got) != 1 || got[0] != number {
			v.Errorf("the API is told of account %v", got)
		}
		session := strings.Join(told["Sallyport-Session"], ",")
		if told.Get("Sallyport-Subject") != "main" || told.Get("Sallyport-Dialect") != "electa" || session == "" || strings.Contains(session, "99") {
			v.Errorf("the API is told %v", told)
		}
		if told["Cookie"] != nil && v.words {
			v.Errorf("a cookie reaches the API: %v", told)
		}
	}
}

// modernLoginAndCalls is a client of OAuth 2.0, whose refusals have a header to read.
func (v *visitor) modernLoginAndCalls() {
	v.Helper()
	status, body := v.ask("POST", "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {number}, "client_secret": {secret}})
	var granted struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &granted); err != nil || status != 200 || granted.Token == "" {
		v.Fatalf("the login by OAuth 2.0 is answered %d %s", status, body)
	}
	status, body = v.ask("GET", "/fleet/units", nil, "Authorization", "Bearer "+granted.Token)
	var told http.Header
	if err := json.Unmarshal([]byte(body), &told); err != nil || status != 200 {
		v.Fatalf("the call with a Bearer token is answered %d %s", status, body)
	}
	if told.Get("Sallyport-Account") != number || told.Get("Sallyport-Dialect") != "oauth2" || told["Authorization"] != nil {
		v.Errorf("the API is told %v", told)
	}
	before := v.reached.Load()
	// A path of OAuth 2.0's own, so that the refusal is in its words.
	status, body = v.ask("GET", "/oauth2/other", nil, "Authorization", "Bearer sp_made-up")
	if got := v.header["Www-Authenticate"]; status != 401 || len(got) != 1 || !strings.Contains(got[0], "invalid_token") || !strings.Contains(body, "invalid_token") {
		v.Errorf("a made-up Bearer token is answered %d %v %s", status, got, body)
	}
	if v.reached.Load() != before {
		v.Error("a call with a made-up Bearer token reached the API")
	}
}

// sharedLoginAndCalls is a client of DomainPunch, which has one path for everything.
func (v *visitor) sharedLoginAndCalls() {
	v.Helper()
	status, body := v.ask("POST", "/api.php?c=auth", url.Values{"user": {"demo@calamp.example"}, "pass": {"demo-password"}})
	cookie, _, _ := strings.Cut(v.header.Get("Set-Cookie"), ";")
	if status != 200 || !strings.Contains(body, `"status":"ok"`) || cookie == "" {
		v.Fatalf("the login is answered %d %s", status, body)
	}
	const call = "/api.php?c=admin&oper=get"
	status, body = v.ask("GET", call, nil, "Cookie", cookie, "Sallyport-Subject", "root")
	var told http.Header
	if err := json.Unmarshal([]byte(body), &told); err != nil || status != 200 {
		v.Fatalf("the call at the path of the login is answered %d %s", status, body)
	}
	if got := told["Sallyport-Subject"]; len(got) != 1 || got[0] != "demo@calamp.example" || told.Get("Sallyport-Dialect") != "domainpunch" || told["Cookie"] != nil {
		v.Errorf("the API is told %v", told)
	}
	before := v.reached.Load()
	if status, body = v.ask("GET", call, nil); !strings.Contains(body, `"validate":1`) || v.reached.Load() != before {
		v.Errorf("without a session the call is answered %d %s", status, body)
	}
}

func (v *visitor) refusals() {
	v.Helper()
	before := v.reached.Load()
	for name, c := range map[string]struct {
		path   string
		header []string
		status int // 0: any but 2xx
	}{
		"no token":                 {"/logs/", nil, 401},
		"another account's number": {"/logs/?cid=11267192&" + v.call[strings.Index(v.call, "token="):], nil, 401},
		"made up":                  {"/logs/?cid=" + number + "&token=9C467079-FE3B-45C5-8AA5-9726397081AA", nil, 401},
		"a claimed identity":       {v.call, []string{"Sallyport-Role", "admin"}, 403},
		"in another spelling":      {v.call, []string{"sallyport_account", "1"}, 403},
		"a description of one's own": {"/logs/", []string{"X-Original-Uri", v.call, "X-Forwarded-Uri", v.call,
			"X-Original-Url", "https://x" + v.call}, 0},
		"the check itself": {"/-/check", []string{"X-Forwarded-Uri", v.call}, 0},
	} {
		if name == "in another spelling" && strings.HasPrefix(v.Name(), "TestFronts/nginx") {
			continue // it drops headers with underscores, and the call passes without it
		}
		status, body := v.ask("GET", c.path, nil, c.header...)
		if status != c.status && (c.status != 0 || status < 400) {
			v.Errorf("%s is answered %d %s", name, status, body)
		}
		if v.words && c.status == 401 && !strings.Contains(body, "<ResponseCode>1</ResponseCode>") {
			v.Errorf("%s is not refused in the dialect's words: %s", name, body)
		}
	}
	if n := v.reached.Load() - before; n != 0 {
		v.Errorf("%d refused calls reached the API", n)
	}
}

// oddCalls are such as no library sends. They are refused, or what reaches the API
// has the gate's word in it.
func (v *visitor) oddCalls() {
	v.Helper()
	v.oddTargets()
	for _, connection := range []string{
		"close, Sallyport-Account, Sallyport-Dialect", "close,sallyport-subject", "close,\tSALLYPORT-Session",
		"close\r\nConnection: sallyport-account\r\nConnection: x", "x\r\nConnection: Sallyport-Account,Sallyport-Subject,Sallyport-Session,close",
	} {
		v.identity = nil
		if status := v.say("GET "+v.call, "Connection: "+connection+"\r\n"); status < 400 && v.identity == nil {
			v.Errorf("Connection: %q is answered %d, and did not reach the API", connection, status)
		}
		for name, values := range v.identity {
			if len(values) != 1 || values[0] == "" {
				v.Errorf("Connection: %q: the API is told %s %q", connection, name, values)
			}
		}
	}
}

// oddTargets are no paths, or not those that they seem to be: none reaches the API,
// even if the front asks somebody about it who says yes to whatever is not a check.
func (v *visitor) oddTargets() {
	v.Helper()
	before := v.reached.Load()
	for _, target := range []string{"x:http://i/-/healthy?a=b", "x:/-/healthy", "http:/-/healthy", "http://i/-/healthy", "*", "//i/-/healthy", "/-/healthy?x"} {
		status := v.say("GET "+target, "")
		if v.reached.Load() != before {
			v.Fatalf("a call of %s reached the API, and is answered %d", target, status)
		}
	}
}

// say sends a request as it stands, and returns the status of the answer.
func (v *visitor) say(line, header string) int {
	v.Helper()
	c, err := tls.Dial("tcp", v.site, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		v.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, line+" HTTP/1.1\r\nHost: "+v.site+"\r\n"+header+"\r\n"); err != nil {
		v.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return http.StatusBadRequest // not so much as answered
	}
	if err != nil {
		v.Fatalf("%s: %v", line, err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK && strings.HasPrefix(line, "GET "+v.call) {
		var told http.Header
		if err := json.NewDecoder(res.Body).Decode(&told); err != nil {
			v.Fatal(err)
		}
		v.identity = http.Header{}
		for _, name := range []string{"Sallyport-Account", "Sallyport-Subject", "Sallyport-Session", "Sallyport-Dialect"} {
			v.identity[name] = told[name]
		}
	}
	return res.StatusCode
}

// plainHTTP: there is no port for it, and on this one nobody understands it.
func (v *visitor) plainHTTP() {
	v.Helper()
	before := v.reached.Load()
	client := &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get("http://" + v.site + v.call)
	if err == nil {
		_ = res.Body.Close()
		if res.StatusCode < 400 {
			v.Errorf("plain HTTP is answered %s", res.Status)
		}
	}
	if v.reached.Load() != before {
		v.Error("a call over plain HTTP reached the API")
	}
}

func (v *visitor) sallyportDown() {
	v.Helper()
	before := v.reached.Load()
	if status, body := v.ask("GET", v.call, nil); status < 500 {
		v.Errorf("while Sallyport is down, a call is answered %d %s", status, body)
	}
	if status, body := v.ask("POST", "/Token", url.Values{"cid": {number}, "appkey": {secret}}); status < 500 {
		v.Errorf("while Sallyport is down, a login is answered %d %s", status, body)
	}
	if v.reached.Load() != before {
		v.Error("a call reached the API while Sallyport was down")
	}
}
