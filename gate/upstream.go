package gate

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// target is a route in use.
type target struct {
	Route
	prefix    string // Path without a slash at its end
	transport *http.Transport
	told      atomic.Int64 // when the log last heard of trouble, Unix nanoseconds
}

func newTarget(rt *Route) *target {
	return &target{Route: *rt, prefix: strings.TrimSuffix(rt.Path, "/"), transport: newTransport(rt)}
}

const (
	// idlePerHost is how many connections to an API wait for the next call. The
	// standard library's two would have most calls connect anew.
	idlePerHost = 256
	idleFor     = 30 * time.Second

	maxAnswerHeader = 256 << 10 // bytes, of the answer of an API
)

// newTransport is how an API is called: never over a proxy that the environment
// names, and with the client's Accept-Encoding and nothing of our own.
func newTransport(rt *Route) *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: rt.Connect}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: rt.RootCAs},
		TLSHandshakeTimeout:    rt.Connect,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleFor,
		ResponseHeaderTimeout:  rt.Header,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxAnswerHeader,
	}
}

// address leads a call to the API: path and query are the client's, byte for
// byte, below the path of the upstream.
func (u *target) address(out *url.URL) {
	to := u.Upstream
	out.Scheme, out.Host = to.Scheme, to.Host
	out.Opaque, out.User = "", nil
	base := strings.TrimSuffix(to.Path, "/")
	raw := out.RawPath
	if raw == "" && base == "" {
		return // nothing in it can be written in two ways
	}
	if raw == "" {
		raw = out.EscapedPath()
	}
	raw = strings.TrimSuffix(to.EscapedPath(), "/") + raw
	out.Path, out.RawPath = base+out.Path, raw
	if out.EscapedPath() != raw && !strings.HasPrefix(raw, "//") {
		// Characters that should have been encoded: encoded now, so would be those
		// that the client wrote with care.
		out.Opaque = raw
	}
}

// unsent says whether no connection to the API came about. After that nobody can
// tell how much of the call it has taken, and what it did.
func unsent(err error) bool {
	var dial *net.OpError
	var unvouched *tls.CertificateVerificationError
	return (errors.As(err, &dial) && dial.Op == "dial") || errors.As(err, &unvouched)
}

var (
	errNoAnswer = errors.New("the API does not answer")
	errCut      = errors.New("the session has ended during the call")
)

// trouble makes a refusal of what kept a call from being answered, and gives it
// the status that it has in every dialect: 0 for the dialect's own.
func trouble(err error) (*auth.Refusal, int) {
	var broken *bodyError
	var slow net.Error
	cause := errors.Join(errNoAnswer, err)
	if !unsent(err) {
		cause = errors.Join(dialect.ErrUnanswered, err)
	}
	switch {
	case errors.Is(err, errCut):
		return auth.Refuse(auth.UnknownToken, err), 0
	case tooLarge(err):
		return auth.Refuse(auth.Malformed, dialect.ErrTooLarge), http.StatusRequestEntityTooLarge
	case errors.As(err, &broken):
		return auth.Refuse(auth.Malformed, dialect.ErrBodyBroke), http.StatusBadRequest
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return auth.Refuse(auth.Unavailable, cause), http.StatusGatewayTimeout
	}
	return auth.Refuse(auth.Unavailable, cause), http.StatusBadGateway
}

func tooLarge(err error) bool {
	var over *http.MaxBytesError
	return errors.Is(err, dialect.ErrTooLarge) || errors.As(err, &over)
}

// worthTelling says whether the log should hear of trouble with an API: once a
// second, whatever the number of calls.
func (u *target) worthTelling(now time.Time) bool {
	last := u.told.Load()
	return now.UnixNano()-last >= int64(time.Second) && u.told.CompareAndSwap(last, now.UnixNano())
}

// maxCause bounds what the log quotes of an error, in bytes.
const maxCause = 200

// unquoted is an error's text up to where it quotes the API, as net/http does of a
// header that it cannot read: what stands there is not for the log.
func unquoted(err error) string {
	text := err.Error()
	for _, begin := range [...]string{"\"", "header line: "} {
		if i := strings.Index(text, begin); i >= 0 {
			text = text[:i] + "..."
		}
	}
	return text[:min(len(text), maxCause)]
}
