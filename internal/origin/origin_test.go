package origin

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func prefixes(t testing.TB, list ...string) []netip.Prefix {
	t.Helper()
	out := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

func request(remote string, header ...string) *http.Request {
	r := &http.Request{RemoteAddr: remote, Header: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func TestSource(t *testing.T) {
	o := New(prefixes(t, "10.0.0.0/8", "fd00::/8", "::ffff:192.168.7.0/120"), false)
	for name, c := range map[string]struct {
		remote string
		xff    []string
		want   string
	}{
		"direct":                            {"203.0.113.9:1", nil, "203.0.113.9"},
		"direct, claims another":            {"203.0.113.9:1", []string{"198.51.100.1"}, "203.0.113.9"},
		"direct, claims to be a proxy":      {"203.0.113.9:1", []string{"10.0.0.1"}, "203.0.113.9"},
		"proxy":                             {"10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		"proxy without the header":          {"10.0.0.1:1", nil, "10.0.0.1"},
		"proxy, client prepends a lie":      {"10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		"proxy, lie in a line of its own":   {"10.0.0.1:1", []string{"1.1.1.1", "198.51.100.1"}, "198.51.100.1"},
		"proxy, client prepends a proxy":    {"10.0.0.1:1", []string{"10.0.0.9,198.51.100.1"}, "198.51.100.1"},
		"two proxies":                       {"10.0.0.1:1", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		"two proxies, two lines":            {"10.0.0.1:1", []string{"198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		"nobody but proxies":                {"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"garbage":                           {"10.0.0.1:1", []string{"unknown"}, "10.0.0.1"},
		"garbage left of the client":        {"10.0.0.1:1", []string{"'; drop, 198.51.100.1"}, "198.51.100.1"},
		"garbage right of the client":       {"10.0.0.1:1", []string{"198.51.100.1, x"}, "10.0.0.1"},
		"empty":                             {"10.0.0.1:1", []string{""}, "10.0.0.1"},
		"empty entry":                       {"10.0.0.1:1", []string{"198.51.100.1,"}, "10.0.0.1"},
		"with port":                         {"10.0.0.1:1", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		"IPv6":                              {"[fd00::1]:1", []string{"2001:db8::7"}, "2001:db8::7"},
		"IPv6 in brackets":                  {"[fd00::1]:1", []string{"[2001:db8::7]"}, "2001:db8::7"},
		"IPv6 with port":                    {"[fd00::1]:1", []string{"[2001:db8::7]:80"}, "2001:db8::7"},
		"IPv6 with zone":                    {"[fd00::1]:1", []string{"fe80::1%eth0"}, "fe80::1"},
		"IPv4 in IPv6 client":               {"10.0.0.1:1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"IPv4 in IPv6 proxy":                {"[::ffff:10.0.0.1]:1", []string{"198.51.100.1"}, "198.51.100.1"},
		"network written as IPv4 in IPv6":   {"192.168.7.3:1", []string{"198.51.100.1"}, "198.51.100.1"},
		"proxy with zone":                   {"[fd00::1%eth0]:1", []string{"198.51.100.1"}, "198.51.100.1"},
		"as many hops as are looked at":     {"10.0.0.1:1", []string{"198.51.100.1" + strings.Repeat(",10.0.0.2", maxHops-1)}, "198.51.100.1"},
		"more hops than are looked at":      {"10.0.0.1:1", []string{"198.51.100.1" + strings.Repeat(",10.0.0.2", maxHops)}, "10.0.0.2"},
		"an entry that is too long":         {"10.0.0.1:1", []string{strings.Repeat("1", 1<<20)}, "10.0.0.1"},
		"a zone that is too long":           {"10.0.0.1:1", []string{"fe80::1%" + strings.Repeat("z", 80)}, "10.0.0.1"},
		"no address at all (a unix socket)": {"@", []string{"198.51.100.1"}, "invalid IP"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(c.remote)
			if c.xff != nil {
				r.Header["X-Forwarded-For"] = c.xff
			}
			if got := o.Of(r).Source.String(); got != c.want {
				t.Errorf("source %s, want %s", got, c.want)
			}
		})
	}
}

func TestForwardedIsNotRead(t *testing.T) {
	o := New(prefixes(t, "10.0.0.0/8"), false)
	p := o.Of(request("10.0.0.1:1", "Forwarded", "for=198.51.100.1;proto=https"))
	if p.Secure || p.Source.String() != "10.0.0.1" {
		t.Errorf("RFC 7239's header was believed: %+v", p)
	}
}

func TestSecure(t *testing.T) {
	trusted := New(prefixes(t, "10.0.0.0/8"), false)
	demo := New(nil, true)
	over := func(r *http.Request) *http.Request { r.TLS = &tls.ConnectionState{}; return r }
	for name, c := range map[string]struct {
		o    *Resolver
		r    *http.Request
		want bool
	}{
		"plain":                                    {trusted, request("203.0.113.9:1"), false},
		"TLS":                                      {trusted, over(request("203.0.113.9:1")), true},
		"TLS, claims plain":                        {trusted, over(request("203.0.113.9:1", "X-Forwarded-Proto", "http")), true},
		"plain, claims TLS":                        {trusted, request("203.0.113.9:1", "X-Forwarded-Proto", "https"), false},
		"proxy says TLS":                           {trusted, request("10.0.0.1:1", "X-Forwarded-Proto", "https"), true},
		"proxy says TLS in capitals":               {trusted, request("10.0.0.1:1", "X-Forwarded-Proto", "HTTPS"), true},
		"proxy says web socket over TLS":           {trusted, request("10.0.0.1:1", "X-Forwarded-Proto", "wss"), true},
		"proxy says plain":                         {trusted, request("10.0.0.1:1", "X-Forwarded-Proto", "http"), false},
		"proxy says nothing":                       {trusted, request("10.0.0.1:1"), false},
		"proxy over TLS says nothing":              {trusted, over(request("10.0.0.1:1")), true},
		"proxy over TLS says plain":                {trusted, over(request("10.0.0.1:1", "X-Forwarded-Proto", "http")), false},
		"proxy says both":                          {trusted, request("10.0.0.1:1", "X-Forwarded-Proto", "https", "X-Forwarded-Proto", "http"), false},
		"proxy says TLS twice":                     {trusted, request("10.0.0.1:1", "X-Forwarded-Proto", "https", "X-Forwarded-Proto", "https"), false},
		"proxy says a list":                        {trusted, request("10.0.0.1:1", "X-Forwarded-Proto", "https, http"), false},
		"proxy says something else":                {trusted, request("10.0.0.1:1", "X-Forwarded-Proto", "httpsx"), false},
		"loopback, plain":                          {trusted, request("127.0.0.1:1"), false},
		"loopback, plain, in the demo":             {demo, request("127.0.0.1:1"), true},
		"IPv6 loopback, plain, in the demo":        {demo, request("[::1]:1"), true},
		"elsewhere, plain, in the demo":            {demo, request("203.0.113.9:1"), false},
		"elsewhere, claims loopback, in the demo":  {demo, request("203.0.113.9:1", "X-Forwarded-For", "127.0.0.1"), false},
		"no address, in the demo, counts as plain": {demo, request(""), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.o.Of(c.r).Secure; got != c.want {
				t.Errorf("secure %v, want %v", got, c.want)
			}
		})
	}
}

func TestNewIDIsFresh(t *testing.T) {
	a, b := New(nil, false), New(nil, false)
	seen := map[string]bool{}
	for range 1000 {
		for _, o := range []*Resolver{a, b} {
			id := o.NewID()
			if seen[id] || len(id) > 26 {
				t.Fatalf("id %q: seen before or too long", id)
			}
			seen[id] = true
		}
	}
}

func BenchmarkOf(b *testing.B) {
	o := New(prefixes(b, "10.0.0.0/8", "127.0.0.0/8"), false)
	r := request("127.0.0.1:41234", "X-Forwarded-For", "198.51.100.17", "X-Forwarded-Proto", "https")
	b.ReportAllocs()
	for b.Loop() {
		if p := o.Of(r); !p.Secure {
			b.Fatal("not secure")
		}
	}
}

func TestOfDoesNotAllocate(t *testing.T) {
	o := New(prefixes(t, "10.0.0.0/8", "127.0.0.0/8"), false)
	r := request("127.0.0.1:41234", "X-Forwarded-For", "1.1.1.1, 198.51.100.17", "X-Forwarded-Proto", "https")
	if n := testing.AllocsPerRun(100, func() { o.Of(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzForwarded: whatever the headers say, a stranger is believed nothing, and
// behind a proxy the source is the proxy or an address that a header names.
func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{"198.51.100.1", "198.51.100.1, 10.1.2.3", "[2001:db8::1]:443", "[::1]", "::ffff:198.51.100.1", "unknown, 10.0.0.2", ",", "fe80::1%eth0", "198.51.100.1:80 ,\t10.0.0.3"} {
		f.Add(seed, "", "https")
		f.Add("203.0.113.1", seed, "http")
	}
	o := New(prefixes(f, "10.0.0.0/8"), false)
	stranger, proxy := netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, first, second, proto string) {
		headers := []string{"X-Forwarded-For", first, "X-Forwarded-For", second, "X-Forwarded-Proto", proto}
		if p := o.Of(request("203.0.113.9:1", headers...)); p.Source != stranger || p.Secure || p.Trusted || p.Scheme != "" {
			t.Fatalf("a stranger is believed: %+v", p)
		}
		p := o.Of(request("10.0.0.1:1", headers...))
		if p.Secure != (p.Scheme == "https") {
			t.Fatalf("%q: %+v", proto, p)
		}
		if !p.Source.IsValid() || p.Source.Is4In6() || p.Source.Zone() != "" {
			t.Fatalf("the source is %v", p.Source)
		}
		named := p.Source == proxy
		for entry := range strings.SplitSeq(first+","+second, ",") {
			entry = strings.Trim(entry, " \t")
			if host, _, err := net.SplitHostPort(entry); err == nil {
				entry = host
			}
			a, err := netip.ParseAddr(strings.Trim(entry, "[]"))
			named = named || err == nil && a.Unmap().WithZone("") == p.Source
		}
		if !named {
			t.Fatalf("%q, %q: the source is %v", first, second, p.Source)
		}
	})
}
