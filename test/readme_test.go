package test

import (
	"crypto/tls"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// block is a fenced block of a document under a comment that says what a test
// does with it:
//
//	<!-- test file NAME -->      it is written to NAME
//	<!-- test run -->            it is run by a shell
//	<!-- test output -->         it is what the last run printed
//	<!-- test start ADDRESS -->  it is a server, and answers there soon
//	<!-- test options -->        it is a mount, and its dialect takes it
//	<!-- test nginx -->          it belongs into a server block of nginx's
//	<!-- test nginx-site -->     it is a whole site of nginx's
//	<!-- test haproxy -->        and the like are for the fronts, see there
type block struct {
	kind, arg, text string
	line            int
}

var mark = regexp.MustCompile(`^<!-- test ([a-z-]+)(?: (\S+))? -->$`)

// blocks reads the marked blocks of a document, named from the repository's root.
func blocks(t *testing.T, name string) []block {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	var list []block
	lines := strings.Split(string(b), "\n")
	for i, line := range lines {
		m := mark.FindStringSubmatch(line)
		if m == nil {
			if strings.HasPrefix(line, "<!-- test") {
				t.Fatalf("%s:%d: not a mark: %s", name, i+1, line)
			}
			continue
		}
		if !strings.HasPrefix(lines[i+1], "```") {
			t.Fatalf("%s:%d: no block below the mark", name, i+1)
		}
		text, _, closed := strings.Cut(strings.Join(lines[i+2:], "\n"), "\n```")
		if !closed {
			t.Fatalf("%s:%d: the block does not end", name, i+1)
		}
		list = append(list, block{m[1], m[2], text, i + 1})
	}
	return list
}

// What the README shows is done, from its top to its end, and prints what the
// README says.
func TestReadme(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("the README logs in with curl, which is not here (Debian: curl)")
	}
	r := newReader(t)
	done := map[string]int{}
	for _, b := range blocks(t, "README.md") {
		r.do(b)
		done[b.kind]++
	}
	if done["run"] < 6 || done["output"] != done["run"] || done["start"] != 3 || done["file"] != 2 {
		t.Errorf("the README lost some of what was tested: %v", done)
	}
}

// reader does what a document says, in a directory of its own.
type reader struct {
	*testing.T
	dir     string
	place   *strings.Replacer // of the document's addresses by free ones, and of its secrets by those that were printed
	places  []string          // what place is made of
	printed string
}

func newReader(t *testing.T) *reader {
	r := &reader{T: t, dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(r.dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(binDir, "sallyport"), filepath.Join(r.dir, "bin", "sallyport")); err != nil {
		t.Fatal(err)
	}
	demo, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	served, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	first, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	r.places = []string{"make demo", "bin/sallyport demo --addr " + demo, "127.0.0.1:8080", demo,
		"sallyport init", "sallyport init --admin-listen 127.0.0.1:0 --listen " + first, "console, while the server runs, is http://127.0.0.1:8081/", "console, while the server runs, is http://127.0.0.1:0/", "https://127.0.0.1:8443", "https://" + first,
		"127.0.0.1:8443", served}
	r.place = strings.NewReplacer(r.places...)
	return r
}

var anySecret = regexp.MustCompile(`([A-Z]{2}[0-9]{2}){8}`)

// copy has later blocks use the secrets that were printed, as somebody does who
// reads them here.
func (r *reader) copy(shown string) {
	for i, secret := range anySecret.FindAllString(shown, -1) {
		if printed := anySecret.FindAllString(r.printed, -1); i < len(printed) {
			r.places = append(r.places, secret, printed[i])
			r.place = strings.NewReplacer(r.places...)
		}
	}
}

func (r *reader) do(b block) {
	r.Helper()
	text := r.place.Replace(b.text)
	switch b.kind {
	case "file":
		if err := os.WriteFile(filepath.Join(r.dir, b.arg), []byte(text+"\n"), 0o600); err != nil {
			r.Fatal(err)
		}
	case "run":
		cmd := exec.Command("sh", "-e", "-c", text)
		cmd.Dir = r.dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			r.Fatalf("line %d: %v: %s", b.line, err, out)
		}
		r.printed = string(out)
	case "output":
		if got, want := settled(r.printed), settled(text); got != want {
			r.Errorf("line %d: the document shows\n%s\nand it is\n%s", b.line, want, got)
		}
		r.copy(b.text)
	case "start":
		r.start(text, r.place.Replace(b.arg))
	}
}

// start starts a server, and has it stop in good order at the end.
func (r *reader) start(line, addr string) {
	if strings.HasPrefix(addr, "https://") { // the document's own client looks at the certificate
		r.startAt(line, addr, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}) // only whether it is there
		return
	}
	r.startAt(line, "http://"+addr, http.DefaultClient)
}

// startAt is start for a server that is asked at base, by client, whether it is
// there.
func (r *reader) startAt(line, base string, client *http.Client) {
	var said strings.Builder
	cmd := exec.Command("sh", "-c", "exec "+line)
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.dir, &said, &said
	if err := cmd.Start(); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err != nil {
			r.Errorf("%s: %v: %s", line, err, said.String())
		}
	})
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if res, err := client.Get(base + "/-/ready"); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			r.Fatalf("%s does not answer", line)
		}
	}
}

// changing is what differs from run to run, and how the comparison writes it.
var changing = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`\r`), ""},
	{regexp.MustCompile(`[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}`), "GUID"},
	{regexp.MustCompile(`[A-Za-z0-9+/]{76}`), "SERIES"},
	{anySecret, "SECRET"},
	{regexp.MustCompile(`Expires=[^;]*;`), "Expires=...;"},
	{regexp.MustCompile(`(?m)^Date: .*$`), "Date: ..."},
}

func settled(s string) string {
	for _, c := range changing {
		s = c.what.ReplaceAllString(s, c.as)
	}
	return strings.TrimSpace(s)
}
