package dialecttest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/sqlite"
)

// Setup says what to serve.
type Setup struct {
	Definition dialect.Definition
	Options    string                          // YAML, as under a mount's "options:"
	Accounts   func(testing.TB, *auth.Service) // called once, on the empty store; see [Accounts]
	Adjust     func(*auth.Mount)               // alters the mount before the dialect is made; may be nil
	NoService  bool                            // the dialect gets no core, at which its handlers panic
}

// adjusted is the setup with a mount that is altered once more.
func (s Setup) adjusted(alter func(*auth.Mount)) Setup {
	before := s.Adjust
	s.Adjust = func(m *auth.Mount) {
		if before != nil {
			before(m)
		}
		alter(m)
	}
	return s
}

// database is the store's file.
const database = "sallyport.db"

// Start is the clock's first instant.
var Start = time.Date(2026, time.November, 25, 12, 0, 0, 0, time.UTC)

// Server serves one dialect, at every host and without a prefix. What is not of
// the login family is a later call: checked, refused by the dialect or answered
// with what the check found.
type Server struct {
	t     testing.TB
	setup Setup
	dir   string
	keys  *secret.Keys
	clock clock
	log   buffer

	secure, plain net.Listener
	running       atomic.Pointer[process]
	requests      atomic.Int64
}

// process is what ends with a restart.
type process struct {
	service *auth.Service
	store   auth.Store
	mount   *auth.Mount
	router  *dialect.Router
}

// Service is the core as it runs now.
func (s *Server) Service() *auth.Service { return s.running.Load().service }

// Mount is the dialect's mount.
func (s *Server) Mount() *auth.Mount { return s.running.Load().mount }

// Serve starts a server that ends with the test.
func Serve(t testing.TB, setup Setup) *Server {
	t.Helper()
	keys, err := secret.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, setup: setup, dir: t.TempDir(), keys: keys}
	s.clock.now = Start
	s.open()
	t.Cleanup(s.close)
	setup.Accounts(t, s.Service())
	s.secure, s.plain = s.listen(true), s.listen(false)
	return s
}

// open makes all that a process has in memory.
func (s *Server) open() {
	s.t.Helper()
	logger := slog.New(slog.NewJSONHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(s.dir, database), Logger: logger})
	if err != nil {
		s.t.Fatalf("opening the store: %v", err)
	}
	service, err := auth.Open(context.Background(), store, auth.Options{Keys: s.keys, Clock: s.clock.Now, Logger: logger})
	if err != nil {
		s.t.Fatalf("opening the service: %v", err)
	}
	m := s.setup.Definition.Mount(s.setup.Definition.Name+"-test", "")
	if s.setup.Adjust != nil {
		s.setup.Adjust(m)
	}
	router := dialect.NewRouter(dialect.RouterOptions{Origin: s.origin, Logger: logger, Clock: s.clock.Now})
	config := dialect.Config{Service: service, Router: router, Mount: m, Options: decoder(s.setup.Options)}
	if s.setup.NoService {
		config.Service = nil
	}
	d, err := s.setup.Definition.New(config)
	if err != nil {
		s.t.Fatalf("making the dialect: %v", err)
	}
	if err := m.Validate(); err != nil {
		s.t.Fatalf("the definition's mount: %v", err)
	}
	if err := router.Mount(nil, "", m, d); err != nil {
		s.t.Fatal(err)
	}
	s.running.Store(&process{service, store, m, router})
}

func decoder(options string) func(any) error {
	if options == "" {
		return nil
	}
	return func(into any) error {
		return yaml.UnmarshalWithOptions([]byte(options), into, yaml.Strict())
	}
}

func (s *Server) close() {
	p := s.running.Load()
	_ = p.service.Close() // cannot flush to a store that the test made fail
	_ = p.store.Close()   // the same
}

// Restart ends the process and starts another over the same store and keys.
func (s *Server) Restart() {
	s.t.Helper()
	s.close()
	s.open()
}

// Remount restarts with a mount that is altered once more.
func (s *Server) Remount(alter func(*auth.Mount)) {
	s.t.Helper()
	s.setup = s.setup.adjusted(alter)
	s.Restart()
}

// Crash starts another process over what the store's files hold at this moment.
// The process that there was notices nothing and is asked nothing more.
func (s *Server) Crash() {
	s.t.Helper()
	old := s.running.Load()
	s.t.Cleanup(func() {
		_ = old.service.Close() // nobody reads what it flushes
		_ = old.store.Close()
	})
	to := s.t.TempDir()
	// The log first: what is moved from it into the file meanwhile is in both.
	for _, name := range []string{database + "-wal", database} {
		data, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), data, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	s.dir = to
	s.open()
}

// Files is all that the store's files hold.
func (s *Server) Files() []byte {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, database+"*"))
	if err != nil || len(files) == 0 {
		s.t.Fatalf("the store has no files: %v", err)
	}
	var all []byte
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, data...)
	}
	return all
}

// Endpoints are the paths of the login family.
func (s *Server) Endpoints() []string {
	s.t.Helper()
	p := s.running.Load()
	d, err := s.setup.Definition.New(dialect.Config{Service: p.service, Router: p.router,
		Mount: s.setup.Definition.Mount("endpoints", ""), Options: decoder(s.setup.Options)})
	if err != nil {
		s.t.Fatalf("making the dialect: %v", err)
	}
	var paths endpoints
	d.Routes(&paths)
	return paths
}

// endpoints is a Mux that notes the paths.
type endpoints []string

// Handle implements dialect.Mux.
func (e *endpoints) Handle(path string, _ dialect.Handler, _ ...dialect.Option) {
	*e = append(*e, path)
}

// FailStore makes the store answer errors from now on.
func (s *Server) FailStore() {
	s.t.Helper()
	if err := s.running.Load().store.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// Advance turns the clock.
func (s *Server) Advance(d time.Duration) { s.clock.advance(d) }

// plainKey marks connections that came in over plain HTTP.
type plainKey struct{}

func (s *Server) listen(secure bool) net.Listener {
	s.t.Helper()
	l, err := new(net.ListenConfig).Listen(s.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	h := &http.Server{
		Handler:     s,
		ReadTimeout: time.Minute,
		ErrorLog:    slog.NewLogLogger(slog.NewJSONHandler(&s.log, nil), slog.LevelError),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, plainKey{}, !secure)
		},
	}
	go func() { _ = h.Serve(l) }()
	s.t.Cleanup(func() { _ = h.Close() })
	return l
}

func (s *Server) origin(r *http.Request) (auth.Origin, bool) {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		s.t.Errorf("remote address %q: %v", r.RemoteAddr, err)
	}
	plain, _ := r.Context().Value(plainKey{}).(bool)
	return auth.Origin{Source: from.Addr(), Request: fmt.Sprintf("test-%d", s.requests.Add(1))}, !plain
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := s.running.Load()
	if h, ok := p.router.Handler(r); ok {
		h.ServeHTTP(w, r)
		return
	}
	s.laterCall(w, r, p)
}

// laterCall does what every gate does, for the one mount there is.
func (s *Server) laterCall(w http.ResponseWriter, r *http.Request, p *process) {
	var session auth.Session
	var bearer auth.Bearer
	at := p.router.Covering(r.Host, r.URL.Path)[0]
	_, secure := s.origin(r)
	err := error(auth.Refuse(auth.Insecure, nil))
	if secure {
		if bearer, err = at.Dialect.Token(r); err == nil {
			session, err = p.service.Check(r.Context(), &bearer)
		}
	}
	outcome := "ok"
	if err != nil {
		outcome = string(auth.RefusalOf(err).Reason)
	}
	slog.New(slog.NewJSONHandler(&s.log, nil)).LogAttrs(r.Context(), slog.LevelInfo, "later call", slog.String("outcome", outcome))
	if err != nil {
		at.Dialect.Refuse(w, r, err)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("reading the body behind the gate: %v", err)
	}
	if d, ok := at.Dialect.(dialect.Admitter); ok && bearer.Carried != "" {
		d.Admit(w.Header(), r, &bearer)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "account %s, subject %s, body %q", session.Identity.AccountRef, session.Identity.Subject, body)
}
