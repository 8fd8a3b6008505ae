package console

import (
	"context"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/auth"
)

// Options are what a Console needs. Service, Admin, Origin and Commands are required.
type Options struct {
	Service *auth.Service
	Admin   *admin.Admin
	Logger  *slog.Logger // nil: nothing is logged

	// Origin says where a request came from and how.
	Origin func(*http.Request) Peer

	// FactorOptional lets administrators in with a password alone, if they have
	// enrolled no second factor.
	FactorOptional bool

	// Tenant is the code of the tenant in which user names are looked for when the
	// form names none. "": in every tenant, as long as one alone has the name, or one
	// alone of those who may sign in.
	Tenant string

	Dialects []Dialect // as they are mounted

	// Commands are what a customer's client does at a mount.
	Commands func(mount string, of Customer) Commands

	Tokens string // extended regular expression that finds any token in the answer to a login
}

// Peer is who sent a request.
type Peer struct {
	auth.Origin
	Secure bool // over TLS, or from this machine
	TLS    bool // the browser speaks https
}

// Console answers administrators in browsers. It is an [http.Handler].
type Console struct {
	o       Options
	service *auth.Service
	admin   *admin.Admin
	log     *slog.Logger
	mux     *http.ServeMux
	cross   *http.CrossOriginProtection
	mount   *auth.Mount
	pages   map[string]*template.Template
	factors *auth.Sealer
	sampler sampler

	mu      sync.Mutex
	tenants map[string]*auth.Mount // by code, as people named them at sign-in
}

// Limits of a session, and of guesses. People type: they come back after a lunch,
// and mistype.
const (
	sessionIdle = 30 * time.Minute
	sessionSpan = 12 * time.Hour
)

// Mount is over which administrators sign in.
func Mount() *auth.Mount {
	return &auth.Mount{
		Name: auth.ConsoleDialect, Dialect: auth.ConsoleDialect,
		Policy:    auth.Policy{Span: sessionSpan, Idle: sessionIdle},
		Names:     auth.Limits{Failures: 5, Window: 15 * time.Minute, Lock: 5 * time.Minute},
		Addresses: auth.Limits{Failures: 30, Window: 15 * time.Minute, Lock: 5 * time.Minute},
	}
}

// New makes a console over a mount of [Mount].
func New(mount *auth.Mount, o Options) (*Console, error) {
	if o.Service == nil || o.Admin == nil || o.Origin == nil || o.Commands == nil {
		return nil, errors.New("console: Service, Admin, Origin and Commands are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := mount.Validate(); err != nil {
		return nil, err
	}
	c := &Console{o: o, service: o.Service, admin: o.Admin, log: o.Logger, mount: mount, mux: http.NewServeMux(),
		cross: http.NewCrossOriginProtection(), factors: o.Service.Sealer("console factor"), tenants: map[string]*auth.Mount{}}
	var err error
	if c.pages, err = c.parse(); err != nil {
		return nil, err
	}
	c.mux.Handle("GET /static/", static())
	for _, rt := range routes() {
		c.mux.Handle(rt.pattern, &endpoint{c, rt})
	}
	c.mux.Handle("/", &endpoint{c, route{pattern: "/", open: true, tokenless: true, run: (*visit).nowhere}})
	return c, nil
}

// Run samples the counters for the charts until the context ends.
func (c *Console) Run(ctx context.Context) {
	c.Sample()
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.Sample()
		}
	}
}

// Sample takes the sample of a minute. Run calls it.
func (c *Console) Sample() { c.sampler.take(c.service.Stats()) }
