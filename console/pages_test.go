package console_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
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

// Every operation that there is can be carried out here.
func TestEveryOperation(t *testing.T) {
	have := map[*api.Operation]bool{}
	for _, rt := range console.Routes() {
		have[rt.Op] = true
	}
	for _, op := range api.Operations() {
		if !have[op] {
			t.Errorf("there is no page for %s", op.Name)
		}
	}
}

// Lists go on where they stopped, and say when there is nothing.
func TestPaging(t *testing.T) {
	k := newKit(t)
	for i := range 60 {
		k.addKey(k.other, fmt.Sprintf("key-%02d", i))
	}
	b := k.as(k.auditor)
	b.get("/keys?account=" + id(k.other))
	b.wantIn("key-00", `rel="next"`)
	b.wantOut("key-59", "First page")
	next := html.UnescapeString(regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(b.page)[1])
	b.get(next)
	b.wantIn("key-59", "First page")
	b.wantOut("key-00")
	b.get("/locks")
	b.wantIn("Nobody is locked.")
	b.get("/accounts?q=nobody")
	b.wantIn("Nobody has the number, code or login name")
	b.get("/accounts?q=anna")
	b.wantIn("Users", "Anna")
}

// What is done is said afterwards, in words of the console's own.
func TestDid(t *testing.T) {
	k := newKit(t)
	b := k.as(k.owner)
	to := b.done("/keys/"+id(k.key.ID)+"/delete", "/keys/"+id(k.key.ID)+"/delete", nil)
	b.get(to)
	b.wantIn("Deleted. Sessions ended: 1.")
	b.get("/accounts?did=You+have+been+hacked")
	b.wantOut("hacked", `role="status"`)
	b.get("/accounts?did=deleted&n=-1")
	b.wantOut("Sessions ended")
}

// A lock says why it is, and who is confined lifts that of an own name.
func TestLocksSayWhy(t *testing.T) {
	k := newKit(t)
	k.lockSomebody()
	b := k.as(k.auditor)
	b.get("/locks")
	b.wantIn("account, known", "2 of 2", "by name", "within 1h, locks for 1h", `data-label="First"><time`, `data-label="Newest"><time`, `data-label="Newest from">192.0.2.10`)
	b = k.as(k.local)
	b.get("/locks")
	b.wantIn("account, known", "/accounts/"+id(k.west))
	lock := regexp.MustCompile(`name="lock" value="([0-9a-f]{32})"`).FindStringSubmatch(b.page)[1]
	if to := b.done("/locks", "/locks/lift", url.Values{"lock": {lock}}); to != "/locks?did=lifted" {
		t.Errorf("lifting leads to %s", to)
	}
}

// The figures have the names here that they have in the API and on the command line.
func TestUsageHasTheFiguresOfTheAPI(t *testing.T) {
	k := newKit(t)
	for range 3 {
		k.login(100, k.keySecret)
	}
	b := k.as(k.auditor)
	b.get("/usage")
	for _, f := range reflect.VisibleFields(reflect.TypeFor[api.UsageRow]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch name {
		case "principal", "kind", "subject", "account", "path": // the client
		case "ended":
			b.wantIn("of 0 ended")
		default:
			title := strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "_", " ")
			b.wantIn(`<th scope="col">`+title+"</th>", `data-label="`+title+`"`)
		}
	}
	b.wantIn("electa <span class=\"muted\">×4</span>", `data-label="While live share">75 %<`, `data-label="Cost rows">6<`, "none yet")
	b.wantOut("arno</bdi></a>", auth.ConsoleDialect+" <span") // who has just signed in
}
