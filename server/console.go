package server

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	administration "github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/console"
	"github.com/sallyport/sallyport/dialect"
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
		Tokens:         anyToken,
	})
	if err == nil {
		s.admin.mux.Handle("/", s.console)
	}
	return err
}

// described are the dialects that are mounted, as people see them.
func (s *Server) described() (list []console.Dialect) {
	for _, def := range Dialects() {
		d := console.Dialect{Name: def.Name, Title: def.Title, Login: def.Recipe.Login, Call: def.Recipe.Call, Bases: map[string]string{}}
		for _, r := range def.Risks {
			d.Risks = append(d.Risks, console.Risk(r))
		}
		for _, m := range s.router.Mounts() {
			if m.Mount.Dialect == def.Name {
				d.Bases[m.Mount.Name] = s.base(&m)
			}
		}
		if len(d.Bases) > 0 {
			list = append(list, d)
		}
	}
	return list
}

// base is where clients reach a mount, as far as the configuration tells: the first of
// its hosts, else the address that is listened to.
func (s *Server) base(m *dialect.Mounted) string {
	u := url.URL{Scheme: "http", Host: s.Addr().String(), Path: strings.TrimSuffix(m.Prefix, "/")}
	if host, port, err := net.SplitHostPort(u.Host); err == nil {
		if a := net.ParseIP(host); a != nil && a.IsUnspecified() {
			u.Host = net.JoinHostPort("localhost", port)
		}
	}
	if s.cert != nil {
		u.Scheme = "https"
	}
	for i := range s.cfg.Mounts {
		if c := &s.cfg.Mounts[i]; c.Name == m.Mount.Name && len(c.Hosts) > 0 {
			u.Scheme, u.Host = "https", c.Hosts[0]
		}
	}
	return u.String()
}
