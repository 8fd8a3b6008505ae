package test

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The program that the page on checking in an API's own process shows compiles, and
// with the demo beside it does what the page says.
func TestInProcess(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("the page logs in with curl, which is not here (Debian: curl)")
	}
	r := newReader(t)
	demo := r.place.Replace("127.0.0.1:8080")
	api, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	r.place = strings.NewReplacer("127.0.0.1:8080", demo, "127.0.0.1:9000", api)
	r.start("bin/sallyport demo --addr "+demo, demo)

	var shown []string
	for _, b := range blocks(t, "docs/gate/in-process.md") {
		if b.kind == "run" {
			r.startAPI(api)
		}
		r.do(b)
		shown = append(shown, b.kind)
	}
	if got := strings.Join(shown, " "); got != "file run output" {
		t.Errorf("the page has the blocks %s", got)
	}
}

// startAPI builds the page's program, whose imports are this module's, and starts it.
func (r *reader) startAPI(addr string) {
	r.Helper()
	program := filepath.Join(r.dir, "api")
	build := exec.Command("go", "build", "-o", program, filepath.Join(r.dir, "main.go"))
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		r.Fatalf("%v: %s", err, out)
	}
	var said strings.Builder
	cmd := exec.Command(program)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if r.Failed() {
			r.Logf("the API said %s", said.String())
		}
	})
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if res, err := http.Get("http://" + addr + "/"); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusUnauthorized {
				return
			}
			r.Fatalf("a call without a token: %s", res.Status)
		}
		if time.Now().After(end) {
			r.Fatal("the API does not answer")
		}
	}
}
