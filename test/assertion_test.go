package test

import (
	"encoding/base64"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The programs that the page on assertions shows verify what a real server sends,
// with go-jose and with npm's jose, and refuse what was altered or is for another.
func TestAssertionPage(t *testing.T) {
	const audience = "https://api.example.com"
	// What clients and APIs reach is a proxy that speaks TLS.
	var inside *url.URL
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(inside)
		r.Out.Header.Set("X-Forwarded-Proto", "https")
	}})
	t.Cleanup(front.Close)
	addr := sallyport(t, "\nassertion: {issuer: '"+front.URL+"', audience: '"+audience+"'}\n")
	inside = &url.URL{Scheme: "http", Host: addr}

	answered, err := front.Client().PostForm(front.URL+"/token/", url.Values{"cid": {"123456"}, "appkey": {"UO86CN11XY73SF72TT40PG18ZE76VV71"}})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answered.Body)
	_ = answered.Body.Close()
	token := regexp.MustCompile(`[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}`).FindString(string(body))
	if err != nil || token == "" {
		t.Fatalf("the login is answered %q (%v)", body, err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/-/check", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Forwarded-Proto", "https")
	r.Header.Set("X-Forwarded-Uri", "/logs/?cid=123456&token="+token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	assertion := res.Header.Get("Sallyport-Assertion")
	if res.StatusCode != http.StatusOK || assertion == "" {
		t.Fatalf("the check is answered %s %v", res.Status, res.Header)
	}

	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks(t, "docs/gate/assertion.md") {
		if err := os.WriteFile(filepath.Join(dir, b.arg), []byte(b.text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parts := strings.Split(assertion, ".")
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`))
	for name, program := range map[string]func(*testing.T, string) *exec.Cmd{"go-jose": goVerifier, "jose": nodeVerifier} {
		t.Run(name, func(t *testing.T) {
			cmd := program(t, dir)
			verified := func(issuer, audience, assertion string) (string, bool) {
				c := exec.CommandContext(t.Context(), cmd.Path, append(cmd.Args[1:], issuer, audience, assertion)...)
				c.Env = append(os.Environ(), "SSL_CERT_FILE="+ca, "NODE_EXTRA_CA_CERTS="+ca, "no_proxy=*", "NO_PROXY=*")
				out, err := c.CombinedOutput()
				return string(out), err == nil
			}
			if said, ok := verified(front.URL, audience, assertion); !ok || said != "main of [EXAMPLE 123456]\n" {
				t.Errorf("says %q", said)
			}
			for what, c := range map[string][2]string{
				"for another":     {"https://other.example.com", assertion},
				"altered":         {audience, parts[0] + "." + parts[1][:len(parts[1])-4] + "AAAA." + parts[2]},
				"without a proof": {audience, header + "." + parts[1] + "."},
			} {
				if said, ok := verified(front.URL, c[0], c[1]); ok {
					t.Errorf("%s: takes it: %s", what, said)
				}
			}
		})
	}
}

// goVerifier builds the page's program, whose imports are this module's.
func goVerifier(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	program := filepath.Join(dir, "verify")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, filepath.Join(dir, "verify.go"))
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return exec.Command(program)
}

func nodeVerifier(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	modules, err := filepath.Abs("../.cache/interop/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(modules, "jose")); err != nil {
		t.Skip("npm's jose is not here: test/setup.sh gets it")
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return exec.Command("node", filepath.Join(dir, "verify.mjs"))
}
