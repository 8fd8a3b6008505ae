package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/internal/origin"
)

// tracing sends OpenTelemetry traces: a span for each login request and each
// checked call, and in it one for each write to the store. The nil tracing is off
// and costs nothing.
//
// A span holds what the log may hold, and less: no path of a call, since some APIs
// have their tokens in it, no query, no header, no address, no name of a client.
// A trace goes on that a trusted proxy has begun; what anybody else says of
// traces is thrown away, or they could have everything sampled, and write into
// the traces of others.
type tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	origin   *origin.Resolver
	log      *slog.Logger
}

// exportTimeout bounds one delivery, and how long the last one may hold up a stop.
const exportTimeout = 5 * time.Second

// newTracing makes what the configuration, or else the environment of
// OpenTelemetry's own convention, asks for; nil for nothing.
func newTracing(ctx context.Context, c *config.Tracing, o *origin.Resolver, log *slog.Logger) (*tracing, error) {
	options := []otlptracehttp.Option{otlptracehttp.WithTimeout(exportTimeout)}
	switch {
	case c.Endpoint != "":
		u, err := url.Parse(c.Endpoint)
		if err != nil {
			return nil, fmt.Errorf("tracing.endpoint: %w", err)
		}
		if u.Path == "" || u.Path == "/" {
			u.Path = "/v1/traces"
		}
		options = append(options, otlptracehttp.WithEndpointURL(u.String()))
	case os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "":
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	of, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "sallyport")), resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, fmt.Errorf("tracing: what the environment says of this process: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are lost", "cause", err) }))
	p := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, sdktrace.WithExportTimeout(exportTimeout)),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(float64(c.Sample)))),
		sdktrace.WithResource(of))
	return &tracing{provider: p, tracer: p.Tracer("github.com/sallyport/sallyport"), origin: o, log: log}, nil
}

// close delivers what is left.
func (t *tracing) close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), exportTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.Warn("the last traces are lost", "cause", err)
	}
}

// Trace headers of the W3C (Trace Context, section 3).
var (
	traceContext = propagation.TraceContext{}
	traceHeaders = [...]string{"Traceparent", "Tracestate"}
)

// serve answers a request within a span, and has what goes on to the API behind
// carry it.
func (t *tracing) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if t == nil {
		next.ServeHTTP(w, r)
		return
	}
	ctx := r.Context()
	if t.origin.Of(r).Trusted && len(r.Header[traceHeaders[0]]) == 1 {
		ctx = traceContext.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	ctx, span := t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()
	for _, name := range traceHeaders {
		r.Header.Del(name)
	}
	traceContext.Inject(ctx, propagation.HeaderCarrier(r.Header))
	if !span.IsRecording() {
		next.ServeHTTP(w, r.WithContext(ctx))
		return
	}
	s := &spanned{ResponseWriter: w}
	next.ServeHTTP(s, r.WithContext(ctx))
	span.SetAttributes(attribute.Int("http.response.status_code", s.said()))
	if s.said() >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
}

// around is a handler that answers within spans.
func (t *tracing) around(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.serve(w, r, next) })
}

// spanned remembers the status of an answer.
type spanned struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (s *spanned) WriteHeader(status int) {
	if s.status == 0 && (status >= http.StatusOK || status == http.StatusSwitchingProtocols) {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (s *spanned) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *spanned) said() int {
	if s.status == 0 {
		return http.StatusOK
	}
	return s.status
}

// login tells the span of a login request what it was.
func (t *tracing) login(ctx context.Context, m *auth.Mount, path, outcome string) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetName("login " + path)
	span.SetAttributes(attribute.String("sallyport.mount", m.Name), attribute.String("sallyport.dialect", m.Dialect), attribute.String("sallyport.outcome", outcome))
}

// verdict tells the span of a call what became of it, and when.
func (t *tracing) verdict(ctx context.Context, face auth.Face, dialect string, reason auth.Reason) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetName("check " + face.String())
	span.AddEvent("checked")
	span.SetAttributes(attribute.String("sallyport.outcome", outcomeLabel(reason)))
	if dialect != "" {
		span.SetAttributes(attribute.String("sallyport.dialect", dialect))
	}
}

// write begins the span of a write to the store, if somebody follows the trace that
// it belongs to.
func (t *tracing) write(ctx context.Context, name string) (context.Context, func(error)) {
	if t == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, nothing
	}
	ctx, span := t.tracer.Start(ctx, name)
	return ctx, func(err error) {
		if err != nil && !errors.Is(err, auth.ErrConflict) {
			span.SetStatus(codes.Error, "") // not the error's text, which may name a customer
		}
		span.End()
	}
}

func nothing(error) {}

// check answers Envoy within a span.
func (t *tracing) check(ctx context.Context, q any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if p, ok := peer.FromContext(ctx); ok && t.trusts(p.Addr) {
		if md, ok := metadata.FromIncomingContext(ctx); ok && len(md["traceparent"]) == 1 {
			ctx = traceContext.Extract(ctx, incoming(md))
		}
	}
	ctx, span := t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()
	return next(ctx, q)
}

func (t *tracing) trusts(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && t.origin.Trusts(tcp.AddrPort().Addr().Unmap().WithZone(""))
}

// incoming is what came with a call over gRPC.
type incoming metadata.MD

// Get implements propagation.TextMapCarrier.
func (m incoming) Get(key string) string {
	if v := metadata.MD(m).Get(key); len(v) > 0 {
		return v[0]
	}
	return ""
}

// Set implements propagation.TextMapCarrier.
func (m incoming) Set(key, value string) { metadata.MD(m).Set(key, value) }

// Keys implements propagation.TextMapCarrier.
func (m incoming) Keys() (list []string) {
	for k := range m {
		list = append(list, k)
	}
	return list
}
