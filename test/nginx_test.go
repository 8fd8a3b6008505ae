package test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The configurations of nginx that the documents show do what they promise, in
// nginx itself: logins and calls pass, refusals do not, and what the API is told
// of its caller is the gate's word.
func TestNginx(t *testing.T) {
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("there is no nginx here to try its configurations with (Debian: nginx-light)")
	}
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("ADDR", addr)
	r := newReader(t)
	for _, name := range []string{"config.yaml", "accounts.yaml"} {
		b, err := os.ReadFile(filepath.Join("common", name))
		if err != nil {
			t.Fatal(err)
		}
		r.do(block{kind: "file", arg: name, text: os.ExpandEnv(string(b))})
	}
	r.do(block{kind: "run", text: "bin/sallyport apply -f accounts.yaml --config config.yaml"})
	r.start("bin/sallyport serve --config config.yaml", addr)

	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(r.Header)
	}))
	t.Cleanup(api.Close)
	tried := 0
	for _, name := range []string{"README.md", "docs/gate/README.md"} {
		for _, b := range blocks(t, name) {
			if b.kind == "nginx" || b.kind == "nginx-site" {
				tried++
				t.Run(name, func(t *testing.T) { tryNginx(t, b, addr, strings.TrimPrefix(api.URL, "http://")) })
			}
		}
	}
	if tried != 2 {
		t.Errorf("%d configurations were tried, want 2", tried)
	}
}

func tryNginx(t *testing.T, b block, sallyport, api string) {
	site := startNginx(t, b, sallyport, api)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}, Timeout: patience}
	ask := func(method, path string, form url.Values, header ...string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(method, "https://"+site+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for i := 0; i < len(header); i += 2 {
			r.Header[header[i]] = []string{header[i+1]}
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}

	status, body := ask("POST", "/Token", url.Values{"cid": {number}, "appkey": {secret}})
	m := granted.FindStringSubmatch(body)
	if status != 200 || m == nil {
		t.Fatalf("the login is answered %d %s", status, body)
	}
	call := "/logs/?cid=" + number + "&token=" + m[1]
	for _, method := range []string{"GET", "POST"} {
		status, body = ask(method, call, url.Values{"a": {"b"}}, "Sallyport-Account", "1", "Sallyport-Subject", "root", "Sallyport-Session", "999", "Sallyport-Dialect", "x")
		var told http.Header
		if err := json.Unmarshal([]byte(body), &told); err != nil || status != 200 {
			t.Fatalf("%s: the call is answered %d %s", method, status, body)
		}
		if got := told["Sallyport-Account"]; len(got) != 1 || got[0] != number {
			t.Errorf("the API is told of account %v", got)
		}
		if told.Get("Sallyport-Subject") != "main" || told.Get("Sallyport-Dialect") != "electa" || told.Get("Sallyport-Session") == "999" {
			t.Errorf("the API is told %v", told)
		}
	}

	for name, c := range map[string]struct {
		path   string
		header []string
		status int
	}{
		"no token":                 {"/logs/", nil, 401},
		"another account's number": {"/logs/?cid=11267192&token=" + m[1], nil, 401},
		"made up":                  {"/logs/?cid=" + number + "&token=9C467079-FE3B-45C5-8AA5-9726397081AA", nil, 401},
		"a claimed identity":       {call, []string{"Sallyport-Role", "admin"}, 403},
		"a description of one's own": {"/logs/", []string{"X-Original-Uri", call, "X-Forwarded-Uri", call,
			"X-Original-Url", "https://x" + call}, 401},
		"the check itself": {"/-/check", nil, 404},
	} {
		status, body := ask("GET", c.path, nil, c.header...)
		contradicts := name == "a description of one's own" && status == 403 // refused either way
		if status != c.status && !contradicts {
			t.Errorf("%s is answered %d %s", name, status, body)
		}
		inWords := b.kind == "nginx-site" && c.status == 401
		if inWords && !strings.Contains(body, "<ResponseCode>1</ResponseCode>") {
			t.Errorf("%s is not refused in the dialect's words: %s", name, body)
		}
	}
}

// startNginx runs nginx with a configuration from a document and returns where
// it listens.
func startNginx(t *testing.T, b block, sallyport, api string) string {
	t.Helper()
	dir := t.TempDir()
	site, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	certificate(t, dir)
	text := b.text
	if b.kind == "nginx" {
		text = "server {\nlisten 443 ssl;\nssl_certificate /etc/nginx/api.crt;\nssl_certificate_key /etc/nginx/api.key;\n" + text + "\n}"
	}
	text = strings.NewReplacer("127.0.0.1:8443", sallyport, "127.0.0.1:9000", api, "listen 443", "listen "+site,
		"/etc/nginx/", dir+"/", "/var/log/nginx/", dir+"/").Replace(text)
	all := "daemon off; master_process off; pid " + dir + "/pid; error_log " + dir + "/error; events {} http { access_log off; client_body_temp_path " + dir +
		"; proxy_temp_path " + dir + "; fastcgi_temp_path " + dir + "; uwsgi_temp_path " + dir + "; scgi_temp_path " + dir + ";\n" + text + "\n}"
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(all), 0o600); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd := exec.Command("nginx", "-c", conf, "-e", filepath.Join(dir, "error"))
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); err = cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", site); err == nil {
			_ = c.Close()
			return site
		}
		select {
		case <-ended:
			t.Fatalf("nginx: %v: %s", err, said.String())
		default:
		}
		if time.Now().After(end) {
			t.Fatal("nginx does not answer")
		}
	}
}

// certificate writes api.crt and api.key.
func certificate(t *testing.T, dir string) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	pair := s.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*pem.Block{
		"api.crt": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]},
		"api.key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(p), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
