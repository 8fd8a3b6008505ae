package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/console"
)

// Every page there is can be seen by an owner, and is whole.
func TestEveryPage(t *testing.T) {
	k := newKit(t)
	b := k.as(k.owner)
	for _, rt := range console.Routes() {
		method, path, _ := strings.Cut(rt.Pattern, " ")
		if method != http.MethodGet || strings.HasSuffix(path, ".csv") || path == "/sign-in" {
			continue
		}
		page := b.get(k.concrete(path, false))
		if !strings.Contains(page, "</html>") || !strings.Contains(page, "<h1") || strings.Contains(page, "ZgotmplZ") {
			t.Errorf("%s is not whole:\n%s", path, page)
		}
	}
}
