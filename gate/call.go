package gate

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport/sallyport/internal/origin"
)

// Why the description of a call cannot be believed.
var (
	errRepeated  = errors.New("a header that describes the call came more than once")
	errDisagree  = errors.New("two headers that describe the call disagree: one of them is not the proxy's")
	errNoCall    = errors.New("the proxy does not say which call to check: let it send X-Forwarded-Uri or X-Original-URI")
	errURI       = errors.New("the address of the call cannot be read")
	errAmbiguous = errors.New("the path of the call can be read in two ways")
	errSpoofed   = errors.New("a header claims an identity, which is the gate's alone to say")
)

// Limits of a described call, in bytes. MaxHeaderBytes of the server bounds
// both from above.
const (
	maxURI = 64 << 10
)

// described is the call that is checked, in one allocation.
type described struct {
	http.Request
	url url.URL
}

// describe makes the call that a trusted proxy asks about: method, host, path
// and query as the headers say, the other headers as they are, and no body. It
// says whether the client came over TLS.
func describe(r *http.Request, p origin.Peer) (call *http.Request, secure bool, err error) {
	d, err := read(r.Header)
	if err != nil {
		return nil, false, err
	}
	c := &described{Request: *r}
	c.URL = &c.url
	if err := parseURI(d.uri, &c.url); err != nil {
		return nil, false, err
	}
	if d.method != "" {
		c.Method = d.method
	}
	if d.host != "" {
		c.Host = d.host
	}
	if !origin.PlainHost(c.Host) {
		return nil, false, errURI
	}
	c.RequestURI = d.uri
	c.Body, c.ContentLength, c.TransferEncoding = http.NoBody, 0, nil
	c.Form, c.PostForm, c.MultipartForm = nil, nil, nil
	if p.Scheme != "" && d.scheme != "" && p.Scheme != d.scheme {
		return nil, false, errDisagree
	}
	return &c.Request, p.Scheme == "https" || (p.Scheme == "" && d.scheme == "https"), nil
}

// description is what the headers say. An empty member was not said.
type description struct{ method, scheme, host, uri string }

// read takes what Traefik and Caddy write and what nginx writes as statements
// about the same thing: they may both be there, and then must agree.
func read(h http.Header) (d description, err error) {
	say := func(member *string, value string) {
		switch {
		case value == "" || value == *member:
		case *member == "":
			*member = value
		default:
			err = errDisagree
		}
	}
	header := func(name string) string {
		switch v := h[name]; len(v) {
		case 0:
			return ""
		case 1:
			return v[0]
		default:
			err = errRepeated
			return ""
		}
	}
	say(&d.method, header("X-Forwarded-Method"))
	say(&d.method, header("X-Original-Method"))
	say(&d.host, header("X-Forwarded-Host"))
	say(&d.uri, header("X-Forwarded-Uri"))
	say(&d.uri, header("X-Original-Uri"))
	if whole := header("X-Original-Url"); whole != "" {
		scheme, host, uri := splitURL(whole)
		say(&d.scheme, scheme)
		say(&d.host, host)
		say(&d.uri, uri)
	}
	if err == nil && d.uri == "" {
		err = errNoCall
	}
	return d, err
}

// splitURL takes https://host/path?query apart; just /path?query has no scheme
// and no host.
func splitURL(s string) (scheme, host, uri string) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || strings.ContainsAny(scheme, "/?") {
		return "", "", s
	}
	i := strings.IndexAny(rest, "/?")
	if i < 0 {
		i = len(rest)
	}
	host, uri = rest[:i], rest[i:]
	if uri == "" || uri[0] == '?' {
		uri = "/" + uri
	}
	return strings.ToLower(scheme), host, uri
}

// parseURI reads a path and query into u, by hand, because url.Parse costs as
// much as the rest of a check.
func parseURI(s string, u *url.URL) error {
	if s == "" || len(s) > maxURI || s[0] != '/' {
		return errURI
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f || c == '#' {
			return errURI
		}
	}
	path, query, found := strings.Cut(s, "?")
	u.Path, u.RawQuery, u.ForceQuery = path, query, found && query == ""
	if strings.IndexByte(path, '%') < 0 {
		return nil
	}
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return errURI
	}
	u.Path, u.RawPath = decoded, path
	return nil
}
