package gate

import (
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/internal/origin"
)

// describes says whether a header claims where a call came from, what it asked for
// before somebody rewrote it, or how long and of what type its body is beside the
// header that says so, in any spelling that a server might read (see
// claimsIdentity).
func describes(name string) bool {
	if name == "" {
		return false
	}
	at := name[0] | 0x20 - 'a'
	if int(at) >= len(descriptions) {
		return false
	}
	for _, own := range descriptions[at] {
		if spells(name, own) {
			return true
		}
	}
	for _, own := range framing[at] {
		if len(name) == len(own) && spells(name, own) && strings.Count(name, "-") != strings.Count(own, "-") {
			return true
		}
	}
	return false
}

// descriptions are by their first letter; what follows one behind a hyphen belongs
// to it. Each is believed somewhere: Forwarded (RFC 7239), X-Forwarded-... and the
// addresses of clients by servers and frameworks that stand behind a proxy,
// X-Original-..., X-Rewrite-... and X-Override-... by some that want the path from
// there, Remote-User by what leaves signing in to its front, and Proxy by libraries
// for CGI that take it for the address of a proxy of their own ("httpoxy").
var descriptions = [...][]string{
	'c' - 'a': {"client-ip", "cf-connecting-ip"},
	'f' - 'a': {"forwarded", "fastly-client-ip"},
	'p' - 'a': {"proxy"},
	'r' - 'a': {"remote-user", "remote-addr", "remote-host"},
	't' - 'a': {"true-client-ip"},
	'x' - 'a': {
		"x-forwarded", "x-rewrite", "x-override", "x-real-ip", "x-client-ip", "x-cluster-client-ip",
		"x-remote-ip", "x-remote-addr", "x-remote-user",
		// Not all: X-Original-Filename and the like are of the upload.
		"x-original-url", "x-original-uri", "x-original-request-uri", "x-original-path", "x-original-query", "x-original-prefix",
		"x-original-method", "x-original-host", "x-original-proto", "x-original-protocol", "x-original-scheme", "x-original-port",
		"x-original-for", "x-original-ip", "x-original-client-ip", "x-original-remote-addr", "x-original-remote-ip", "x-original-user",
	},
}

// framing is what may be said under its proper name only.
var framing = [len(descriptions)][]string{
	'c' - 'a': {"content-length", "content-type", "content-encoding"},
	't' - 'a': {"transfer-encoding"},
}

// spells says whether name is low, or begins with it and a separator. A hyphen
// stands for any character that is no letter or digit.
func spells(name, low string) bool {
	if len(name) < len(low) || (len(name) > len(low) && alphanumeric(name[len(low)])) {
		return false
	}
	for i := range len(low) {
		if c := name[i]; low[i] == '-' {
			if alphanumeric(c) {
				return false
			}
		} else if c|0x20 != low[i] {
			return false
		}
	}
	return true
}

// setForwarded tells the API of the client's address, scheme and host, each in
// one value that is the gate's own word.
func setForwarded(h http.Header, r *http.Request, p *origin.Peer) {
	scheme := p.Scheme
	switch {
	case scheme != "":
	case r.TLS != nil:
		scheme = "https"
	default:
		scheme = "http"
	}
	v := &[3]string{scheme, r.Host}
	h["X-Forwarded-Proto"], h["X-Forwarded-Host"] = v[0:1:1], v[1:2:2]
	if p.Source.IsValid() {
		v[2] = p.Source.String()
		h["X-Forwarded-For"] = v[2:3:3]
	}
}

// cleanCall removes from the headers of a call what claims an identity or
// describes the call, which are for the gate to say, and the query of the page that
// the call comes from: tokens stand in those of some.
func cleanCall(h http.Header) {
	for name := range h {
		if claimsIdentity(name) || describes(name) {
			delete(h, name)
		}
	}
	if lines := h["Referer"]; len(lines) > 0 {
		page := lines[0] // more than one nobody may send
		if i := strings.IndexAny(page, "?#"); i >= 0 {
			page = page[:i]
		}
		if h["Referer"] = []string{page}; page == "" {
			delete(h, "Referer")
		}
	}
}

// keepWebSocket drops an upgrade to anything but a web socket (RFC 6455): to h2c
// above all, over which a client would talk to the API past the gate.
func keepWebSocket(h http.Header) {
	if to := h["Upgrade"]; len(to) == 1 && strings.EqualFold(to[0], "websocket") {
		return
	}
	delete(h, "Upgrade")
	delete(h, "Connection")
}
