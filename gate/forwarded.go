package gate

import (
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/internal/origin"
)

// describes says whether a header claims where a call came from or what it asked
// for before somebody rewrote it, in any spelling that a server might read (see
// claimsIdentity): Forwarded (RFC 7239), X-Forwarded-..., X-Real-IP, and
// X-Original-URL and X-Rewrite-URL, which some frameworks believe about the path.
func describes(name string) bool {
	if len(name) < len("forwarded") {
		return false
	}
	switch name[0] | 0x20 {
	case 'f':
		return spells(name, "forwarded")
	case 'x':
		for _, own := range descriptions {
			if spells(name, own) {
				return true
			}
		}
	}
	return false
}

var descriptions = [...]string{
	"x-forwarded", "x-real-ip", "x-rewrite-url", "x-original-url", "x-original-uri",
	"x-original-method", "x-original-host", "x-original-proto", "x-original-for",
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
// describes the call, which are for the gate to say.
func cleanCall(h http.Header) {
	for name := range h {
		if claimsIdentity(name) || describes(name) {
			delete(h, name)
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
