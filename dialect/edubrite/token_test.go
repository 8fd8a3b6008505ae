package edubrite

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/secret"
)

func newDialect(t testing.TB) *edubrite {
	t.Helper()
	def := Definition()
	d, err := New(dialect.Config{Mount: def.Mount("edubrite", "")})
	if err != nil {
		t.Fatal(err)
	}
	return d.(*edubrite)
}

func mint(t testing.TB) string {
	t.Helper()
	keys, err := secret.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	token, _ := keys.Mint(secret.FormNative, 1<<60)
	return token
}

// TestSplit: both parts have the look of the vendor's strings, can stand in a
// cookie and a query as they are, and are one token only together.
func TestSplit(t *testing.T) {
	const legal = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	token := mint(t)
	id, info := split(token)
	for _, s := range []string{id, info, anonymous()} {
		if strings.Trim(strings.TrimRight(s, "*"), legal) != "" || len(strings.TrimRight(s, "*")) != half || s[half:] == "" {
			t.Errorf("the string is %q", s)
		}
	}
	if join(id, info) != token {
		t.Errorf("%q and %q are %q, and were %q", id, info, join(id, info), token)
	}
	if first := anonymous(); first == anonymous() {
		t.Error("two strings of the first step are the same")
	}
	for _, pair := range [][2]string{
		{info, id}, {id, id}, {info, info}, {token, "**"}, {"*", token}, {id[:half], info[:half]}, {id, info[:half]}, {id[:half], info},
		{id + "*", info}, {token[:30] + "*", token[30:] + "**"}, {token[:32] + "*", token[32:] + "**"}, {token, ""}, {"", token},
	} {
		if join(pair[0], pair[1]) == token {
			t.Errorf("%q and %q are the token too", pair[0], pair[1])
		}
	}
}

func TestToken(t *testing.T) {
	e := newDialect(t)
	token := mint(t)
	id, info := split(token)
	both := "SESSION_ID=" + id + "; SESSION_INFO=" + info
	for _, c := range []struct {
		name   string
		header http.Header
		want   auth.Bearer
	}{
		{"browser", http.Header{"Cookie": {both}}, auth.Bearer{Attrs: browserSession}},
		{"API", http.Header{"Cookie": {both}, unameHeader: {"jdoe"}}, auth.Bearer{Attrs: apiSession, As: "jdoe"}},
		{"API, two lines", http.Header{"Cookie": {"$Version=0; SESSION_ID=" + id, "$Version=0; SESSION_INFO=" + info}, unameHeader: {"jdoe|j@example.org|John Doe"}}, auth.Bearer{Attrs: apiSession, As: "jdoe"}},
	} {
		b, err := e.Token(&http.Request{Header: c.header})
		c.want.Mount, c.want.Form, c.want.Value = e.mount, auth.FormNative, token
		if err != nil || b != c.want {
			t.Errorf("%s: found %+v, %v", c.name, b, err)
		}
	}
}

// TestTokenIsNotReadFromElsewhere: the strings of a hand-off open no call.
func TestTokenIsNotReadFromElsewhere(t *testing.T) {
	id, info := split(mint(t))
	r := httptest.NewRequest(http.MethodGet, "/x.do?SESSION_ID="+id+"&SESSION_INFO="+info+"&sessionId="+id+"&sInfo="+info, nil)
	r.Header.Set("Authorization", "Bearer "+id+info)
	if _, err := newDialect(t).Token(r); err == nil || auth.RefusalOf(err).Reason != auth.NoToken {
		t.Errorf("refused with %v", err)
	}
}

// FuzzToken: whatever cookies and header come, a bearer is made of one of each,
// and what net/http finds is what is believed.
func FuzzToken(f *testing.F) {
	id, info := split(mint(f))
	for _, seed := range [][3]string{
		{"SESSION_ID=" + id + "; SESSION_INFO=" + info, "", "jdoe"},
		{"$Version=0; SESSION_ID=" + id, "$Version=0; SESSION_INFO=" + info + "; $Path=/", "jdoe|j@example.org|John Doe"},
		{"SESSION_ID=" + id, "SESSION_ID=" + info, ""},
		{"SESSION_ID=\"" + id + "\"", "SESSION_INFO=;", "||"},
		{"SESSION_ID = a;SESSION_INFO =b", ";;=;", " a | b | c | d "},
		{"SESSION_ID=a; SESSION_INFO=b", "x", "api_x"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	e := newDialect(f)
	f.Fuzz(func(t *testing.T, first, second, uname string) {
		if strings.ContainsAny(first+second+uname, "\r\n\x00") {
			t.Skip("no header has these")
		}
		r := &http.Request{Header: http.Header{"Cookie": {first, second}, unameHeader: {uname}}}
		b, err := e.Token(r)
		if err != nil {
			return
		}
		if b.As == "" || strings.ContainsAny(b.As, "|\t") || strings.TrimSpace(b.As) != b.As || len(b.As) > maxUname || e.isAPIUser(b.As) || b.Attrs != apiSession {
			t.Fatalf("%q: made for %+v", uname, b)
		}
		ids, infos := r.CookiesNamed(idCookie), r.CookiesNamed(infoCookie)
		if len(ids) == 1 && len(infos) == 1 && bare(b.Value) != bare(join(bare(ids[0].Value), bare(infos[0].Value))) && !strings.ContainsAny(b.Value, " \t\"") {
			t.Fatalf("found %q, others find %q and %q", b.Value, ids[0].Value, infos[0].Value)
		}
		if len(ids) > 1 || len(infos) > 1 {
			t.Fatalf("of several cookies one is believed: %q %q", first, second)
		}
	})
}

// bare is a value without what readers of cookies disagree about.
func bare(v string) string { return strings.NewReplacer(" ", "", "\t", "", `"`, "").Replace(v) }
