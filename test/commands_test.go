package test

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/server"
)

// site is a server as an operator sets it up, with its console in a browser.
type site struct {
	*testing.T
	*server.Server
	cfg  *config.Config
	tab  *tab
	env  []string // of the shell that commands are pasted to
	key  string   // the example customer's
	user string   // password of its users
}

var (
	initPassword = regexp.MustCompile(`administrator admin, .*: (\S+)`)
	initSecret   = regexp.MustCompile(`secret: (\S+)`)
	initUser     = regexp.MustCompile(`password: (\S+)}`)
)

// newSite makes a server with sallyport init, changes its configuration, starts it, and
// signs in to its console.
func newSite(t *testing.T, o server.InitOptions, alter func(dir, text string) string) *site {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("the commands are for curl, which is not here (Debian: curl)")
	}
	var printed strings.Builder
	o.Dir, o.Listen, o.AdminListen, o.Out = filepath.Join(t.TempDir(), "site's"), "127.0.0.1:0", "127.0.0.1:0", &printed
	if err := server.Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(o.Dir, "config.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "admin:\n", "admin:\n  second_factor: optional\n", 1)
	if alter != nil {
		changed = alter(o.Dir, changed)
	}
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	customers := filepath.Join(o.Dir, "customers.yaml")
	if err := server.Apply(t.Context(), server.ApplyOptions{File: customers, Data: cfg.Data, Keys: cfg.Keys, Actor: "test", Out: t.Output(), Log: t.Output()}); err != nil {
		t.Fatal(err)
	}
	s, err := server.New(t.Context(), cfg, server.Options{Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	example, err := os.ReadFile(customers)
	if err != nil {
		t.Fatal(err)
	}
	k := &site{T: t, Server: s, cfg: cfg, tab: browse(t, "http://"+s.AdminAddr().String()), env: os.Environ(), key: initSecret.FindStringSubmatch(string(example))[1]}
	if m := initUser.FindStringSubmatch(string(example)); m != nil {
		k.user = m[1]
	}
	k.tab.open("/accounts?q=100001")
	k.tab.fill("user", "admin")
	k.tab.fill("password", initPassword.FindStringSubmatch(printed.String())[1])
	k.tab.press("main button")
	k.tab.follow(".tree", "First customer")
	return k
}

// shown is a recipe as the page has it.
type shown struct {
	Heading, Needs string
	Hints          []string
	Code           []string
}

// recipes are what the page of the account shows, by heading.
func (k *site) recipes() map[string]shown {
	k.Helper()
	list := eval[[]shown](k.tab, `[...document.querySelectorAll("details.recipe")].map((d) => { d.open = true; return {
		Heading: d.querySelector("summary > span").innerText.trim(), Needs: (d.querySelector("summary > .muted") || {innerText: ""}).innerText,
		Hints: [...d.querySelectorAll(".hint")].map((e) => e.innerText), Code: [...d.querySelectorAll("pre")].map((e) => e.innerText)}; })`)
	by := map[string]shown{}
	for _, r := range list {
		if _, twice := by[r.Heading]; twice {
			k.Errorf("two recipes are called %q", r.Heading)
		}
		by[r.Heading] = r
	}
	return by
}

// paste runs a command in a shell, with the secret that only the reader knows.
func (k *site) paste(command string) string {
	k.Helper()
	secret := k.key
	if strings.Contains(command, "ann") || strings.Contains(command, "api_example") {
		secret = k.user
	}
	command = strings.NewReplacer("SECRET=...", "", "'VERIFIER:KEY'", `"$VERIFIER"`).Replace(command)
	cmd := exec.Command("sh", "-c", command)
	cmd.Env = append(k.env, "SECRET="+secret)
	out, err := cmd.CombinedOutput()
	if err != nil {
		k.Errorf("%v: %s\n%s", err, out, command)
	}
	return string(out)
}

// wantWorking pastes login and call of a recipe. called is what a checked call answers.
func (k *site) wantWorking(heading, called string) {
	k.Helper()
	r, ok := k.recipes()[heading]
	if !ok || len(r.Code) != 2 {
		k.Fatalf("%q is not shown: %+v", heading, k.recipes())
	}
	k.Logf("%s\n%s\n%s\n%q", heading, r.Code[0], r.Code[1], r.Hints)
	if out := k.paste(r.Code[0]); !regexp.MustCompile(`<ResponseCode>0<|"access_token"|sp_|authToken|PHPSESSID`).MatchString(out) {
		k.Errorf("%s: the login answers %s", heading, out)
	}
	if out := k.paste(r.Code[1]); !regexp.MustCompile(called).MatchString(out) {
		k.Errorf("%s: the call answers %s", heading, out)
	}
}

// yes is the answer of /-/check, with who calls in it.
const yes = `(?s)^HTTP/[0-9.]+ 200.*[Ss]allyport-[Aa]ccount: 100001`

// With the certificate that init made curl has to be told of it, and without routes
// nothing answers a call but the question that a proxy asks.
func TestCommandsWithInitsCertificate(t *testing.T) {
	k := newSite(t, server.InitOptions{Dialects: []string{"electa", "oauth2", "sbt", "calamp", "domainpunch", "edubrite"}}, func(_, text string) string {
		return text + "  - {dialect: electa, name: deep, prefix: /deep, tenant: EXAMPLE}\n"
	})
	const deep = "Electa Live API 3.0 mount deep" // which /-/check is not below
	for heading := range k.recipes() {
		if heading != deep {
			k.wantWorking(heading, yes)
		}
	}
	k.addVerifier("EXAMPLE", "a-verifier-of-the-test-1234567890")
	k.env = append(k.env, "VERIFIER=EXAMPLE:a-verifier-of-the-test-1234567890")
	k.wantWorking(deep, `"active":true`)
}

// addVerifier adds a key that verifiers ask with.
func (k *site) addVerifier(tenant, secret string) {
	k.Helper()
	file := "tenants: [{code: " + tenant + ", keys: [{name: v, secret: " + secret + ", role: verifier, everywhere: true}]}]"
	if err := server.Apply(k.Context(), server.ApplyOptions{File: "-", In: strings.NewReader(file), Data: k.cfg.Data, Keys: k.cfg.Keys, Actor: "test", Out: k.Output(), Log: k.Output()}); err != nil {
		k.Fatal(err)
	}
}

// Behind a proxy clients call its address, by https. Whether it leads to an API is its
// own affair: what it asks here can be asked on this machine.
func TestCommandsBehindAProxy(t *testing.T) {
	address, file, lead := httpsFront(t)
	public := "https://" + address
	k := newSite(t, server.InitOptions{NoTLS: true, Dialects: []string{"electa", "oauth2", "sbt", "calamp", "domainpunch", "edubrite"}}, func(_, text string) string {
		return strings.Replace(text, "  - dialect: electa", "  - url: "+public+"\n    dialect: electa", 1)
	})
	lead("http://" + k.Addr().String())
	k.env = append(k.env, "CURL_CA_BUNDLE="+file) // whom this machine's curl trusts
	k.wantWorking("Electa Live API 3.0 mount electa", yes)
	if r := k.recipes()["Electa Live API 3.0 mount electa"]; !strings.Contains(r.Code[0], public+"/token/") || strings.Contains(r.Code[0], "Forwarded") {
		t.Errorf("the login does not go where clients go: %s", r.Code[0])
	}
	// Nothing says where clients reach this one.
	for heading := range k.recipes() {
		k.wantWorking(heading, yes)
	}
	k.tab.open("/dialects")
	k.tab.want(public)
}

// Where routes lead to APIs, the call goes to one of them that lets this customer in;
// and two mounts of a dialect are told apart, each with its own address.
func TestCommandsWithRoutesAndTwoMounts(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s is called by %s at %s", r.URL.Path, r.Header.Get("Sallyport-Account"), r.Host)
	}))
	t.Cleanup(api.Close)
	k := newSite(t, server.InitOptions{Dialects: []string{"electa"}, Hosts: []string{"old.example.com"}}, func(_, text string) string {
		return text + `    hosts: [old.example.com]
  - {dialect: electa, name: second, prefix: /second, tenant: EXAMPLE}
  - {dialect: electa, name: others, prefix: /others, tenant: OPERATORS}
routes:
  - {name: closed, path: /v1, upstream: "` + api.URL + `", tenant: OPERATORS}
  - {name: others, path: /v2, upstream: "` + api.URL + `", dialects: [electa], tenant: EXAMPLE, account: FIRST, level: organization}
  - {name: second, path: /second/api, upstream: "` + api.URL + `"}
`
	})
	k.wantWorking("Electa Live API 3.0 mount electa", "^/v2 is called by 100001 at old.example.com:")
	k.wantWorking("Electa Live API 3.0 mount second", "^/second/api is called by 100001 at 127.0.0.1:")
	if n := len(k.recipes()); n != 2 {
		t.Errorf("%d recipes, want those of two mounts", n)
	}
}

// httpsFront is a proxy that speaks https to the world, and whom it leads to. Its certificate
// is that of an authority in file.
func httpsFront(t *testing.T) (address, file string, lead func(to string)) {
	t.Helper()
	var to atomic.Pointer[url.URL]
	f := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(to.Load())
			p.Out.Host = p.In.Host
			p.SetXForwarded()
			p.Out.Header.Del("X-Forwarded-Uri")
		}}
		p.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	file = filepath.Join(t.TempDir(), "front.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return f.Listener.Addr().String(), file, func(base string) {
		u, err := url.Parse(base)
		if err != nil {
			t.Error(err)
		}
		to.Store(u)
	}
}
