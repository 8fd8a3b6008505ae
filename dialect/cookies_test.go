package dialect

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
)

func TestCookie(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  string
		twice bool
		rest  []string // what goes on
	}{
		"alone":              {lines: []string{"sid=s"}, want: "s"},
		"among others":       {lines: []string{"a=1; sid=s; b=2"}, want: "s", rest: []string{"a=1; b=2"}},
		"several lines":      {lines: []string{"$Version=0; a=1", "$Version=0; sid=s"}, want: "s", rest: []string{"$Version=0; a=1", "$Version=0"}},
		"spaced":             {lines: []string{"\tsid = s ;a=1"}, want: "s", rest: []string{"a=1"}},
		"quoted":             {lines: []string{`sid="s"`}, want: "s"},
		"half a quote":       {lines: []string{`sid="`}, want: `"`},
		"with an equal sign": {lines: []string{"sid=s=="}, want: "s=="},
		"twice":              {lines: []string{"sid=s; sid=t"}, twice: true},
		"twice the same":     {lines: []string{"sid=s", "sid=s"}, twice: true},
		"empty and not":      {lines: []string{"sid=; sid=s; a=1"}, twice: true, rest: []string{"a=1"}},
		"another case":       {lines: []string{"SID=s"}, rest: []string{"SID=s"}},
		"a longer name":      {lines: []string{"sid2=s; xsid=s"}, rest: []string{"sid2=s; xsid=s"}},
		"no value":           {lines: []string{"sid; a=1"}, rest: []string{"a=1"}},
		"empty":              {lines: []string{"sid="}},
		"none":               {},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{Header: http.Header{}}
			if c.lines != nil {
				r.Header["Cookie"] = slices.Clone(c.lines)
			}
			got, err := Cookie(r, "sid")
			if got != c.want || (err != nil) != c.twice || (err != nil && auth.RefusalOf(err).Reason != auth.TwoTokens) {
				t.Errorf("found %q, %v", got, err)
			}
			StripCookie(r, "sid")
			if _, there := r.Header["Cookie"]; !slices.Equal(r.Header["Cookie"], c.rest) || there != (c.rest != nil) {
				t.Errorf("%q goes on, want %q", r.Header["Cookie"], c.rest)
			}
		})
	}
}

// FuzzStripCookie: what is left holds no cookie of the name, for us or for
// net/http, and all the others in their order.
func FuzzStripCookie(f *testing.F) {
	for _, seed := range []string{"a=b; id=x; c=d", "id", `id="x;y"`, "; ;", " id =x;a=b", "ID=x;\tid=y", "id=x=y", "a=id=x"} {
		f.Add(seed, "id=z; e=f")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		if strings.ContainsAny(first+second, "\r\n") {
			t.Skip("no header line has a line break")
		}
		r := http.Request{Header: http.Header{"Cookie": {first, second}}}
		before := r.Cookies()
		StripCookie(&r, "id")
		if value, err := Cookie(&r, "id"); value != "" || err != nil || len(r.CookiesNamed("id")) > 0 {
			t.Fatalf("left is %q: %q, %v", r.Header["Cookie"], value, err)
		}
		before = slices.DeleteFunc(before, func(c *http.Cookie) bool { return c.Name == "id" })
		same := func(a, b *http.Cookie) bool { return a.Name == b.Name && a.Value == b.Value }
		if after := r.Cookies(); !slices.EqualFunc(before, after, same) {
			t.Fatalf("of %q and %q is left %q", first, second, r.Header["Cookie"])
		}
	})
}
