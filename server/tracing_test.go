package server

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/sallyport/sallyport/config"
)

// collector takes traces over OTLP/HTTP, as a real one does.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*otlp.Span
	raw   strings.Builder // all that came, for what must not be in it
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		b, err := io.ReadAll(body)
		var q coltrace.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(b, &q)
		}
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %s: %v", r.URL.Path, r.Header.Get("Content-Type"), err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw.WriteString(q.String())
		for _, of := range q.GetResourceSpans() {
			if !strings.Contains(of.GetResource().String(), "sallyport") {
				t.Errorf("of %v", of.GetResource())
			}
			for _, scope := range of.GetScopeSpans() {
				c.spans = append(c.spans, scope.GetSpans()...)
			}
		}
		answer, _ := proto.Marshal(&coltrace.ExportTraceServiceResponse{})
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(answer)
	}))
	t.Cleanup(c.Close)
	return c
}

// arrived is what came so far, with what the server still holds back.
func (c *collector) arrived(t *testing.T, s *Server) []*otlp.Span {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.tracing.provider.ForceFlush(ctx); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.spans
	c.spans = nil
	return list
}

// traced is a server that traces everything.
func traced(t *testing.T, adjust func(*demoSetup)) (*Server, *collector) {
	c := newCollector(t)
	s := watched(t, func(o *demoSetup) {
		o.Tracing = config.Tracing{Endpoint: c.URL, Sample: 1}
		if adjust != nil {
			adjust(o)
		}
	})
	return s, c
}

func spanNamed(t *testing.T, list []*otlp.Span, name string) *otlp.Span {
	t.Helper()
	var names []string
	for _, s := range list {
		if s.GetName() == name {
			return s
		}
		names = append(names, s.GetName())
	}
	t.Fatalf("there is no span %q among %q", name, names)
	return nil
}

func attributeOf(s *otlp.Span, key string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			return strings.Trim(regexp.MustCompile(`:.*`).FindString(a.GetValue().String()), `:"`)
		}
	}
	return ""
}

const (
	aTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	aParent = "00-" + aTrace + "-00f067aa0ba902b7-01"
)

// A login, a check and the writes to the store are in the trace that the trusted
// proxy has begun, and the API behind is told of it.
func TestTraces(t *testing.T) {
	var behind http.Header
	s, c := traced(t, func(o *demoSetup) {
		o.leadTo(t, func(_ http.ResponseWriter, r *http.Request) { behind = r.Header.Clone() })
	})
	r := loggedIn(t, s, "electa")
	r.Header.Del("sallyport_account")
	list := c.arrived(t, s)
	login, write := spanNamed(t, list, "login /token/"), spanNamed(t, list, "store apply")
	if string(write.GetParentSpanId()) != string(login.GetSpanId()) || len(login.GetParentSpanId()) != 0 {
		t.Errorf("the write %v is not below the login %v", write, login)
	}
	for key, want := range map[string]string{"sallyport.mount": "electa", "sallyport.dialect": "electa", "sallyport.outcome": "ok", "http.response.status_code": "200"} {
		if got := attributeOf(login, key); got != want {
			t.Errorf("the login's %s is %q, want %q", key, got, want)
		}
	}

	r.Header.Set("Traceparent", aParent)
	r.Header.Set("Tracestate", "vendor=opaque")
	through(t, s, r)
	check := spanNamed(t, c.arrived(t, s), "check proxy")
	if got := hex.EncodeToString(check.GetTraceId()); got != aTrace || hex.EncodeToString(check.GetParentSpanId()) != "00f067aa0ba902b7" {
		t.Errorf("the check is in trace %s", got)
	}
	if got, want := behind.Get("Traceparent"), "00-"+aTrace+"-"+hex.EncodeToString(check.GetSpanId())+"-01"; got != want || behind.Get("Tracestate") != "vendor=opaque" {
		t.Errorf("the API behind is told %q, %q, want %q", got, behind.Get("Tracestate"), want)
	}
	if attributeOf(check, "sallyport.outcome") != "ok" || attributeOf(check, "sallyport.dialect") != "electa" || len(check.GetEvents()) != 1 {
		t.Errorf("the check says %v", check)
	}

	// Forward-auth, refused.
	through(t, s, mustRequest(t, s, "/-/check"))
	if refused := spanNamed(t, c.arrived(t, s), "check forward-auth"); attributeOf(refused, "sallyport.outcome") != "none" {
		t.Errorf("the refusal says %v", refused)
	}
}

func mustRequest(t *testing.T, s *Server, path string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Whoever is no trusted proxy begins no trace, continues none and is not believed
// about being followed; nor is a trusted one that passes on two.
func TestTracesOfStrangersAreNotContinued(t *testing.T) {
	for name, c := range map[string]struct {
		trusted bool
		parents []string
	}{"a stranger": {false, []string{aParent}}, "two parents": {true, []string{aParent, aParent}}, "nonsense": {true, []string{"00-x"}}} {
		t.Run(name, func(t *testing.T) {
			var behind http.Header
			s, collected := traced(t, func(o *demoSetup) {
				o.InsecureLoopback = true
				o.leadTo(t, func(_ http.ResponseWriter, r *http.Request) { behind = r.Header.Clone() })
				if !c.trusted {
					o.TrustedProxies = nil
				}
			})
			r := loggedIn(t, s, "electa")
			r.Header.Del("sallyport_account")
			r.Header["Traceparent"], r.Header["Tracestate"] = c.parents, []string{"a=b"}
			through(t, s, r)
			check := spanNamed(t, collected.arrived(t, s), "check proxy")
			if hex.EncodeToString(check.GetTraceId()) == aTrace || len(check.GetParentSpanId()) != 0 {
				t.Errorf("the trace was continued: %v", check)
			}
			if got := behind["Traceparent"]; len(got) != 1 || strings.Contains(got[0], aTrace) || len(behind["Tracestate"]) != 0 {
				t.Errorf("the API behind is told %q, %q", got, behind["Tracestate"])
			}
		})
	}
}

// Nothing of what a client sends is in a trace: no secret, no token, no query, no
// name, no header.
func TestTracesHoldNoSecret(t *testing.T) {
	s, c := traced(t, nil)
	secrets := []string{"UO86CN11XY73SF72TT40PG18ZE76VV71", "demo-password", "demo-secret", "demo-sbt", "charles", "c0ffee00", "Abc-_0*", "roomid", "127.0.0.1"}
	for name := range envoyCalls {
		r := loggedIn(t, s, name)
		r.Header.Del("sallyport_account")
		status, _ := through(t, s, r)
		if status != 200 {
			t.Errorf("%s: answered %d", name, status)
		}
		for _, line := range append(r.Header["Authorization"], r.Header["Cookie"]...) {
			secrets = append(secrets, regexp.MustCompile(`[A-Za-z0-9_-]{20,}`).FindAllString(line, -1)...)
		}
		secrets = append(secrets, regexp.MustCompile(anyToken).FindAllString(r.URL.RawQuery, -1)...)
		r.URL.RawQuery += "&password=in-the-query"
		r.Header.Set("Authorization", "Bearer made-up-token-of-a-stranger")
		through(t, s, r)
	}
	secrets = append(secrets, "in-the-query", "made-up-token")
	if n := len(c.arrived(t, s)); n < 20 {
		t.Fatalf("%d spans", n)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, secret := range secrets {
		if strings.Contains(c.raw.String(), secret) {
			t.Errorf("%q is in a trace", secret)
		}
	}
}

// Envoy's questions are in Envoy's traces.
func TestTracesOfEnvoy(t *testing.T) {
	s, c := traced(t, func(o *demoSetup) { o.ExtAuthz.Listen = "127.0.0.1:0" })
	client, _ := dialEnvoy(t, s, insecure.NewCredentials())
	r := loggedIn(t, s, "electa")
	r.Header.Del("sallyport_account")
	c.arrived(t, s)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", aParent)
	if _, err := client.Check(ctx, question(r)); err != nil {
		t.Fatal(err)
	}
	check := spanNamed(t, c.arrived(t, s), "check ext_authz")
	if got := hex.EncodeToString(check.GetTraceId()); got != aTrace || attributeOf(check, "sallyport.outcome") != "ok" {
		t.Errorf("in trace %s: %v", got, check)
	}
}

// What is not sampled, or not asked for at all, is not sent.
func TestTracesAreSampled(t *testing.T) {
	s, c := traced(t, func(o *demoSetup) { o.Tracing.Sample = 0 })
	r := loggedIn(t, s, "electa")
	through(t, s, r)
	if list := c.arrived(t, s); len(list) != 0 {
		t.Errorf("%d spans of an empty sample", len(list))
	}
	// A trusted proxy that follows a call has it followed here.
	r.Header.Set("Traceparent", aParent)
	through(t, s, r)
	if list := c.arrived(t, s); len(list) == 0 {
		t.Error("what the proxy follows is not followed here")
	}
	if off := watched(t, nil); off.tracing != nil {
		t.Error("traces are made, and nobody asked for them")
	}
}

// The environment of OpenTelemetry's own convention works as well, and a stop
// delivers what is left.
func TestTracesByTheEnvironment(t *testing.T) {
	c := newCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	cfg := configured(t.TempDir())
	cfg.Tracing.Sample = 1
	s, stop := start(t, cfg)
	get(t, s, "/-/check")
	get(t, s, "/-/healthy")
	stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.spans) != 1 {
		t.Errorf("%d spans were delivered", len(c.spans))
	}
}

// A collector that is away costs no answer.
func TestTracesWithoutACollector(t *testing.T) {
	c := newCollector(t)
	c.Close()
	cfg := configured(t.TempDir())
	cfg.Tracing = config.Tracing{Endpoint: c.URL, Sample: 1}
	s, stop := start(t, cfg)
	if status, _ := get(t, s, "/-/check"); status != 403 {
		t.Errorf("answered %d", status)
	}
	stop()
}
