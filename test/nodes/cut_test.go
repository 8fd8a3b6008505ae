//go:build unix

package nodes

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

// lay lays a wire to a database server.
func lay(t *testing.T, c *pgtest.Cluster) *pgtest.Wire {
	t.Helper()
	w, err := pgtest.StartWire(t.Context(), c.Port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Stop() })
	return w
}

// A node that is cut off from the database stops vouching for sessions before
// another node's revocations are a second old, says why, and comes back by itself:
// whether the network refuses or swallows what is sent.
func TestCutOff(t *testing.T) {
	whole(t)
	for name, cut := range map[string]func(*pgtest.Wire) (mend func()){"refused": (*pgtest.Wire).Down, "swallowed": (*pgtest.Wire).Stall} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := pgtest.Run(t)
			s, w := newSite(t, c.URL("postgres")), lay(t, c)
			here := s.start(t, "here", "127.0.0.1:0", "")
			s.data = w.URL("postgres")
			away := s.start(t, "away", "127.0.0.1:0", "")
			v := &victim{T: t, here: here, away: away}
			v.logIn()
			mend := cut(w)
			v.cutOff()
			mend()
			v.back()
		})
	}
}

// victim is clients of a node that is cut off.
type victim struct {
	*testing.T
	here, away  *node
	kept, ended string // tokens
	electa      string // a token of Electa's, which is kept
}

var granted = regexp.MustCompile(`<ResponseCode>0</ResponseCode><ResponseData>([0-9A-F-]{36})<`)

func (v *victim) logIn() {
	v.Helper()
	for _, token := range []*string{&v.kept, &v.ended} {
		var err error
		if *token, _, err = v.here.login(); err != nil || *token == "" {
			v.Fatalf("the login is refused: %v", err)
		}
	}
	_, body := v.electaLogin(v.here)
	if m := granted.FindStringSubmatch(body); m != nil {
		v.electa = m[1]
	}
	for _, token := range []string{v.kept, v.ended} {
		if status, err := v.away.check(token); status != http.StatusOK {
			v.Fatalf("a session of another node is answered %d, %v", status, err)
		}
	}
	if status, body := v.electaCall(v.away); status != http.StatusOK {
		v.Fatalf("an Electa session of another node is answered %d %s", status, body)
	}
}

func (v *victim) electaLogin(n *node) (status int, body string) {
	v.Helper()
	status, body, err := ask("http://"+n.addr, http.MethodPost, "/token/", url.Values{"cid": {number}, "appkey": {secret}})
	if err != nil {
		v.Error(err)
	}
	return status, body
}

func (v *victim) electaCall(n *node) (status int, body string) {
	v.Helper()
	status, body, err := ask("http://"+n.addr, http.MethodGet, "/-/check", nil, "X-Forwarded-Uri", "/logs/?cid="+number+"&token="+v.electa)
	if err != nil {
		v.Error(err)
	}
	return status, body
}

// cutOff: nothing has to be waited for here but the second that was promised.
func (v *victim) cutOff() {
	v.Helper()
	if status, err := v.here.revoke(v.ended); status != http.StatusOK {
		v.Fatalf("the revocation is answered %d, %v", status, err)
	}
	answered := time.Now()
	for stopped := false; !stopped; {
		begun := time.Now()
		status, err := v.away.check(v.ended)
		switch late := begun.Sub(answered); {
		case err != nil || (status != http.StatusOK && status != http.StatusServiceUnavailable):
			v.Fatalf("a check without a database is answered %d, %v", status, err)
		case status == http.StatusOK && late > freshness:
			v.Fatalf("the session is accepted %s after its end was answered elsewhere", late)
		case status == http.StatusServiceUnavailable:
			v.Logf("no longer vouched for %s after its end was answered", time.Since(answered))
			stopped = true
		}
	}
	until(v.T, "the node says that it is not ready", func() bool { return v.away.ready() != http.StatusOK })
	var all sync.WaitGroup // each may wait for the network
	for _, f := range []func(){v.calls, v.electaIsRefused, v.logins, v.revocations} {
		all.Go(f)
	}
	all.Wait()
	if status := v.away.ready(); status != http.StatusServiceUnavailable {
		v.Errorf("ready is answered %d", status)
	}
	if log := v.away.log.String(); !strings.Contains(log, "cannot follow the feed of ended sessions") || !strings.Contains(log, "the database cannot be reached or does not answer") {
		v.Errorf("the log does not say what is wrong: %s", log)
	}
	if status, err := v.here.check(v.kept); status != http.StatusOK {
		v.Errorf("the other node answers %d, %v", status, err)
	}
}

// calls are refused for good, and those of who was not ended as well: nobody can say.
func (v *victim) calls() {
	for range 2 {
		for _, token := range []string{v.kept, v.ended} {
			if status, err := v.away.check(token); status != http.StatusServiceUnavailable {
				v.Errorf("a check without a database is answered %d, %v", status, err)
			}
		}
	}
}

func (v *victim) electaIsRefused() {
	if status, body := v.electaCall(v.away); status != http.StatusServiceUnavailable || !strings.Contains(body, "<ResponseCode>2</ResponseCode>") {
		v.Errorf("a call with Electa's token is answered %d %s", status, body)
	}
	if status, body := v.electaLogin(v.away); !strings.Contains(body, "<ResponseCode>2</ResponseCode>") {
		v.Errorf("an Electa login is answered %d %s", status, body)
	}
}

func (v *victim) logins() {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {number}, "client_secret": {secret}}
	status, body, err := ask("http://"+v.away.addr, http.MethodPost, "/oauth2/token", form)
	if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(body, "temporarily_unavailable") {
		v.Errorf("a login is answered %d %s %v", status, body, err)
	}
}

func (v *victim) revocations() {
	if status, err := v.away.revoke(v.kept); status != http.StatusServiceUnavailable {
		v.Errorf("a revocation is answered %d, %v", status, err)
	}
}

// back: the node is what it was before, and knows what happened meanwhile.
func (v *victim) back() {
	v.Helper()
	until(v.T, "the node is ready again", func() bool { return v.away.ready() == http.StatusOK })
	if status, err := v.away.check(v.ended); status != http.StatusUnauthorized {
		v.Errorf("what was ended meanwhile is answered %d, %v", status, err)
	}
	until(v.T, "the node takes logins again", func() bool {
		token, _, err := v.away.login()
		if err != nil {
			v.Fatal(err)
		}
		if token == "" {
			return false
		}
		status, err := v.here.check(token)
		return err == nil && status == http.StatusOK
	})
	if status, body := v.electaCall(v.away); status != http.StatusOK {
		v.Errorf("a session that nobody ended is answered %d %s", status, body)
	}
}
