package test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The clients in interop/ are what vendors and customers write: PHP, Python,
// shell and JavaScript over HTTP, XML and SOAP libraries that nobody here wrote.
// Each prints what it understood. All clients of a dialect have to understand
// the same, without a warning, and none of them knows Sallyport: who needs a
// change in one of them has found a fault in the dialect.
var understood = map[string]string{
	"electa": `
login: 0, 36 characters
call: 123456 over electa
login: 0, 36 characters
call: 123456 over electa
wrong key: 1, Invalid Account or Application Key
wrong token: 1, Invalid or expired session token
`,
	"sbt": `
login: true, 1400, Successfully generated securitytoken
call: ACME-WEST over sbt
wrong key: false, 1402, Error in generating securitytoken
wrong token: false, 1000, Invalid security token
`,
	"edubrite": `
wrong password: 401, 0 cookies
login: 200, 2 cookies
call: 200, charles over edubrite
session: 200, 0, 0, Success
browser: charles at /oltpublish/site/index.do
inactive: 404, -1, 0002, Account is inactive
wrong cookie: 401, -1, 0005, You are not allowed to perform this action.
`,
	"calamp": `
login: 200, 76 characters
call: 200, demo@calamp.example over calamp
wrong password: 401, 0 characters
logout: 200, 0 characters
after logout: 401
`,
	"domainpunch": `
wrong password: notok, Invalid name or password (1/6)
login: ok, setup-admin, 3, Setup Admin @ Example Inc, 1009
etoken: setup-admin over domainpunch at /api-sl.php
wrong etoken: 401, notok, Invalid or expired token, 1
cookie: setup-admin over domainpunch at /api.php
logout: ok, 
after logout: notok, Not authenticated, 1
`,
	"oauth2": `
metadata: true, 2 grants
form: bearer, 62 characters
login: bearer, 62 characters, 3600 s, api
call: demo-client over oauth2
introspection: true, demo-client, demo-client, 3600 s
made up: {"active":false}
wrong secret: 401, invalid_client
revoked: false
after revocation: 401
`,
}

// Clients of one dialect take turns, because failures in a row are counted for
// the name that all of them use.
func TestInterop(t *testing.T) {
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	newReader(t).start("bin/sallyport demo --addr "+addr, addr)
	plain := "http://" + addr
	secure, ca := tunnel(t, addr)
	for dialect, want := range understood {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			programs, err := filepath.Glob("interop/" + dialect + ".*")
			if err != nil || len(programs) < 3 {
				t.Fatalf("%d clients (%v)", len(programs), err)
			}
			for _, program := range programs {
				t.Run(filepath.Base(program), func(t *testing.T) {
					base := secure
					if dialect == "sbt" || dialect == "oauth2" { // the demo's WSDL and metadata send clients to http
						base = plain
					}
					if got := runClient(t, program, base, ca); got != strings.TrimPrefix(want, "\n") {
						t.Errorf("understood\n%s\nwant%s", got, want)
					}
				})
			}
			if dialect == "edubrite" {
				t.Run("java", func(t *testing.T) { javaClient(t, addr) })
			}
		})
	}
}

// Clients that follow the WSDL's address are led to https by a real server, and
// what they get there is a token that checks.
func TestInteropTLS(t *testing.T) {
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := filepath.Abs("../apply/demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	r := newReader(t)
	certificate(t, r.dir)
	ca := filepath.Join(r.dir, "api.crt")
	r.do(block{kind: "file", arg: "config.yaml", text: "listen: " + addr + `
trusted_proxies: [127.0.0.1]
tls: {cert: api.crt, key: api.key}
data: sallyport.db
keys: keys.json
mounts: [{dialect: sbt, tenant: ACME}]`})
	r.do(block{kind: "run", text: "bin/sallyport apply -f '" + accounts + "' --config config.yaml"})
	client := trusting(t, ca)
	r.startAt("bin/sallyport serve --config config.yaml", "https://"+addr, client)
	for _, program := range []string{"interop/soap-login.php", "interop/soap-login.js"} {
		t.Run(filepath.Base(program), func(t *testing.T) {
			lines := strings.Split(runClient(t, program, "https://"+addr, ca), "\n")
			token, good := strings.CutPrefix(lines[0], "1400 ")
			if !good || len(lines) != 3 || lines[1] != "1402 " {
				t.Fatalf("understood %q", lines)
			}
			call := "/SBT.App.SetUp/RSServices/GeneralRSService.svc/GetCarrierLookup?orgCode=ACME-WEST-1&securityToken="
			for sent, want := range map[string]int{token: http.StatusOK, token + "x": http.StatusUnauthorized} {
				check, err := http.NewRequest(http.MethodGet, "https://"+addr+"/-/check", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				check.Header.Set("X-Forwarded-Uri", call+url.QueryEscape(sent))
				check.Header.Set("X-Forwarded-Proto", "https")
				res, err := client.Do(check)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if res.StatusCode != want {
					t.Errorf("the token is answered %s, want %d", res.Status, want)
				}
			}
		})
	}
}

// runClient runs one of the programs, to which a CA is known, and returns what
// it understood. A client that warns has not understood.
func runClient(t *testing.T, program, base, ca string) string {
	t.Helper()
	modules, err := filepath.Abs("../.cache/interop/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "NODE_PATH="+modules, "NODE_EXTRA_CA_CERTS="+ca, "SSL_CERT_FILE="+ca, "CURL_CA_BUNDLE="+ca, "no_proxy=*", "NO_PROXY=*")
	c := interpreters[filepath.Ext(program)]
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	probe := exec.CommandContext(ctx, c.probe[0], c.probe[1:]...)
	if probe.Env = env; probe.Run() != nil {
		t.Skipf("%s is not here: test/setup.sh gets it", c.needs)
	}
	args := append([]string{}, c.run[1:]...)
	if c.run[0] == "php" {
		args = append(args, "-d", "openssl.cafile="+ca, "-d", "curl.cainfo="+ca)
	}
	cmd := exec.CommandContext(ctx, c.run[0], append(args, program, base)...)
	var said, warned bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &said, &warned
	if err := cmd.Run(); err != nil || warned.Len() > 0 {
		t.Errorf("%s: %v: %s", program, err, warned.String())
	}
	return said.String()
}

// interpreters of the clients by their programs' endings.
var interpreters = map[string]struct {
	needs      string
	probe, run []string
}{
	".sh": {"curl", []string{"curl", "--version"}, []string{"sh", "-u"}},
	".py": {"Python", []string{"python3", "--version"}, []string{"python3", "-W", "error"}},
	".js": {"npm's soap and oauth4webapi", []string{"node", "-e", "require('soap'), require.resolve('oauth4webapi')"}, []string{"node"}},
	".php": {"PHP with cURL, SOAP and XML",
		[]string{"php", "-r", "exit(extension_loaded('curl') && extension_loaded('soap') && extension_loaded('simplexml') ? 0 : 1);"},
		// Its cache of WSDLs would outlive this server and meet the next at the same port.
		[]string{"php", "-d", "error_reporting=-1", "-d", "display_errors=stderr", "-d", "log_errors=0", "-d", "soap.wsdl_cache_enabled=0"}},
}

// javaClient sends the very bytes of EduBrite's own Java client, as they were
// recorded: one Cookie line for each cookie, with RFC 2109's $Version, and
// header names as they are. Go's client could not write them.
func javaClient(t *testing.T, addr string) {
	const page = "/oltpublish/site/"
	agent := "User-Agent: Jakarta Commons-HttpClient/3.0\r\nHost: " + addr + "\r\n"
	first := exchange(t, addr, "GET "+page+"home.do HTTP/1.1\r\n"+agent+"\r\n")
	if first.status != http.StatusOK || first.cookies["SESSION_ID"] == "" {
		t.Fatalf("the first step is answered %+v", first)
	}
	second := func(password string) answer {
		return exchange(t, addr, "GET "+page+"home.do?username=api_11111111-2222-3333-4444-555555555555&password="+password+" HTTP/1.1\r\n"+agent+
			"Cookie: $Version=0; SESSION_ID="+first.cookies["SESSION_ID"]+"; $Path=/\r\n\r\n")
	}
	if a := second("wrong"); a.status != http.StatusUnauthorized || a.cookies["SESSION_INFO"] != "" || !strings.Contains(a.body, "<code>0005</code>") {
		t.Errorf("a wrong password is answered %+v", a)
	}
	in := second("Abc-_0*%7C123456789012")
	if in.status != http.StatusOK || in.cookies["SESSION_ID"] == "" || in.cookies["SESSION_INFO"] == "" {
		t.Fatalf("the second step is answered %+v", in)
	}
	call := func(line, info, form string) answer {
		return exchange(t, addr, line+" HTTP/1.1\r\nREAL_UNAME: charles|charles@example.org|Charles B?cker\r\n"+agent+
			"Cookie: $Version=0; SESSION_ID="+in.cookies["SESSION_ID"]+"\r\nCookie: $Version=0; SESSION_INFO="+info+"\r\n"+
			fmt.Sprintf("Content-Length: %d\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n%s", len(form), form))
	}
	create := "dispatch=createSessionApi"
	if a := call("POST "+page+"signinService.do", in.cookies["SESSION_INFO"], create); a.status != http.StatusOK || !strings.Contains(a.body, "<sessionInfo><![CDATA[") {
		t.Errorf("createSessionApi is answered %+v", a)
	}
	if a := call("POST "+page+"userService.do", in.cookies["SESSION_INFO"], "dispatch=list&xml=true"); a.status != http.StatusOK || !strings.Contains(a.body, `"Sallyport-Subject": "charles"`) {
		t.Errorf("a call is answered %+v", a)
	}
	if a := call("POST "+page+"userService.do", strings.Repeat("A", 53)+"**", "dispatch=list&xml=true"); a.status != http.StatusUnauthorized || !strings.Contains(a.body, "<code>0005</code>") {
		t.Errorf("a call with a wrong cookie is answered %+v", a)
	}
}

type answer struct {
	status  int
	cookies map[string]string
	body    string
}

// exchange sends bytes and reads the answer.
func exchange(t *testing.T, addr, request string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode, cookies: map[string]string{}, body: string(body)}
	for _, c := range res.Cookies() {
		a.cookies[c.Name] = c.Value
	}
	return a
}

// tunnel is TLS in front of a server that speaks plain HTTP: what is inside
// passes as it is. Clients that keep Secure cookies to https need it.
func tunnel(t *testing.T, to string) (base, ca string) {
	t.Helper()
	dir := t.TempDir()
	certificate(t, dir)
	ca = filepath.Join(dir, "api.crt")
	cert, err := tls.LoadX509KeyPair(ca, filepath.Join(dir, "api.key"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			outside, err := l.Accept()
			if err != nil {
				return
			}
			go join(outside, to)
		}
	}()
	return "https://" + l.Addr().String(), ca
}

func join(outside net.Conn, to string) {
	defer func() { _ = outside.Close() }()
	inside, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = inside.Close() }()
	go func() {
		defer func() { _ = inside.Close() }()
		_, _ = io.Copy(inside, outside)
	}()
	_, _ = io.Copy(outside, inside)
}

// trusting is a client that knows one CA.
func trusting(t *testing.T, ca string) *http.Client {
	t.Helper()
	b, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(b)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}
