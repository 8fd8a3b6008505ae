package server

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/dialect"
)

// mounts looks at the dialects, as a start would mount them.
func (d *doctor) mounts(ctx context.Context) {
	router := dialect.NewRouter(dialect.RouterOptions{
		Origin: func(*http.Request) (auth.Origin, bool) { return auth.Origin{}, false }, Logger: slog.New(slog.DiscardHandler)})
	tenants := d.tenants(ctx)
	for i := range d.cfg.Mounts {
		m, since := &d.cfg.Mounts[i], len(d.found)
		if err := mountOne(router, nil, m); err != nil {
			d.bad("mounts", "mend the configuration: the message says where", "%v", err)
			continue
		}
		def, err := definition(m)
		if err != nil {
			continue // told above
		}
		d.tenant(m, tenants)
		d.limits(m, coreMount(m, def), def.Nameless)
		d.shared(i)
		if !d.troubled(since) {
			d.fine("mounts", "%s: %s; what the protocol itself breaks stands in docs/dialects/%s.md (%d rules)", m.Name, def.Title, def.Name, len(def.Risks))
		}
	}
}

func (d *doctor) tenant(m *config.Mount, tenants map[string]bool) {
	if m.Tenant == "" || tenants == nil {
		return
	}
	switch disabled, there := tenants[m.Tenant]; {
	case !there:
		d.warn("mounts", "apply a file with that tenant, or correct the name", "mount %s: nobody can log in, its tenant %s is not in the database", m.Name, m.Tenant)
	case disabled:
		d.warn("mounts", "enable the tenant, or remove the mount", "mount %s: nobody can log in, its tenant %s is disabled", m.Name, m.Tenant)
	}
}

// limits looks for guards that are down. Where logins are nameless, either of the two
// counts by address.
func (d *doctor) limits(c *config.Mount, m *auth.Mount, nameless bool) {
	byName, byAddress := m.Names.Failures > 0, m.Addresses.Failures > 0
	if nameless && !byName && !byAddress {
		d.warn("mounts", "set lockout.names", "mount %s: guesses are not stopped", m.Name)
	}
	if !nameless && !byName {
		d.warn("mounts", "set lockout.names", "mount %s: guesses at one name are not stopped", m.Name)
	}
	if !nameless && !byAddress {
		d.warn("mounts", "set lockout.addresses", "mount %s: guesses at many names from one address are not stopped", m.Name)
	}
	if m.Policy.Never {
		d.warn("mounts", "give its policy a span", "mount %s: sessions do not end by themselves", m.Name)
	}
	if c.Has("options.plain_address") {
		d.warn("mounts", "take it out: it is for a demonstration", "mount %s: plain_address tells clients to come over http", m.Name)
	}
}

// shared tells which mounts cover the same calls: there a call's token says which
// of them answers, and bodies are held to what each of them reads.
func (d *doctor) shared(i int) {
	var others []string
	for j := range d.cfg.Mounts[:i] {
		if overlap(&d.cfg.Mounts[i], &d.cfg.Mounts[j]) {
			others = append(others, d.cfg.Mounts[j].Name)
		}
	}
	if len(others) > 0 {
		d.fine("mounts", "%s shares calls with %s: a call's token says which of them answers (docs/gate, More than one mount)", d.cfg.Mounts[i].Name, strings.Join(others, ", "))
	}
}

func overlap(a, b *config.Mount) bool {
	sameHost := len(a.Hosts) == 0 && len(b.Hosts) == 0 || slices.ContainsFunc(a.Hosts, func(h string) bool { return slices.Contains(b.Hosts, h) })
	return sameHost && (below(a.Prefix, b.Prefix) || below(b.Prefix, a.Prefix))
}

// below says whether a path stands in the tree of another.
func below(path, of string) bool {
	return path == of || strings.HasPrefix(path, strings.TrimSuffix(of, "/")+"/")
}
