package console_test

import (
	"bytes"
	"context"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/console"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/sqlite"
)

// kit is the console over a real store with two customers in it.
type kit struct {
	*testing.T
	service *auth.Service
	console *console.Console
	store   auth.Store
	log     *bytes.Buffer
	ahead   atomic.Int64 // of the clock, in nanoseconds
	electa  *auth.Mount

	plain, https          bool // the way is not secure; the browser speaks https
	acme, west, other     auth.AccountID
	key, outsideKey       auth.Key
	keySecret             string
	session, outside      auth.Grant
	user                  auth.User
	owner, auditor, local auth.User // administrators: everywhere, everywhere, of WEST
}

var home = netip.MustParseAddr("192.0.2.10")

const password = "correct horse battery"

// hash is of password, made once.
var hash = func() string {
	h, err := secret.NewHasher(1, 1).Hash(context.Background(), password)
	if err != nil {
		panic(err)
	}
	return h
}()

func newKit(t *testing.T, alter ...func(*console.Options)) *kit {
	t.Helper()
	k := &kit{T: t, log: &bytes.Buffer{}}
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "s.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	k.store = store
	keys, err := secret.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	clock := func() time.Time { return time.Now().Add(time.Duration(k.ahead.Load())) }
	if k.service, err = auth.Open(t.Context(), store, auth.Options{Keys: keys, Clock: clock, Hasher: secret.NewHasher(2, 8)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.service.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	limits := auth.Limits{Failures: 2, Window: time.Hour, Lock: time.Hour}
	k.electa = &auth.Mount{Name: "electa", Dialect: "electa", Policy: auth.Policy{Span: time.Hour}, Names: limits, FairUse: auth.FairUse{Logins: 60}}
	logger := slog.New(slog.NewTextHandler(k.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a := admin.New(admin.Options{Service: k.service, Logger: logger, Version: "1.2.3", Mounts: []admin.MountInfo{{Mount: k.electa, Title: "Electa Live", Prefix: "/"}}})
	o := console.Options{Service: k.service, Admin: a, Logger: logger, FactorOptional: true, Tokens: "[0-9A-F-]{36}",
		Origin: func(r *http.Request) console.Peer {
			return console.Peer{Origin: auth.Origin{Source: home, Request: "req-1"}, Secure: !k.plain, TLS: k.https}
		},
		Dialects: []console.Dialect{{Name: "electa", Title: "Electa Live",
			Risks: []console.Risk{{What: "It is in the URL.", Clause: "RFC 1", Answer: "Not logged."}}}}}
	o.Commands = func(string, console.Customer) console.Commands {
		return console.Commands{Base: "http://api.example", Login: `curl '{base}/token/?cid={number}&appkey={secret}'`, Call: `curl '{base}/logs/?token={token}' -H 'X: {code}'`}
	}
	for _, f := range alter {
		f(&o)
	}
	if k.console, err = console.New(console.Mount(), o); err != nil {
		t.Fatal(err)
	}
	k.fill()
	return k
}

func (k *kit) update(f func(auth.Tx) error) {
	k.Helper()
	if err := k.service.Update(k.Context(), f); err != nil {
		k.Fatal(err)
	}
}

func (k *kit) account(a auth.Account) auth.AccountID {
	k.Helper()
	k.update(func(tx auth.Tx) error { a.ID = 0; return tx.PutAccount(&a) })
	return a.ID
}

func (k *kit) addKey(account auth.AccountID, name string) (auth.Key, string) {
	k.Helper()
	key := auth.Key{Account: account, Name: name, Created: k.service.Now().UTC().Truncate(time.Microsecond)}
	s := k.service.NewSecret(&key)
	k.update(func(tx auth.Tx) error { key.ID = 0; return tx.PutKey(&key) })
	return key, s
}

func (k *kit) addUser(u auth.User) auth.User {
	k.Helper()
	u.Active = true
	k.update(func(tx auth.Tx) error { u.ID = 0; return tx.PutUser(&u) })
	return u
}

func (k *kit) fill() {
	k.Helper()
	k.acme = k.account(auth.Account{Level: auth.Tenant, Code: "ACME", Name: "Acme Texting"})
	k.west = k.account(auth.Account{Level: auth.Organization, Tenant: k.acme, Parent: k.acme, Number: 100, Code: "WEST", Name: "Acme West"})
	k.other = k.account(auth.Account{Level: auth.Tenant, Code: "OUTSIDE", Number: 900})
	k.update(func(tx auth.Tx) error {
		if err := tx.PutApp(&auth.App{Key: "app-1", Account: k.west, Name: "West's app"}); err != nil {
			return err
		}
		return tx.PutPolicy(&auth.Policy{Name: "day", Span: 24 * time.Hour})
	})
	k.key, k.keySecret = k.addKey(k.west, "main")
	var outside string
	k.outsideKey, outside = k.addKey(k.other, "OUTSIDE-key")
	k.user = k.addUser(auth.User{Tenant: k.acme, Account: k.west, Name: "anna", FullName: "Anna"})
	k.owner = k.addUser(auth.User{Tenant: k.other, Account: k.other, Name: "olga", Password: hash, Role: auth.Owner, Everywhere: true})
	k.auditor = k.addUser(auth.User{Tenant: k.other, Account: k.other, Name: "arno", Password: hash, Role: auth.Auditor, Everywhere: true})
	k.local = k.addUser(auth.User{Tenant: k.acme, Account: k.west, Name: "lena", Password: hash, Role: auth.Operator})
	k.session, k.outside = k.login(100, k.keySecret), k.login(900, outside)
}

func (k *kit) login(number int64, secret string) auth.Grant {
	k.Helper()
	g, err := k.service.Login(k.Context(), &auth.Attempt{Mount: k.electa, Scheme: auth.AccountKey, Number: number, Secret: secret, Form: auth.FormNative, Origin: auth.Origin{Source: home}})
	if err != nil {
		k.Fatal(err)
	}
	return g
}

func (k *kit) live(m *auth.Mount, token string) bool {
	_, err := k.service.Check(k.Context(), &auth.Bearer{Mount: m, Form: auth.FormNative, Value: token})
	return err == nil
}

// events are those of the audit, of the kinds given.
func (k *kit) events(kinds ...audit.Kind) (list []audit.Event) {
	k.Helper()
	batches, err := k.store.Audit(k.Context(), 0, 10_000)
	if err != nil {
		k.Fatal(err)
	}
	for i := range batches {
		events, err := batches[i].Events()
		if err != nil {
			k.Fatal(err)
		}
		for _, e := range events {
			for _, kind := range kinds {
				if e.Kind == kind {
					list = append(list, e)
				}
			}
		}
	}
	return list
}

// browser is somebody at the console, with what a browser keeps.
type browser struct {
	*kit
	cookies map[string]string
	page    string // the last
}

func (k *kit) browser() *browser { return &browser{kit: k, cookies: map[string]string{}} }

// send sends a request as a browser would from the console's own page.
func (b *browser) send(method, path, body string, alter ...func(*http.Request)) *http.Response {
	b.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:8081"+path, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "http://127.0.0.1:8081")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for _, f := range alter {
		f(r)
	}
	rec := httptest.NewRecorder()
	b.console.ServeHTTP(rec, r)
	res := rec.Result()
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	b.page = string(text)
	return res
}

// get asks for a page that must be there.
func (b *browser) get(path string) string {
	b.Helper()
	if res := b.send(http.MethodGet, path, ""); res.StatusCode != http.StatusOK {
		b.Fatalf("%s: %d %s\n%s", path, res.StatusCode, res.Header.Get("Location"), b.page)
	}
	return b.page
}

var tokenInput = regexp.MustCompile(`name="form_token" value="([^"]+)"`)

// token is that of the last page's forms.
func (b *browser) token() string {
	if m := tokenInput.FindStringSubmatch(b.page); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}

// post loads a page and sends a form from it.
func (b *browser) post(from, to string, form url.Values) *http.Response {
	b.Helper()
	b.get(from)
	if form == nil {
		form = url.Values{}
	}
	form.Set("form_token", b.token())
	return b.send(http.MethodPost, to, form.Encode())
}

// done posts a form that must succeed, and says where it leads.
func (b *browser) done(from, to string, form url.Values) string {
	b.Helper()
	res := b.post(from, to, form)
	if res.StatusCode != http.StatusSeeOther {
		b.Fatalf("POST %s: %d\n%s", to, res.StatusCode, b.page)
	}
	return res.Header.Get("Location")
}

// signIn signs in with a password.
func (b *browser) signIn(u auth.User) *browser {
	b.Helper()
	if res := b.post("/sign-in", "/sign-in", url.Values{"user": {u.Name}, "password": {password}}); res.StatusCode != http.StatusSeeOther {
		b.Fatalf("signing in as %s: %d\n%s", u.Name, res.StatusCode, b.page)
	}
	return b
}

func (k *kit) as(u auth.User) *browser {
	k.Helper()
	return k.browser().signIn(u)
}

func id[T ~int64 | ~uint64](n T) string { return strconv.FormatInt(int64(n), 10) }

// concrete fills in the ids of a route's path.
func (k *kit) concrete(path string, outside bool) string {
	account, key, user, session, app := k.west, k.key.ID, k.user.ID, k.session.Session.ID, "app-1"
	if outside {
		account, key, user, session = k.other, k.outsideKey.ID, k.auditor.ID, k.outside.Session.ID
	}
	path = strings.TrimSuffix(path, "{$}")
	switch {
	case strings.HasPrefix(path, "/accounts"):
		path = strings.Replace(path, "{id}", id(account), 1)
	case strings.HasPrefix(path, "/keys"):
		path = strings.Replace(path, "{id}", id(key), 1)
	case strings.HasPrefix(path, "/users"):
		path = strings.Replace(path, "{id}", id(user), 1)
	case strings.HasPrefix(path, "/sessions"):
		path = strings.Replace(path, "{id}", id(session), 1)
	}
	path = strings.NewReplacer("{key}", app, "{name}", "day").Replace(path)
	switch path {
	case "/keys/create", "/users/create", "/apps/create":
		path += "?account=" + id(account)
	case "/accounts/create":
		path += "?parent=" + id(account)
	case "/sessions/end-all":
		path += "?key=" + id(key)
	}
	return path
}

// wantIn and wantOut look for text in the last page.
func (b *browser) wantIn(texts ...string) {
	b.Helper()
	for _, t := range texts {
		if !strings.Contains(b.page, t) {
			b.Errorf("the page lacks %q:\n%s", t, b.page)
		}
	}
}

func (b *browser) wantOut(texts ...string) {
	b.Helper()
	for _, t := range texts {
		if strings.Contains(b.page, t) {
			b.Errorf("the page has %q:\n%s", t, b.page)
		}
	}
}
