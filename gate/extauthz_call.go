package gate

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/sallyport/sallyport/internal/origin"
)

// envoyCall is a call as Envoy describes it.
type envoyCall struct {
	*http.Request
	target string // path and query, as they were sent
	secure bool   // it came to Envoy over TLS
	joined bool   // a header that came twice is one, joined by commas
}

var (
	errNoHTTP = errors.New("the proxy describes no HTTP call: let it ask for HTTP connections only")
	errUnseen = errors.New("the proxy did not show the body: let it send with_request_body and pack_as_bytes, and all of the body")
)

// partialBody is the header in which Envoy says that it shows the beginning of a
// body only. It removes what a client sends under that name.
const partialBody = "X-Envoy-Auth-Partial-Body"

// fromEnvoy makes the call that Envoy asks about. The call is never nil.
//
// That it came over TLS is what X-Forwarded-Proto says, which Envoy overwrites as
// long as it is told that clients come to it directly (use_remote_address); the
// scheme must not contradict, but does not suffice, because over HTTP/2 it is the
// client's word.
func fromEnvoy(ctx context.Context, h *authv3.AttributeContext_HttpRequest) (*envoyCall, error) {
	c := &described{}
	c.URL, c.Header, c.Body = &c.url, http.Header{}, http.NoBody
	c.Proto, c.ProtoMajor, c.ProtoMinor = "HTTP/1.1", 1, 1
	call := &envoyCall{Request: c.WithContext(ctx), target: h.GetPath()}
	if h.GetMethod() == "" {
		return call, errNoHTTP
	}
	call.Method, call.Host = h.GetMethod(), h.GetHost()
	call.readHeaders(h)
	if err := parseURI(call.target, call.URL); err != nil {
		return call, err
	}
	if !origin.PlainHost(call.Host) {
		return call, errURI
	}
	call.RequestURI = call.target
	proto := call.Header["X-Forwarded-Proto"]
	call.secure = len(proto) == 1 && strings.EqualFold(proto[0], "https") && (h.GetScheme() == "" || strings.EqualFold(h.GetScheme(), "https"))
	call.readBody(h)
	return call, nil
}

// readHeaders takes the headers as they came if Envoy sends them so
// (encode_raw_headers), else the map in which a header that came twice is one.
// There, a second credential may stand behind a comma: each part is looked at as
// a line of its own.
func (c *envoyCall) readHeaders(h *authv3.AttributeContext_HttpRequest) {
	raw := h.GetHeaderMap().GetHeaders()
	for _, v := range raw {
		value := string(v.GetRawValue())
		if value == "" {
			value = v.GetValue()
		}
		if v.GetKey() == ":path" {
			c.target = value // in the field, what is not UTF-8 was replaced
		}
		c.addHeader(v.GetKey(), value)
	}
	if len(raw) > 0 {
		return
	}
	c.joined = true
	for name, value := range h.GetHeaders() {
		switch name {
		case "cookie", "authorization":
			for part := range strings.SplitSeq(value, ",") {
				c.addHeader(name, strings.Trim(part, " \t"))
			}
		default:
			c.addHeader(name, value)
		}
	}
}

func (c *envoyCall) addHeader(name, value string) {
	if !strings.HasPrefix(name, ":") { // method, host and path have fields of their own
		name = textproto.CanonicalMIMEHeaderKey(name)
		c.Header[name] = append(c.Header[name], value)
	}
}

// readBody gives the call the body that Envoy shows. Where Envoy shows none and
// the call has or may have one, or not all of it, whoever reads it gets an error
// and refuses: the API behind will read what nobody has checked. A body that is
// not sent as bytes counts as not shown, since what is not UTF-8 in it was
// replaced.
func (c *envoyCall) readBody(h *authv3.AttributeContext_HttpRequest) {
	raw, length := h.GetRawBody(), c.Header["Content-Length"]
	announced := int64(-1)
	if len(length) == 1 {
		if n, err := strconv.ParseInt(length[0], 10, 64); err == nil && n >= 0 {
			announced = n
		}
	}
	shown := int64(len(raw))
	partial := len(c.Header[partialBody]) > 0 && c.Header.Get(partialBody) != "false"
	none := shown == 0 && len(length) == 0 && len(c.Header["Transfer-Encoding"]) == 0 && bodiless(h)
	switch {
	case h.GetBody() == "" && !partial && (announced == shown || none):
	case h.GetBody() == "" && !partial && shown > 0 && len(length) == 0: // chunked, or HTTP/2
	default:
		c.Body, c.ContentLength = io.NopCloser(unseen{}), -1
		return
	}
	if shown > 0 {
		c.Body, c.ContentLength = io.NopCloser(bytes.NewReader(raw)), shown
	}
}

// bodiless says whether a call that announces no body has none: so it is in
// HTTP/1 (RFC 9112 section 6.3). In HTTP/2 nothing needs to be announced, and
// what is neither GET nor HEAD may well have one.
func bodiless(h *authv3.AttributeContext_HttpRequest) bool {
	return strings.HasPrefix(h.GetProtocol(), "HTTP/1.") || h.GetMethod() == http.MethodGet || h.GetMethod() == http.MethodHead
}

// unseen is a body that was not shown.
type unseen struct{}

func (unseen) Read([]byte) (int, error) { return 0, errUnseen }
