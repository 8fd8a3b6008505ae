package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/peer"

	"github.com/sallyport/sallyport/auth"
)

// ExtAuthz answers Envoy's external authorization, the gRPC service
// envoy.service.auth.v3.Authorization, with the gate's decision. Its answer is a
// refusal in the dialect's own words and status, or a yes that has Envoy set the
// identity headers, take out whatever else claims an identity, and take out the
// credential, as far as it stands in the query or in a header.
//
// It never answers with an error of gRPC's: whatever goes wrong is a refusal, so
// that an Envoy that was told to let calls pass when it gets no answer
// (failure_mode_allow) still refuses them.
type ExtAuthz struct {
	authv3.UnimplementedAuthorizationServer
	gate *Gate
}

// ExtAuthz is the gate as Envoy asks it.
func (g *Gate) ExtAuthz() *ExtAuthz { return &ExtAuthz{gate: g} }

var (
	errStranger = errors.New("whoever asks is no trusted proxy: name Envoy's address in trusted_proxies")
	errPanic    = errors.New("the check failed")
)

// Check implements authv3.AuthorizationServer.
func (x *ExtAuthz) Check(ctx context.Context, q *authv3.CheckRequest) (answer *authv3.CheckResponse, err error) {
	defer func() {
		if p := recover(); p != nil {
			// Not the panic's value, which may be made of what the client sent.
			x.gate.o.Logger.ErrorContext(ctx, "panic in a check", "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			w := newWritten()
			plain(w, http.StatusInternalServerError, errPanic.Error())
			answer, err = denied(w), nil
		}
	}()
	return x.check(ctx, q), nil
}

func (x *ExtAuthz) check(ctx context.Context, q *authv3.CheckRequest) *authv3.CheckResponse {
	call, err := &envoyCall{Request: new(http.Request).WithContext(ctx)}, errStranger
	if x.trusts(ctx) {
		call, err = fromEnvoy(ctx, q.GetAttributes().GetRequest().GetHttp())
	}
	if err != nil {
		return x.refuse(call, &decision{err: err})
	}
	d := x.gate.decide(call.Request, call.secure)
	identity, toClient := make(http.Header, 5), http.Header{}
	if d.err == nil {
		d.err = x.gate.assert(identity, &d, x.gate.o.Assertions.Audience)
	}
	if d.err != nil {
		return x.refuse(call, &d)
	}
	out := call.Clone(ctx)
	x.gate.strip(out, call.Host, call.URL.Path)
	x.gate.count(ctx, auth.ExtAuthz, &d)
	setIdentity(identity, &d.session)
	d.admit.write(toClient, call.Request)
	return allowed(call, out, identity, toClient)
}

func (x *ExtAuthz) refuse(call *envoyCall, d *decision) *authv3.CheckResponse {
	x.gate.count(call.Context(), auth.ExtAuthz, d)
	w := newWritten()
	x.gate.refuse(w, call.Request, d)
	return denied(w)
}

// trusts says whether a trusted proxy asks. Anybody else could have tokens tried
// at a speed and under addresses of their own choosing.
func (x *ExtAuthz) trusts(ctx context.Context) bool {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return false
	}
	tcp, ok := p.Addr.(*net.TCPAddr)
	return ok && x.gate.o.Origin.Trusts(tcp.AddrPort().Addr().Unmap().WithZone(""))
}

// written is a refusal as a dialect wrote it.
type written struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newWritten() *written { return &written{header: make(http.Header, 4)} }

// Header implements http.ResponseWriter.
func (w *written) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *written) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK { // early hints and the like are not the answer
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *written) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
