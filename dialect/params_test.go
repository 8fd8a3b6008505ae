package dialect

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
)

func formRequest(query, contentType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.URL.RawQuery = query
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, DefaultMaxBody)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func TestReadParams(t *testing.T) {
	p, err := ReadParams(formRequest("A=1&b=x+y%2B&&=&c", FormType, "a=2&D=%C3%A9&D;=;"), true)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "1", "b": "x y+", "c": "", "d": "é", "d;": ";", "e": ""} {
		if got, err := p.Get(name); got != want || err != nil {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
	if v, err := p.Form.Get("a"); v != "2" || err != nil || p.Media != FormType {
		t.Errorf("a in the form is %q, %v; media type %q", v, err, p.Media)
	}
	if !p.Query.Has("c") || p.Query.Has("C") || p.Query.Has("d") {
		t.Error("Has is wrong")
	}
	p, err = ReadParams(formRequest("A=1&a=2", "", ""), false)
	if v, err2 := p.Get("A"); v != "1" || err != nil || err2 != nil {
		t.Errorf("without folding A is %q, %v, %v", v, err, err2)
	}
}

func TestRepeated(t *testing.T) {
	p, err := ReadParams(formRequest("a=1&A=1&b=1", FormType, "b=2&b=3&c=1&c=1"), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "c"} {
		if v, err := p.Get(name); v != "" || !errors.Is(err, ErrRepeated) || auth.RefusalOf(err).Reason != auth.Malformed {
			t.Errorf("%s is %q, %v", name, v, err)
		}
	}
	if v, err := p.Get("b"); v != "1" || err != nil {
		t.Errorf("the query does not win: %q, %v", v, err)
	}
}

func TestCharsets(t *testing.T) {
	for charset, want := range map[string]string{
		"": "é", "; charset=utf-8": "é", `; charset="UTF-8"`: "é", ";charset=us-ascii": "é", "; charset=ISO-8859-1": "Ã©", "; x=y": "é",
	} {
		p, err := ReadParams(formRequest("", FormType+charset, "a=%c3%a9"), false)
		if v, _ := p.Get("a"); v != want || err != nil {
			t.Errorf("%q: %q, %v", charset, v, err)
		}
	}
	p, err := ReadParams(formRequest("", FormType+"; charset=iso-8859-1", "%e9=%fc"), false)
	if v, _ := p.Get("é"); v != "ü" || err != nil {
		t.Errorf("Latin-1: %q, %v", v, err)
	}
}

func TestUnreadable(t *testing.T) {
	gzip := formRequest("", FormType, "a=b")
	gzip.Header.Set("Content-Encoding", "gzip")
	two := formRequest("", FormType, "a=b")
	two.Header.Add("Content-Type", FormType)
	broken := formRequest("", FormType, "")
	broken.Body = io.NopCloser(brokenReader{})
	for name, c := range map[string]struct {
		r    *http.Request
		want error
	}{
		"bad escape in a value":   {formRequest("a=%g0", "", ""), ErrEncoding},
		"bad escape in a name":    {formRequest("%=1", "", ""), ErrEncoding},
		"half an escape":          {formRequest("a=%a", "", ""), ErrEncoding},
		"not UTF-8":               {formRequest("a=%ff", "", ""), ErrEncoding},
		"an overlong encoding":    {formRequest("a=%c0%af", "", ""), ErrEncoding},
		"a surrogate":             {formRequest("a=%ed%a0%80", "", ""), ErrEncoding},
		"bad escape in the form":  {formRequest("", FormType, "a=%"), ErrEncoding},
		"endless query":           {formRequest(strings.Repeat("x", MaxQuery+1), "", ""), ErrTooLarge},
		"endless form":            {formRequest("", FormType, strings.Repeat("x", DefaultMaxBody+1)), ErrTooLarge},
		"many in the query":       {formRequest(strings.Repeat("a&", MaxParams+1), "", ""), ErrTooMany},
		"many in the form":        {formRequest("", FormType, strings.Repeat("a&", MaxParams+1)), ErrTooMany},
		"a foreign charset":       {formRequest("", FormType+"; charset=utf-16", "a=b"), ErrCharset},
		"no media type":           {formRequest("", ";;", "a=b"), ErrMedia},
		"two charsets":            {formRequest("", FormType+"; charset=utf-8; charset=latin1", "a=b"), ErrMedia},
		"compressed":              {gzip, ErrMedia},
		"two content types":       {two, ErrRepeated},
		"a body that breaks off":  {broken, ErrBodyBroke},
		"two content types, same": {two, ErrRepeated},
	} {
		_, err := ReadParams(c.r, false)
		if !errors.Is(err, c.want) || auth.RefusalOf(err).Reason != auth.Malformed {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, r := range map[string]*http.Request{
		"as many as allowed":  formRequest(strings.Repeat("a&", MaxParams), "", ""),
		"as long as allowed":  formRequest(strings.Repeat("x", MaxQuery), "", ""),
		"a form as long":      formRequest("", FormType, strings.Repeat("x", DefaultMaxBody)),
		"another media type":  formRequest("", "application/json", "%"),
		"no form in a GET":    httptest.NewRequest(http.MethodGet, "/", brokenReader{}),
		"separators, no more": formRequest(strings.Repeat("&", 5*MaxParams), "", ""),
	} {
		if _, err := ReadParams(r, false); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("the client hung up") }

// FuzzParams: a query that is taken is taken as net/url takes it.
func FuzzParams(f *testing.F) {
	for _, seed := range []string{"a=1&b=2", "a=%20+&a=%C3%A9", "&&=&a", "a=b=c", "%zz", "a;b=c", "A=1&a=2", "%41=%", "é=ü"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		v, err := parsePairs(raw, false, false)
		if err != nil {
			return
		}
		i := 0
		for pair := range strings.SplitSeq(raw, "&") {
			if pair == "" || pair == "=" {
				continue
			}
			name, value, _ := strings.Cut(pair, "=")
			n, err1 := url.QueryUnescape(name)
			w, err2 := url.QueryUnescape(value)
			if err1 != nil || err2 != nil || i == len(v) || v[i] != (Param{n, w}) {
				t.Fatalf("%q: pair %d is %q=%q (%v, %v) for net/url, of %q", raw, i, n, w, err1, err2, v)
			}
			i++
		}
		if i != len(v) {
			t.Fatalf("%q: %d parameters, %q", raw, i, v)
		}
	})
}

// FuzzIsName: a name is recognized if and only if some server may read it so:
// decoded, ended at NUL or '[', white space trimmed.
func FuzzIsName(f *testing.F) {
	for _, seed := range []string{"token", "TOKEN", "%74oken", "+token", "%20token", "token+", "tok%6", "tokens", "toke", "to\u212Aen",
		"token%00", "token%00x", "++token%00x%", "token[]", "token%5bx]", "%09token", "token%0a", "to[ken", "%00token"} {
		f.Add(seed)
	}
	end := regexp.MustCompile(`\x00|%00|\[|%5[bB]`)
	f.Fuzz(func(t *testing.T, raw string) {
		head := raw
		if at := end.FindStringIndex(raw); at != nil {
			head = raw[:at[0]]
		}
		decoded, err := url.QueryUnescape(head)
		want := err == nil && lower(strings.TrimFunc(decoded, func(r rune) bool { return r <= ' ' })) == "token"
		if got := IsName(raw, "token"); got != want {
			t.Fatalf("%q: %v", raw, got)
		}
	})
}
