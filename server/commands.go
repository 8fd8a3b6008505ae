package server

import (
	"slices"
	"strings"

	"github.com/sallyport/sallyport/console"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/gate"
)

// described are the dialects that are mounted, as people see them.
func (s *Server) described() (list []console.Dialect) {
	for _, def := range Dialects() {
		if !slices.ContainsFunc(s.router.Mounts(), func(m dialect.Mounted) bool { return m.Mount.Dialect == def.Name }) {
			continue
		}
		d := console.Dialect{Name: def.Name, Title: def.Title}
		for _, r := range def.Risks {
			d.Risks = append(d.Risks, console.Risk(r))
		}
		list = append(list, d)
	}
	return list
}

// Remarks on commands that are not what a client of the vendor's does.
const (
	remarkUnknown  = "Nothing says where clients reach this mount: give it its url in the configuration."
	remarkProxy    = "To be run on the server's machine, where it plays the proxy in front."
	remarkAsk      = "No route leads to an API here, so this asks whether the call may pass, as a proxy does: 200 says who calls."
	remarkAskHere  = "Your proxy asks this before each call; run on the server's machine, it plays the proxy. 200 says who calls."
	remarkIntro    = "No route leads to an API here. This asks whose the token is, as the account and a key of a verifier."
	remarkNowhere  = "Nothing here checks calls of this mount: a route of the configuration would, or a proxy that asks /-/check."
	introspectPath = "/oauth2/introspect"
)

// commands are what a client of a mount does, as commands for a shell.
func (s *Server) commands(name string, of console.Customer) console.Commands {
	for _, m := range s.router.Mounts() {
		def := slices.IndexFunc(Dialects(), func(d dialect.Definition) bool { return d.Name == m.Mount.Dialect })
		if m.Mount.Name != name || def < 0 {
			continue
		}
		w, r := s.wayTo(&m), Dialects()[def].Recipe
		if w.base == "" {
			return console.Commands{LoginRemark: remarkUnknown}
		}
		c := console.Commands{Base: w.base + m.Prefix, Login: w.through(r.Login), Robot: r.Robot}
		if w.here {
			c.LoginRemark = remarkProxy
		}
		c.Call, c.CallRemark = s.checked(&m, &w, r.Call, &of)
		return c
	}
	return console.Commands{}
}

// through has each curl of a command take the way.
func (w *way) through(command string) string {
	return strings.ReplaceAll(command, "curl -s", "curl"+w.curl+" -s")
}

// checked is a call of a mount that is checked for this customer, and a remark on it:
// the recipe's own, or at another path, if a route leads from there to an API; else the
// question that a proxy asks; else that of a verifier.
func (s *Server) checked(m *dialect.Mounted, w *way, call string, of *console.Customer) (command, remark string) {
	at := strings.LastIndex(call, "'{base}")
	own, rest, _ := strings.Cut(call[at+len("'{base}"):], "'")
	before := w.through(call[:at])
	path, query, _ := strings.Cut(own, "?")
	if query != "" {
		query = "?" + query
	}
	if to, ok := s.routed(m, w.host, m.Prefix+path, of); ok {
		return before + "'" + w.base + to + query + "'" + rest, ""
	}
	uri := m.Prefix + own
	ask := func(to *way, remark string, headers ...string) (string, string) {
		i := strings.LastIndex(before, "curl"+w.curl) // the call itself is the last
		asking := before[:i] + "curl -i" + to.curl + before[i+len("curl"+w.curl):]
		return asking + "'" + to.base + "/-/check" + strings.Join(headers, "") + rest, remark
	}
	described := "' -H 'X-Forwarded-Uri: " + uri + "'"
	here := s.listening()
	switch covered := slices.ContainsFunc(s.router.Covering(w.host, "/-/check"), func(o dialect.Mounted) bool { return o.Mount == m.Mount }); {
	case here.here && w.here:
		return ask(w, remarkAskHere, described)
	case here.here:
		return ask(&here, remarkAskHere, "' -H 'X-Forwarded-Host: "+w.host, described)
	case s.cert != nil && s.trusts(w.host):
		return ask(w, remarkAsk, "' -H 'X-Forwarded-Proto: https", described)
	case covered && (s.cert != nil || len(s.cfg.TrustedProxies) == 0):
		return ask(w, remarkAsk, query+"'")
	}
	if !strings.Contains(call, "{token}") {
		return "", remarkNowhere
	}
	return s.introspected()
}

// routed is a path from which a route leads a call of a mount to an API for a customer:
// the call's own, or else that of the first such route.
func (s *Server) routed(m *dialect.Mounted, host, own string, of *console.Customer) (path string, ok bool) {
	if rt := gate.RouteOf(s.routes, host, own); rt != nil && open(rt, m, of) {
		return own, true
	}
	for i := range s.routes {
		rt := &s.routes[i]
		covered := slices.ContainsFunc(s.router.Covering(host, rt.Path), func(o dialect.Mounted) bool { return o.Mount == m.Mount })
		native := s.router.Native(host, rt.Path)
		if covered && gate.RouteOf(s.routes, host, rt.Path) == rt && open(rt, m, of) && (native == nil || native.Mount == m.Mount) {
			return rt.Path, true
		}
	}
	return "", false
}

// open says whether a route lets a customer's sessions of a mount pass.
func open(rt *gate.Route, m *dialect.Mounted, of *console.Customer) bool {
	return (len(rt.Dialects) == 0 || slices.Contains(rt.Dialects, m.Mount.Dialect)) && (rt.Tenant == "" || rt.Tenant == of.Tenant) &&
		(rt.Account == "" || slices.Contains(of.Codes, rt.Account)) && (rt.Level == 0 || rt.Level.String() == of.Level)
}

// introspected asks at the first mount that verifiers ask at.
func (s *Server) introspected() (command, remark string) {
	for _, m := range s.router.Mounts() {
		if to := s.wayTo(&m); m.Mount.Dialect == "oauth2" && to.base != "" {
			return "curl" + to.curl + " -sS -u 'VERIFIER:KEY' --data-urlencode 'token={token}' '" + to.base + m.Prefix + introspectPath + "'", remarkIntro
		}
	}
	return "", remarkNowhere
}
