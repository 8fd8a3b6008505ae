package calamp

import (
	"net/http"
	"slices"
	"testing"
)

func TestStrip(t *testing.T) {
	for name, c := range map[string]struct{ lines, want []string }{
		"alone":           {[]string{"authToken=s"}, nil},
		"among others":    {[]string{"a=1; authToken=s; b=2"}, []string{"a=1; b=2"}},
		"several lines":   {[]string{"a=1", "authToken=s", "b=2"}, []string{"a=1", "b=2"}},
		"twice":           {[]string{"authToken=s;authToken=t; a=1"}, []string{"a=1"}},
		"spaced":          {[]string{" authToken = s;a=1"}, []string{"a=1"}},
		"another case":    {[]string{"authtoken=x"}, []string{"authtoken=x"}},
		"without a value": {[]string{"authToken; a=1"}, []string{"a=1"}},
		"none":            {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{Header: http.Header{"Authorization": {"Bearer s"}, "Calamp-Services-App": {"app"}}}
			if c.lines != nil {
				r.Header["Cookie"] = c.lines
			}
			new(calamp).Strip(r)
			if !slices.Equal(r.Header["Cookie"], c.want) {
				t.Errorf("cookies went on as %q, want %q", r.Header["Cookie"], c.want)
			}
			if r.Header["Authorization"] != nil || r.Header["Calamp-Services-App"] == nil {
				t.Errorf("headers went on as %v", r.Header)
			}
		})
	}
}
