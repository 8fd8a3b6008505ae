package electa

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/dialecttest"
)

const guid = "9C467079-FE3B-45C5-8AA5-9726397081AA"

func newDialect(t testing.TB) *electa {
	t.Helper()
	def := Definition()
	d, err := New(dialect.Config{Mount: def.Mount("electa", "")})
	if err != nil {
		t.Fatal(err)
	}
	return d.(*electa)
}

func TestToken(t *testing.T) {
	for _, c := range []struct {
		name, query, form string
		want              auth.Reason // "": found
	}{
		{name: "query", query: "cid=123456&token=" + guid},
		{name: "any case of the names", query: "CiD=123456&TOKEN=" + guid},
		{name: "form", form: "CID=123456&Token=" + guid},
		{name: "one here and one there", query: "cid=123456", form: "token=" + guid},
		{name: "one there and one here", query: "token=" + guid, form: "cid=123456"},
		{name: "both in both", query: "cid=123456&token=" + guid, form: "Token=" + strings.ReplaceAll(guid, "-", "%2d") + "&CID=%31%323456"},
		{name: "empty in the form", query: "cid=123456&token=" + guid, form: "cid=&token="},
		{name: "two tokens", query: "cid=123456&token=" + guid, form: "cid=123456&token=x", want: auth.TwoTokens},
		{name: "two tokens, one badly encoded", query: "cid=123456&token=" + guid, form: "token=%4", want: auth.TwoTokens},
		{name: "two CIDs", query: "cid=123456&token=" + guid, form: "c%69d=123457", want: auth.Malformed},
		{name: "two CIDs, the token in the form", query: "cid=123456", form: "cid=9&token=" + guid, want: auth.Malformed},
		{name: "two CIDs, one no number", query: "cid=123456&token=" + guid, form: "cid=x", want: auth.Malformed},
		{name: "two CIDs in the form", query: "cid=123456&token=" + guid, form: "cid=123456&cid=9", want: auth.Malformed},
		{name: "two CIDs without a token", query: "cid=123456", form: "cid=9", want: auth.NoToken},
		{name: "endless form beside the token", query: "cid=123456&token=" + guid, form: "a=" + strings.Repeat("x", maxForm) + "&cid=9", want: auth.Malformed},
		{name: "encoded name and value", query: "%63id=%31%323456&t%4Fken=" + strings.ReplaceAll(guid, "-", "%2D")},
		{name: "among others, some badly encoded", query: "Topic=100%&cid=123456&a&=&token=" + guid + "&;"},
		{name: "nothing", want: auth.NoToken},
		{name: "no CID", query: "token=" + guid, want: auth.NoToken},
		{name: "no token", query: "cid=123456", want: auth.NoToken},
		{name: "other names", query: "cid2=123456&tokens=" + guid, want: auth.NoToken},
		{name: "CID is 0", query: "cid=0&token=" + guid, want: auth.Malformed},
		{name: "CID is empty", query: "cid=&token=" + guid, want: auth.Malformed},
		{name: "CID is no number", query: "cid=12x&token=" + guid, want: auth.Malformed},
		{name: "CID twice", query: "cid=123456&cid=123456&token=" + guid, want: auth.Malformed},
		{name: "CID twice, once encoded", query: "cid=123456&c%69d=9&token=" + guid, want: auth.Malformed},
		{name: "CID twice, once with a space in front", query: "cid=123456&+cid=9&token=" + guid, want: auth.Malformed},
		{name: "CID twice, once as PHP ends a name", query: "cid=123456&cid%00x=9&token=" + guid, want: auth.Malformed},
		{name: "CID twice, once as PHP's array", query: "cid=123456&cid[]=9&token=" + guid, want: auth.Malformed},
		{name: "CID twice, once after a semicolon", query: "cid=123456&x=y;cid=9&token=" + guid, want: auth.Malformed},
		{name: "token twice", query: "cid=123456&token=" + guid + "&Token=" + guid, want: auth.Malformed},
		{name: "token twice in the form", query: "cid=123456", form: "token=" + guid + "&token=" + guid, want: auth.Malformed},
		{name: "badly encoded token", query: "cid=123456&token=%4", want: auth.Malformed},
		{name: "endless form", query: "cid=123456", form: "a=" + strings.Repeat("x", maxForm), want: auth.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newDialect(t)
			r := httptest.NewRequest(http.MethodPost, "/Event/Create?"+c.query, strings.NewReader(c.form))
			r.Header.Set("Content-Type", "Application/X-WWW-form-urlencoded ; charset=utf-8")
			b, err := e.Token(r)
			if c.want == "" {
				if err != nil || b.Value != guid || b.Number != 123456 || b.Mount != e.mount {
					t.Errorf("found %+v, %v", b, err)
				}
			} else if err == nil || auth.RefusalOf(err).Reason != c.want {
				t.Errorf("refused with %v, want %s", err, c.want)
			}
			left, err := io.ReadAll(r.Body)
			if err != nil || string(left) != c.form {
				t.Errorf("the next reader gets %d of %d bytes, %v", len(left), len(c.form), err)
			}
		})
	}
}

// TestTokenLeavesBodies: only a form is read.
func TestTokenLeavesBodies(t *testing.T) {
	for name, r := range map[string]*http.Request{
		"JSON":      httptest.NewRequest(http.MethodPost, "/x?cid=1", unreadable{}),
		"not POST":  httptest.NewRequest(http.MethodPut, "/x?cid=1", unreadable{}),
		"multipart": httptest.NewRequest(http.MethodPost, "/x?cid=1", unreadable{}),
	} {
		r.Header.Set("Content-Type", map[string]string{"JSON": "application/json", "multipart": "multipart/form-data; boundary=x"}[name])
		if name == "not POST" {
			r.Header.Set("Content-Type", dialect.FormType)
		}
		body := r.Body
		if _, err := newDialect(t).Token(r); err != nil && auth.RefusalOf(err).Reason != auth.NoToken {
			t.Errorf("%s: %v", name, err)
		}
		if r.Body != body {
			t.Errorf("%s: the body was read", name)
		}
	}
	for _, query := range []string{"cid=1", "cid=1&token=" + guid} {
		r := httptest.NewRequest(http.MethodPost, "/x?"+query, unreadable{})
		r.Header.Set("Content-Type", dialect.FormType)
		if _, err := newDialect(t).Token(r); !errors.Is(err, dialect.ErrBodyBroke) {
			t.Errorf("a body that breaks off gives %v", err)
		}
	}
}

type unreadable struct{}

func (unreadable) Read([]byte) (int, error) { return 0, errors.New("the client hung up") }

func TestTokenDoesNotAllocate(t *testing.T) {
	e := newDialect(t)
	r := httptest.NewRequest(http.MethodGet, "/logs/?cid=123456&token="+guid+"&RoomId=1093", nil)
	if n := testing.AllocsPerRun(100, func() { _, _ = e.Token(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkToken(b *testing.B) {
	e := newDialect(b)
	r := httptest.NewRequest(http.MethodGet, "/logs/?cid=123456&token="+guid+"&StartDateTimeUTC=1/14/2016&EndDateTimeUTC=1/20/2016&RoomId=1093", nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Token(r); err != nil {
			b.Fatal(err)
		}
	}
}

// A multipart form beside the query's token has to agree with it, wherever an API
// looks first, and nothing is found in one.
func TestTokenBesideParts(t *testing.T) {
	part := func(name, value string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	for name, c := range map[string]struct {
		query, body string
		want        auth.Reason
	}{
		"agreeing":           {"cid=123456&t%6fken=" + guid, part("cid", "123456") + part("Token", guid) + part("a", "b") + "--x--", ""},
		"empty":              {"cid=123456&token=" + guid, part("cid", "") + "--x--", ""},
		"another account":    {"cid=123456&token=" + guid, part("CID", "9") + "--x--", auth.Malformed},
		"as PHP ends a name": {"cid=123456&token=" + guid, part(" cid[]", "9") + "--x--", auth.Malformed},
		"another token":      {"cid=123456&token=" + guid, part("token", "x") + "--x--", auth.TwoTokens},
		"cut short":          {"cid=123456&token=" + guid, part("a", "9"), auth.Malformed},
		"endless":            {"cid=123456&token=" + guid, part("a", strings.Repeat("x", maxForm)) + "--x--", auth.Malformed},
		"not ours":           {"cid=123456", part("cid", "9") + part("token", guid) + "--x--", auth.NoToken},
		"a token of others":  {"token=" + guid, part("cid", "9") + "--x--", auth.NoToken},
		"no query":           {"", part("cid", "9") + part("token", guid) + "--x--", auth.NoToken},
	} {
		r := httptest.NewRequest(http.MethodPost, "/logs/?"+c.query, strings.NewReader(c.body))
		r.Header.Set("Content-Type", "Multipart/Form-Data; boundary=x")
		b, err := newDialect(t).Token(r)
		if c.want == "" && (err != nil || b.Number != 123456) || c.want != "" && auth.RefusalOf(err).Reason != c.want {
			t.Errorf("%s: found %+v, %v, want %q", name, b, err, c.want)
		}
	}
}

// FuzzToken: what the dialect finds is what another parser finds, and nothing
// that another parser finds slips by.
func FuzzToken(f *testing.F) {
	for _, seed := range []string{
		"cid=123456&token=" + guid, "CID=1&Token=x&cid=2", "%63id=1&token=%zz", "cid=1;token=2", "+cid=1&cid", "&&=&a=b=c", "token=a+b&cid=7", "cid=1&token", "%", "cid=%31&token=",
	} {
		f.Add(seed)
	}
	e := newDialect(f)
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		b, err := e.Token(r)
		cids, tokens := dialecttest.LenientValues(query, "cid"), dialecttest.LenientValues(query, "token")
		if err != nil {
			var refusal *auth.Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("%q: the error is no refusal: %v", query, err)
			}
			return
		}
		if len(cids) != 1 || len(tokens) != 1 || number(cids[0]) != b.Number || tokens[0] != b.Value {
			t.Fatalf("%q: found CID %d and token %q, others find %q and %q", query, b.Number, b.Value, cids, tokens)
		}
	})
}
