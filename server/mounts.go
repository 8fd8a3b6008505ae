package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/config/strict"
	"github.com/sallyport/sallyport/dialect"
)

// mountAll mounts what the configuration lists. All that is wrong with it is
// told at once.
func mountAll(router *dialect.Router, service *auth.Service, mounts []config.Mount) error {
	var errs []error
	for i := range mounts {
		errs = append(errs, mountOne(router, service, &mounts[i]))
	}
	return errors.Join(errs...)
}

// warnOfTenants tells which mounts nobody can log in at yet, because their
// tenant is not there: it may be applied later, or be misspelled.
func warnOfTenants(ctx context.Context, service *auth.Service, mounts []config.Mount, log *slog.Logger) error {
	return service.View(ctx, func(v auth.Reader) error {
		for i := range mounts {
			m := mounts[i].Auth()
			if m.Tenant == "" {
				continue
			}
			_, err := v.AccountByCode(0, m.Tenant)
			if errors.Is(err, auth.ErrNotFound) {
				log.Warn("nobody can log in at a mount: its tenant is not in the database", "mount", m.Name, "tenant", m.Tenant)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
}

func mountOne(router *dialect.Router, service *auth.Service, c *config.Mount) error {
	def, err := definition(c)
	if err != nil {
		return err
	}
	m := coreMount(c, def)
	d, err := def.New(dialect.Config{Service: service, Router: router, Mount: m, Options: c.DecodeOptions})
	switch {
	case errors.Is(err, strict.ErrFile): // names its line already
		return err
	case err != nil:
		return c.Errorf("options", "%s", reason(err))
	}
	if err := m.Validate(); err != nil {
		return c.Errorf("", "%s", reason(err))
	}
	if service != nil { // the doctor mounts without one
		service.CountFor(m)
	}
	if err := router.Mount(c.Hosts, strings.TrimSuffix(c.Prefix, "/"), m, d); err != nil {
		return c.Errorf("", "%v", err)
	}
	return nil
}

// reason is an error of the core's without its first word.
func reason(err error) string {
	return strings.TrimPrefix(err.Error(), auth.ErrInvalid.Error()+": ")
}

// coreMount is the mount as the core has it: the configuration's word where it
// says something, else what the vendor documents.
func coreMount(c *config.Mount, def *dialect.Definition) *auth.Mount {
	m, documented := c.Auth(), def.Mount(c.Name, c.Tenant)
	if c.Policy == nil {
		m.Policy = documented.Policy
	}
	if !c.Has("lockout.names") {
		m.Names = documented.Names
	}
	if !c.Has("lockout.addresses") {
		m.Addresses = documented.Addresses
	}
	if !c.Has("rate") {
		m.Rate = documented.Rate
	}
	if !c.Has("fair_use") {
		m.FairUse = documented.FairUse
	}
	return &m
}

// definition finds the dialect that a mount names.
func definition(c *config.Mount) (*dialect.Definition, error) {
	var names []string
	for _, d := range Dialects() {
		if d.Name == c.Dialect {
			return &d, nil
		}
		names = append(names, d.Name)
	}
	return nil, c.Errorf("dialect", "there is no dialect %q: this program has %s", c.Dialect, strings.Join(names, ", "))
}
