package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/verify"
)

// The verifier of the measurements.
const (
	verifierID     = "BENCH-VERIFIER"
	verifierSecret = "bench-verifier-secret" //nolint:gosec // of a server that lives for a minute
)

// serveFollowing is an API that checks calls in its own process: 204 for a live
// session, and /fresh says whether it has heard from the server.
func serveFollowing(args []string) error {
	f := flag.NewFlagSet("serve-following", flag.ContinueOnError)
	addr := f.String("addr", "", "")
	server := f.String("server", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	v, err := newVerifier(*server)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	mux := http.NewServeMux()
	mux.HandleFunc("/up", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.Handle("/", v.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), verify.OAuth2()))
	s := &http.Server{Addr: *addr, Handler: mux} //nolint:gosec // without time-outs, for this machine
	go func() {
		<-ctx.Done()
		_ = s.Close()
	}()
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-done
}

func newVerifier(server string) (*verify.Verifier, error) {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("net/http has no transport of its own")
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = connections
	return verify.New(verify.Options{Server: server, ClientID: verifierID, ClientSecret: verifierSecret, HTTPClient: &http.Client{Transport: behindProxy{t}},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
}

// behindProxy says what the proxy would that the servers are configured to trust.
type behindProxy struct{ http.RoundTripper }

func (p behindProxy) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-Proto", "https")
	r.Header.Set("X-Forwarded-For", source.String())
	return p.RoundTripper.RoundTrip(r)
}

// patience is for what takes milliseconds on any machine that is worth measuring.
const patience = 30 * time.Second
