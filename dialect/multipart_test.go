package dialect

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
)

// part is one part of a multipart body whose boundary is x.
func part(disposition, value string) string {
	return "--x\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + value + "\r\n"
}

const multipartX = MultipartType + "; boundary=x"

func TestReadForm(t *testing.T) {
	two := part(`name="A"`, "1") + part(`name=b`, "é\r\n") + part(`name="f"; filename="a.csv"`, "\xff") + part(`name="A"`, "2")
	for name, c := range map[string]struct {
		fold       bool
		mediaType  string
		body       string
		want       Values
		wantNot    error
		wantNoPeek error // if another than wantNot
	}{
		"parts":                  {body: two + "--x--", want: Values{{"A", "1"}, {"b", "é\r\n"}, {"A", "2"}}},
		"folded":                 {fold: true, body: two + "--x--\r\n", want: Values{{"a", "1"}, {"b", "é\r\n"}, {"a", "2"}}},
		"something before":       {body: "hello\r\n" + part("name=a", "") + "--x--", want: Values{{"a", ""}}},
		"no name":                {body: part(`nome="a"`, "1") + "--x--", want: Values{{"", "1"}}},
		"nothing":                {body: "--x--"},
		"no body":                {body: "", wantNot: ErrEncoding},
		"cut short":              {body: two, wantNot: ErrEncoding},
		"cut in a part":          {body: two[:len(two)-3], wantNot: ErrEncoding},
		"not UTF-8":              {body: part("name=a", "\xff") + "--x--", wantNot: ErrEncoding},
		"name is not UTF-8":      {body: part("name=\"\xff\"", "a") + "--x--", wantNot: ErrEncoding},
		"too many":               {body: strings.Repeat(part("name=a", ""), MaxParams+1) + "--x--", wantNot: ErrTooMany},
		"as many as there may":   {body: strings.Repeat(part("name=a", ""), MaxParams) + "--x--", want: slices.Repeat(Values{{"a", ""}}, MaxParams)},
		"too large":              {body: part("name=a", strings.Repeat("x", DefaultMaxBody)) + "--x--", wantNot: ErrTooLarge},
		"no boundary":            {mediaType: MultipartType, body: two + "--x--", wantNot: ErrMedia},
		"a boundary too long":    {mediaType: MultipartType + "; boundary=" + strings.Repeat("x", 71), body: "--x--", wantNot: ErrMedia},
		"a form":                 {mediaType: FormType, body: "A=1&b=%20", want: Values{{"A", "1"}, {"b", " "}}},
		"a form badly encoded":   {mediaType: FormType, body: "A=%", wantNot: ErrEncoding},
		"a form in Latin-1":      {mediaType: FormType + ";charset=iso-8859-1", body: "A=%e9", want: Values{{"A", "é"}}},
		"another type":           {mediaType: "application/json", body: `{"a":1}`},
		"a type of no such form": {mediaType: "a/b/c", body: "a=1", wantNot: ErrMedia},
	} {
		t.Run(name, func(t *testing.T) {
			if c.mediaType == "" {
				c.mediaType = multipartX
			}
			r := formRequest("q=1", c.mediaType, c.body)
			p, err := ReadForm(r, c.fold)
			if !errors.Is(err, c.wantNot) || (c.wantNot != nil && auth.RefusalOf(err).Reason != auth.Malformed) {
				t.Fatalf("refused with %v, want %v", err, c.wantNot)
			}
			if err == nil && !slices.Equal(p.Form, c.want) {
				t.Fatalf("read %q, want %q", p.Form, c.want)
			}
			if c.fold {
				return
			}
			r = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.mediaType)
			v, err := PeekForm(r, DefaultMaxBody)
			if !errors.Is(err, c.wantNot) || (err == nil && !slices.Equal(v, c.want)) {
				t.Errorf("peeked %q, %v", v, err)
			}
			if left, err := io.ReadAll(r.Body); err != nil || string(left) != c.body {
				t.Errorf("the next reader gets %d of %d bytes, %v", len(left), len(c.body), err)
			}
		})
	}
}

func TestReadFormOfOtherRequests(t *testing.T) {
	r := formRequest("", multipartX, part("name=a", "1")+"--x--")
	r.Method = http.MethodPut
	if p, err := ReadForm(r, false); err != nil || len(p.Form) != 0 {
		t.Errorf("PUT: read %q, %v", p.Form, err)
	}
	if v, err := PeekForm(r, DefaultMaxBody); err != nil || v != nil {
		t.Errorf("PUT: peeked %q, %v", v, err)
	}
	r = formRequest("", multipartX, part("name=a", "1")+"--x--")
	r.Header.Set("Content-Encoding", "gzip")
	if _, err := ReadForm(r, false); !errors.Is(err, ErrMedia) {
		t.Errorf("compressed: %v", err)
	}
	r = formRequest("a=%", multipartX, "")
	if _, err := ReadForm(r, false); !errors.Is(err, ErrEncoding) {
		t.Errorf("bad query: %v", err)
	}
	r = formRequest("", multipartX, "")
	r.Body = io.NopCloser(brokenReader{})
	if _, err := ReadForm(r, false); !errors.Is(err, ErrBodyBroke) {
		t.Errorf("broken: %v", err)
	}
}

// FuzzParts: whatever arrives, what is read is bounded and is text.
func FuzzParts(f *testing.F) {
	for _, seed := range []string{
		part("name=a", "1") + "--x--", part(`name="c"`, "auth") + part(`name="pass"; filename=x`, "y") + "--x--\r\n", "--x--", "--x\r\n\r\n--x--", "--x\n\n1\n--x--", "--x\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Disposition: form-data; name=a\r\n\r\n=41\r\n--x--",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		v, err := parseParts(body, "x", true)
		if err != nil && v != nil || len(v) > MaxParams {
			t.Fatalf("%q: %d values, %v", body, len(v), err)
		}
		for _, p := range v {
			if p.Name != lower(p.Name) || len(p.Name)+len(p.Value) > len(body) {
				t.Fatalf("%q: read %q", body, p)
			}
		}
	})
}
