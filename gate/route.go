package gate

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// Route says which calls go to which API, and whose. A call is on the route with
// the longest path that covers it, and of two with the same path on the one that
// names its host.
type Route struct {
	Name  string   // in the log, and the audience of assertions
	Hosts []string // without port; empty: every host
	Path  string   // "/", or such as "/api": the path itself and what lies below it, in any case

	// Upstream is where the API is: http or https, a host, and a path that is put
	// before that of the call. Nothing else may be in it.
	Upstream *url.URL
	RootCAs  *x509.CertPool // who vouches for an https upstream; nil: whom the system trusts

	// Whose calls pass. A call must meet all that is set.
	Dialects []string   // the session is of one of these; empty: any
	Tenant   string     // code of the tenant of the caller's account; "": any
	Account  string     // code, in that tenant: the caller's account is it or below it; "": any
	Level    auth.Level // of the caller's account; 0: any

	Assertion    bool // sends AssertionHeader
	UpstreamHost bool // sends the Host of Upstream and not the client's

	MaxBody int64 // of a request, in bytes; 0: any size

	// Times without a sign of life after which a call is given up. Required.
	Connect time.Duration // to reach the API, TLS included
	Header  time.Duration // from the end of the request to the header of the answer
	Idle    time.Duration // between two pieces of a body on the client's side
}

// ErrRoute says that a route cannot work, or that two are for the same calls.
var ErrRoute = errors.New("route")

func (rt *Route) validate() error {
	u := rt.Upstream
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w %q: %s", ErrRoute, rt.Name, fmt.Sprintf(format, args...))
	}
	switch {
	case !strings.HasPrefix(rt.Path, "/") || strings.Contains(rt.Path, "//") || !plainPath(rt.Path) || strings.ContainsAny(rt.Path, "%?#;"):
		return bad("path %q: write it as a plain path that begins with a slash", rt.Path)
	case u == nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Opaque != "":
		return bad("upstream: needs http or https and a host")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return bad("upstream: may have a scheme, a host and a path only")
	case rt.Account != "" && rt.Tenant == "":
		return bad("account %q: needs the tenant, as each has codes of its own", rt.Account)
	case rt.Level > auth.Division || rt.MaxBody < 0:
		return bad("level or body out of range")
	case rt.Connect <= 0 || rt.Header <= 0 || rt.Idle <= 0:
		return bad("all three timeouts must be above zero")
	}
	return nil
}

// Why a live session may not use a route, and why there is none. The caller is
// told neither, the log is.
var (
	errOtherDialect = errors.New("the route is not for sessions of this dialect")
	errOtherTenant  = errors.New("the route is for another tenant")
	errOtherLevel   = errors.New("the route is for accounts of another level")
)

// permits refuses a session that the route is not for. The reason is that of a
// call about another's account: the token is good, and a new one would be no better.
func (rt *Route) permits(ctx context.Context, service *auth.Service, s *auth.Session) error {
	who := s.Identity
	switch {
	case len(rt.Dialects) > 0 && !slices.Contains(rt.Dialects, s.Dialect):
		return auth.Refuse(auth.WrongAccount, errOtherDialect)
	case rt.Tenant != "" && who.Tenant.Code != rt.Tenant:
		return auth.Refuse(auth.WrongAccount, errOtherTenant)
	case rt.Level != 0 && who.Account.Level != rt.Level:
		return auth.Refuse(auth.WrongAccount, errOtherLevel)
	case rt.Account != "":
		return service.Within(ctx, who, rt.Account)
	}
	return nil
}
