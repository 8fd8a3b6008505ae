package origin

import (
	"net/http"
	"net/netip"
	"strings"
)

// Peer is what is known of the sender of one request.
type Peer struct {
	Source  netip.Addr // the client; the zero Addr if the connection has no address
	Trusted bool       // the request was handed over by a trusted proxy
	Secure  bool       // it reached us, or the proxy, over TLS, or may do without
	Scheme  string     // "https" or "http" as a trusted proxy says, else ""
}

// Resolver finds the Peer of requests. It never changes once made and is safe
// for concurrent use.
type Resolver struct {
	trusted          []netip.Prefix
	insecureLoopback bool
	ids              ids
}

// New makes a Resolver that believes the proxies in trusted. With
// insecureLoopback, plain HTTP from a loopback address counts as secure: for a
// demonstration and nothing else.
func New(trusted []netip.Prefix, insecureLoopback bool) *Resolver {
	list := make([]netip.Prefix, len(trusted))
	for i, p := range trusted {
		list[i] = unmap(p)
	}
	return &Resolver{trusted: list, insecureLoopback: insecureLoopback, ids: newIDs()}
}

// Of finds out who sent r. A trusted proxy that says plain HTTP is believed even
// over TLS: the client's part of the way counts. One that says nothing, or says
// it twice, vouches for no more than its own connection.
func (o *Resolver) Of(r *http.Request) Peer {
	direct := remote(r.RemoteAddr)
	p := Peer{
		Source:  direct,
		Trusted: o.Trusts(direct),
		Secure:  r.TLS != nil || (o.insecureLoopback && direct.IsLoopback()),
	}
	if !p.Trusted {
		return p
	}
	p.Source = o.client(direct, r.Header["X-Forwarded-For"])
	switch proto := r.Header["X-Forwarded-Proto"]; {
	case len(proto) == 0:
	case len(proto) == 1 && (strings.EqualFold(proto[0], "https") || strings.EqualFold(proto[0], "wss")):
		p.Secure, p.Scheme = true, "https"
	default:
		p.Secure, p.Scheme = false, "http"
	}
	return p
}

// Trusts says whether an address, without zone and not IPv4 written in IPv6, is
// one of a trusted proxy.
func (o *Resolver) Trusts(a netip.Addr) bool {
	for _, p := range o.trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// remote is the address in RemoteAddr, which net/http writes as address:port.
func remote(s string) netip.Addr {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// unmap writes an IPv4 network that is spelled in IPv6 (::ffff:10.0.0.0/104) in
// IPv4, as addresses are compared.
func unmap(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(a.Unmap(), p.Bits()-96).Masked()
	}
	return p.Masked()
}
