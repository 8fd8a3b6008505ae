package calamp

import (
	"net/http"
	"strings"
)

// Strip takes the token out of a call that goes on to the API: the cookie
// authToken, and a Bearer header. The application key, which is no secret, and
// all other cookies stay.
func (c *calamp) Strip(r *http.Request) {
	delete(r.Header, "Authorization")
	lines := r.Header["Cookie"]
	kept := make([]string, 0, len(lines))
	for _, line := range lines {
		if line = withoutToken(line); line != "" {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		delete(r.Header, "Cookie")
		return
	}
	r.Header["Cookie"] = kept
}

// withoutToken is a Cookie line without authToken.
func withoutToken(line string) string {
	var kept []string
	for pair := range strings.SplitSeq(line, ";") {
		name, _, _ := strings.Cut(pair, "=")
		if pair = trim(pair); pair != "" && trim(name) != "authToken" {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "; ")
}
