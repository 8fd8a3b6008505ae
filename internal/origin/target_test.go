package origin

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// read is the request as net/http reads it off the wire.
func read(t *testing.T, lines string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(lines + "\r\n\r\n")))
	if err != nil {
		t.Fatalf("%q: %v", lines, err)
	}
	return r
}

func TestCheckTarget(t *testing.T) {
	for _, c := range []struct {
		lines             string
		direct, byTrusted bool // whether it is accepted
	}{
		{"GET /a?b HTTP/1.1\r\nHost: a.example", true, true},
		{"GET //a/../b HTTP/1.1\r\nHost: a.example:8443", true, true}, // the path is for others to judge
		{"GET / HTTP/1.0", true, true},
		{"GET / HTTP/1.1\r\nHost:", false, false},
		{"GET http://a.example/a HTTP/1.1\r\nHost: b.example", true, false},
		{"GET https://a.example/a HTTP/1.1\r\nHost: b.example", true, false},
		{"GET http://a.example HTTP/1.1\r\nHost: b.example", false, false},
		{"GET x:http://h/a HTTP/1.1\r\nHost: a.example", false, false},
		{"GET x://h/a HTTP/1.1\r\nHost: a.example", false, false},
		{"GET http:a HTTP/1.1\r\nHost: a.example", false, false},
		{"GET http://u:p@a.example/a HTTP/1.1\r\nHost: a.example", false, false},
		{"OPTIONS * HTTP/1.1\r\nHost: a.example", false, false},
		{"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example", false, false},
	} {
		r := read(t, c.lines)
		if got := CheckTarget(r, false) == nil; got != c.direct {
			t.Errorf("%q of a client: %v, want %v", c.lines, got, c.direct)
		}
		if got := CheckTarget(r, true) == nil; got != c.byTrusted {
			t.Errorf("%q of a trusted proxy: %v, want %v", c.lines, got, c.byTrusted)
		}
	}
}

func TestPlainHost(t *testing.T) {
	for _, host := range []string{"a", "a.example", "A.Example.", "a_b.example:80", "192.0.2.1", "192.0.2.1:8443", "[2001:db8::1]", "[::1]:65535"} {
		if !PlainHost(host) {
			t.Errorf("%q is refused", host)
		}
	}
	for _, host := range []string{"", ".", ":80", "a:", "a:80:90", "a:80:", "a:x", "a:123456", "a,b", "a;x", "a%2eb", "a..b", ".a", "a..",
		"a b", "a/b", "a@b", "[::1", "[::1]x", "[::1]:", "[a]", "[192.0.2.1]", "[fe80::1%25eth0]", "::1", "a\tb", "\u00e4.example", strings.Repeat("a", 301)} {
		if PlainHost(host) {
			t.Errorf("%q is accepted", host)
		}
	}
}
