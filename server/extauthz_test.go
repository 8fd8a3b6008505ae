package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/gate"
)

// withEnvoy is a server with every dialect and the demo's customers, where Envoy
// asks too.
func withEnvoy(t *testing.T, files config.MutualTLS) (s *Server, stop func()) {
	t.Helper()
	cfg, err := demoConfig(DemoOptions{Addr: "127.0.0.1:0", Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := applyDemo(t.Context(), cfg, t.Output()); err != nil {
		t.Fatal(err)
	}
	cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	cfg.ExtAuthz = config.ExtAuthz{Listen: "127.0.0.1:0", TLS: files}
	return start(t, cfg)
}

func dialEnvoy(t *testing.T, s *Server, c credentials.TransportCredentials) (authv3.AuthorizationClient, *grpc.ClientConn) {
	t.Helper()
	conn, err := grpc.NewClient(s.extAuthz.listener.Addr().String(), grpc.WithTransportCredentials(c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return authv3.NewAuthorizationClient(conn), conn
}

// question is a call over TLS as Envoy describes it.
func question(r *http.Request) *authv3.CheckRequest {
	h := &authv3.AttributeContext_HttpRequest{
		Method: r.Method, Host: "api.example", Path: r.URL.RequestURI(), Scheme: "https", Protocol: "HTTP/1.1",
		HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "x-forwarded-proto", RawValue: []byte("https")}}},
	}
	for name, lines := range r.Header {
		for _, line := range lines {
			h.HeaderMap.Headers = append(h.HeaderMap.Headers, &corev3.HeaderValue{Key: strings.ToLower(name), RawValue: []byte(line)})
		}
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{Http: h}}}
}

// envoyCalls are a login over each dialect, as requests one after the other that
// keep their cookies, and a later call.
var envoyCalls = map[string]struct {
	login  []string // method, path, form
	call   string   // with the token for %
	header []string
	clean  string // the path as the API gets it
	bearer bool   // the call has the token in Authorization
}{
	"electa": {
		login: []string{"POST", "/Token", "cid=123456&appkey=UO86CN11XY73SF72TT40PG18ZE76VV71"},
		call:  "/logs/?cid=123456&token=%&roomid=1000", clean: "/logs/?cid=123456&roomid=1000",
	},
	"sbt": {
		login: []string{"GET", "/SBT.App.SetUp/RSServices/LoginAPIService.svc/AuthenticateAPIKey?APIKey=demo-sbt-1-week", ""},
		call:  "/SBT.App.SetUp/RSServices/GeneralRSService.svc/GetCarrierLookup?securityToken=%&orgCode=ACME-WEST-1&phone=1",
		clean: "/SBT.App.SetUp/RSServices/GeneralRSService.svc/GetCarrierLookup?orgCode=ACME-WEST-1&phone=1",
	},
	"edubrite": {
		login: []string{
			"GET", "/oltpublish/site/connect.do", "",
			"POST", "/oltpublish/site/index.do", "username=api_11111111-2222-3333-4444-555555555555&password=Abc-_0*%7C123456789012",
		},
		call: "/oltpublish/site/userService.do?dispatch=list", clean: "/oltpublish/site/userService.do?dispatch=list",
		header: []string{"REAL_UNAME", "charles"},
	},
	"calamp": {
		login: []string{"POST", "/connect/services/login?useAuthToken=true", "username=demo%40calamp.example&password=demo-password"},
		call:  "/connect/services/users/currentUser", clean: "/connect/services/users/currentUser",
		header: []string{"Calamp-Services-App", "c0ffee00-0000-4000-8000-000000000001"},
	},
	"domainpunch": {
		login: []string{"POST", "/api.php?c=auth", "user=setup-admin&pass=demo-password"},
		call:  "/api.php?c=set&t=domain&oper=parse&id=191", clean: "/api.php?c=set&t=domain&oper=parse&id=191",
	},
	"oauth2": {
		login: []string{"POST", "/oauth2/token", "grant_type=client_credentials&client_id=demo-client&client_secret=demo-secret"},
		call:  "/v1/orders", clean: "/v1/orders", bearer: true,
	},
}

// loggedIn logs in through the server's own listener, as Envoy passes logins on,
// and returns the later call.
func loggedIn(t *testing.T, s *Server, name string) *http.Request {
	t.Helper()
	c := envoyCalls[name]
	jar, token := map[string]string{}, ""
	newRequest := func(method, path, form string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr().String()+path, strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		if form != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		r.Header.Set("X-Forwarded-Proto", "https")
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		for name, value := range jar {
			r.Header.Add("Cookie", name+"="+value)
		}
		return r
	}
	for i := 0; i < len(c.login); i += 3 {
		res, err := http.DefaultClient.Do(newRequest(c.login[i], c.login[i+1], c.login[i+2]))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, cookie := range res.Cookies() {
			jar[cookie.Name] = cookie.Value
		}
		token = regexp.MustCompile(anyToken).FindString(string(body))
	}
	if token == "" && len(jar) == 0 {
		t.Fatal("the login answers no token")
	}
	jar["lang"] = "de"
	r := newRequest("GET", strings.ReplaceAll(c.call, "%", token), "")
	r.Header.Del("X-Forwarded-Proto") // question says it
	if name == "oauth2" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if c.bearer {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header["sallyport_account"] = []string{"victim"}
	return r
}

// A token of any dialect passes by way of Envoy: under its identity, without the
// credential; and is refused when its session has ended.
func TestExtAuthzForEveryDialect(t *testing.T) {
	s, _ := withEnvoy(t, config.MutualTLS{})
	envoy, _ := dialEnvoy(t, s, insecure.NewCredentials())
	for _, def := range Dialects() {
		t.Run(def.Name, func(t *testing.T) {
			c, known := envoyCalls[def.Name]
			if !known {
				t.Fatal("the dialect has no call here: add one")
			}
			r := loggedIn(t, s, def.Name)
			ask := func() *authv3.CheckResponse {
				t.Helper()
				a, err := envoy.Check(t.Context(), question(r))
				if err != nil {
					t.Fatal(err)
				}
				return a
			}
			a := ask()
			ok := a.GetOkResponse()
			if ok == nil || a.GetStatus().GetCode() != int32(codes.OK) {
				t.Fatalf("refused: %v", a)
			}
			told := map[string]string{":path": r.URL.RequestURI()}
			for _, o := range ok.GetHeaders() {
				told[o.GetHeader().GetKey()] = o.GetHeader().GetValue()
			}
			if told[gate.DialectHeader] != def.Name || told[gate.AccountHeader] == "" || told[gate.SessionHeader] == "" || told[":path"] != c.clean {
				t.Errorf("the API is told %v", told)
			}
			removed := strings.Join(ok.GetHeadersToRemove(), " ")
			if !strings.Contains(removed, "sallyport_account") {
				t.Errorf("only %q is removed", removed)
			}
			if cookie, changed := told["Cookie"]; len(r.Header["Cookie"]) > 1 && (!changed || cookie != "lang=de") {
				t.Errorf("cookies reach the API: %q", cookie)
			}

			if r.Header.Get("Authorization") != "" && !strings.Contains(removed, "authorization") {
				t.Errorf("the Authorization header reaches the API: only %q is removed", removed)
			}

			session := told[gate.SessionHeader]
			r.Header.Set("Cookie", "")
			r.Header.Del("Authorization")
			if c.bearer {
				r.Header.Set("Authorization", "Bearer x")
			}
			r.URL.RawQuery = strings.NewReplacer("&token=", "&token=x", "securityToken=", "securityToken=x").Replace(r.URL.RawQuery)
			if a := ask(); a.GetDeniedResponse() == nil || a.GetStatus().GetCode() == int32(codes.OK) || a.GetDeniedResponse().GetBody() == "" {
				t.Errorf("with another token than that of session %s: %v", session, a)
			}
		})
	}
}

// Envoy has to show a certificate that the configuration's authority signed.
func TestExtAuthzWantsACertificate(t *testing.T) {
	dir := t.TempDir()
	cert, key := selfSigned(t, dir, "server")
	ca, clientKey := selfSigned(t, dir, "envoy")
	foreign, foreignKey := selfSigned(t, dir, "foreign")
	s, _ := withEnvoy(t, config.MutualTLS{Cert: cert, Key: key, ClientCA: ca})
	roots := x509.NewCertPool()
	pemOf, err := os.ReadFile(cert)
	if err != nil || !roots.AppendCertsFromPEM(pemOf) {
		t.Fatal(err)
	}
	r := call("/nothing")
	for name, c := range map[string]struct {
		creds credentials.TransportCredentials
		good  bool
	}{
		"Envoy's":        {mutualCreds(t, roots, ca, clientKey), true},
		"none":           {credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}), false},
		"somebody's":     {mutualCreds(t, roots, foreign, foreignKey), false},
		"no TLS, either": {insecure.NewCredentials(), false},
	} {
		envoy, _ := dialEnvoy(t, s, c.creds)
		_, err := envoy.Check(t.Context(), question(r))
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := configured(t.TempDir())
	cfg.ExtAuthz = config.ExtAuthz{Listen: "127.0.0.1:0", TLS: config.MutualTLS{Cert: cert, Key: key, ClientCA: key}}
	if _, err := New(t.Context(), cfg, Options{Log: io.Discard}); err == nil || !strings.Contains(err.Error(), "client_ca") {
		t.Errorf("a key for an authority: %v", err)
	}
}

// A check that was begun is answered when the server stops; then nobody listens.
func TestExtAuthzStops(t *testing.T) {
	s, stop := withEnvoy(t, config.MutualTLS{})
	envoy, conn := dialEnvoy(t, s, insecure.NewCredentials())
	r := loggedIn(t, s, "electa")
	var last error
	stopped := make(chan struct{})
	began := make(chan struct{}, 1)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for {
			a, err := envoy.Check(context.Background(), question(r))
			if err != nil {
				last = err
				return
			}
			if a.GetOkResponse() == nil {
				t.Errorf("refused while stopping: %v", a)
			}
			select {
			case began <- struct{}{}:
			default:
			}
		}
	}()
	<-began
	go func() { stop(); close(stopped) }()
	<-asked
	<-stopped
	if grpcstatus.Code(last) != codes.Unavailable {
		t.Errorf("the check after the last is answered %v", last)
	}
	conn.Connect()
	if conn.GetState() == connectivity.Ready {
		t.Error("somebody listens still")
	}
	if _, err := envoy.Check(t.Context(), question(r)); grpcstatus.Code(err) != codes.Unavailable {
		t.Errorf("answered after the end: %v", err)
	}
}

// slow answers when it is told to.
type slow struct {
	authv3.UnimplementedAuthorizationServer
	begun, answer chan struct{}
}

func (s *slow) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	s.begun <- struct{}{}
	<-s.answer
	return &authv3.CheckResponse{}, nil
}

// A check that was begun is answered before the listener ends, and one that takes
// too long does not keep it.
func TestExtAuthzDrains(t *testing.T) {
	for name, patient := range map[string]bool{"in time": true, "too late": false} {
		t.Run(name, func(t *testing.T) {
			l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			service := &slow{begun: make(chan struct{}), answer: make(chan struct{})}
			x := &extAuthz{listener: l, grpc: grpc.NewServer()}
			authv3.RegisterAuthorizationServer(x.grpc, service)
			served := make(chan error, 1)
			go func() { served <- x.run(t.Context()) }()
			envoy, _ := dialEnvoy(t, &Server{extAuthz: x}, insecure.NewCredentials())
			asked := make(chan error, 1)
			go func() {
				_, err := envoy.Check(context.Background(), &authv3.CheckRequest{})
				asked <- err
			}()
			<-service.begun
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			drained := make(chan error, 1)
			go func() { drained <- x.drain(ctx) }()
			for { // until it takes no more
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					break
				}
				_ = c.Close()
			}
			if patient {
				close(service.answer)
			} else {
				cancel()
			}
			if err := <-asked; (err == nil) != patient {
				t.Errorf("the check is answered %v", err)
			}
			if err := <-drained; (err == nil) != patient {
				t.Errorf("drained: %v", err)
			}
			if !patient {
				close(service.answer)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestExtAuthzAddressIsTaken(t *testing.T) {
	s, _ := withEnvoy(t, config.MutualTLS{})
	cfg := configured(t.TempDir())
	cfg.ExtAuthz.Listen = s.extAuthz.listener.Addr().String()
	_, err := New(t.Context(), cfg, Options{Log: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "ext_authz.listen") {
		t.Errorf("%v", err)
	}
}

func TestExtAuthzBoundsMessages(t *testing.T) {
	s, _ := withEnvoy(t, config.MutualTLS{})
	envoy, _ := dialEnvoy(t, s, insecure.NewCredentials())
	q := question(call("/x"))
	q.GetAttributes().GetRequest().GetHttp().RawBody = make([]byte, 1<<20)
	if _, err := envoy.Check(t.Context(), q); grpcstatus.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message of 1 MiB: %v", err)
	}
}

func call(path string) *http.Request {
	u := &url.URL{Path: path}
	return &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}
}

func mutualCreds(t *testing.T, roots *x509.CertPool, cert, key string) credentials.TransportCredentials {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return credentials.NewTLS(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
}

// selfSigned writes a certificate for 127.0.0.1 that is its own authority.
func selfSigned(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
