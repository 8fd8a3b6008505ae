package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"

	administration "github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/console"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/internal/origin"
)

// operations are what administrators can do, over everything that is mounted.
func (s *Server) operations(version string) *administration.Admin {
	return administration.New(administration.Options{Service: s.service, Logger: s.log, Version: version, Mounts: mountInfos(s.router, s.cfg.Mounts), SignIn: console.Mount()})
}

// mountInfos describes what is mounted, for people.
func mountInfos(router *dialect.Router, configured []config.Mount) []administration.MountInfo {
	var list []administration.MountInfo
	for _, m := range router.Mounts() {
		info := administration.MountInfo{Mount: m.Mount, Prefix: m.Prefix}
		if info.Prefix == "" {
			info.Prefix = "/"
		}
		for i := range configured {
			if configured[i].Name == m.Mount.Name {
				info.Hosts = configured[i].Hosts
			}
		}
		for _, d := range Dialects() {
			if d.Name == m.Mount.Dialect {
				info.Title = d.Title
			}
		}
		list = append(list, info)
	}
	return list
}

// serveAdministration adds the administration API and the console to the admin
// listener, if there is one.
func (s *Server) serveAdministration(version string) error {
	if s.admin == nil {
		return nil
	}
	operations := s.operations(version)
	signIn := console.Mount()
	from := origin.New(s.cfg.TrustedProxies, true) // this machine may do without TLS
	s.admin.mux.Handle(api.Prefix+"/", operations.Handler(administration.HandlerOptions{
		Console: signIn, FactorRequired: s.cfg.Admin.SecondFactor != config.FactorOptional,
		Origin: func(r *http.Request) (auth.Origin, bool) {
			p := from.Of(r)
			return auth.Origin{Source: p.Source, Request: s.origin.NewID()}, p.Secure
		},
	}))
	return s.serveConsole(signIn, from, operations)
}

// Administration is the administration of a database in this process: the same API,
// for whoever has the server's files in hands.
type Administration struct {
	http.Handler
	server *Server
}

// ErrNoDatabase says that there is no database to administer.
var ErrNoDatabase = errors.New("there is no database")

// AdminOptions say who administers a database, and how. Only Name is required.
type AdminOptions struct {
	Name    string    // of whoever does, for the audit; see [Operator]
	Version string    // of the program
	Log     io.Writer // nil: standard error
	Alone   bool      // refuse a database file on which a server runs, with an error that wraps [ErrServed]
}

// BareConfig is the configuration of a database that is administered without its
// server's: nothing is mounted, and, since nobody says how long the audit is kept,
// nothing of it is dropped.
func BareConfig(data, keys string) *config.Config {
	c := &config.Config{Data: data, Keys: keys}
	c.SetDefaults()
	c.Audit.Keep = 0
	return c
}

// OpenAdmin opens a database for administration, as an owner everywhere. Unless
// it is to be alone, a server may run on it meanwhile: it obeys as it obeys [Apply]. What a
// server has in memory only, which is the use of its sessions, is not seen. Nothing is
// created: the error wraps [ErrNoDatabase] if there is none.
func OpenAdmin(ctx context.Context, cfg *config.Config, o AdminOptions) (_ *Administration, err error) {
	s := &Server{cfg: cfg, log: newLogger(logTo(o.Log), slog.LevelWarn, cfg.Log.Format),
		origin: origin.New(nil, true), registry: newRegistry()}
	defer func() {
		if err != nil {
			_ = s.Close() // the first error counts
		}
	}()
	switch none, err := missingDatabase(cfg.Data); {
	case err != nil:
		return nil, err
	case none:
		return nil, fmt.Errorf("%w %s: sallyport init, apply or the first start of the server makes it", ErrNoDatabase, databaseName(cfg.Data))
	}
	if o.Alone {
		if s.lock, err = aloneWithDatabase(cfg.Data); err != nil {
			return nil, err
		}
	}
	keys, err := openKeys(cfg.Keys, cfg.Data, s.log)
	if err != nil {
		return nil, err
	}
	if err := s.openOver(ctx, keys, true); err != nil {
		return nil, err
	}
	s.router = dialect.NewRouter(dialect.RouterOptions{Origin: s.from, Logger: s.log})
	if err := mountAll(s.router, s.service, cfg.Mounts); err != nil {
		return nil, err
	}
	h := s.operations(o.Version).Handler(administration.HandlerOptions{
		As: administration.LocalOwner(o.Name),
		Origin: func(*http.Request) (auth.Origin, bool) {
			return auth.Origin{Source: netip.Addr{}, Request: s.origin.NewID()}, true
		},
	})
	return &Administration{Handler: h, server: s}, nil
}

// Close closes the database.
func (a *Administration) Close() error { return a.server.Close() }
