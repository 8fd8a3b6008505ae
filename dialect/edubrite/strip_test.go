package edubrite

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestStrip(t *testing.T) {
	e := newDialect(t)
	id, info := split(mint(t))
	r := httptest.NewRequest(http.MethodGet, "/oltpublish/site/userService.do?a=1&sessionId="+id+"&sInfo="+url.QueryEscape(info)+"&sessionId=7", nil)
	r.Header = http.Header{
		"Cookie":    {"$Version=0; SESSION_ID=" + id + "; x=y", "$Version=0; SESSION_INFO=" + info},
		unameHeader: {"jdoe"}, "Real-Uname": {"admin"}, "Accept": {"*/*"},
	}
	e.Strip(r)
	if got := strings.Join(r.Header["Cookie"], " / "); got != "$Version=0; x=y / $Version=0" {
		t.Errorf("the cookies went on as %q", got)
	}
	if r.Header.Get("REAL_UNAME") != "jdoe" || r.Header.Get("Real-Uname") != "" || r.Header.Get("Accept") == "" {
		t.Errorf("the headers went on as %v", r.Header)
	}
	if r.URL.RawQuery != "a=1&sessionId=7" || r.RequestURI != r.URL.RequestURI() {
		t.Errorf("the query went on as %q, %q", r.URL.RawQuery, r.RequestURI)
	}
}

// TestStripOfAnothersCall: nobody has looked at the user whom a call of another
// dialect names.
func TestStripOfAnothersCall(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/?cid=1", nil)
	r.Header = http.Header{unameHeader: {"admin"}, "Cookie": {"SESSION_ID=x"}}
	newDialect(t).Strip(r)
	if len(r.Header) != 0 {
		t.Errorf("the headers went on as %v", r.Header)
	}
}

// FuzzWithoutHandOff: nothing that others would take for the two strings is left,
// and everything else is.
func FuzzWithoutHandOff(f *testing.F) {
	for _, seed := range []string{
		"", "sessionId=a&sInfo=b", "id=7&dispatch=embed&sessionId=a&sInfo=b&x=%2F", "session%49d=a&x", "&&sInfo&&", "sessionid=a&sinfo=b",
		"sessionId=%zz&%zz=sInfo", "courseSessionId=1&xsInfo=2", "a;sInfo=1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		rest := withoutHandOff(raw, func(string) bool { return true })
		before, _ := url.ParseQuery(raw)
		after, _ := url.ParseQuery(rest)
		if after.Has(idParam) || after.Has(infoParam) {
			t.Fatalf("%q becomes %q", raw, rest)
		}
		before.Del(idParam)
		before.Del(infoParam)
		if before.Encode() != after.Encode() {
			t.Fatalf("%q becomes %q", raw, rest)
		}
		if v := visible(rest); strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Fatalf("a Location would hold %q", v)
		}
	})
}
