package verify

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/dialect"
)

// FuzzFinders looks for calls in which a finder sees another credential than its
// dialect, or one where the dialect sees none.
func FuzzFinders(f *testing.F) {
	for _, raw := range calls {
		r := requestOf(f, raw)
		body, _ := io.ReadAll(r.Body)
		f.Add(r.Method == http.MethodPost, r.URL.RawQuery, r.Header.Get("Content-Type"), r.Header.Get("Cookie"), r.Header.Get("Authorization"), r.Header.Get("Real_uname"), body)
	}
	dialects := map[string]dialect.Dialect{}
	for name, c := range finders {
		d, err := c.definition.New(dialect.Config{Mount: c.definition.Mount(name, "")})
		if err != nil {
			f.Fatal(err)
		}
		dialects[name] = d
	}
	f.Fuzz(func(t *testing.T, post bool, query, media, cookies, authorization, uname string, body []byte) {
		call := func() *http.Request {
			r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/api-sl.php", RawQuery: query}, Header: http.Header{},
				Body: io.NopCloser(strings.NewReader(string(body))), ContentLength: int64(len(body))}
			if post {
				r.Method = http.MethodPost
			}
			for name, value := range map[string]string{"Content-Type": media, "Cookie": cookies, "Authorization": authorization, "Real_uname": uname} {
				if value != "" {
					r.Header[name] = []string{value}
				}
			}
			return r
		}
		for name, c := range finders {
			r := call()
			got, err := c.Finder(r)
			if left, _ := io.ReadAll(r.Body); string(left) != string(body) {
				t.Errorf("%s: the body is gone", name)
			}
			if err != nil || (name == "domainpunch" && authorization != "") { // an etoken needs a server
				continue
			}
			b, refusal := dialects[name].Token(call())
			want := Credential{Token: b.Value, Dialect: name, Account: b.Number, Code: b.Code, App: b.App, User: b.As, Kind: b.Attrs}
			if name == "edubrite" {
				want.Token = got.Token // the two cookies, written in another way
			}
			if refusal != nil || got != want {
				t.Errorf("%s finds %+v, and the dialect %+v (%v)", name, got, want, refusal)
			}
		}
	})
}
