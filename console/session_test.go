package console_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/console"
	"github.com/sallyport/sallyport/secret"
)

const cookie, secureCookie = "sallyport-console", "__Host-sallyport-console"

func setCookies(res *http.Response) map[string]*http.Cookie {
	m := map[string]*http.Cookie{}
	for _, c := range res.Cookies() {
		m[c.Name] = c
	}
	return m
}

// The cookies are for the console alone, and over TLS for this very host.
func TestCookies(t *testing.T) {
	for _, tls := range []bool{false, true} {
		k := newKit(t)
		k.https = tls
		b := k.browser()
		res := b.send(http.MethodGet, "/sign-in", "")
		form := url.Values{"user": {"olga"}, "password": {password}, "form_token": {b.token()}}
		signedIn := b.send(http.MethodPost, "/sign-in", form.Encode())
		name := cookie
		if tls {
			name = secureCookie
		}
		for what, c := range map[string]*http.Cookie{"of the form": setCookies(res)[name+"-form"], "of the session": setCookies(signedIn)[name]} {
			if c == nil || !c.HttpOnly || c.Secure != tls || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 || !c.Expires.IsZero() || len(c.Value) < 20 {
				t.Errorf("TLS %v: the cookie %s is %+v", tls, what, c)
			}
		}
		// The other name is not taken: over TLS nobody's subdomain can have set ours.
		value := b.cookies[name]
		for wrong := range map[string]bool{cookie: true, secureCookie: true} {
			if wrong != name {
				b.cookies = map[string]string{wrong: value}
				if res := b.send(http.MethodGet, "/accounts", ""); res.StatusCode != http.StatusSeeOther {
					t.Errorf("TLS %v: the cookie %s is taken: %d", tls, wrong, res.StatusCode)
				}
			}
		}
	}
}

// A sign-in begins a session of its own, whatever cookie the browser has, and ends the
// one before.
func TestNoFixation(t *testing.T) {
	k := newKit(t)
	b := k.as(k.owner)
	first := b.cookies[cookie]
	b.cookies[cookie+"-form"] = strings.Repeat("x", 26)
	b.get("/")
	form := url.Values{"user": {"arno"}, "password": {password}, "form_token": {b.token()}}
	if res := b.send(http.MethodPost, "/sign-in", form.Encode()); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d", res.StatusCode)
	}
	second := b.cookies[cookie]
	if second == first || second == "" {
		t.Errorf("the session is still %q", second)
	}
	if k.live(console.Mount(), first) || !k.live(console.Mount(), second) {
		t.Error("the session before goes on, or the new one does not")
	}
	b.get("/")
	b.wantIn("arno", "auditor")
}

func TestSignOutEndsTheSession(t *testing.T) {
	k := newKit(t)
	b := k.as(k.owner)
	token := b.cookies[cookie]
	if to := b.done("/", "/sign-out", nil); to != "/sign-in" {
		t.Errorf("leads to %s", to)
	}
	if k.live(console.Mount(), token) || b.cookies[cookie] != "" {
		t.Error("the session goes on")
	}
	if n := len(k.events(audit.Logout)); n != 1 {
		t.Errorf("%d sign-outs are recorded", n)
	}
}

// A session ends when it is not used for half an hour, and after twelve hours however
// much it is used.
func TestSessionEnds(t *testing.T) {
	k := newKit(t)
	b := k.as(k.owner)
	k.ahead.Store(int64(29 * time.Minute))
	b.get("/accounts")
	k.ahead.Store(int64(58 * time.Minute))
	b.get("/accounts")
	k.ahead.Store(int64(89 * time.Minute))
	if res := b.send(http.MethodGet, "/accounts?q=x", ""); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/sign-in?next=%2Faccounts%3Fq%3Dx" {
		t.Errorf("after half an hour: %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	b = k.as(k.owner)
	for at := 89; at < 89+12*60; at += 25 {
		k.ahead.Store(int64(time.Duration(at) * time.Minute))
		b.get("/accounts")
	}
	k.ahead.Store(int64((89 + 12*60) * time.Minute))
	if res := b.send(http.MethodGet, "/accounts", ""); res.StatusCode != http.StatusSeeOther {
		t.Errorf("after twelve hours: %d", res.StatusCode)
	}
}

// What is taken away from an administrator is gone at once.
func TestPowerThatIsTakenAwayIsGone(t *testing.T) {
	for what, change := range map[string]func(*auth.User){
		"role": func(u *auth.User) { u.Role, u.Everywhere = auth.Client, false }, "active": func(u *auth.User) { u.Active = false },
	} {
		k := newKit(t)
		b := k.as(k.owner)
		k.update(func(tx auth.Tx) error {
			u := k.owner
			change(&u)
			return tx.PutUser(&u)
		})
		if res := b.send(http.MethodGet, "/", ""); res.StatusCode != http.StatusSeeOther {
			t.Errorf("without %s: %d", what, res.StatusCode)
		}
	}
}

var volatile = regexp.MustCompile(`(name="form_token" value=")[^"]*|(name="user" value=")[^"]*`)

// Whatever is wrong with a sign-in, the answer is one.
func TestWrongSignInsLookAlike(t *testing.T) {
	k := newKit(t)
	key := auth.NewFactor()
	k.addUser(auth.User{Tenant: k.acme, Account: k.acme, Name: "client", Password: hash})
	k.addUser(auth.User{Tenant: k.acme, Account: k.acme, Name: "nopass", Role: auth.Owner})
	gone := k.addUser(auth.User{Tenant: k.acme, Account: k.acme, Name: "gone", Password: hash, Role: auth.Owner})
	withFactor := k.addUser(auth.User{Tenant: k.acme, Account: k.acme, Name: "factor", Password: hash, Role: auth.Owner})
	k.addUser(auth.User{Tenant: k.acme, Account: k.acme, Name: "twice", Password: hash, Role: auth.Owner})
	k.addUser(auth.User{Tenant: k.other, Account: k.other, Name: "twice", Password: hash, Role: auth.Owner})
	k.update(func(tx auth.Tx) error {
		gone.Active = false
		withFactor.Factor = k.service.SealFactor(withFactor.ID, key)
		if err := tx.PutUser(&gone); err != nil {
			return err
		}
		return tx.PutUser(&withFactor)
	})
	want := ""
	for what, form := range map[string]url.Values{
		"unknown name":          {"user": {"nobody"}, "password": {password}},
		"wrong password":        {"user": {"olga"}, "password": {"wrong"}},
		"no password":           {"user": {"olga"}},
		"a client":              {"user": {"client"}, "password": {password}},
		"inactive":              {"user": {"gone"}, "password": {password}},
		"none set":              {"user": {"nopass"}, "password": {password}},
		"no code":               {"user": {"factor"}, "password": {password}},
		"wrong code":            {"user": {"factor"}, "password": {password}, "code": {"000000"}},
		"in several tenants":    {"user": {"twice"}, "password": {password}},
		"in another tenant":     {"user": {"olga"}, "password": {password}, "tenant": {"ACME"}},
		"of an unknown tenant":  {"user": {"olga"}, "password": {password}, "tenant": {"NONE"}},
		"an API key for a user": {"user": {"100"}, "password": {k.keySecret}},
	} {
		b := k.browser()
		form.Set("form_token", "")
		b.get("/sign-in")
		tenant := form.Get("tenant")
		form.Set("form_token", b.token())
		res := b.send(http.MethodPost, "/sign-in", form.Encode())
		if res.StatusCode != http.StatusForbidden || setCookies(res)[cookie] != nil {
			t.Errorf("%s: %d %v", what, res.StatusCode, res.Cookies())
		}
		got := volatile.ReplaceAllString(b.page, "")
		if tenant != "" { // it is kept open, with what was typed
			got = strings.Replace(strings.Replace(got, "<details open>", "<details>", 1), `value="`+tenant+`"`, `value=""`, 1)
		}
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%s is answered differently:\n%s\nnot\n%s", what, got, want)
		}
	}
	// And the tenant that is named is the one.
	if res := k.browser().post("/sign-in", "/sign-in", url.Values{"user": {"twice"}, "password": {password}, "tenant": {"OUTSIDE"}}); res.StatusCode != http.StatusSeeOther {
		t.Errorf("with the tenant: %d", res.StatusCode)
	}
	code, _ := secret.TOTP(key, secret.TOTPStep(k.service.Now()))
	if res := k.browser().post("/sign-in", "/sign-in", url.Values{"user": {"factor"}, "password": {password}, "code": {" " + code[:3] + " " + code[3:]}}); res.StatusCode != http.StatusSeeOther {
		t.Errorf("with the code: %d", res.StatusCode)
	}
	if res := k.browser().post("/sign-in", "/sign-in", url.Values{"user": {"factor"}, "password": {password}, "code": {code}}); res.StatusCode != http.StatusForbidden {
		t.Errorf("with a code that was used: %d", res.StatusCode)
	}
}

func TestGuessingLocks(t *testing.T) {
	k := newKit(t)
	for range 5 {
		k.browser().post("/sign-in", "/sign-in", url.Values{"user": {"olga"}, "password": {"guess"}})
	}
	b := k.browser()
	if res := b.post("/sign-in", "/sign-in", url.Values{"user": {"olga"}, "password": {password}}); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("after five guesses: %d", res.StatusCode)
	}
	b.wantIn("too many wrong attempts")
	k.ahead.Store(int64(6 * time.Minute))
	k.as(k.owner)
}

func TestNextStaysHere(t *testing.T) {
	for next, want := range map[string]string{
		"/accounts?q=1": "/accounts?q=1", "": "/", "accounts": "/", "//evil.example": "/", "/\\evil.example": "/", "https://evil.example/": "/",
		"javascript:alert(1)": "/", "/\t/evil.example": "/", "///evil.example": "/", "/sign-in?next=/": "/", "/%2f/evil.example": "/%2f/evil.example", "/a#b": "/a",
	} {
		if got := console.Local(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
	k := newKit(t)
	b := k.browser()
	if res := b.post("/sign-in?next=%2F%2Fevil.example", "/sign-in", url.Values{"user": {"olga"}, "password": {password}, "next": {"//evil.example"}}); res.Header.Get("Location") != "/" {
		t.Errorf("leads to %q", res.Header.Get("Location"))
	}
}

var sealedKey = regexp.MustCompile(`name="key" value="([^"]+)"`)
var shownKey = regexp.MustCompile(`id="key-text">([A-Z2-7 ]+)<`)

// Where a second factor is asked for, nothing is to be had before it is enrolled; with
// it, sessions that were begun without are over.
func TestSecondFactorIsRequired(t *testing.T) {
	k := newKit(t, func(o *console.Options) { o.FactorOptional = false })
	b, other := k.as(k.owner), k.as(k.owner)
	before := k.state()
	for _, rt := range console.Routes() {
		if rt.Open || rt.Factorless {
			continue
		}
		method, path, _ := strings.Cut(rt.Pattern, " ")
		if res := b.send(method, k.concrete(path, false), "form_token=x"); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/second-factor" {
			t.Errorf("%s: %d %s", rt.Pattern, res.StatusCode, res.Header.Get("Location"))
		}
	}
	if k.state() != before {
		t.Error("something was changed")
	}
	b.get("/second-factor")
	b.wantIn("Before anything else", "<svg class=\"qr\"")
	b.wantOut(`<nav aria-label="Main"`)
	key := strings.ReplaceAll(shownKey.FindStringSubmatch(b.page)[1], " ", "")
	sealed := html.UnescapeString(sealedKey.FindStringSubmatch(b.page)[1])
	code, _ := secret.TOTP(key, secret.TOTPStep(k.service.Now()))

	enrol := func(b *browser, sealed, code string) *http.Response {
		b.get("/second-factor")
		return b.send(http.MethodPost, "/second-factor", url.Values{"form_token": {b.token()}, "key": {sealed}, "code": {code}}.Encode())
	}
	if res := enrol(b, sealed, "000000"); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a wrong code: %d", res.StatusCode)
	}
	if !strings.Contains(b.page, shownKeyOf(key)) {
		t.Error("after a wrong code the key is another one")
	}
	for what, bad := range map[string]string{"made up": key, "none": "", "another session's": "", "cut": sealed[:len(sealed)-2]} {
		if what == "another session's" {
			other.get("/second-factor")
			bad = html.UnescapeString(sealedKey.FindStringSubmatch(other.page)[1])
		}
		if res := enrol(b, bad, code); res.StatusCode != http.StatusForbidden {
			t.Errorf("a key that is %s: %d", what, res.StatusCode)
		}
	}
	if res := enrol(b, sealed, code); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("enrolling: %d\n%s", res.StatusCode, b.page)
	}
	b.get("/accounts")
	if k.live(console.Mount(), other.cookies[cookie]) {
		t.Error("a session that was begun without it goes on")
	}
	if strings.Contains(k.state(), key) || strings.Contains(k.log.String(), key) || strings.Contains(k.log.String(), code) {
		t.Error("the key is kept in clear")
	}
	var recorded bool
	for _, e := range k.events(audit.Change) {
		recorded = recorded || (e.Reason == "user enrol-factor" && e.Subject == "olga" && e.Count == 1)
		if strings.Contains(e.Detail, key) {
			t.Error("the key is in the audit")
		}
	}
	if !recorded {
		t.Error("it is not recorded")
	}
	// It cannot be put in place of another, and the code that enrolled it is used up.
	b.get("/second-factor")
	b.wantOut("qr")
	if res := b.post("/", "/second-factor", url.Values{"key": {sealed}, "code": {code}}); res.StatusCode != http.StatusConflict && res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a second one: %d", res.StatusCode)
	}
	if res := k.browser().post("/sign-in", "/sign-in", url.Values{"user": {"olga"}, "password": {password}, "code": {code}}); res.StatusCode != http.StatusForbidden {
		t.Errorf("the enrolling code signs in: %d", res.StatusCode)
	}
}

func shownKeyOf(key string) string {
	var b strings.Builder
	for i, r := range key {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

var shownSecret = regexp.MustCompile(`id="secret">([^<]+)<`)

// A secret is on the page that makes it, and on no other; nor in the log or the audit.
func TestSecretIsShownOnce(t *testing.T) {
	k := newKit(t)
	b := k.as(k.owner)
	var secrets []string
	form := url.Values{"name": {"fresh"}, "account": {id(k.west)}}
	for _, at := range []string{"/keys/create?account=" + id(k.west), "/keys/" + id(k.key.ID) + "/rotate"} {
		if res := b.post(at, at, form); res.StatusCode != http.StatusCreated {
			t.Fatalf("%s: %d\n%s", at, res.StatusCode, b.page)
		}
		form = url.Values{"overlap": {"1d"}, "name": {"next"}}
		secrets = append(secrets, shownSecret.FindStringSubmatch(b.page)[1])
		b.wantIn("only time that the secret is shown", "cid=100&amp;appkey="+secrets[len(secrets)-1])
	}
	for _, s := range secrets {
		k.login(100, s)
	}
	secrets = append(secrets, password, "argon2id", b.cookies[cookie], k.session.Token, k.keySecret)
	b.send(http.MethodPost, "/sign-in", url.Values{"user": {"olga"}, "password": {"a wrong one, hidden"}, "form_token": {b.token()}}.Encode())
	secrets = append(secrets, "a wrong one, hidden")
	b = k.as(k.owner)
	for _, rt := range console.Routes() {
		method, path, _ := strings.Cut(rt.Pattern, " ")
		if method == http.MethodGet && path != "/sign-in" {
			b.get(k.concrete(path, false))
			b.wantOut(secrets...)
		}
	}
	for _, s := range secrets {
		if strings.Contains(k.log.String(), s) {
			t.Errorf("%q is in the log", s)
		}
	}
}
