package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/console"
)

// state is all that administrators can change.
func (k *kit) state() string {
	k.Helper()
	var all []any
	err := k.store.View(k.Context(), func(v auth.Reader) error {
		accounts, err := v.PageAccounts(auth.Scope{}, 0, 1000)
		if err != nil {
			return err
		}
		keys, err := v.PageKeys(auth.Scope{}, 0, 1000)
		if err != nil {
			return err
		}
		for i := range keys {
			keys[i].LastUsed = time.Time{} // noted in the background
		}
		users, err := v.PageUsers(auth.Scope{}, 0, 1000)
		if err != nil {
			return err
		}
		apps, err := v.PageApps(auth.Scope{}, "", 1000)
		if err != nil {
			return err
		}
		policies, err := v.Policies()
		all = append(all, accounts, keys, users, apps, policies)
		return err
	})
	if err != nil {
		k.Fatal(err)
	}
	rows, _, err := k.store.Sessions(k.Context(), auth.SessionQuery{Limit: 1000})
	if err != nil {
		k.Fatal(err)
	}
	var ids []auth.SessionID
	for i := range rows {
		ids = append(ids, rows[i].ID)
	}
	locks := 0
	if err := k.store.Guards(k.Context(), func(auth.GuardRow) error { locks++; return nil }); err != nil {
		k.Fatal(err)
	}
	return fmt.Sprintf("%+v %v %d", all, ids, locks)
}

// filled is a form that would change something, at any of the pages.
func (k *kit) filled(path string, token string) url.Values {
	f := url.Values{"form_token": {token}, "name": {"changed"}, "code": {"CHANGED"}, "number": {"4242"}, "password": {"another password"},
		"span": {"3h"}, "overlap": {"1h"}, "why": {"because"}, "account": {id(k.west)}, "full_name": {"Changed"}, "disabled": {"on"}, "networks": {"192.0.2.0/24"}}
	switch {
	case strings.HasPrefix(path, "/apps/create"):
		f.Set("key", "app-2")
	case strings.HasPrefix(path, "/locks"):
		_ = k.store.Guards(k.Context(), func(row auth.GuardRow) error { f.Set("lock", row.Key.String()); return nil })
	case strings.HasPrefix(path, "/sessions"):
		f.Del("account")
	}
	return f
}

// lockSomebody gives /locks/lift something to lift.
func (k *kit) lockSomebody() {
	k.Helper()
	for range 2 {
		_, _ = k.service.Login(k.Context(), &auth.Attempt{Mount: k.electa, Scheme: auth.AccountKey, Number: 100, Secret: "wrong", Form: auth.FormNative, Origin: auth.Origin{Source: home}})
	}
}

// forms calls f for every page that takes a form and changes something.
func forms(f func(path string, rt console.Route)) {
	for _, rt := range console.Routes() {
		if method, path, _ := strings.Cut(rt.Pattern, " "); method == http.MethodPost && rt.Op != nil {
			f(path, rt)
		}
	}
}

// The forms of the other tests would change something: an owner's do.
func TestFormsChangeSomething(t *testing.T) {
	forms(func(path string, rt console.Route) {
		k := newKit(t)
		k.lockSomebody()
		switch {
		case strings.HasPrefix(path, "/accounts/{id}/delete"), strings.HasPrefix(path, "/policies/{name}/delete"):
			if path == "/accounts/{id}/delete" { // something is in it
				k.west = k.account(auth.Account{Level: auth.Organization, Tenant: k.acme, Parent: k.acme, Code: "EMPTY"})
			}
		case strings.HasSuffix(path, "able"), strings.HasSuffix(path, "activate"), strings.HasSuffix(path, "remove-factor"):
			k.update(func(tx auth.Tx) error {
				k.user.Active = path != "/users/{id}/activate"
				k.user.Factor = "sealed"
				k.key.Disabled = path == "/keys/{id}/enable"
				west, err := tx.Account(k.west)
				if err != nil {
					return err
				}
				west.Disabled = path == "/accounts/{id}/enable"
				if err := tx.PutAccount(&west); err != nil {
					return err
				}
				if err := tx.PutKey(&k.key); err != nil {
					return err
				}
				return tx.PutUser(&k.user)
			})
		}
		b := k.as(k.owner)
		b.get("/")
		before := k.state()
		to := k.concrete(path, false)
		res := b.send(http.MethodPost, to, k.filled(path, b.token()).Encode())
		if res.StatusCode != http.StatusSeeOther && res.StatusCode != http.StatusCreated {
			t.Errorf("%s: %d\n%s", to, res.StatusCode, b.page)
		}
		if k.state() == before {
			t.Errorf("%s changes nothing", to)
		}
	})
}

// Whoever is not signed in is led to the sign-in, from every page and form.
func TestNobodyIsLedToSignIn(t *testing.T) {
	k := newKit(t)
	before := k.state()
	n := 0
	for _, rt := range console.Routes() {
		if rt.Open {
			continue
		}
		method, path, _ := strings.Cut(rt.Pattern, " ")
		for name, cookie := range map[string]string{"none": "", "made up": "sp_" + strings.Repeat("A", 59), "another mount's": k.session.Token} {
			b := k.browser()
			if cookie != "" {
				b.cookies["sallyport-console"] = cookie
			}
			res := b.send(method, k.concrete(path, false), "form_token=x")
			if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), "/sign-in") || b.page != "" {
				t.Errorf("%s, cookie %s: %d %s\n%s", rt.Pattern, name, res.StatusCode, res.Header.Get("Location"), b.page)
			}
			n++
		}
	}
	if n < 100 || k.state() != before {
		t.Errorf("%d asked; something was changed: %v", n, k.state() != before)
	}
}

// A form is taken from a page of this console, made for this session, and from nowhere
// else.
func TestFormsOfOthersAreRefused(t *testing.T) {
	k := newKit(t)
	k.lockSomebody()
	b, other := k.as(k.owner), k.as(k.owner)
	other.get("/")
	theirs := other.token()
	b.get("/")
	own := b.token()
	if own == "" || own == theirs {
		t.Fatalf("the tokens of two sessions are %q and %q", own, theirs)
	}
	before := k.state()
	for _, rt := range console.Routes() {
		method, path, _ := strings.Cut(rt.Pattern, " ")
		if method != http.MethodPost {
			continue
		}
		to := k.concrete(path, false)
		good := k.filled(path, own)
		without, twice, another := k.filled(path, own), k.filled(path, own), k.filled(path, theirs)
		without.Del("form_token")
		twice.Add("form_token", own)
		from := func(name, value string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set(name, value) }
		}
		plain := func(r *http.Request) { r.Header.Del("Sec-Fetch-Site") }
		for what, send := range map[string]func() *http.Response{
			"no token":         func() *http.Response { return b.send(method, to, without.Encode()) },
			"two tokens":       func() *http.Response { return b.send(method, to, twice.Encode()) },
			"another's token":  func() *http.Response { return b.send(method, to, another.Encode()) },
			"token in the URL": func() *http.Response { return b.send(method, to+"?form_token="+own, without.Encode()) },
			"cross-site":       func() *http.Response { return b.send(method, to, good.Encode(), from("Sec-Fetch-Site", "cross-site")) },
			"same-site":        func() *http.Response { return b.send(method, to, good.Encode(), from("Sec-Fetch-Site", "same-site")) },
			"foreign origin": func() *http.Response {
				return b.send(method, to, good.Encode(), plain, from("Origin", "https://evil.example"))
			},
			"null origin": func() *http.Response { return b.send(method, to, good.Encode(), plain, from("Origin", "null")) },
			"another type": func() *http.Response {
				return b.send(method, to, `{"form_token":"`+own+`"}`, from("Content-Type", "application/json"))
			},
		} {
			if res := send(); res.StatusCode != http.StatusForbidden || !strings.Contains(b.page, "Nothing was changed") {
				t.Errorf("%s, %s: %d\n%s", to, what, res.StatusCode, b.page)
			}
		}
	}
	if k.state() != before {
		t.Errorf("changed from\n%s\nto\n%s", before, k.state())
	}
}

// An auditor can change nothing, is not shown what would, and it is recorded that it was
// tried.
func TestAuditorChangesNothing(t *testing.T) {
	k := newKit(t)
	k.lockSomebody()
	b := k.as(k.auditor)
	b.get("/")
	token, before := b.token(), k.state()
	refused := map[string]bool{}
	forms(func(path string, rt console.Route) {
		to := k.concrete(path, false)
		res := b.send(http.MethodPost, to, k.filled(path, token).Encode())
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("POST %s: %d", to, res.StatusCode)
		}
		refused[rt.Op.Name] = true
	})
	for _, e := range k.events(audit.Refusal) {
		if e.Actor == "900/arno" {
			delete(refused, e.Reason)
		}
	}
	if len(refused) > 0 {
		t.Errorf("tried, and not recorded: %v", refused)
	}
	if k.state() != before {
		t.Errorf("changed from\n%s\nto\n%s", before, k.state())
	}
	for _, rt := range console.Routes() {
		method, path, _ := strings.Cut(rt.Pattern, " ")
		if method != http.MethodGet || rt.Op == nil || strings.HasSuffix(path, ".csv") {
			continue
		}
		res := b.send(method, k.concrete(path, false), "")
		if rt.Op.Right == "write" {
			if res.StatusCode != http.StatusForbidden {
				t.Errorf("GET %s: %d", path, res.StatusCode)
			}
			continue
		}
		if res.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %d", path, res.StatusCode)
		}
		if n := strings.Count(b.page, `method="post"`); n != 1 { // to sign out
			t.Errorf("%s has %d forms", path, n)
		}
		for _, link := range []string{"/create", "/update", "/disable", "/delete", "/rotate", "/set-password", "/deactivate"} {
			if strings.Contains(b.page, link) {
				t.Errorf("%s leads to %s", path, link)
			}
		}
	}
}

// The operator of a subtree sees it, and nothing else is there.
func TestNothingOutsideIsSeen(t *testing.T) {
	k := newKit(t)
	b := k.as(k.local)
	b.get("/")
	token, before := b.token(), k.state()
	for _, rt := range console.Routes() {
		method, path, _ := strings.Cut(rt.Pattern, " ")
		if rt.Op == nil || path == "/audit/verify" || strings.HasPrefix(path, "/apps/{key}") || strings.HasPrefix(path, "/policies") {
			continue
		}
		to := k.concrete(path, true)
		form := k.filled(path, token)
		if form.Has("account") {
			form.Set("account", id(k.other))
		}
		res := b.send(method, to, form.Encode())
		names := strings.Contains(path, "{id}") || strings.Contains(to, "=")
		if names && res.StatusCode != http.StatusNotFound {
			t.Errorf("%s %s: %d\n%s", method, to, res.StatusCode, b.page)
		}
		if strings.Contains(b.page, "OUTSIDE") || strings.Contains(b.page, "900") {
			t.Errorf("%s %s shows what is outside:\n%s", method, to, b.page)
		}
	}
	if k.state() != before {
		t.Errorf("changed from\n%s\nto\n%s", before, k.state())
	}
	b.get("/accounts")
	b.wantIn("Acme West")
	b.wantOut("Acme Texting", "New tenant")
	b.get("/")
	b.wantOut("The last hour") // the counters are the whole server's
	b.get(k.concrete("/accounts/{id}", false))
	b.wantIn("New key", "anna")
	for _, path := range []string{"/policies/create", "/policies/day/update", "/audit/verify"} {
		form := k.filled(path, token)
		method := http.MethodPost
		if path == "/audit/verify" {
			method = http.MethodGet
		}
		if res := b.send(method, path, form.Encode()); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	// Nor can it borrow power: whoever has a role is out of its hands.
	if res := b.post("/users/"+id(k.local.ID), "/users/"+id(k.local.ID)+"/set-password", url.Values{"password": {"another password"}}); res.StatusCode != http.StatusForbidden {
		t.Errorf("it sets the password of somebody with a role: %d", res.StatusCode)
	}
}

// Every answer says that it may load nothing else and be framed by nobody.
func TestHeaders(t *testing.T) {
	k := newKit(t)
	b := k.as(k.owner)
	for path, status := range map[string]int{"/": 200, "/sign-in": 303, "/accounts": 200, "/nowhere": 404, "/static/console.css": 200,
		"/static/": 404, "/static/none": 404, "/audit/export.csv": 200, "/accounts/999999": 404, "/keys/x": 404} {
		res := b.send(http.MethodGet, path, "")
		if res.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, status)
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"X-Content-Type-Options":  "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if path == "/static/none" && name == "Cache-Control" { // of an error, the library takes it away
				continue
			}
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		for _, inline := range []string{"<style", " style=", "<script>", "javascript:", " onclick=", "http://www.w3.org"} {
			if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") && strings.Contains(b.page, inline) {
				t.Errorf("%s has %q in it, which its policy refuses", path, inline)
			}
		}
	}
}

// Over plain HTTP only this machine is answered.
func TestPlainIsRefused(t *testing.T) {
	k := newKit(t)
	b := k.as(k.owner)
	k.plain = true
	for _, path := range []string{"/", "/sign-in", "/accounts"} {
		if res := b.send(http.MethodGet, path, ""); res.StatusCode != http.StatusForbidden || len(res.Cookies()) > 0 {
			t.Errorf("%s: %d %v", path, res.StatusCode, res.Cookies())
		}
	}
}

// Names are what customers call themselves: markup and scripts in them stay text.
func TestHostileNames(t *testing.T) {
	k := newKit(t)
	const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>` + "\u202e" + `{{.}}`
	west := k.account(auth.Account{Level: auth.Organization, Tenant: k.acme, Parent: k.acme, Number: 666, Code: `"><script>x`, Name: evil})
	key, secret := k.addKey(west, evil)
	user := k.addUser(auth.User{Tenant: k.acme, Account: west, Name: evil, FullName: evil, DisplayName: evil, Email: evil, Group: evil})
	k.update(func(tx auth.Tx) error {
		return tx.PutApp(&auth.App{Key: `<b>"'&app`, Account: west, Name: evil})
	})
	k.login(666, secret)
	for _, name := range []string{evil, evil, evil} { // refused, locked, and in the audit
		_, _ = k.service.Login(k.Context(), &auth.Attempt{Mount: k.electa, Scheme: auth.Password, User: name, Secret: "wrong", Form: auth.FormNative, Origin: auth.Origin{Source: home}})
	}
	b := k.as(k.owner)
	shown := 0
	for _, path := range []string{"/", "/accounts", "/accounts?q=666", "/accounts?q=" + url.QueryEscape(evil), "/accounts/" + id(west), "/keys", "/keys/" + id(key.ID),
		"/users", "/users/" + id(user.ID), "/users/" + id(user.ID) + "/update", "/apps", "/apps/" + url.PathEscape(`<b>"'&app`) + "/update",
		"/sessions", "/sessions?account=" + id(west), "/sessions/end-all?account=" + id(west), "/locks", "/locks?name=" + url.QueryEscape(evil), "/usage", "/audit",
		"/audit?subject=" + url.QueryEscape(evil), "/keys/create?account=" + id(west), "/keys/" + id(key.ID) + "/rotate",
		"/accounts?did=" + url.QueryEscape(evil), "/audit?reason=" + url.QueryEscape(evil)} {
		page := b.get(path)
		for _, bad := range []string{"<script>", "<img", "'><", `"'>`, `<b>"`, "ZgotmplZ"} {
			if strings.Contains(page, bad) {
				t.Errorf("%s has %q in it:\n%s", path, bad, page)
			}
		}
		if strings.Contains(page, "&lt;script&gt;alert(1)") {
			shown++
		}
	}
	if shown < 15 {
		t.Errorf("the name is shown on %d pages only", shown)
	}
	// A form that is shown again has what was typed in it, as text.
	b.post("/accounts/create?parent="+id(west), "/accounts/create?parent="+id(west), url.Values{"name": {strings.Repeat(evil, 20)}, "code": {`"><script>x`}})
	b.wantOut("<script>", "<img")
	b.wantIn("&lt;script&gt;")
	res := k.browser().post("/sign-in", "/sign-in?next="+url.QueryEscape(evil), url.Values{"user": {evil}, "password": {evil}, "tenant": {evil}, "next": {`javascript:alert(1)`}})
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("signing in as %q: %d", evil, res.StatusCode)
	}
}
