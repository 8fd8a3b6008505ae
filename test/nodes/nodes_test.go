//go:build unix

package nodes

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

// patience is how long anything that has to happen may take.
const patience = 2 * time.Minute

// program is the server, built once.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = flag.Set("test.parallel", "4") // they wait for the most part, however few processors there are
	}
	dir, err := os.MkdirTemp("", "sallyport-nodes-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		program = filepath.Join(dir, "sallyport")
		var said []byte
		if said, err = exec.Command("go", "build", "-o", program, "../../cmd/sallyport").CombinedOutput(); err != nil {
			err = fmt.Errorf("building the program to test: %w: %s", err, said)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// whole skips what runs whole clusters under -short, which is what runs with the
// race detector.
func whole(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("whole clusters run at full speed only: the race detector sees nothing of other processes")
	}
	t.Parallel() // they wait for the most part
}

// missing skips the test if err says that a program is not installed.
func missing(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, pgtest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// block is the marked block of a document, named from the repository's root.
func block(t *testing.T, document, kind string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", document))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)<!-- test " + kind + " -->\n```[a-z]*\n(.*?\n)```").FindSubmatch(b)
	if m == nil {
		t.Fatalf("%s lost its %s", document, kind)
	}
	return string(m[1])
}

// site is a database and the nodes on it, which share a key set.
type site struct {
	dir  string
	data string // URL of the database
	env  []string
}

const customers = `tenants:
  - code: EXAMPLE
    organizations:
      - number: 123456
        keys: [{name: main, secret: UO86CN11XY73SF72TT40PG18ZE76VV71}]
`

// The customer.
const (
	number = "123456"
	secret = "UO86CN11XY73SF72TT40PG18ZE76VV71"
)

// newSite makes tables, key set and customer.
func newSite(t *testing.T, data string, env ...string) *site {
	t.Helper()
	s := &site{dir: t.TempDir(), data: data, env: env}
	s.write(t, "customers.yaml", customers)
	s.configure(t, "apply", "127.0.0.1:0", "")
	if out, err := s.command("apply", "-f", "customers.yaml", "--config", "apply.yaml").CombinedOutput(); err != nil {
		t.Fatalf("apply: %v: %s", err, out)
	}
	return s
}

func (s *site) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// configure writes the configuration of a node. more is added to it.
func (s *site) configure(t *testing.T, name, listen, more string) {
	t.Helper()
	s.write(t, name+".yaml", "listen: "+listen+"\ntrusted_proxies: [127.0.0.1]\ndata: "+s.data+"\nkeys: keys.json\n"+
		"mounts: [{dialect: electa}, {dialect: oauth2}]\n"+more)
}

func (s *site) command(args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.env...)
	return cmd
}

// node is a server that runs.
type node struct {
	name string
	addr string
	cmd  *exec.Cmd
	log  *buffer
	done chan struct{}
	err  error // of its end
}

var listening = regexp.MustCompile(`msg=listening address=(\S+) `)

// start starts a node and waits until it is ready.
func (s *site) start(t *testing.T, name, listen, more string) *node {
	t.Helper()
	s.configure(t, name, listen, more)
	n := &node{name: name, cmd: s.command("serve", "--config", name+".yaml"), log: new(buffer), done: make(chan struct{})}
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { n.err = n.cmd.Wait(); close(n.done) }()
	t.Cleanup(func() {
		_ = n.cmd.Process.Kill()
		<-n.done
		if t.Failed() {
			t.Logf("%s said: %s", name, n.log.end())
		}
	})
	until(t, name+" is ready", func() bool {
		select {
		case <-n.done:
			t.Fatalf("%s ended: %v: %s", name, n.err, n.log.end())
		default:
		}
		if m := listening.FindStringSubmatch(n.log.String()); m != nil {
			n.addr = m[1]
		}
		return n.addr != "" && n.ready() == http.StatusOK
	})
	return n
}

// stop has a node stop in good order, and says how it ended.
func (n *node) stop() error {
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-n.done
	return n.err
}

// until waits for something to come about.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s in vain until %s", patience, what)
		}
	}
}

// client has no time limit shorter than the server's own.
var client = &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// ask sends a request as the trusted proxy does.
func ask(base, method, path string, form url.Values, header ...string) (status int, body string, err error) {
	r, err := http.NewRequestWithContext(context.Background(), method, base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Forwarded-Proto", "https")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

var credentials = url.Values{"client_id": {number}, "client_secret": {secret}}

var issued = regexp.MustCompile(`"access_token":"([^"]+)"`)

// login logs in over OAuth 2.0. The token is empty unless the status is 200.
func (n *node) login() (token string, status int, err error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	for k, v := range credentials {
		form[k] = v
	}
	status, body, err := ask("http://"+n.addr, http.MethodPost, "/oauth2/token", form)
	if m := issued.FindStringSubmatch(body); m != nil && status == http.StatusOK {
		token = m[1]
	}
	return token, status, err
}

// check asks the gate about a call with the token.
func (n *node) check(token string) (status int, err error) {
	status, _, err = ask("http://"+n.addr, http.MethodGet, "/-/check", nil, "Authorization", "Bearer "+token, "X-Forwarded-Uri", "/oauth2/other")
	return status, err
}

// revoke ends the token's session.
func (n *node) revoke(token string) (status int, err error) {
	form := url.Values{"token": {token}}
	for k, v := range credentials {
		form[k] = v
	}
	status, _, err = ask("http://"+n.addr, http.MethodPost, "/oauth2/revoke", form)
	return status, err
}

// ready is what /-/ready answers, 0 if nothing.
func (n *node) ready() int {
	status, _, _ := ask("http://"+n.addr, http.MethodGet, "/-/ready", nil)
	return status
}

// buffer is a log that is read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// end is the last of it.
func (b *buffer) end() string {
	const most = 6 << 10
	text := b.String()
	return text[max(0, len(text)-most):]
}
