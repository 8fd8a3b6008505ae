package dialect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/auth"
)

// RouterOptions are what a router needs from the server.
type RouterOptions struct {
	// Origin says where a request came from and whether over a secure channel.
	// Required.
	Origin func(*http.Request) (from auth.Origin, secure bool)

	Logger *slog.Logger // one line for each request of the login family; nil: none
	Clock  auth.Clock   // for durations; nil: the machine's

	// Done hears of each request of the login family what came of it: ok, refused,
	// or the reason of the refusal. path is the endpoint's own. nil: nobody does.
	Done func(ctx context.Context, m *auth.Mount, path, outcome string)

	// Keys are those of what the server signs, for dialects that tell their clients
	// where keys are. Zero: it signs nothing.
	Keys PublishedKeys

	// MaxBody is how much of a body an endpoint reads, in bytes, unless it says
	// otherwise; 0: DefaultMaxBody.
	MaxBody int64
}

// PublishedKeys are an issuer's public keys.
type PublishedKeys struct {
	Issuer string // as it stands in what it signs
	URL    string
}

// KeysOf is the URL of an issuer's public keys, "" if the server does not sign under
// that name.
func (r *Router) KeysOf(issuer string) string {
	if r.o.Keys.Issuer != issuer {
		return ""
	}
	return r.o.Keys.URL
}

// Router leads requests of the login family to the dialects that are mounted,
// and knows which mounts cover a path. All mounts are added before it is used.
type Router struct {
	o        RouterOptions
	mounts   []*mounting
	everyone *table // hosts that no mount names
	named    map[string]*table
}

// mounting is one call of Mount.
type mounting struct {
	Mounted
	hosts  []string // normalized; empty: every host
	routes []*route
}

// Mounted is a dialect where it is mounted.
type Mounted struct {
	Mount   *auth.Mount
	Dialect Dialect
	Prefix  string // "" or a path without a slash at its end
}

// ErrClaimed says that two mounts answer at the same host and path.
var ErrClaimed = errors.New("two mounts claim one path")

// NewRouter makes a router without mounts.
func NewRouter(o RouterOptions) *Router {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = auth.SystemClock
	}
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	return &Router{o: o, everyone: new(table)}
}

// Mount adds a dialect at the given hosts, or at every host if there are none,
// with its paths below prefix. A host is a name or address without port. If
// another mount answers at one of the paths, the error names both and wraps
// [ErrClaimed], and the router is as it was.
func (r *Router) Mount(hosts []string, prefix string, m *auth.Mount, d Dialect) error {
	if err := checkPrefix(prefix); err != nil {
		return fmt.Errorf("mount %q: %w", m.Name, err)
	}
	add := &mounting{Mounted: Mounted{Mount: m, Dialect: d, Prefix: prefix}}
	for _, h := range hosts {
		n := normalHost(h)
		if n == "" || strings.ContainsAny(n, "/ *") {
			return fmt.Errorf("%w: mount %q: %q is not a host name or address", auth.ErrInvalid, m.Name, h)
		}
		add.hosts = append(add.hosts, n)
	}
	c := &collector{router: r, to: add}
	d.Routes(c)
	if c.err != nil {
		return fmt.Errorf("mount %q: %w", m.Name, c.err)
	}
	mounts := append(r.mounts[:len(r.mounts):len(r.mounts)], add)
	everyone, named, err := tables(mounts)
	if err != nil {
		return err
	}
	r.mounts, r.everyone, r.named = mounts, everyone, named
	return nil
}

// Handler is what answers the request if it is for the login family of a mount.
// If not, it is a later call: see [Router.Covering].
func (r *Router) Handler(req *http.Request) (http.Handler, bool) {
	rt := r.table(req.Host).route(req.URL.Path)
	if rt == nil || (rt.when != nil && !rt.when(req)) {
		return nil, false
	}
	return rt, true
}

// Covering are the mounts that cover a host and path: those whose clients may
// present their tokens there, the one with the longest prefix first. The slice
// is shared: it must not be changed.
func (r *Router) Covering(host, path string) []Mounted {
	return r.table(host).covering(path)
}

// Elsewhere are the mounts of a host that do not cover a path there. The slice is
// shared: it must not be changed.
func (r *Router) Elsewhere(host, path string) []Mounted {
	return r.table(host).elsewhere(path)
}

// Native is the mount whose clients alone call a host and path, as far as the path
// tells: the one that has endpoints in the same folder. nil: there is none, or
// mounts of two dialects have, or one with a longer prefix covers the path; then
// it is for all that cover it. What follows a semicolon in a segment does not
// count, as servers in Java read paths.
func (r *Router) Native(host, path string) *Mounted {
	t := r.table(host)
	path = withoutParameters(path)
	for i := range t.homes {
		h := &t.homes[i]
		if !below(path, h.low) {
			continue
		}
		if covering := t.covering(path); h.contested || len(h.low) <= len(covering[0].Prefix) {
			return nil
		}
		return h.at
	}
	return nil
}

// withoutParameters is a path without the parameters of its segments (RFC 3986,
// 3.3), and without segments that are nothing else.
func withoutParameters(path string) string {
	if strings.IndexByte(path, ';') < 0 {
		return path
	}
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		name, _, cut := strings.Cut(segment, ";")
		if name != "" || !cut {
			kept = append(kept, name)
		}
	}
	return strings.Join(kept, "/")
}

func (r *Router) table(host string) *table {
	if len(r.named) == 0 {
		return r.everyone
	}
	if t, ok := r.named[normalHost(host)]; ok {
		return t
	}
	return r.everyone
}

// ownPaths are for Sallyport's own endpoints.
const ownPaths = "/-/"

// checkPrefix refuses prefixes that could never match, or that would take the
// paths that Sallyport keeps for itself.
func checkPrefix(p string) error {
	switch {
	case p == "":
		return nil
	case p[0] != '/' || strings.HasSuffix(p, "/"):
		return fmt.Errorf("%w: prefix %q: must begin with a slash and not end with one", auth.ErrInvalid, p)
	case strings.HasPrefix(p+"/", ownPaths):
		return fmt.Errorf("%w: prefix %q: paths below %s are Sallyport's own", auth.ErrInvalid, p, ownPaths)
	case strings.Contains(p, "//") || strings.Contains(p+"/", "/./") || strings.Contains(p+"/", "/../") || strings.ContainsAny(p, "?#%\\"):
		return fmt.Errorf("%w: prefix %q: write it as a plain path", auth.ErrInvalid, p)
	}
	return nil
}

// collector is the Mux of one mount.
type collector struct {
	router *Router
	to     *mounting
	err    error
}

// Handle implements Mux.
func (c *collector) Handle(path string, h Handler, opts ...Option) {
	if path == "" || path[0] != '/' || h == nil {
		c.err = errors.Join(c.err, fmt.Errorf("%w: endpoint %q: needs a path that begins with a slash, and a handler", auth.ErrInvalid, path))
		return
	}
	if strings.HasPrefix(c.to.Prefix+path, ownPaths) {
		c.err = errors.Join(c.err, fmt.Errorf("%w: endpoint %q: paths below %s are Sallyport's own", auth.ErrInvalid, path, ownPaths))
		return
	}
	rt := &route{router: c.router, at: &c.to.Mounted, path: c.to.Prefix + path, handle: h, maxBody: c.router.o.MaxBody}
	for _, o := range opts {
		o(rt)
	}
	c.to.routes = append(c.to.routes, rt)
}
