package server

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/gate"
)

// readRoutes makes the routes that the configuration lists, before there is
// anything else. All that is wrong with them is told at once.
func (s *Server) readRoutes() error {
	var errs []error
	s.routes = make([]gate.Route, len(s.cfg.Routes))
	for i := range s.cfg.Routes {
		errs = append(errs, s.route(&s.cfg.Routes[i], &s.routes[i]))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return gate.CheckRoutes(s.routes)
}

// proxy is the gate in front of the APIs that the configuration lists.
func (s *Server) proxy(ctx context.Context, g *gate.Gate) (http.Handler, error) {
	if err := s.warnOfRoutes(ctx); err != nil {
		return nil, err
	}
	return g.Proxy(s.routes)
}

// route is a route as the gate has it.
func (s *Server) route(c *config.Route, rt *gate.Route) error {
	u, err := c.URL()
	if err != nil {
		return c.Errorf("upstream", "%v", err)
	}
	for _, d := range c.Dialects {
		if !slices.ContainsFunc(s.cfg.Mounts, func(m config.Mount) bool { return m.Dialect == d }) {
			return c.Errorf("dialects", "no mount speaks %q, so that nobody has a session of it: mount it, or remove it here", d)
		}
	}
	*rt = gate.Route{
		Name: c.Name, Hosts: c.Hosts, Path: c.Path, Upstream: u,
		Dialects: c.Dialects, Tenant: c.Tenant, Account: c.Account, Level: c.AccountLevel(),
		Assertion: c.Assertion, UpstreamHost: c.Host == "upstream", MaxBody: int64(c.Body),
		Connect: c.ConnectTimeout, Header: c.HeaderTimeout, Idle: c.IdleTimeout,
	}
	if c.CA == "" {
		return nil
	}
	pem, err := os.ReadFile(c.CA)
	if err != nil {
		return c.Errorf("ca", "%v: name a PEM file that this user may read", err)
	}
	rt.RootCAs = x509.NewCertPool()
	if !rt.RootCAs.AppendCertsFromPEM(pem) {
		return c.Errorf("ca", "%s has no certificate in it: it must be PEM", c.CA)
	}
	return nil
}

// warnOfRoutes tells which routes nobody can use yet, because the account that
// they are for is not there: it may be applied later, or be misspelled.
func (s *Server) warnOfRoutes(ctx context.Context) error {
	return s.service.View(ctx, func(v auth.Reader) error {
		for i := range s.cfg.Routes {
			r := &s.cfg.Routes[i]
			if r.Tenant == "" {
				continue
			}
			tenant, err := v.AccountByCode(0, r.Tenant)
			if err == nil && r.Account != "" {
				_, err = v.AccountByCode(tenant.ID, r.Account)
			}
			if errors.Is(err, auth.ErrNotFound) {
				s.log.Warn("nobody may use a route: whom it is for is not in the database", "route", r.Name,
					"account", strings.TrimSuffix(r.Tenant+"/"+r.Account, "/"))
			} else if err != nil {
				return err
			}
		}
		return nil
	})
}
