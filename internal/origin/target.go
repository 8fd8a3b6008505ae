package origin

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
)

// ErrTarget says that the target of a request, or the host that it names, can be
// read in more than one way: what decides by one reading must not pass it on to
// what acts by another.
var ErrTarget = errors.New("the target of the request, or its host, cannot be read in one way only")

// CheckTarget refuses a request whose target is not a path, wherever in a URL the
// path would have been put (RFC 9112, 3.2), and one whose host is not a name or an
// address with at most a port. The whole of a URL as the target is for proxies: it
// is accepted of a client, as RFC 9112, 3.2.2 has it, but a trusted proxy has no
// reason to send it, and those that do were led to by their client.
func CheckTarget(r *http.Request, trusted bool) error {
	u := r.URL
	switch {
	case u.Opaque != "", u.User != nil, u.Fragment != "", u.Path == "" || u.Path[0] != '/':
		return ErrTarget
	case u.Scheme != "" && (trusted || (u.Scheme != "http" && u.Scheme != "https")):
		return ErrTarget
	case r.Host == "" && r.ProtoAtLeast(1, 1):
		return ErrTarget
	case r.Host != "" && !PlainHost(r.Host):
		return ErrTarget
	}
	return nil
}

const maxHost = 300 // bytes: a name has at most 253 (RFC 1035, 2.3.4)

// PlainHost says whether a host is a name or an address with at most one port,
// so that nobody takes another part of it for the host.
func PlainHost(host string) bool {
	if len(host) > maxHost {
		return false
	}
	if strings.HasPrefix(host, "[") {
		address, rest, ok := strings.Cut(host[1:], "]")
		if a, err := netip.ParseAddr(address); !ok || err != nil || !a.Is6() || a.Zone() != "" {
			return false
		}
		return rest == "" || isPort(rest)
	}
	name := host
	if i := strings.IndexByte(host, ':'); i >= 0 {
		if !isPort(host[i:]) {
			return false
		}
		name = host[:i]
	}
	name = strings.TrimSuffix(name, ".")
	for i := range len(name) {
		if c := name[i]; !nameByte(c) || (c == '.' && (i == 0 || i == len(name)-1 || name[i-1] == '.')) {
			return false
		}
	}
	return name != ""
}

// isPort says whether s is a colon and a number.
func isPort(s string) bool {
	if len(s) < 2 || len(s) > 6 || s[0] != ':' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// nameByte says whether c stands in names of hosts; some machines have the
// underscore in theirs.
func nameByte(c byte) bool {
	return c-'0' < 10 || c|0x20-'a' < 26 || c == '.' || c == '-' || c == '_'
}
