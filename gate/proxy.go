package gate

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/internal/origin"
)

// Proxy is the gate as a reverse proxy: it passes a call that carries a live
// session on to the API of its route, and refuses every other.
//
// The API gets the call as the client sent it, path and query byte for byte, less
// the credential, with the identity headers of the session and with the client's
// address, scheme and host in X-Forwarded-For, -Proto and -Host. What the client
// sent under any of these names is removed. Bodies stream both ways, and a
// web socket is passed on; a call whose session ends meanwhile is cut within two
// seconds.
//
// A call is refused in its dialect's words: for want of a session before it is
// even said whether a route leads anywhere; because it is too large, with 413;
// because the API does not answer, with 502 or 504. Only a call that has a
// session and no route is answered in the gate's own words, with 404.
type Proxy struct {
	gate     *Gate
	buffers  buffers
	errorLog *log.Logger
}

// Proxy makes a reverse proxy of the gate, before the gate is used: whose calls a
// route is for, it is for whichever way they are checked. The error wraps [ErrRoute].
func (g *Gate) Proxy(routes []Route) (*Proxy, error) {
	table, err := tableOf(routes)
	if err != nil {
		return nil, err
	}
	g.routes = table
	return &Proxy{gate: g, errorLog: slog.NewLogLogger(g.o.Logger.Handler(), slog.LevelDebug)}, nil
}

// CheckRoutes says what [Gate.Proxy] would say of the routes.
func CheckRoutes(routes []Route) error {
	_, err := tableOf(routes)
	return err
}

func tableOf(routes []Route) (*routeTable, error) {
	list := make([]*target, len(routes))
	for i := range routes {
		list[i] = newTarget(&routes[i])
	}
	return newRouteTable(list)
}

var (
	errFragment = errors.New("the address of the call has a fragment in it")
	errNoRoute  = errors.New("no route leads here")
	errPending  = errors.New("too many requests wait for their bodies")
)

// ServeHTTP answers one call.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect || r.Method == http.MethodTrace {
		// A tunnel would go past the gate, and an echo would tell the client what
		// is for the API alone.
		plain(w, http.StatusMethodNotAllowed, "the method is not allowed")
		return
	}
	peer := p.gate.o.Origin.Of(r)
	trailers := trailerNames(r)
	d, rt := p.decideInTurn(r, &peer)
	switch {
	case errors.Is(d.err, errPending):
		p.gate.count(r.Context(), auth.Proxy, &d)
		w.Header()["Cache-Control"] = noStore
		w.Header().Set("Retry-After", "1")
		plain(w, http.StatusServiceUnavailable, errPending.Error())
	case d.err != nil:
		p.refuse(w, r, &d)
	case rt == nil:
		p.gate.count(r.Context(), auth.Proxy, &decision{err: errNoRoute})
		w.Header()["Cache-Control"] = noStore
		plain(w, http.StatusNotFound, errNoRoute.Error())
	default:
		p.forward(w, r, &forwarding{proxy: p, to: rt, peer: peer, decided: d, trailers: trailers})
	}
}

// decideInTurn is decide, which may have to wait for a body.
func (p *Proxy) decideInTurn(r *http.Request, peer *origin.Peer) (decision, *target) {
	if r.Body == nil || r.Body == http.NoBody {
		return p.decide(r, peer)
	}
	if !p.gate.o.Pending.Take(peer.Source) {
		return decision{err: auth.Refuse(auth.Busy, errPending)}, nil
	}
	defer p.gate.o.Pending.Leave(peer.Source)
	return p.decide(r, peer)
}

// decide finds out whose call it is and which route it takes.
func (p *Proxy) decide(r *http.Request, peer *origin.Peer) (decision, *target) {
	if err := origin.CheckTarget(r, false); err != nil {
		return decision{err: err}, nil
	}
	if strings.IndexByte(r.URL.RawPath, '#') >= 0 || strings.IndexByte(r.URL.RawQuery, '#') >= 0 {
		return decision{err: errFragment}, nil // some servers would stop reading there
	}
	d := p.gate.decide(r, peer.Secure)
	if d.err != nil {
		return d, nil
	}
	if rt := d.route; rt != nil && rt.MaxBody > 0 && r.ContentLength > rt.MaxBody {
		d.err = &http.MaxBytesError{Limit: rt.MaxBody}
	}
	return d, d.route
}

// refuse is the gate's, with the statuses that a dialect need not know.
func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, d *decision) {
	if tooLarge(d.err) {
		d.err = auth.Refuse(auth.Malformed, dialect.ErrTooLarge)
		w = &restated{ResponseWriter: w, status: http.StatusRequestEntityTooLarge}
	}
	p.gate.count(r.Context(), auth.Proxy, d)
	p.gate.refuse(w, r, d)
}

// forward passes a call on. A ReverseProxy is a few words of memory: each call
// has one, whose functions know what was decided about it.
func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, f *forwarding) {
	if f.to.Assertion {
		f.assertion = make(http.Header, 1)
		if f.decided.err = p.gate.assert(f.assertion, &f.decided, f.to.Name); f.decided.err != nil {
			p.refuse(w, r, &f.decided)
			return
		}
	}
	p.gate.count(r.Context(), auth.Proxy, &f.decided)
	watch := newWatch(r.Context(), p.gate.o.Service, &f.decided.session)
	defer watch.stop()
	f.call = r.WithContext(watch.ctx) // a copy: the server looks at the body of its own
	if f.to.MaxBody > 0 && r.Body != nil && r.Body != http.NoBody {
		f.call.Body = http.MaxBytesReader(w, r.Body, f.to.MaxBody)
	}
	s := newSteady(w, f.call, f.to.Idle)
	defer s.finish()
	f.ReverseProxy = httputil.ReverseProxy{
		Rewrite: f.rewrite, ModifyResponse: f.answer, ErrorHandler: f.fail,
		Transport: f.to.transport, BufferPool: &p.buffers, ErrorLog: p.errorLog,
		// FlushInterval stays zero: what has no length, and server-sent events, are
		// sent on at once all the same.
	}
	f.ReverseProxy.ServeHTTP(s, f.call)
	withoutIdentity(w.Header()) // what is in it now are trailers
}

// forwarding is one call on its way.
type forwarding struct {
	httputil.ReverseProxy
	proxy     *Proxy
	to        *target
	peer      origin.Peer
	decided   decision
	trailers  []string
	call      *http.Request
	assertion http.Header // nil: the route wants none
}

// rewrite makes the API's request of the client's.
func (f *forwarding) rewrite(pr *httputil.ProxyRequest) {
	out := pr.Out
	out.URL.RawQuery = pr.In.URL.RawQuery // whole; what could not be parsed was left out
	cleanCall(out.Header)
	keepWebSocket(out.Header)
	forwardTrailer(out, pr.In, f.trailers, f.strip)
	f.strip(out)
	f.to.address(out.URL)
	if f.to.UpstreamHost {
		out.Host = ""
	}
	setForwarded(out.Header, pr.In, &f.peer)
	setIdentity(out.Header, &f.decided.session)
	for name, v := range f.assertion {
		out.Header[name] = v
	}
}

// strip takes out the credentials.
func (f *forwarding) strip(r *http.Request) { f.proxy.gate.strip(r, f.call.Host, f.call.URL.Path) }

// answer is what the client gets of the API's answer. Identity headers in it are
// echoes, which are nobody's business outside.
func (f *forwarding) answer(res *http.Response) error {
	withoutIdentity(res.Header)
	withoutIdentity(res.Trailer) // as far as announced
	f.decided.admit.write(res.Header, f.call)
	return nil
}

// fail answers a call that the API did not.
func (f *forwarding) fail(w http.ResponseWriter, _ *http.Request, err error) {
	ctx := f.call.Context()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
		if !errors.Is(err, errCut) {
			panic(http.ErrAbortHandler) // the client has gone
		}
	}
	why, status := trouble(err)
	o := &f.proxy.gate.o
	if why.Reason == auth.Unavailable && f.to.worthTelling(o.Service.Now()) {
		o.Logger.LogAttrs(ctx, slog.LevelWarn, "an API does not answer", slog.String("route", f.to.Name), slog.String("cause", unquoted(err)))
	}
	w.Header()["Cache-Control"] = noStore
	if status != 0 {
		w = &restated{ResponseWriter: w, status: status}
	}
	// The transport may still be reading the body.
	call := *f.call
	call.Body, call.ContentLength = http.NoBody, 0
	f.decided.dialect.Refuse(w, &call, why)
}

// restated gives a dialect's refusal another status.
type restated struct {
	http.ResponseWriter
	status int
	said   bool
}

// WriteHeader implements http.ResponseWriter.
func (s *restated) WriteHeader(int) {
	if !s.said {
		s.said = true
		s.ResponseWriter.WriteHeader(s.status)
	}
}

// Write implements http.ResponseWriter.
func (s *restated) Write(b []byte) (int, error) {
	s.WriteHeader(s.status)
	return s.ResponseWriter.Write(b)
}

// buffers are what bodies of answers are copied through.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte {
	if v, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return v[:]
	}
	return make([]byte, bufferSize)
}

// Put implements httputil.BufferPool.
func (b *buffers) Put(v []byte) { b.pool.Put((*[bufferSize]byte)(v)) }
