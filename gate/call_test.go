package gate

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/origin"
)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// described asks about a call as a proxy that says https does.
func describedBy(t *testing.T, h http.Header) (*http.Request, bool, error) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://gate.internal/-/check?cid=9&token=of-the-check", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = h
	p := origin.Peer{Trusted: true, Secure: true, Scheme: "https"}
	if h.Get("X-Forwarded-Proto") == "" {
		p.Secure, p.Scheme = false, ""
	}
	return describe(r, p)
}

func TestDescribe(t *testing.T) {
	for name, c := range map[string]struct {
		h                         http.Header
		method, host, path, query string
		secure                    bool
	}{
		"Traefik": {header("X-Forwarded-Method", "POST", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "api.example", "X-Forwarded-Uri", "/logs/?cid=1&token=x"),
			"POST", "api.example", "/logs/", "cid=1&token=x", true},
		"nginx": {header("X-Original-Method", "PUT", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "api.example", "X-Original-URI", "/logs/?a=b"),
			"PUT", "api.example", "/logs/", "a=b", true},
		"nginx without a host":    {header("X-Forwarded-Proto", "https", "X-Original-URI", "/"), "GET", "gate.internal", "/", "", true},
		"nginx with the URL":      {header("X-Original-URL", "https://api.example:8443/a?b"), "GET", "api.example:8443", "/a", "b", true},
		"a URL without path":      {header("X-Original-URL", "https://api.example?b"), "GET", "api.example", "/", "b", true},
		"a URL over plain HTTP":   {header("X-Original-URL", "http://api.example/"), "GET", "api.example", "/", "", false},
		"a path as URL":           {header("X-Forwarded-Proto", "https", "X-Original-URL", "/a?u=https://x/"), "GET", "gate.internal", "/a", "u=https://x/", true},
		"both families, agreeing": {header("X-Forwarded-Proto", "https", "X-Forwarded-Uri", "/a", "X-Original-URI", "/a", "X-Forwarded-Method", "GET", "X-Original-Method", "GET"), "GET", "gate.internal", "/a", "", true},
		"nobody says https":       {header("X-Forwarded-Uri", "/a"), "GET", "gate.internal", "/a", "", false},
		"percent-encoded":         {header("X-Forwarded-Proto", "https", "X-Forwarded-Uri", "/a%20b%2Fc?d=%20"), "GET", "gate.internal", "/a b/c", "d=%20", true},
		"an empty query":          {header("X-Forwarded-Proto", "https", "X-Forwarded-Uri", "/a?"), "GET", "gate.internal", "/a", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			call, secure, err := describedBy(t, c.h)
			if err != nil {
				t.Fatal(err)
			}
			if call.Method != c.method || call.Host != c.host || call.URL.Path != c.path || call.URL.RawQuery != c.query || secure != c.secure {
				t.Errorf("read %s %s %s?%s secure=%v, want %s %s %s?%s secure=%v", call.Method, call.Host, call.URL.Path, call.URL.RawQuery, secure,
					c.method, c.host, c.path, c.query, c.secure)
			}
			if call.Body != http.NoBody || call.ContentLength != 0 {
				t.Error("the call has a body, which nobody described")
			}
		})
	}
}

func TestDescribeRefuses(t *testing.T) {
	const https = "X-Forwarded-Proto"
	for name, c := range map[string]struct {
		h    http.Header
		want error
	}{
		"nothing said":              {header(https, "https"), errNoCall},
		"an empty URI":              {header(https, "https", "X-Forwarded-Uri", ""), errNoCall},
		"a URI twice":               {header(https, "https", "X-Forwarded-Uri", "/a", "X-Forwarded-Uri", "/a"), errRepeated},
		"a host twice":              {header(https, "https", "X-Forwarded-Uri", "/a", "X-Forwarded-Host", "a", "X-Forwarded-Host", "b"), errRepeated},
		"a method twice":            {header(https, "https", "X-Forwarded-Uri", "/a", "X-Forwarded-Method", "GET", "X-Forwarded-Method", "PUT"), errRepeated},
		"the families disagree":     {header(https, "https", "X-Forwarded-Uri", "/public", "X-Original-URI", "/secret"), errDisagree},
		"the URL disagrees":         {header(https, "https", "X-Original-URI", "/a", "X-Original-URL", "https://h/b"), errDisagree},
		"the URL's host disagrees":  {header(https, "https", "X-Forwarded-Host", "a", "X-Original-URL", "https://b/"), errDisagree},
		"the methods disagree":      {header(https, "https", "X-Forwarded-Uri", "/a", "X-Forwarded-Method", "GET", "X-Original-Method", "PUT"), errDisagree},
		"the schemes disagree":      {header(https, "https", "X-Original-URL", "http://h/"), errDisagree},
		"not a path":                {header(https, "https", "X-Forwarded-Uri", "http://h/a"), errURI},
		"a fragment":                {header(https, "https", "X-Forwarded-Uri", "/a#b"), errURI},
		"a space":                   {header(https, "https", "X-Forwarded-Uri", "/a b"), errURI},
		"a control character":       {header(https, "https", "X-Forwarded-Uri", "/a\x01"), errURI},
		"a broken escape":           {header(https, "https", "X-Forwarded-Uri", "/a%2"), errURI},
		"too long":                  {header(https, "https", "X-Forwarded-Uri", "/"+strings.Repeat("a", maxURI)), errURI},
		"a list of hosts":           {header(https, "https", "X-Forwarded-Uri", "/a", "X-Forwarded-Host", "a, b"), errURI},
		"a host with user":          {header(https, "https", "X-Forwarded-Uri", "/a", "X-Forwarded-Host", "a@b"), errURI},
		"a host that is too long":   {header(https, "https", "X-Forwarded-Uri", "/a", "X-Forwarded-Host", strings.Repeat("a", 301)), errURI},
		"repeated and disagreeing":  {header(https, "https", "X-Forwarded-Uri", "/a", "X-Original-URI", "/b", "X-Original-URI", "/a"), errDisagree},
		"repeated beside a URL":     {header("X-Original-URL", "https://h/a", "X-Original-Method", "A", "X-Original-Method", "A"), errRepeated},
		"a URL that is a scheme":    {header(https, "https", "X-Original-URL", "https"), errURI},
		"a path that has no slash":  {header(https, "https", "X-Forwarded-Uri", "?cid=1"), errURI},
		"an asterisk, as OPTIONS *": {header(https, "https", "X-Forwarded-Uri", "*"), errURI},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := describedBy(t, c.h)
			if err == nil {
				t.Fatal("believed")
			}
			if !errors.Is(err, c.want) && !(name == "repeated and disagreeing" && errors.Is(err, errRepeated)) {
				t.Errorf("refused with %q, want %q", err, c.want)
			}
		})
	}
}

func TestPlainPath(t *testing.T) {
	for path, want := range map[string]bool{
		"/":                     true,
		"/logs/":                true,
		"/a//b":                 true,
		"/.well-known/x":        true,
		"/a.b/..c/...":          true,
		"/a;v=1/b":              true,
		"/a/../b":               false,
		"/..":                   false,
		"/a/./b":                false,
		"/a/.":                  false,
		"/a/..;/b":              false,
		"/a/..;x=y/b":           false,
		`/a/..\b`:               false,
		`/a\..\b`:               false,
		"/a\x00b":               false,
		"/a/" + "b/../../admin": false,
	} {
		if plainPath(path) != want {
			t.Errorf("plainPath(%q) is %v", path, !want)
		}
	}
}

func TestMerged(t *testing.T) {
	for path, want := range map[string]string{"/a/b": "/a/b", "//a": "/a", "/a///b//": "/a/b/", "": ""} {
		if got := merged(path); got != want {
			t.Errorf("merged(%q) is %q, want %q", path, got, want)
		}
	}
}
