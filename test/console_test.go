package test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	totp "github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/server"
)

// electaClient is a customer's program.
type electaClient struct {
	*testing.T
	base   string
	number string
}

func (c *electaClient) get(path string) string {
	c.Helper()
	res, err := http.Get(c.base + path)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.Fatal(err)
	}
	return string(b)
}

func (c *electaClient) login(key string) (answer string) {
	return c.get("/token/?cid=" + c.number + "&appkey=" + url.QueryEscape(key))
}

// token logs in and returns the token.
func (c *electaClient) token(key string) string {
	c.Helper()
	_, rest, ok := strings.Cut(c.login(key), "<ResponseCode>0</ResponseCode><ResponseData>")
	token, _, _ := strings.Cut(rest, "<")
	if !ok || token == "" {
		c.Fatalf("the client cannot log in: %s", rest)
	}
	return token
}

// call says whether a call with a token reaches the API.
func (c *electaClient) call(token string) bool {
	return strings.Contains(c.get("/logs/?cid="+c.number+"&token="+token+"&roomid=1"), `"Sallyport-Account": "`+c.number+`"`)
}

// An operator's Monday, in a real browser.
func TestConsoleInABrowser(t *testing.T) {
	d, err := server.NewDemo(t.Context(), server.DemoOptions{Addr: "127.0.0.1:0", Admin: "127.0.0.1:0", Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	b := browse(t, "http://"+d.AdminAddr().String())
	client := &electaClient{t, "http://" + d.Addr().String(), "777"}

	key := enrol(b)
	signInWithCode(b, key)
	first := addCustomer(b)
	if !client.call(client.token(first)) {
		t.Fatal("the new customer's call does not reach the API")
	}
	endSession(b, client, first)
	second := rotate(b, client, first)
	liftLock(b, client, second)
	searchAudit(b)
	if !testing.Short() {
		pictures(b)
	}
	signOut(b)
}

// enrol signs in by the keyboard alone, with the password, and enrols a second factor.
func enrol(b *tab) (key string) {
	b.Helper()
	b.open("/accounts")
	b.shot("sign-in")
	if at := b.focus(); at != "user" {
		b.Errorf("the focus is at %q, not at the user name", at)
	}
	b.keys("admin", kb.Tab)
	if at := b.focus(); at != "password" {
		b.Errorf("behind the user name comes %q", at)
	}
	b.keys("demo-admin-password", kb.Tab)
	if at := b.focus(); at != "code" {
		b.Errorf("behind the password comes %q", at)
	}
	b.keys(kb.Tab, kb.Tab)
	if at := b.focus(); at != "Sign in" {
		b.Errorf("behind the tenant comes %q", at)
	}
	b.leads("pressing Enter", chromedp.KeyEvent(kb.Enter))
	b.want("Customers", "Electa Live") // where it was asked for
	b.keys(kb.Tab)
	if at := b.focus(); at != "Skip to content" {
		b.Errorf("the first thing on a page is %q", at)
	}
	b.open("/second-factor")
	b.shot("second-factor")
	key = strings.ReplaceAll(b.text("#key-text"), " ", "")
	b.fill("code", "000000")
	b.press("main button")
	b.want("not the code")
	b.fill("code", code(b, key, 0))
	b.press("main button")
	b.want("Your second factor is enrolled")
	return key
}

// code is the code of an authenticator app, some steps from now.
func code(b *tab, key string, ahead int64) string {
	b.Helper()
	c, ok := totp.TOTP(key, totp.TOTPStep(time.Now())+ahead)
	if !ok {
		b.Fatalf("the key %q is none", key)
	}
	return c
}

// signInWithCode signs out and in again: the password alone is not enough any more.
func signInWithCode(b *tab, key string) {
	b.Helper()
	b.press(".me button")
	signIn := func(code string) {
		b.fill("user", "admin")
		b.fill("password", "demo-admin-password")
		b.fill("code", code)
		b.press("main button")
	}
	signIn("")
	b.want("That is not right: the name, the password or the code is wrong.")
	signIn(code(b, key, 1)) // that of now is used up
	b.want("Overview", "live sessions")
}

// addCustomer creates an organization and a key of it, and returns the key's secret.
func addCustomer(b *tab) string {
	b.Helper()
	b.open("/accounts")
	b.follow(".tree", "Electa Live")
	b.follow("main", "New organization")
	b.fill("name", "Browser Academy")
	b.fill("number", "777")
	b.fill("why", "ticket 4711")
	b.press("main button.primary")
	b.want("Created.", "Browser Academy", "No keys.")
	b.follow("main", "New key")
	b.fill("name", "browser")
	b.fill("networks", "127.0.0.1/8")
	b.press("main button.primary")
	b.want("Cannot be so", "127.0.0.0/8 is meant?")
	b.fill("networks", "127.0.0.0/8")
	b.press("main button.primary")
	b.want("This is the only time that the secret is shown", "Log in as this client would")
	s := b.text("#secret")
	b.shot("key-created")
	b.follow("main", "To the key")
	if strings.Contains(b.text("body"), s) {
		b.Error("the secret is shown again")
	}
	return s
}

// endSession sees the client's session and ends it; the client's call is refused.
func endSession(b *tab, c *electaClient, key string) {
	b.Helper()
	token := c.token(key)
	b.open("/accounts?q=777")
	b.follow(".tree", "Browser Academy")
	b.want("electa", "127.0.0.1", "login") // its session, and its login among the events
	b.shot("account")
	if !c.call(token) {
		b.Fatal("the call does not reach the API")
	}
	b.follow("table.rows .act", "End") // the newest is the first
	b.want("Ended. Calls with its token are refused")
	if c.call(token) {
		b.Error("the call still reaches the API")
	}
}

// rotate rotates the key; both are good.
func rotate(b *tab, c *electaClient, first string) string {
	b.Helper()
	b.follow("main .rows", "browser")
	b.follow("main", "Rotate")
	b.fill("overlap", "36h")
	b.press("main button.primary")
	b.want("Key browser-2", "It replaces browser, which is good until")
	second := b.text("#secret")
	b.shot("rotated")
	for _, s := range []string{first, second} {
		if !c.call(c.token(s)) {
			b.Error("during the overlap one of both keys is not good")
		}
	}
	return second
}

// liftLock locks the customer with wrong keys, and lifts the lock.
func liftLock(b *tab, c *electaClient, key string) {
	b.Helper()
	for i := range 5 {
		c.login("wrong " + strconv.Itoa(i))
	}
	if answer := c.login(key); strings.Contains(answer, "<ResponseCode>0<") {
		b.Fatalf("five failures do not lock: %s", answer)
	}
	b.open("/locks")
	b.want("777", "account, known", "electa", "5 of 5 by name", "within 15m", "127.0.0.1")
	b.shot("locks")
	b.open("/locks?failures=1")
	b.want("127.0.0.1 address", "5 of 100 by address")
	b.press(`main .act button[aria-label="Lift the lock of 777"]`)
	b.want("Lifted.")
	for deadline := time.Now().Add(stepTime); !strings.Contains(c.login(key), "<ResponseCode>0<"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatal("the lock is lifted, and the client cannot log in")
		}
	}
}

// searchAudit finds what was done.
func searchAudit(b *tab) {
	b.Helper()
	b.open("/audit")
	b.fill("account", "777")
	b.follow("main .filters", "Search")
	b.want("key create", "key rotate", "lock lift", "SALLYPORT/admin", "revocation", "account create", "ticket 4711")
	b.shot("audit")
	b.open("/audit?kind=refusal&account=777")
	b.want("credentials")
	b.open("/audit/verify")
	b.want("The chain is whole to its end.")
}

// pictures of the pages, wide and narrow, light and dark. Nothing may stick out.
func pictures(b *tab) {
	b.Helper()
	for _, look := range []struct {
		name          string
		width, height int64
		scheme        string
	}{{"light", 1280, 900, "light"}, {"dark", 1280, 900, "dark"}, {"phone", 390, 844, "light"}, {"phone-dark", 390, 844, "dark"}} {
		b.look(look.width, look.height, look.scheme)
		for _, path := range []string{"/", "/accounts", "/accounts/6", "/keys", "/users", "/sessions", "/locks", "/usage", "/audit", "/dialects", "/policies", "/keys/create?account=6"} {
			b.open(path)
			b.shot(look.name + strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(strings.TrimSuffix(path, "/")))
			if over := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
				b.Errorf("%s at a width of %d sticks out by %d", path, look.width, over)
			}
			wantReadable(b, path+" "+look.name)
		}
	}
}

// wantReadable looks for what is there but cannot be told by everybody: fields without a
// label, and text with less contrast than WCAG 2.2, 1.4.3 asks for.
func wantReadable(b *tab, where string) {
	b.Helper()
	faults := eval[[]string](b, `(() => {
		const faults = [];
		for (const f of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
			if (!f.labels.length) faults.push("no label: " + f.name);
		for (const e of document.querySelectorAll("button, a"))
			if (!(e.getAttribute("aria-label") || e.textContent).trim()) faults.push("no name: " + e.outerHTML);
		const parse = (c) => c.match(/[\d.]+/g).map(Number);
		const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
		for (const e of document.querySelectorAll("main *, .side *")) {
			if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || e.closest(".away, svg, option, title") || !e.getClientRects().length) continue;
			let ground = e, back = [0, 0, 0, 0];
			while (ground && (back = parse(getComputedStyle(ground).backgroundColor)).length > 3 && back[3] === 0) ground = ground.parentElement;
			if (!ground) continue;
			const [a, z] = [light(parse(getComputedStyle(e).color)), light(back)].sort((x, y) => y - x);
			const ratio = (a + 0.05) / (z + 0.05);
			if (ratio < 4.5) faults.push("contrast " + ratio.toFixed(2) + ": " + e.textContent.trim().slice(0, 40));
		}
		return faults;
	})()`)
	for _, f := range faults {
		b.Errorf("%s: %s", where, f)
	}
}

// signOut ends the session: the page before is not to be had any more.
func signOut(b *tab) {
	b.Helper()
	b.look(1280, 900, "light")
	b.open("/")
	b.press(".me button")
	b.open("/sessions")
	if at := b.text("h1"); at != "Sallyport" {
		b.Errorf("signed out, the sessions are shown under %q", at)
	}
}
