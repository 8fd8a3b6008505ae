package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/gate"
)

// extAuthz is the listener where Envoy asks. The nil one is nowhere.
type extAuthz struct {
	listener net.Listener
	grpc     *grpc.Server
	cert     *certificate // nil: no TLS
}

// Bounds of the connections on which Envoy asks.
const (
	maxChecks     = 1000             // at once on one connection; Envoy has one a thread
	maxCheckExtra = 64 << 10         // of a message, in bytes, beside headers and body
	pingsNoFaster = 10 * time.Second // a client that pings more often is cut off
)

// listenExtAuthz takes the address where Envoy asks. Nothing is answered before
// Run.
func (s *Server) listenExtAuthz(ctx context.Context, g *gate.Gate) error {
	c := &s.cfg.ExtAuthz
	if c.Listen == "" {
		return nil
	}
	limits := s.cfg.Limits
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(int(limits.Header+limits.Body) + maxCheckExtra),
		grpc.MaxHeaderListSize(uint32(limits.Header)), // at most 1 MiB
		grpc.MaxConcurrentStreams(maxChecks),
		grpc.ConnectionTimeout(limits.ReadHeaderTimeout), // for the handshake
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingsNoFaster, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: limits.IdleTimeout, Timeout: limits.ReadHeaderTimeout}),
	}
	if s.tracing != nil {
		options = append(options, grpc.UnaryInterceptor(s.tracing.check))
	}
	x := &extAuthz{}
	if c.TLS.On() {
		var err error
		if x.cert, err = newCertificate(c.TLS.Cert, c.TLS.Key, s.log); err != nil {
			return s.cfg.Errorf("ext_authz.tls", "%v: give the certificate and the key that belongs to it, both PEM", err)
		}
		t, err := mutual(x.cert, &c.TLS)
		if err != nil {
			return s.cfg.Errorf("ext_authz.tls.client_ca", "%v", err)
		}
		options = append(options, grpc.Creds(credentials.NewTLS(t)))
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s for ext_authz: %w: stop what listens there, or change ext_authz.listen in the configuration", c.Listen, err)
	}
	x.listener = limit(l, limits.Connections, s.origin.Trusts)
	x.grpc = grpc.NewServer(options...)
	authv3.RegisterAuthorizationServer(x.grpc, g.ExtAuthz())
	s.extAuthz = x
	return nil
}

// errNoCA says that a file is not what it is named for.
var errNoCA = errors.New("has no certificate in it: give the authority that signs Envoy's certificate, PEM")

// mutual asks clients for a certificate too.
func mutual(cert *certificate, files *config.MutualTLS) (*tls.Config, error) {
	pem, err := os.ReadFile(files.ClientCA)
	if err != nil {
		return nil, err
	}
	t := cert.config()
	t.NextProtos = []string{"h2"}
	t.ClientCAs, t.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !t.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s %w", files.ClientCA, errNoCA)
	}
	return t, nil
}

// run answers until stop, and keeps the certificate fresh until the context ends.
func (x *extAuthz) run(ctx context.Context) error {
	if x.cert != nil {
		go every(ctx, certificatePoll, x.cert.poll)
	}
	return x.grpc.Serve(x.listener)
}

// drain answers what was begun, until the context ends; then it answers nobody.
func (x *extAuthz) drain(ctx context.Context) error {
	if x == nil {
		return nil
	}
	done := make(chan struct{})
	go func() { defer close(done); x.grpc.GracefulStop() }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		// Not waiting for GracefulStop: it returns when the last check does.
		go x.grpc.Stop()
		return ctx.Err()
	}
}

// close stops at once, and releases the address if nothing was ever answered.
func (x *extAuthz) close() error {
	if x == nil {
		return nil
	}
	x.grpc.Stop()
	if err := x.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
