package gate

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

// routeTable finds the route of a call. It is made once and only read.
type routeTable struct {
	everyone []*target // at hosts that no route names; longest path first
	named    map[string][]*target
}

// newRouteTable refuses two routes for the same calls, since which of them was
// meant nobody can tell.
func newRouteTable(list []*target) (*routeTable, error) {
	t := &routeTable{named: map[string][]*target{}}
	for _, u := range list {
		if err := u.validate(); err != nil {
			return nil, err
		}
		if len(u.Hosts) == 0 {
			t.everyone = append(t.everyone, u)
		}
		for _, h := range u.Hosts {
			h = hostOf(h)
			t.named[h] = append(t.named[h], u)
		}
	}
	for _, at := range t.named {
		if err := unequal(at); err != nil {
			return nil, err
		}
	}
	if err := unequal(t.everyone); err != nil {
		return nil, err
	}
	for h, at := range t.named {
		// Those that name the host come first, and stay so among equals.
		t.named[h] = byLength(append(slices.Clone(at), t.everyone...))
	}
	t.everyone = byLength(t.everyone)
	return t, nil
}

// RouteOf is the route of a list that a call to a host and path takes; nil: none does, or
// the path can be read in two ways.
func RouteOf(routes []Route, host, path string) *Route {
	list := make([]*target, len(routes))
	for i := range routes {
		list[i] = &target{Route: routes[i], prefix: strings.TrimSuffix(routes[i].Path, "/")}
	}
	t, err := newRouteTable(list)
	if err != nil || !plainPath(path) {
		return nil
	}
	u, err := t.find(host, path)
	if i := slices.Index(list, u); err == nil && i >= 0 {
		return &routes[i]
	}
	return nil
}

func unequal(list []*target) error {
	seen := map[string]*target{}
	for _, u := range list {
		low := strings.ToLower(u.prefix)
		if other := seen[low]; other != nil {
			return fmt.Errorf("%w %q and route %q: are both for %s: give one of them another host or path", ErrRoute, other.Name, u.Name, u.Path)
		}
		seen[low] = u
	}
	return nil
}

func byLength(list []*target) []*target {
	slices.SortStableFunc(list, func(a, b *target) int { return len(b.prefix) - len(a.prefix) })
	return list
}

// find is the route of a host and a decoded path, nil if there is none. A path
// that takes one route as it was sent, and another as some servers read it, is
// refused: to Tomcat /admin;x is /admin, and must not come to it over the route
// of /.
func (t *routeTable) find(host, path string) (*target, error) {
	asSent := t.at(host, merged(path))
	if asRead := t.at(host, bare(path)); asRead != asSent {
		return nil, errAmbiguous
	}
	return asSent, nil
}

// at is the route of a host and a path in one reading.
func (t *routeTable) at(host, path string) *target {
	list := t.everyone
	if len(t.named) > 0 {
		if at, ok := t.named[hostOf(host)]; ok {
			list = at
		}
	}
	for _, u := range list {
		if n := len(u.prefix); len(path) >= n && (len(path) == n || path[n] == '/') && strings.EqualFold(path[:n], u.prefix) {
			return u
		}
	}
	return nil
}

// hostOf is a host without port and final dot, in lower case.
func hostOf(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
