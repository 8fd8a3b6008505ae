package gate

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/origin"
)

// FuzzParseURI: what is read of an address is what net/url reads, and a path that
// is plain and merged means the same after it was cleaned as servers clean it.
func FuzzParseURI(f *testing.F) {
	for _, seed := range []string{
		"/", "/a?b", "/a?", "/a??b", "//h/a", "/a%2Fb/%2e%2e/c", "/..;x/a", "/a/./b", "/%", "/%zz", "/a#b", "a", "", "/\x00", "/a\\b", "/%00", "/%5c", "/\xff", "/a;b/c", "/...", "/.a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		var got url.URL
		if parseURI(uri, &got) != nil {
			return
		}
		want, err := url.ParseRequestURI(uri)
		if err != nil || want.Scheme != "" || want.Host != "" {
			t.Fatalf("%q is read, and by others %+v, %v", uri, want, err)
		}
		if got.Path != want.Path || got.RawQuery != want.RawQuery || got.ForceQuery != want.ForceQuery {
			t.Fatalf("%q is read as %+v, by others as %+v", uri, got, want)
		}
		one := merged(got.Path)
		if !plainPath(got.Path) {
			return
		}
		if clean := path.Clean(one); clean != one && clean+"/" != one {
			t.Fatalf("%q: the path %q is plain, and cleaned is %q", uri, one, clean)
		}
		if strings.ContainsAny(one, "\\\x00") || strings.Contains(one, "/..;") {
			t.Fatalf("%q: the path %q is plain", uri, one)
		}
	})
}

// FuzzDescribe: a description that is believed is all that was said, by every
// header that said something.
func FuzzDescribe(f *testing.F) {
	f.Add("GET", "GET", "api.example", "/a", "/a", "https://api.example/a", "https")
	f.Add("", "", "", "", "", "http://h", "")
	f.Add("", "", "", "", "", "HTTPS://h?x://y", "")
	f.Add("", "PUT", "h:1", "", "/a?b", "/a?b", "https")
	f.Add("", "", "a, b", "/a", "", "", "http")
	f.Add("", "", "", "", "", "://h/a", "https")
	f.Fuzz(func(t *testing.T, forwarded, original, host, forwardedURI, originalURI, whole, scheme string) {
		h := http.Header{}
		for name, value := range map[string]string{
			"X-Forwarded-Method": forwarded, "X-Original-Method": original, "X-Forwarded-Host": host,
			"X-Forwarded-Uri": forwardedURI, "X-Original-Uri": originalURI, "X-Original-Url": whole,
		} {
			h[name] = []string{value}
		}
		r := &http.Request{Method: http.MethodGet, Host: "gate.internal", Header: h, URL: &url.URL{Path: "/-/check"}}
		if scheme != "" && scheme != "http" {
			scheme = "https"
		}
		call, secure, err := describe(r, origin.Peer{Trusted: true, Scheme: scheme})
		if err != nil {
			return
		}
		for _, said := range []string{forwarded, original} {
			if said != "" && said != call.Method {
				t.Errorf("the method is %q, one header says %q", call.Method, said)
			}
		}
		for _, said := range []string{forwardedURI, originalURI} {
			if said != "" && said != call.RequestURI {
				t.Errorf("the address is %q, one header says %q", call.RequestURI, said)
			}
		}
		if host != "" && host != call.Host {
			t.Errorf("the host is %q, one header says %q", call.Host, host)
		}
		if strings.ContainsAny(call.Host, "/, \t@") || len(call.Host) > 300 || call.Body != http.NoBody {
			t.Errorf("the host is %q, the body %v", call.Host, call.Body)
		}
		if u, err := url.Parse(whole); err == nil && u.Scheme != "" && strings.HasPrefix(whole[len(u.Scheme):], "://") {
			if u.Host != "" && u.User == nil && u.Host != call.Host || secure && u.Scheme != "https" || secure && scheme == "http" {
				t.Errorf("%q over %q became host %q, secure %v", whole, scheme, call.Host, secure)
			}
		} else if secure && scheme != "https" && !strings.HasPrefix(strings.ToLower(whole), "https://") {
			t.Errorf("secure, and nobody says so: %q, %q", whole, scheme)
		}
	})
}

// FuzzClean: of what is left of a client's headers, no server behind can read an
// identity, in CGI's spelling of them or any other.
func FuzzClean(f *testing.F) {
	for _, seed := range []string{"Sallyport-Account", "sallyport_subject", "SALLYPORT", "Sallyport.X", "Sallyportal", "X-Sallyport", "Connection", "sallyport\xc3"} {
		f.Add(seed, "close, X-Other, upgrade")
	}
	f.Fuzz(func(t *testing.T, name, connection string) {
		h := http.Header{name: {"x"}, "X-Other": {"y"}}
		h["Connection"] = append(h["Connection"], connection)
		clean(h)
		for left := range h {
			variable := strings.Map(func(r rune) rune {
				switch {
				case 'a' <= r && r <= 'z':
					return r - 'a' + 'A'
				case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
					return r
				}
				return '_'
			}, left)
			if variable == "SALLYPORT" || strings.HasPrefix(variable, "SALLYPORT_") {
				t.Errorf("%q is left", left)
			}
		}
		if c, ok := h["Connection"]; ok && (len(c) != 1 || c[0] != "Upgrade") {
			t.Errorf("Connection is left as %q", c)
		}
	})
}
