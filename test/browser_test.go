package test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// tab is a page of a real browser. What its console says, and what the browser
// refuses to do for the page's policy, fails the test.
type tab struct {
	*testing.T
	ctx  context.Context
	base string

	mu     sync.Mutex
	faults []string
}

// browsers by which the console can be looked at, the first that is there.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// browse opens a tab, or skips the test where there is no browser.
func browse(t *testing.T, base string) *tab {
	t.Helper()
	program := ""
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Skip("there is no browser to look at the console with: install chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.Flag("lang", "en"))
	if os.Getuid() == 0 {
		opts = append(opts, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, _ = chromedp.NewContext(ctx)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) }) // waits for the browser, which still writes into its folder
	b := &tab{T: t, ctx: ctx, base: base}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	b.look(1280, 900, "light")
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, f := range b.faults {
			t.Errorf("the browser says: %s", f)
		}
	})
	return b
}

func (b *tab) listen(event any) {
	fault := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault = e.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			fault = "console." + string(e.Type)
		}
	case *log.EventEntryAdded:
		// A page that is answered with 4xx is noted as an error too; the test asks
		// for some of them.
		if e.Entry.Source != "network" && (e.Entry.Level == "error" || e.Entry.Level == "warning") {
			fault = string(e.Entry.Source) + ": " + e.Entry.Text
		}
	}
	if fault != "" {
		b.mu.Lock()
		b.faults = append(b.faults, fault)
		b.mu.Unlock()
	}
}

// stepTime is how long one step may take.
const stepTime = 30 * time.Second

// step does something and returns what came of it.
func step[T any](b *tab, what string, a chromedp.Action[T]) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	out, err := chromedp.Run(ctx, a)
	if err != nil {
		b.broken(what, err)
	}
	return out
}

// broken ends the test, with what is on the page.
func (b *tab) broken(what string, err error) {
	b.Helper()
	b.shot("failed")
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	at, _ := chromedp.Run(ctx, chromedp.Location())
	text, _ := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
	b.Fatalf("%s: %v, at %s:\n%s", what, err, at, text)
}

// open goes to a path of the console.
func (b *tab) open(path string) {
	b.Helper()
	step(b, "opening "+path, chromedp.Navigate(b.base+path))
}

// leads does something and waits for the page to which it leads.
func (b *tab) leads(what string, a chromedp.Action[chromedp.Void]) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, a); err != nil {
		b.broken(what, err)
	}
}

// press presses what a selector names, and waits for the page that follows.
func (b *tab) press(selector string) {
	b.Helper()
	b.leads("pressing "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// follow presses the first link or button within a selector that has a text.
func (b *tab) follow(within, text string) {
	b.Helper()
	step(b, "finding "+text, chromedp.Evaluate[any](`(() => {
		for (const e of document.querySelectorAll("[data-test]")) e.removeAttribute("data-test");
		const found = [...document.querySelectorAll(`+strconv.Quote(within)+`)].flatMap((e) => [...e.querySelectorAll("a, button")]).find((e) => e.textContent.trim() === `+strconv.Quote(text)+`);
		if (!found) throw new Error("there is no " + `+strconv.Quote(text)+`);
		found.dataset.test = "this";
	})()`))
	b.press("[data-test=this]")
}

// fill types into a field of a form, over what stands there.
func (b *tab) fill(name, value string) {
	b.Helper()
	step(b, "going to "+name, chromedp.Evaluate[any](`(() => { const f = document.querySelector('main [name="`+name+`"]'); f.focus(); f.select(); })()`))
	b.keys(kb.Delete, value)
}

// text is what a selector shows.
func (b *tab) text(selector string) string {
	b.Helper()
	return step(b, "reading "+selector, chromedp.Text(chromedp.CSS(selector), chromedp.NodeReady))
}

// want looks for texts in the page.
func (b *tab) want(texts ...string) {
	b.Helper()
	have := b.text("main")
	for _, t := range texts {
		if !strings.Contains(have, t) {
			b.broken("looking for "+t, errors.New("it is not on the page"))
		}
	}
}

// keys types as on a keyboard, at whatever has the focus.
func (b *tab) keys(keys ...string) {
	b.Helper()
	for _, k := range keys {
		step(b, "typing", chromedp.KeyEvent(k))
	}
}

// focus is what has the focus.
func (b *tab) focus() string {
	b.Helper()
	return eval[string](b, `(document.activeElement.id || document.activeElement.textContent || document.activeElement.tagName).trim()`)
}

// eval runs a script and returns its value.
func eval[T any](b *tab, script string) T {
	b.Helper()
	return step(b, "running a script", chromedp.Evaluate[T](script))
}

// look sets how wide the page is and which colours the reader prefers.
func (b *tab) look(width, height int64, scheme string) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600})
	if err == nil {
		_, err = chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	}
	if err != nil {
		b.Fatal(err)
	}
}

// shot keeps a picture of the page, in $SCREENSHOTS or .artifacts.
func (b *tab) shot(name string) {
	b.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		dir = filepath.Join("..", ".artifacts", "console")
	}
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		if err = os.MkdirAll(dir, 0o755); err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
		}
	}
	if err != nil {
		b.Logf("no picture %s: %v", name, err)
	}
}
