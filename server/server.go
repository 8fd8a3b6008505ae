package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/console"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/gate"
	"github.com/sallyport/sallyport/internal/origin"
	"github.com/sallyport/sallyport/internal/pending"
	"github.com/sallyport/sallyport/secret"
)

// Options are what a configuration file cannot say.
type Options struct {
	Log     io.Writer // nil: standard error
	Version string    // of the program, for administrators to see

	// InsecureLoopback serves plain HTTP to this machine. For the demo.
	InsecureLoopback bool

	// AdminElsewhere takes any port for administration if the configured one is
	// taken. For the demo.
	AdminElsewhere bool
}

// Server is the whole program, listening. Make it with [New], then call Run once.
type Server struct {
	cfg      *config.Config
	log      *slog.Logger
	lock     *os.File // of the database
	store    auth.Store
	service  *auth.Service
	keyFile  *keyFile
	router   *dialect.Router
	origin   *origin.Resolver
	own      map[string]http.HandlerFunc // by path
	feed     *gate.Feed
	others   http.Handler // what is nobody's login and not ours
	pending  pending.Bodies
	routes   []gate.Route // of the reverse proxy
	listener net.Listener
	http     *http.Server
	extAuthz *extAuthz // nil: Envoy asks nowhere
	admin    *admin    // nil: administrators ask nowhere
	console  *console.Console
	registry *prometheus.Registry
	tracing  *tracing     // nil: off
	cert     *certificate // nil: no TLS
	stopping atomic.Bool
}

// New opens everything that the configuration names and listens. Nothing is
// answered before [Server.Run]. After an error nothing stays open.
func New(ctx context.Context, cfg *config.Config, o Options) (_ *Server, err error) {
	s := &Server{cfg: cfg, log: newLogger(logTo(o.Log), level(cfg.Log.Level), cfg.Log.Format),
		origin: origin.New(cfg.TrustedProxies, o.InsecureLoopback), registry: newRegistry()}
	defer func() {
		if err != nil {
			_ = s.Close() // the first error counts
		}
	}()
	if err := s.readRoutes(); err != nil {
		return nil, err // and nothing was made
	}
	if s.tracing, err = newTracing(ctx, &cfg.Tracing, s.origin, s.log); err != nil {
		return nil, err
	}
	if err := s.openCore(ctx); err != nil {
		return nil, err
	}
	if err := s.mount(ctx); err != nil {
		return nil, err
	}
	if err := s.listen(ctx); err != nil {
		return nil, err
	}
	if err := s.listenAdmin(ctx, o.AdminElsewhere); err != nil {
		return nil, err
	}
	if err := s.serveAdministration(o.Version); err != nil {
		return nil, err
	}
	return s, nil
}

// openCore opens the key set, the store and the core over them.
func (s *Server) openCore(ctx context.Context) error {
	keys, err := openKeys(s.cfg.Keys, s.cfg.Data, s.log)
	if err != nil {
		return err
	}
	if s.lock, err = lockDatabase(s.cfg.Data); err != nil {
		return err
	}
	return s.openOver(ctx, keys, false)
}

// openOver opens the store and the core over it. beside says that it is not this
// process that serves the database.
func (s *Server) openOver(ctx context.Context, keys *secret.Keys, beside bool) (err error) {
	if s.store, err = openStore(ctx, s.cfg.Data, s.log); err != nil {
		return err
	}
	hashing := s.cfg.Limits.Hashing
	s.service, err = auth.Open(ctx, measure(s.store, s.registry, s.tracing), auth.Options{
		Keys:          keys,
		Hasher:        secret.NewHasher(hashing.AtOnce, hashing.Waiting),
		Logger:        s.log,
		CacheSessions: s.cfg.Limits.CachedSessions,
		Retention:     auth.Retention{Feed: feedKept, Audit: s.cfg.Audit.Keep},
		Beside:        beside,
	})
	if err != nil {
		return err
	}
	s.registry.MustRegister(newMetrics(s.service))
	s.keyFile, err = newKeyFile(s.cfg.Keys, s.service, s.log)
	return err
}

// mount is the list of everything that answers.
func (s *Server) mount(ctx context.Context) error {
	// Logins: one dialect per mount of the configuration.
	routing := dialect.RouterOptions{Origin: s.from, Logger: s.log, MaxBody: int64(s.cfg.Limits.Body)}
	if issuer := s.cfg.Assertion.Issuer; issuer != "" {
		routing.Keys = dialect.PublishedKeys{Issuer: issuer, URL: issuer + gate.KeysPath}
	}
	if s.tracing != nil {
		routing.Done = s.tracing.login
	}
	s.router = dialect.NewRouter(routing)
	if err := mountAll(s.router, s.service, s.cfg.Mounts); err != nil {
		return err
	}
	if err := warnOfTenants(ctx, s.service, s.cfg.Mounts, s.log); err != nil {
		return err
	}

	// Ours, below /-/, which no dialect can take.
	g := s.newGate()
	s.feed = gate.NewFeed(gate.FeedOptions{Service: s.service, Origin: s.origin, Logger: s.log})
	s.own = map[string]http.HandlerFunc{
		"/-/healthy": healthy,
		"/-/ready":   s.ready,
		instancePath: s.instance("listen", s.Addr),
		"/-/check":   s.tracing.around(http.HandlerFunc(g.Check)).ServeHTTP,
		"/-/feed":    s.feed.ServeHTTP,
	}

	if s.cfg.Assertion.Issuer != "" {
		s.own[gate.KeysPath] = g.Keys
	}

	// Every other call goes to the API behind the gate.
	s.others = http.NotFoundHandler()
	switch {
	case len(s.cfg.Routes) > 0:
		proxy, err := s.proxy(ctx, g)
		if err != nil {
			return err
		}
		s.others = s.tracing.around(proxy)
	}
	return s.listenExtAuthz(ctx, g)
}

// newGate is the gate over the core.
func (s *Server) newGate() *gate.Gate {
	o := gate.Options{Service: s.service, Router: s.router, Origin: s.origin, Logger: s.log, Pending: &s.pending,
		Assertions: gate.Assertions{Issuer: s.cfg.Assertion.Issuer, Audience: s.cfg.Assertion.Audience, KeysSince: s.keyFile.seen.ModTime()}}
	if s.tracing != nil {
		o.Verdict = s.tracing.verdict
	}
	return gate.New(o)
}

// ServeHTTP leads a request to whoever answers it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.farewell(w, r)
	if err := origin.CheckTarget(r, r.URL.Scheme != "" && s.origin.Of(r).Trusted); err != nil {
		http.Error(w, "sallyport: "+err.Error(), http.StatusBadRequest)
		return
	}
	if h, ok := s.own[r.URL.Path]; ok {
		h(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/-/") {
		http.NotFound(w, r)
		return
	}
	if !s.login(w, r) {
		s.others.ServeHTTP(w, r)
	}
}

// login answers a request of the login family, in its turn if there is a body to
// wait for.
func (s *Server) login(w http.ResponseWriter, r *http.Request) bool {
	if r.Body != nil && r.Body != http.NoBody {
		client := s.origin.Of(r).Source
		if !s.pending.Take(client) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "sallyport: too many requests wait for their bodies", http.StatusServiceUnavailable)
			return true
		}
		defer s.pending.Leave(client)
	}
	h, ok := s.router.Handler(r)
	if ok {
		s.tracing.serve(w, r, h)
	}
	return ok
}

// from is what a dialect's router asks of every login request.
func (s *Server) from(r *http.Request) (auth.Origin, bool) {
	p := s.origin.Of(r)
	return auth.Origin{Source: p.Source, Request: s.origin.NewID()}, p.Secure
}

// Close releases what New opened. Run does so itself at its end.
func (s *Server) Close() error {
	var errs []error
	if s.listener != nil {
		if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	errs = append(errs, s.extAuthz.close(), s.admin.close())
	if s.service != nil {
		errs = append(errs, s.service.Close())
	}
	if s.store != nil {
		if err := s.store.Close(); !errors.Is(err, auth.ErrClosed) {
			errs = append(errs, err)
		}
	}
	s.tracing.close()
	if s.lock != nil {
		if err := s.lock.Close(); !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func logTo(w io.Writer) io.Writer {
	if w == nil {
		return os.Stderr
	}
	return w
}
