package gate

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// trailerNames are the trailers that a client announced, as long as nobody has read
// the body: then net/http knows the others too.
func trailerNames(r *http.Request) []string {
	if len(r.Trailer) == 0 {
		return nil
	}
	return slices.Collect(maps.Keys(r.Trailer))
}

// forwardTrailer has the trailers of the given names, which the client announced,
// follow the body to the API, but for those that nobody may send after the gate has looked at the
// headers: what claims an identity, describes the call or is a credential.
func forwardTrailer(out, in *http.Request, names []string, strip func(*http.Request)) {
	out.Trailer = nil
	if len(names) == 0 || out.Body == nil {
		return
	}
	announced := make(http.Header, len(names))
	for _, name := range names {
		announced[name] = nil
	}
	cleanTrailer(announced, strip)
	if len(announced) == 0 {
		return
	}
	out.Trailer = announced
	out.Body = &trailed{ReadCloser: out.Body, atEnd: func() {
		arrived := make(http.Header, len(announced))
		for name := range announced {
			if v := in.Trailer[name]; len(v) > 0 {
				arrived[name] = v
			}
		}
		cleanTrailer(arrived, strip)
		for name := range announced {
			if v, ok := arrived[name]; ok {
				announced[name] = v
			} else {
				delete(announced, name)
			}
		}
	}}
}

// cleanTrailer is for trailers what the gate does to headers. Cookies and
// Authorization have no business there (RFC 9110, section 6.5.1).
func cleanTrailer(h http.Header, strip func(*http.Request)) {
	delete(h, "Cookie")
	delete(h, "Authorization")
	delete(h, "Proxy-Authorization")
	cleanCall(h)
	strip(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: h, Body: http.NoBody})
}

// trailed is a body that says when it was read to its end.
type trailed struct {
	io.ReadCloser
	atEnd func()
}

// Read implements io.Reader.
func (t *trailed) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	if errors.Is(err, io.EOF) && t.atEnd != nil {
		t.atEnd()
		t.atEnd = nil
	}
	return n, err
}
