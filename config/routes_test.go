package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
)

// routed makes a configuration of the routes' lines, which begin in line 4.
func routed(routes string) string { return minimal + "routes: \n" + routes + "\n" }

var wrongRoutes = []struct{ name, in, want string }{
	{"no upstream", "- path: /x",
		`f.yaml:5:3: routes[0].upstream: is missing: say where the API is, like http://127.0.0.1:9000`},
	{"no URL", "- upstream: 127.0.0.1:9000",
		`f.yaml:5:13: routes[0].upstream: is not the URL of an API: write it like http://127.0.0.1:9000`},
	{"another scheme", "- upstream: unix:/run/api",
		`f.yaml:5:13: routes[0].upstream: is not the URL of an API: write it like http://127.0.0.1:9000`},
	{"credentials", "- upstream: http://a:geheim@api",
		`f.yaml:5:13: routes[0].upstream: has credentials in it: remove them; an API knows its callers by the identity headers`},
	{"a query", "- upstream: http://api?x",
		`f.yaml:5:13: routes[0].upstream: has a query or fragment: give scheme, host and path only`},
	{"a path that climbs", "- {upstream: 'http://api', path: /a/../b}",
		`f.yaml:5:34: routes[0].path: "/a/../b": write it without //, . and .., like /b`},
	{"reserved", "- {upstream: 'http://api', path: /-/x}",
		`f.yaml:5:34: routes[0].path: "/-/x": /-/ is kept for the server's own endpoints: choose another`},
	{"a host with port", "- {upstream: 'http://api', hosts: ['a:1']}",
		`f.yaml:5:35: routes[0].hosts: "a:1" is not a host name: write it like api.example.com, without scheme, port and path`},
	{"an account alone", "- {upstream: 'http://api', account: WEST}",
		`f.yaml:5:37: routes[0].account: needs tenant: each tenant has codes of its own`},
	{"no level", "- {upstream: 'http://api', level: region}",
		`f.yaml:5:35: routes[0].level: "region" is not one of any, tenant, organization, division`},
	{"a CA for nothing", "- {upstream: 'http://api', ca: x.pem}",
		`f.yaml:5:32: routes[0].ca: is for an https upstream: remove it, or write https`},
	{"no time", "- {upstream: 'http://api', header_timeout: 0s}",
		`f.yaml:5:44: routes[0].header_timeout: is 0s: must be from 1ms to 24h`},
	{"an assertion of nobody", "- {upstream: 'http://api', assertion: true}",
		`f.yaml:5:39: routes[0].assertion: nobody signs: give assertion.issuer`},
	{"the same name", "- {upstream: 'http://api'}\n- {upstream: 'http://api', path: /b}",
		`f.yaml:6:3: routes[1].name: "api" is already the route in line 5: give each a name of its own (it is api when none is given)`},
	{"the same calls", "- {upstream: 'http://api', path: /a, hosts: [x, y]}\n- {name: b, upstream: 'http://b', path: /A/, hosts: [Y]}",
		`f.yaml:6:41: routes[1].path: "/A" is already that of the route in line 5 for the same host: give one of them another host or path`},
	{"an unknown field", "- {upstream: 'http://api', prefix: /a}",
		`f.yaml:5:28: routes[0]: unknown field "prefix"; known here: account, assertion, body, ca, connect_timeout, dialects, header_timeout, host, hosts, idle_timeout, level, name, path, tenant, upstream`},
}

func TestWrongRoutes(t *testing.T) {
	for _, c := range wrongRoutes {
		t.Run(c.name, func(t *testing.T) {
			_, err := config.Parse("f.yaml", []byte(routed(c.in)))
			if err == nil {
				t.Fatal("accepted")
			}
			if got := err.Error(); got != c.want {
				t.Errorf("\ngot  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	c, err := config.Parse("f.yaml", []byte(routed("- {upstream: 'http://api/v1', level: division}\n- {name: b, hosts: [X], upstream: 'https://b:1', body: 0B}")))
	if err != nil {
		t.Fatal(err)
	}
	full, err := config.Parse("example.yaml", config.Example())
	if err != nil {
		t.Fatal(err)
	}
	r, e := c.Routes[0], full.Routes[0]
	if r.Name != e.Name || r.Path != e.Path || r.Host != e.Host || r.Body != e.Body || e.Level != "any" ||
		r.ConnectTimeout != e.ConnectTimeout || r.HeaderTimeout != e.HeaderTimeout || r.IdleTimeout != e.IdleTimeout {
		t.Errorf("the example's route %+v differs from the default %+v", e, r)
	}
	if u, err := r.URL(); err != nil || u.Path != "/v1" || r.AccountLevel() != auth.Division || e.AccountLevel() != 0 {
		t.Errorf("%v %v %v", u, err, r.AccountLevel())
	}
	if b := c.Routes[1]; b.Hosts[0] != "x" || b.Body != 0 {
		t.Errorf("%+v", b)
	}
}

func TestRouteFilesStartAtTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte(routed("- {upstream: 'https://api', ca: api.pem}")), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil || c.Routes[0].CA != filepath.Join(dir, "api.pem") {
		t.Errorf("%v %v", c, err)
	}
}
