package gate

import (
	"net/http"
	"testing"

	"github.com/sallyport/sallyport/auth"
)

// spellings are ways in which a client may write a header that some server
// behind the gate takes for the gate's own.
var spellings = []string{
	"Sallyport-Account", "sallyport-account", "SALLYPORT-ACCOUNT", "sAlLyPoRt-SuBjEcT",
	"Sallyport_Account", "sallyport_account", "SALLYPORT_SESSION", "Sallyport-Assertion", "Sallyport_Assertion",
	"Sallyport-Anything", "Sallyport.Account", "Sallyport~Account", "Sallyport!Dialect", "Sallyport__Account",
	"Sallyport-_Account", "Sallyport", "sallyport-",
}

func TestClaimsIdentity(t *testing.T) {
	for _, name := range spellings {
		if !claimsIdentity(name) {
			t.Errorf("%q passes", name)
		}
	}
	for _, name := range []string{"", "S", "Accept", "Sallyports-Account", "Sally-Port", "X-Sallyport-Account", "Sallyportaccount"} {
		if claimsIdentity(name) {
			t.Errorf("%q is taken for an identity header", name)
		}
	}
}

func TestClean(t *testing.T) {
	h := http.Header{"Accept": {"x"}, "X-Hop": {"x"}, "Upgrade": {"websocket"}, "Connection": {"keep-alive, x-hop", "Upgrade, sallyport-account"}}
	for _, name := range spellings {
		h[name] = []string{"victim"} // not by Set: as it stands
	}
	clean(h)
	for _, name := range []string{"Accept", "Upgrade", "Connection"} {
		if len(h[name]) != 1 {
			t.Errorf("%s was removed", name)
		}
		delete(h, name)
	}
	if len(h) != 0 {
		t.Errorf("left: %v", h)
	}
}

func TestCleanKeepsNobodyFromSettingIdentity(t *testing.T) {
	h := http.Header{"Connection": {"close, Sallyport-Account, Sallyport-Subject"}}
	clean(h)
	if len(h) != 0 {
		t.Errorf("the next hop would remove what the gate sets: %v", h)
	}
}

func TestSetIdentity(t *testing.T) {
	h := http.Header{"Sallyport-Account": {"victim", "twice"}, "Sallyport-Subject": {"victim"}}
	setIdentity(h, &auth.Session{ID: 1<<63 - 1, Dialect: "electa", Identity: &auth.Identity{AccountRef: "123456", Subject: "J\u00f6rg 100%\r\nX: y"}})
	for name, want := range map[string]string{
		"Sallyport-Account": "123456",
		"Sallyport-Subject": "J%C3%B6rg 100%25%0D%0AX: y",
		"Sallyport-Session": "9223372036854775807",
		"Sallyport-Dialect": "electa",
	} {
		if got := h[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	h[AccountHeader] = append(h[AccountHeader], "x")
	if h[SubjectHeader][0] == "x" {
		t.Error("an append to one header changes another")
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		status int
		reason auth.Reason
		want   int
	}{
		{200, auth.UnknownToken, 401}, {200, auth.NoToken, 401}, {200, auth.TwoTokens, 401}, {200, auth.WrongAccount, 401},
		{200, auth.Unavailable, 503}, {200, auth.Busy, 503}, {200, auth.Locked, 403}, {200, auth.Malformed, 403},
		{200, auth.Insecure, 403}, {200, "a reason of tomorrow", 403}, {302, auth.NoToken, 401}, {204, auth.UnknownApp, 403},
		{401, auth.UnknownToken, 401}, {403, auth.MissingApp, 403}, {400, auth.Malformed, 403}, {404, auth.Malformed, 403},
		{413, auth.Malformed, 403}, {429, auth.Locked, 429}, {500, auth.Unavailable, 500}, {503, auth.Unavailable, 503},
	} {
		if got := verdictOf(c.status, c.reason); got != c.want {
			t.Errorf("a refusal (%s) with status %d is answered %d, want %d", c.reason, c.status, got, c.want)
		}
	}
}

// Some proxies copy the identity into the call and then throw away what Connection
// names.
func TestConnectionNamesNoIdentity(t *testing.T) {
	k := newKit(t)
	for list, want := range map[string]int{"close": 200, "keep-alive, X-Sallyport": 200, "close, Sallyport-Account": 403, "sallyport_session": 403} {
		if w := k.forward(proxyAddr, "both.example", k.electaURI(), "Connection", list); w.Code != want {
			t.Errorf("%q: answered %d, want %d", list, w.Code, want)
		}
	}
}
