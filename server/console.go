package server

import (
	"net/http"

	administration "github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/console"
	"github.com/sallyport/sallyport/internal/origin"
)

// serveConsole adds the console to the admin listener, for whoever asks for none of
// its other paths.
func (s *Server) serveConsole(mount *auth.Mount, from *origin.Resolver, operations *administration.Admin) (err error) {
	s.console, err = console.New(mount, console.Options{
		Service: s.service, Admin: operations, Logger: s.log,
		Origin: func(r *http.Request) console.Peer {
			p := from.Of(r)
			return console.Peer{Origin: auth.Origin{Source: p.Source, Request: s.origin.NewID()}, Secure: p.Secure, TLS: r.TLS != nil || p.Scheme == "https"}
		},
		FactorOptional: s.cfg.Admin.SecondFactor == config.FactorOptional,
		Tenant:         s.cfg.Admin.Tenant,
		Dialects:       s.described(),
		Commands:       s.commands,
		Tokens:         anyToken,
	})
	if err == nil {
		s.admin.mux.Handle("/", s.console)
	}
	return err
}
