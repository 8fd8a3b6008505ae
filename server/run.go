package server

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

// feedKept is how long the notices of ended sessions are kept: how long a node
// may be away before it starts afresh.
const feedKept = time.Hour

// maxStreams bounds the requests that one HTTP/2 connection has open at once:
// browsers and front proxies seldom use dozens, and open another connection then.
const maxStreams = 64

// listen takes the address. A client that connects from now on waits for Run.
func (s *Server) listen(ctx context.Context) error {
	if s.cfg.TLS.On() {
		var err error
		if s.cert, err = newCertificate(s.cfg.TLS.Cert, s.cfg.TLS.Key, s.log); err != nil {
			return badCertificate(s.cfg, err)
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w: stop what listens there, or change listen in the configuration", s.cfg.Listen, err)
	}
	exempt := s.origin.Trusts
	if len(s.cfg.TrustedProxies) == 0 {
		exempt = nil
	}
	limited := limit(l, s.cfg.Limits.Connections, exempt)
	s.listener = limited
	limits := s.cfg.Limits
	s.http = &http.Server{
		ConnState:         limited.note,
		Handler:           s,
		ReadHeaderTimeout: limits.ReadHeaderTimeout,
		ReadTimeout:       limits.ReadTimeout,
		WriteTimeout:      limits.WriteTimeout,
		IdleTimeout:       limits.IdleTimeout,
		MaxHeaderBytes:    int(limits.Header),
		ErrorLog:          serverErrors(s.log),
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},

		// OPTIONS * is nobody's.
		DisableGeneralOptionsHandler: true,
	}
	s.http.RegisterOnShutdown(s.feed.Stop) // its answers do not end by themselves
	if s.cert != nil {
		s.http.TLSConfig = s.cert.config()
	}
	return nil
}

// Addr is where the server listens, with the port it got if it asked for any.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// every calls f now and then until the context ends.
func every(ctx context.Context, interval time.Duration, f func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f()
		}
	}
}

// Remark puts a line into the server's log.
func (s *Server) Remark(text string) { s.log.Info("remark", "text", text) }

// Run answers until the context ends, and then stops in good order: it says that
// it is not ready, goes on for limits.drain, takes no new connections, answers what
// it has begun within limits.shutdown, and closes everything. The error is nil after a stop in
// which every answer was given.
func (s *Server) Run(ctx context.Context) error {
	flags := log.Flags()
	log.SetFlags(0)
	log.SetOutput(libraries{s.log})
	defer func() { log.SetFlags(flags); log.SetOutput(os.Stderr) }()
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if s.cert != nil {
		go every(background, certificatePoll, s.cert.poll)
	}
	go every(background, keysPoll, s.keyFile.poll)
	served := make(chan error, 3) // one for each listener
	go func() { served <- s.serve() }()
	if s.extAuthz != nil {
		go func() { served <- s.extAuthz.run(background) }()
		s.log.Info("listening for Envoy", "address", s.extAuthz.listener.Addr().String(), "tls", s.extAuthz.cert != nil)
	}
	if s.admin != nil {
		go func() { served <- s.admin.run() }()
		go s.console.Run(background)
		s.log.Info("listening for administrators", "address", s.AdminAddr().String(), "tls", s.admin.cert != nil)
	}
	s.log.Info("listening", "address", s.Addr().String(), "tls", s.cert != nil, "mounts", len(s.cfg.Mounts))

	var err error
	select {
	case err = <-served:
		err = fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
		err = s.drain(background)
	}
	return errors.Join(err, s.Close())
}

func (s *Server) serve() error {
	if s.cert != nil {
		return s.http.ServeTLS(s.listener, "", "")
	}
	return s.http.Serve(s.listener)
}

// farewell tells whoever asks a stopping server to leave this connection: it will
// be closed. A connection that is about to become something else is left alone.
func (s *Server) farewell(w http.ResponseWriter, r *http.Request) {
	if s.stopping.Load() && r.Header.Get("Upgrade") == "" {
		w.Header().Set("Connection", "close")
	}
}

// drain answers what was begun.
func (s *Server) drain(ctx context.Context) error {
	s.stopping.Store(true)
	s.log.Info("stopping", "within", s.cfg.Limits.Shutdown)
	// Load balancers see that /-/ready says no before connections are refused. Until
	// then they go on sending over those that are open, so none is closed under them:
	// each answer asks for another; see farewell.
	time.Sleep(s.cfg.Limits.Drain)
	s.http.SetKeepAlivesEnabled(false)
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Limits.Shutdown)
	defer cancel()
	checks := make(chan error, 1)
	go func() { checks <- s.extAuthz.drain(ctx) }()
	if err := errors.Join(s.http.Shutdown(ctx), <-checks); err != nil {
		_ = s.http.Close()
		return fmt.Errorf("some requests were not answered within limits.shutdown (%s): %w", s.cfg.Limits.Shutdown, err)
	}
	s.log.Info("stopped")
	return nil
}
