package config_test

import (
	"testing"

	"github.com/sallyport/sallyport/config"
)

// with makes a right configuration of one mount's fields.
func with(mount string) string {
	return "trusted_proxies: [10.0.0.0/8]\nmounts:\n  - dialect: electa\n    " + mount + "\n"
}

// minimal is a right configuration without its first lines.
const minimal = "\ntrusted_proxies: [10.0.0.0/8]\nmounts: [{dialect: electa}]\n"

// What an operator sees. A message says where, what, and what to write.
var wrong = []struct{ name, in, want string }{
	{"empty", "", `f.yaml: neither tls nor trusted_proxies is given, so every request would be refused as insecure: give tls a cert and a key, or name the proxies in front that speak https
f.yaml: mounts: none given, so nobody could log in: add at least one, such as mounts: [{dialect: electa}]`},
	{"no YAML", "mounts: [",
		`f.yaml:1:9: not valid YAML: this [ is not closed`},
	{"binary", "\x7fELF\x00",
		`f.yaml: has NUL bytes: it is not a text file`},
	{"not UTF-8", "listen: \xff",
		`f.yaml: is not UTF-8: save it as UTF-8`},
	{"text", "hello",
		`f.yaml:1:1: must be a mapping of fields, is text: write {listen: ..., tls: ...}`},
	{"list", "- a",
		`f.yaml:1:1: must be a mapping of fields, is a list: write {listen: ..., tls: ...}`},
	{"two documents", minimal + "---\nlisten: a",
		`f.yaml:5:1: a second document begins here: a file of this kind has one`},
	{"slip of a field", "lisen: 127.0.0.1:8443" + minimal,
		`f.yaml:1:1: unknown field "lisen", did you mean "listen"?`},
	{"unknown field", "port: 8443" + minimal,
		`f.yaml:1:1: unknown field "port"; known here: audit, data, keys, limits, listen, log, mounts, tls, trusted_proxies`},
	{"field in the wrong place", with("span: 20m"),
		`f.yaml:4:5: mounts[0]: unknown field "span"; known here: dialect, fair_use, hosts, lockout, name, options, policy, prefix, tenant`},
	{"slip deep inside", with("lockout: {names: {failure: 5}}"),
		`f.yaml:4:23: mounts[0].lockout.names: unknown field "failure", did you mean "failures"?`},
	{"twice", "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2" + minimal,
		`f.yaml:2:1: "listen" stands here a second time, first in line 1: remove one`},
	{"indentation", "tls:\n  cert: a\n   key: b" + minimal,
		`f.yaml:2:9: not valid YAML: lines do not line up here or after it, or text with a colon in it needs quotes`},
	{"tab", "tls:\n\tcert: a" + minimal,
		`f.yaml:2:1: not valid YAML: a tab cannot indent: use spaces`},
	{"quote", "listen: \"127.0.0.1:8443" + minimal,
		`f.yaml:1:9: not valid YAML: this quote is not closed`},
	{"anchor", "tls: &a {cert: a, key: b}" + minimal,
		`f.yaml:1:6: anchors, aliases and merge keys (& * <<) are not supported: write the value out; put text that begins with such a character in quotes`},
	{"alias bomb", "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]",
		`f.yaml:1:4: anchors, aliases and merge keys (& * <<) are not supported: write the value out; put text that begins with such a character in quotes`},
	{"tag", "listen: !!str 1" + minimal,
		`f.yaml:1:9: tags, directives and complex keys (! % ?) are not supported; put text that begins with such a character in quotes`},
	{"several at once", "lisen: a\nlog: {level: loud}\nmounts:\n  - {dialekt: electa}",
		`f.yaml:1:1: unknown field "lisen", did you mean "listen"?
f.yaml:2:14: log.level: "loud" is not one of debug, info, warn, error
f.yaml:4:6: mounts[0]: unknown field "dialekt", did you mean "dialect"?`},
	{"no value", "listen:" + minimal,
		`f.yaml:1:8: listen: has no value: give one, or remove the line`},
	{"mapping for text", "listen: {port: 1}" + minimal,
		`f.yaml:1:9: listen: must be text, is a mapping: text with a colon in it needs quotes`},
	{"text for mapping", "tls: on" + minimal,
		`f.yaml:1:6: tls: must be a mapping of fields, is text: write {cert: ..., key: ...}`},
	{"text for list", "trusted_proxies: 10.0.0.0/8\nmounts: [{dialect: electa}]",
		`f.yaml:1:18: trusted_proxies: must be a list, is text: put each entry on a line of its own that begins with a dash`},
	{"text for number", "limits: {connections: many}" + minimal,
		`f.yaml:1:23: limits.connections: is text: write a whole number, without quotes`},
	{"fraction", "limits: {connections: 1.5}" + minimal,
		`f.yaml:1:23: limits.connections: is not a whole number of at most 19 digits`},
	{"huge number", "limits: {connections: 99999999999999999999}" + minimal,
		`f.yaml:1:23: limits.connections: is not a whole number of at most 19 digits`},
	{"yes", with("fair_use: {throttle: yes}"),
		`f.yaml:4:26: mounts[0].fair_use.throttle: is text: write true or false, without quotes`},
	{"number for text", with("tenant: 42"),
		`f.yaml:4:13: mounts[0].tenant: reads as a number: put it in quotes`},
	{"word not in the list", "log: {level: verbose}" + minimal,
		`f.yaml:1:14: log.level: "verbose" is not one of debug, info, warn, error`},
	{"upper case word", "log: {format: JSON}" + minimal,
		`f.yaml:1:15: log.format: "JSON" is not one of text, json`},
	{"span without unit", "audit: {keep: 90}" + minimal,
		`f.yaml:1:15: audit.keep: "90" is not a duration: write a number with a unit, such as 30s, 20m, 12h, 1d, 2w or 1y`},
	{"span in words", "limits: {read_timeout: 15 seconds}" + minimal,
		`f.yaml:1:24: limits.read_timeout: "15 seconds" is not a duration: write a number with a unit, such as 30s, 20m, 12h, 1d, 2w or 1y`},
	{"negative span", "limits: {read_timeout: -5s}" + minimal,
		`f.yaml:1:24: limits.read_timeout: "-5s" is not a duration: write a number with a unit, such as 30s, 20m, 12h, 1d, 2w or 1y`},
	{"endless span", "audit: {keep: 300y}" + minimal,
		`f.yaml:1:15: audit.keep: "300y" is too long: at most 100y make sense`},
	{"long span", "audit: {keep: 101y}" + minimal,
		`f.yaml:1:15: audit.keep: is longer than 100y: write 0s to keep it for ever`},
	{"zero span", "limits: {read_timeout: 0s}" + minimal,
		`f.yaml:1:24: limits.read_timeout: is 0s: must be from 1ms to 1h`},
	{"long drain", "limits: {drain: 61m}" + minimal,
		`f.yaml:1:17: limits.drain: is 1h1m: must be from 0s to 1h`},
	{"size without unit", "limits: {body: 65536}" + minimal,
		`f.yaml:1:16: limits.body: "65536" is not a size: write a whole number with B, KiB, MiB or GiB, such as 64KiB`},
	{"size in kB", "limits: {body: 64kB}" + minimal,
		`f.yaml:1:16: limits.body: "64kB" is not a size: write a whole number with B, KiB, MiB or GiB, such as 64KiB`},
	{"small size", "limits: {header: 10B}" + minimal,
		`f.yaml:1:18: limits.header: is 10B: must be from 1KiB to 1MiB`},
	{"large size", "limits: {body: 8GiB}" + minimal,
		`f.yaml:1:16: limits.body: is 8192MiB: must be from 1KiB to 16MiB`},
	{"listen without port", "listen: 127.0.0.1" + minimal,
		`f.yaml:1:9: listen: "127.0.0.1" is not an address and a port: write it like 127.0.0.1:8443, [::1]:8443 or :8443`},
	{"listen on a URL", "listen: https://api.example.com" + minimal,
		`f.yaml:1:9: listen: "https://api.example.com" is not an address and a port: write it like 127.0.0.1:8443, [::1]:8443 or :8443`},
	{"port out of range", "listen: :70000" + minimal,
		`f.yaml:1:9: listen: ":70000" is not an address and a port: write it like 127.0.0.1:8443, [::1]:8443 or :8443`},
	{"cert without key", "tls: {cert: a.crt}" + minimal,
		`f.yaml:1:6: tls.key: is missing: tls needs cert and key`},
	{"key without cert", "tls: {key: a.key}" + minimal,
		`f.yaml:1:6: tls.cert: is missing: tls needs cert and key`},
	{"proxy that is a name", "trusted_proxies: [proxy.example.com]\nmounts: [{dialect: electa}]",
		`f.yaml:1:19: trusted_proxies[0]: "proxy.example.com" is not a network: write it like 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7`},
	{"proxy with host bits", "trusted_proxies: [10.0.0.7/8]\nmounts: [{dialect: electa}]",
		`f.yaml:1:19: trusted_proxies[0]: "10.0.0.7/8" has bits beyond its length: write 10.0.0.0/8, or one address alone`},
	{"everybody a proxy", "trusted_proxies: [0.0.0.0/0]\nmounts: [{dialect: electa}]",
		`f.yaml:1:18: trusted_proxies: entry 1 trusts every address, so that any client could claim to have come over https and from anywhere: name the proxies`},
	{"one file for two", "data: a\nkeys: a" + minimal,
		`f.yaml:2:7: keys: is the same file as data: the key set needs one of its own`},
	{"empty file name", `data: ""` + minimal,
		`f.yaml:1:7: data: is empty: name a file`},
	{"no mounts", "trusted_proxies: [10.0.0.0/8]\nmounts:",
		`f.yaml:2:9: mounts: none given, so nobody could log in: add at least one, such as mounts: [{dialect: electa}]`},
	{"no dialect", "trusted_proxies: [10.0.0.0/8]\nmounts: [{name: a}]",
		`f.yaml:2:10: mounts[0].dialect: is missing: say which login protocol this mount speaks, such as electa`},
	{"same name", "trusted_proxies: [10.0.0.0/8]\nmounts:\n  - dialect: electa\n  - dialect: electa\n    prefix: /two",
		`f.yaml:4:5: mounts[1].name: "electa" is already the mount in line 3: give each a name of its own (the name is the dialect's when none is given)`},
	{"name in capitals", with("name: Electa 30"),
		`f.yaml:4:11: mounts[0].name: "Electa 30": use 1 to 32 lower-case letters, digits and hyphens`},
	{"tenant with a line break", with(`tenant: "A\nB"`),
		`f.yaml:4:13: mounts[0].tenant: is no tenant's code: account code has a control character at byte 1`},
	{"wildcard host", with("hosts: ['*.example.com']"),
		`f.yaml:4:12: mounts[0].hosts: "*.example.com": wildcards are not supported: list each host, or none for every host`},
	{"host is a URL", with("hosts: [https://api.example.com/]"),
		`f.yaml:4:12: mounts[0].hosts: "https://api.example.com/" is not a host name: write it like api.example.com, without scheme, port and path`},
	{"host with port", with("hosts: [api.example.com:443]"),
		`f.yaml:4:12: mounts[0].hosts: "api.example.com:443" is not a host name: write it like api.example.com, without scheme, port and path`},
	{"host twice", with("hosts: [api.example.com, API.example.com]"),
		`f.yaml:4:12: mounts[0].hosts: "API.example.com" stands there twice: remove one`},
	{"prefix without slash", with("prefix: api"),
		`f.yaml:4:13: mounts[0].prefix: "api" does not begin with a slash: write it like / or /api`},
	{"prefix with query", with("prefix: /api?x=1"),
		`f.yaml:4:13: mounts[0].prefix: "/api?x=1": use plain characters of a path, without spaces and without any of ?#%\{}*`},
	{"prefix that climbs", with("prefix: /api/../x"),
		`f.yaml:4:13: mounts[0].prefix: "/api/../x": write it without //, . and .., like /x`},
	{"reserved prefix", with("prefix: /-/check"),
		`f.yaml:4:13: mounts[0].prefix: "/-/check": /-/ is kept for the server's own endpoints: choose another`},
	{"empty policy", with("policy: {}"),
		`f.yaml:4:13: mounts[0].policy: gives no end: set span, idle, uses or expire_on_new, or never: true`},
	{"never and span", with("policy: {never: true, span: 1h}"),
		`f.yaml:4:13: mounts[0].policy: never: true cannot stand beside span or idle`},
	{"idle without span", with("policy: {idle: 20m}"),
		`f.yaml:4:13: mounts[0].policy: idle needs a span as its absolute cap`},
	{"idle beyond span", with("policy: {idle: 20m, span: 10m}"),
		`f.yaml:4:13: mounts[0].policy: idle is longer than the span, which caps it`},
	{"lock of zero", with("lockout: {names: {lock: 0s}}"),
		`f.yaml:4:22: mounts[0].lockout.names: window and lock must be above zero: failures: 0 turns the lockout off`},
	{"negative failures", with("lockout: {addresses: {failures: -1}}"),
		`f.yaml:4:37: mounts[0].lockout.addresses.failures: is negative: 0 turns the lockout off`},
	{"negative budget", with("fair_use: {logins_per_hour: -1}"),
		`f.yaml:4:33: mounts[0].fair_use.logins_per_hour: is negative: 0 sets no budget`},
	{"options as text", with("options: fast"),
		`f.yaml:4:14: mounts[0].options: must be a mapping of fields, is text`},
}

func TestWrong(t *testing.T) {
	for _, c := range wrong {
		t.Run(c.name, func(t *testing.T) {
			_, err := config.Parse("f.yaml", []byte(c.in))
			if err == nil {
				t.Fatal("accepted")
			}
			if got := err.Error(); got != c.want {
				t.Errorf("\ngot  %s\nwant %s", got, c.want)
			}
		})
	}
}
