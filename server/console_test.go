package server

import (
	"net/http"
	"strings"
	"testing"
)

// The console is on the admin listener and nowhere else, and takes the forms of its own
// pages, which send the Origin null.
func TestConsoleIsOnTheAdminListener(t *testing.T) {
	s := withAdmin(t)
	if status, body, h := asked(t, s, "/sign-in", nil); status != 200 || !strings.Contains(body, "Sign in") || h.Get("Content-Security-Policy") == "" {
		t.Errorf("the sign-in: %d %v %.100s", status, h, body)
	}
	if status, body := get(t, s, "/sign-in"); status != 404 {
		t.Errorf("to everybody: %d %.100s", status, body)
	}
	for what, c := range map[string]struct {
		origin, site, host, want string
	}{
		"its own form":         {"null", "same-origin", "", "Nothing was changed"}, // it lacks its token
		"a frame in a sandbox": {"null", "cross-site", "", "from elsewhere"},
		"an old browser":       {"null", "", "", "from elsewhere"},
		"a page of another":    {"https://evil.example", "cross-site", "", "from elsewhere"},
		"one that lies":        {"https://evil.example", "same-origin", "", "from elsewhere"},
		"under another name":   {"", "same-origin", "evil.example", "by this name"},
	} {
		status, body, _ := asked(t, s, "/sign-in", func(r *http.Request) {
			r.Method = http.MethodPost
			if r.Header.Set("Sec-Fetch-Site", c.site); c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			if c.host != "" {
				r.Host = c.host
			}
		})
		if status < 400 || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %.300s", what, status, body)
		}
	}
}
