package console_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

var hrefs = regexp.MustCompile(`href="(/[^"]*)"`)

// follow gets the page that the last one leads to by a link that begins so.
func (b *browser) follow(to string) *http.Response {
	b.Helper()
	for _, m := range hrefs.FindAllStringSubmatch(b.page, -1) {
		if link := html.UnescapeString(m[1]); strings.HasPrefix(link, to) {
			return b.send(http.MethodGet, link, "")
		}
	}
	b.Fatalf("no link to %s in\n%s", to, b.page)
	return nil
}

// Links keep what was asked for: the export is of the events that are shown, and all
// sessions are those of whom the list is of.
func TestLinksKeepTheQuery(t *testing.T) {
	k := newKit(t)
	key, secret := k.addKey(k.west, "linked")
	k.login(100, secret)
	b := k.as(k.auditor)
	b.get("/audit?kind=login&account=100")
	b.follow("/audit/export.csv")
	if n := strings.Count(b.page, "\n"); n != strings.Count(b.page, ",login,")+1 || n < 2 {
		t.Errorf("the export of logins:\n%s", b.page)
	}
	for _, who := range []string{"key=" + id(key.ID), "account=" + id(k.west)} {
		b.get("/sessions?" + who)
		if res := b.follow("/sessions/end-all"); res.StatusCode != http.StatusOK || strings.Count(b.page, `method="post"`) != 1 {
			t.Errorf("what would end of %s: %d\n%s", who, res.StatusCode, b.page)
		}
		b.wantIn("Sessions that end", "What would end")
	}
	b = k.as(k.owner)
	b.get("/sessions?key=" + id(key.ID))
	b.follow("/sessions/end-all")
	b.wantIn("End them now")
}
