package oauth

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/dialect/dialecttest"
)

// TestExchangeLacksAParameter: what is missing is called by its name.
func TestExchangeLacksAParameter(t *testing.T) {
	s := serve(t, "", nil)
	for name, form := range map[string]string{
		"subject_token":      subjectOf("", userName),
		"subject_token_type": "&subject_token=" + url.QueryEscape(dialecttest.CalAmpUser),
	} {
		want := `"error_description":"The parameter ` + name + ` is missing."`
		if got := s.exchange(backEnd, form); got.Status != http.StatusBadRequest || !strings.Contains(got.Body, `"invalid_request"`) || !strings.Contains(got.Body, want) {
			t.Errorf("without %s: answered\n%s", name, got.Raw)
		}
	}
}

// TestExchangeWidensNoScope: what is exchanged for a token is good for no more than
// the token is. A name, and a token of a dialect without scopes, is good for all.
func TestExchangeWidensNoScope(t *testing.T) {
	s := serve(t, "scopes: [read, write]\n", nil)
	user := subjectOf(dialecttest.CalAmpUser, userName)
	scopeOf := func(reply dialecttest.Reply) string {
		_, rest, _ := strings.Cut(reply.Body, `"scope":"`)
		scope, _, _ := strings.Cut(rest, `"`)
		return scope
	}
	all := s.exchange(backEnd, user)
	read := s.exchange(backEnd, user+"&scope=read")
	if scopeOf(all) != "read write" || scopeOf(read) != "read" {
		t.Fatalf("answered\n%s\n%s", all.Raw, read.Raw)
	}
	for what, c := range map[string]struct{ token, asked, scope string }{
		"all for all":       {tokenOf(all), "", "read write"},
		"less for all":      {tokenOf(all), "write", "write"},
		"what it has":       {tokenOf(read), "", "read"},
		"what it has asked": {tokenOf(read), "read", "read"},
	} {
		reply := s.exchange(backEnd, subjectOf(c.token, accessToken)+"&scope="+c.asked)
		if scopeOf(reply) != c.scope || !strings.Contains(s.ask(verifier, tokenOf(reply), "").Body, `"scope":"`+c.scope+`"`) {
			t.Errorf("%s: answered\n%s", what, reply.Raw)
		}
	}
	for _, more := range []string{"write", "read+write", "write+read"} {
		reply := s.exchange(backEnd, subjectOf(tokenOf(read), accessToken)+"&scope="+more)
		if reply.Status != http.StatusBadRequest || !strings.Contains(reply.Body, `"invalid_scope"`) {
			t.Errorf("%s for read: answered\n%s", more, reply.Raw)
		}
	}
	// Whose token is out of reach is told apart from nobody's no more than before.
	fleet := basicOf("3", "fleet-secret")
	top := tokenOf(s.exchange(backEnd, subjectOf("top@calamp.example", userName)+"&scope=read"))
	want := s.exchange(fleet, subjectOf(aToken, accessToken)+"&scope=write")
	if got := s.exchange(fleet, subjectOf(top, accessToken)+"&scope=write"); top == "" || got.Raw != want.Raw {
		t.Errorf("a token out of reach: answered\n%s\nand one of nobody\n%s", got.Raw, want.Raw)
	}
}

// TestWithin: tokens of other mounts may have scopes that are not known here.
func TestWithin(t *testing.T) {
	for _, c := range []struct {
		scope string
		asked bool
		of    string
		want  string
		good  bool
	}{
		{"a b", false, "b a", "a b", true},
		{"a b", false, "b x", "b", true},
		{"a b", false, "", "", true},
		{"", false, "", "", true},
		{"a b", false, "x", "", false}, // not "", which may be all to an API
		{"", false, "x", "", false},
		{"a", true, "a b", "a", true},
		{"a b", true, "a", "", false},
		{"a", true, "", "", false},
	} {
		got, err := within(c.scope, c.asked, c.of)
		if got != c.want || (err == nil) != c.good {
			t.Errorf("%+v: got %q, %v", c, got, err)
		}
	}
}
