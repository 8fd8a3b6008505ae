package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof" // what it adds to http.DefaultServeMux is never served
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// admin is the listener for administrators: metrics and profiles, and what else is
// added to its mux before Run, which is the API and the console. The nil one is
// nowhere.
//
// For metrics and profiles it asks nobody who they are, so by default only this machine reaches it, and
// what a browser on this machine is led to send it is refused: under another name
// (DNS rebinding) or for a page from elsewhere.
type admin struct {
	mux      *http.ServeMux
	hosts    []string // names it is called by, in lower case
	listener net.Listener
	http     *http.Server
	cert     *certificate // nil: no TLS
}

// Bounds of the admin listener.
const (
	adminConnections = 256
	adminWrite       = 2 * time.Minute // a profile takes 30 s by default
	adminBody        = 1 << 20
)

// listenAdmin takes the address of the admin listener. Nothing is answered before
// Run.
func (s *Server) listenAdmin(ctx context.Context, elsewhere bool) error {
	c := &s.cfg.Admin
	if c.Listen == "" {
		return nil
	}
	a := &admin{mux: http.NewServeMux(), hosts: append([]string{"localhost"}, c.Hosts...)}
	if c.Open {
		a.cert = s.cert
	}
	a.mux.Handle("GET /metrics", metricsHandler(s.registry))
	a.mux.HandleFunc("GET "+instancePath, s.instance("admin.listen", s.AdminAddr))
	a.mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	a.mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	a.mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	a.mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	a.mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if errors.Is(err, syscall.EADDRINUSE) && elsewhere {
		host, _, _ := net.SplitHostPort(c.Listen) // it was listened to
		l, err = new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return fmt.Errorf("listen on %s for administration: %w: stop what listens there, or change admin.listen in the configuration", c.Listen, err)
	}
	limited := limit(l, adminConnections, nil)
	a.listener = limited
	limits := s.cfg.Limits
	a.http = &http.Server{
		Handler:           a,
		ConnState:         limited.note,
		ReadHeaderTimeout: limits.ReadHeaderTimeout,
		ReadTimeout:       limits.ReadTimeout,
		WriteTimeout:      adminWrite,
		IdleTimeout:       limits.IdleTimeout,
		MaxHeaderBytes:    int(limits.Header),
		ErrorLog:          serverErrors(s.log),

		DisableGeneralOptionsHandler: true,
	}
	if a.cert != nil {
		a.http.TLSConfig = a.cert.config()
	}
	s.admin = a
	return nil
}

// ServeHTTP answers administrators, under the listener's own names.
func (a *admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	switch {
	case !a.named(r.Host):
		http.Error(w, "sallyport: the admin listener does not know itself by this name: call it by its address, or list the name in admin.hosts", http.StatusMisdirectedRequest)
	case foreign(r):
		http.Error(w, "sallyport: asked for by a page from elsewhere", http.StatusForbidden)
	default:
		r.Body = http.MaxBytesReader(w, r.Body, adminBody)
		a.mux.ServeHTTP(w, r)
	}
}

// named says whether a Host header is one of the listener's: an address, which no
// DNS server can have made up, or a name of the configuration.
func (a *admin) named(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return slices.Contains(a.hosts, name)
}

// foreign says whether a browser sends the request for a page that is not ours.
// Following a link to here is no such thing.
func foreign(r *http.Request) bool {
	// A form of the console has the Origin null, since its pages send no referrer
	// (Fetch, 3.2); what no page can set says where it is from all the same.
	site := r.Header.Get("Sec-Fetch-Site")
	if origin := r.Header.Get("Origin"); origin != "" && (origin != "null" || site != "same-origin") {
		u, err := url.Parse(origin)
		if err != nil || !strings.EqualFold(u.Host, r.Host) {
			return true
		}
	}
	switch site {
	case "", "same-origin", "none":
		return false
	}
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	return !reads || r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// run answers until the server is stopped.
func (a *admin) run() error {
	if a.cert != nil {
		return a.http.ServeTLS(a.listener, "", "")
	}
	return a.http.Serve(a.listener)
}

// close stops at once: nobody waits for a profile when a server is stopped.
func (a *admin) close() error {
	if a == nil {
		return nil
	}
	if err := errors.Join(a.http.Close(), a.listener.Close()); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// AdminAddr is where administrators are answered; nil: nowhere.
func (s *Server) AdminAddr() net.Addr {
	if s.admin == nil {
		return nil
	}
	return s.admin.listener.Addr()
}
