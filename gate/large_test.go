package gate

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/sbt"
	"github.com/sallyport/sallyport/oauth"
)

// TestLargeBodies: what one dialect cannot search is no matter to a call that
// carries the token of another, and stops those that may carry its own.
func TestLargeBodies(t *testing.T) {
	k := newKit(t)
	for _, def := range []dialect.Definition{sbt.Definition(), oauth.Definition()} {
		m := def.Mount(def.Name+"-large", "")
		d, err := def.New(dialect.Config{Service: k.service, Mount: m, Router: k.o.Router})
		must(t, err)
		must(t, k.o.Router.Mount([]string{"both.example"}, "/fleet", m, d))
	}
	large := strings.Repeat("x", 300<<10)
	bearer := []string{"Authorization", "Bearer " + k.calamp, "Calamp-Services-App", app}
	query := strings.TrimPrefix(k.electaURI(), "/logs/")
	for name, c := range map[string]struct {
		query, media, body string
		headers            []string
		status             int
		says               string
	}{
		"Bearer and a form":               {"", dialect.FormType, "x=" + large, bearer, 200, ""},
		"Bearer and JSON":                 {"", "application/json", `{"x":"` + large + `"}`, bearer, 200, ""},
		"Bearer and JSON without a type":  {"", "", `{"x":"` + large + `"}`, bearer, 200, ""},
		"Electa's query and a form":       {query, dialect.FormType, "x=" + large[:200<<10], nil, 200, ""},
		"Electa's query and another CID":  {query, dialect.FormType, "x=" + large[:200<<10] + "&cid=9", nil, 200, "ResponseCode>1<"},
		"Electa's query and a huge form":  {query, dialect.FormType, "cid=9&x=" + large, nil, 413, "ResponseCode>2<"},
		"both and a huge form":            {query, dialect.FormType, "x=" + large, bearer, 413, ""},
		"nothing but a form":              {"", dialect.FormType, "x=" + large, nil, 413, ""},
		"nothing but JSON":                {"", "application/json", `{"x":"` + large + `"}`, nil, 413, "1001"},
		"nothing, and a type of nobody's": {"", "image/png", large, nil, 401, ""},
	} {
		r := httptest.NewRequest(http.MethodPost, "https://both.example/fleet/units"+c.query, strings.NewReader(c.body))
		r.Header = header(c.headers...)
		if c.media != "" {
			r.Header.Set("Content-Type", c.media)
		}
		w, reached, got := k.call(r)
		if c.status == 200 && c.says == "" {
			if w.Code != 200 || reached == nil || got != c.body {
				t.Errorf("%s: answered %d %.200s; %d bytes of %d reached the API", name, w.Code, w.Body, len(got), len(c.body))
			}
		} else if w.Code != c.status && w.Code != 200 || !strings.Contains(w.Body.String(), c.says) || reached != nil {
			t.Errorf("%s: answered %d %.200s, want %d", name, w.Code, w.Body, c.status)
		}
	}
}
