package server

import (
	"net/url"
	"testing"

	"github.com/sallyport/sallyport/auth"
)

// A call is one check, whichever of the mounts that cover it knows the token: what
// the others say of a good one is nothing to be alarmed at.
func TestACallIsCountedOnce(t *testing.T) {
	s := watched(t, func(d *demoSetup) { d.InsecureLoopback = true })
	counted := func() map[auth.Reason]uint64 {
		sum := map[auth.Reason]uint64{}
		for _, m := range s.service.Stats().Mounts {
			for reason, n := range m.Checks {
				sum[reason] += n
			}
		}
		return sum
	}
	ask := func(token string) {
		postForm(t, s, "/oauth2/introspect", "demo-verifier", "demo-verifier-secret", "token="+url.QueryEscape(token))
	}
	for name, c := range tokens {
		r := loggedIn(t, s, name)
		before := counted()
		ask(c.of(r))
		through(t, s, r)
		after := counted()
		if good, bad := after[""]-before[""], after[auth.UnknownToken]-before[auth.UnknownToken]; good != 2 || bad != 0 {
			t.Errorf("%s: of two good checks %d are counted as good, and %d as of unknown tokens", name, good, bad)
		}
	}
	r := loggedIn(t, s, "oauth2")
	r.Header.Set("Authorization", r.Header.Get("Authorization")+"x")
	for what, check := range map[string]func(){
		"a call":                    func() { through(t, s, r) },
		"introspection":             func() { ask("sp_" + "00000000000000000000000000000000000000000000000000000000000") },
		"introspection of nobody's": func() { ask("-") },
	} {
		before := counted()
		check()
		after := counted()
		if good, bad := after[""]-before[""], after[auth.UnknownToken]-before[auth.UnknownToken]; good != 0 || bad != 1 {
			t.Errorf("%s: a made-up token is counted %d times as unknown, and %d times as good", what, bad, good)
		}
	}
}
