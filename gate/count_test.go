package gate

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sallyport/sallyport/auth"
)

// Every call is counted once, at the face where it came, as what it was answered.
func TestVerdictsAreCounted(t *testing.T) {
	k := newKit(t)
	type heard struct {
		face    auth.Face
		dialect string
		reason  auth.Reason
	}
	var last []heard
	o := k.o
	o.Verdict = func(_ context.Context, f auth.Face, d string, r auth.Reason) { last = append(last, heard{f, d, r}) }
	k.Gate = New(o)
	guarded := func(uri string) func() {
		return func() { k.call(httptest.NewRequest(http.MethodGet, "https://both.example"+uri, nil)) }
	}
	forwarded := func(host, uri string) func() { return func() { k.forward(proxyAddr, host, uri) } }
	spoofed := func() {
		r := httptest.NewRequest(http.MethodGet, "https://both.example/-/check"+k.electaURI(), nil)
		r.RemoteAddr = clientAddr
		r.Header.Set("Sallyport_Account", "1")
		k.Check(httptest.NewRecorder(), r)
	}
	wrong := "/logs/?cid=123456&token=x"
	for _, c := range []struct {
		name string
		call func()
		want heard
	}{
		{"the proxy, allowed", guarded(k.electaURI()), heard{auth.Proxy, "electa", ""}},
		{"the proxy, no token", guarded("/logs/"), heard{auth.Proxy, "", auth.NoToken}},
		{"the proxy, a wrong token", guarded(wrong), heard{auth.Proxy, "", auth.UnknownToken}},
		{"the proxy, a path of two readings", guarded("/a/../b"), heard{auth.Proxy, "", "none"}},
		{"forward-auth, allowed", forwarded("both.example", k.electaURI()), heard{auth.ForwardAuth, "electa", ""}},
		{"forward-auth, a wrong token", forwarded("both.example", wrong), heard{auth.ForwardAuth, "", auth.UnknownToken}},
		{"forward-auth, uncovered", forwarded("nobody.example", "/"), heard{auth.ForwardAuth, "", "none"}},
		{"forward-auth, no description", forwarded("both.example", ""), heard{auth.ForwardAuth, "", "none"}},
		{"forward-auth, an identity claimed", spoofed, heard{auth.ForwardAuth, "", "none"}},
	} {
		before := k.service.Stats().Verdicts[c.want.face][c.want.reason]
		last = nil
		c.call()
		if len(last) != 1 || last[0] != c.want {
			t.Errorf("%s: told %+v, want %+v", c.name, last, c.want)
		}
		if n := k.service.Stats().Verdicts[c.want.face][c.want.reason] - before; n != 1 {
			t.Errorf("%s: counted %d times", c.name, n)
		}
	}
}
