package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/config"
)

// running runs a server until the test ends, which must end well.
func running(t *testing.T, s interface{ Run(context.Context) error }) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// configured is a configuration with everything in a directory and on any port.
func configured(dir string) *config.Config {
	cfg := new(config.Config)
	cfg.SetDefaults()
	cfg.Listen = "127.0.0.1:0"
	cfg.Data, cfg.Keys = filepath.Join(dir, "sallyport.db"), filepath.Join(dir, "keys.json")
	cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	cfg.Mounts = []config.Mount{{Name: "electa", Dialect: "electa", Prefix: "/"}}
	return cfg
}

func start(t *testing.T, cfg *config.Config) (*Server, func()) {
	t.Helper()
	s, err := New(t.Context(), cfg, Options{Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	return s, running(t, s)
}

func get(t *testing.T, s *Server, path string) (int, string) {
	t.Helper()
	res, err := http.Get("http://" + s.Addr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestOwnPaths(t *testing.T) {
	s, _ := start(t, configured(t.TempDir()))
	for path, want := range map[string]int{
		"/-/healthy": 200, "/-/ready": 200, "/-/check": 403, "/-/": 404, "/-/nothing": 404, "/-/healthy/": 404, "/-/Ready": 404,
		"/": 404, "/logs/": 404,
	} {
		if got, body := get(t, s, path); got != want {
			t.Errorf("%s is answered %d, want %d: %s", path, got, want, body)
		}
	}
}

func TestNotReadyWhileStoppingOrWithoutStore(t *testing.T) {
	s, _ := start(t, configured(t.TempDir()))
	s.stopping.Store(true)
	if got, _ := get(t, s, "/-/ready"); got != http.StatusServiceUnavailable {
		t.Errorf("while stopping ready is answered %d", got)
	}
	if got, _ := get(t, s, "/-/healthy"); got != http.StatusOK {
		t.Errorf("while stopping healthy is answered %d", got)
	}
}

// A stopping server tells who asks that the connection will be closed, and closes
// none under a client who has just sent something; what becomes a WebSocket lives on.
func TestFarewell(t *testing.T) {
	s, _ := start(t, configured(t.TempDir()))
	ask := func(upgrade string) (closes bool) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String()+"/-/healthy", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Upgrade", upgrade)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.Close
	}
	if ask("") {
		t.Error("a server that goes on closes the connection")
	}
	s.stopping.Store(true)
	if !ask("") {
		t.Error("a stopping server keeps the connection")
	}
	if ask("websocket") {
		t.Error("a stopping server closes what may become a WebSocket")
	}
}

// A connection on which nothing is asked stays open until the drain is over: a front
// may be sending over it.
func TestDrainClosesNothing(t *testing.T) {
	cfg := configured(t.TempDir())
	cfg.Limits.Drain = time.Second
	s, stop := start(t, cfg)
	c, in := dial(t, s)
	send(c, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	begun := time.Now()
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the server says more: %v", err)
	}
	if after := time.Since(begun); after < cfg.Limits.Drain {
		t.Errorf("the connection was closed after %s of the drain", after)
	}
	<-stopped
}

// A key set is never made for a database that is there already.
func TestKeySet(t *testing.T) {
	dir := t.TempDir()
	cfg := configured(dir)
	_, stop := start(t, cfg)
	stop()
	st, err := os.Stat(cfg.Keys)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("the key set has mode %v (%v)", st.Mode(), err)
	}
	if err := os.Rename(cfg.Keys, cfg.Keys+".away"); err != nil {
		t.Fatal(err)
	}
	_, err = New(t.Context(), cfg, Options{Log: t.Output()})
	if !errors.Is(err, ErrKeysMissing) {
		t.Errorf("started without the key set: %v", err)
	}
	if _, err := os.Stat(cfg.Keys); err == nil {
		t.Error("a new key set was made")
	}
	if err := os.Rename(cfg.Keys+".away", cfg.Keys); err != nil {
		t.Fatal(err)
	}
	done, err := RotateKeys(cfg, RotateOptions{})
	if err != nil || done.Keys != 2 {
		t.Fatalf("rotated to %d keys: %v", done.Keys, err)
	}
	s, _ := start(t, cfg)
	if s.service.Keys().Len() != 2 {
		t.Errorf("the server has %d keys", s.service.Keys().Len())
	}
}

// What was opened before an error is closed: the next start finds it free.
func TestFailedStartLeavesNothingOpen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := configured(t.TempDir())
	cfg.Listen = taken.Addr().String()
	if _, err := New(t.Context(), cfg, Options{Log: t.Output()}); err == nil || !strings.Contains(err.Error(), "listen on") {
		t.Fatalf("listens twice at %s: %v", cfg.Listen, err)
	}
	cfg.Listen = "127.0.0.1:0"
	start(t, cfg)
}

// dial opens a connection that is still open when the test asks for it.
func dial(t *testing.T, s *Server) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

// send writes; that the server may have hung up already is the test's to see.
func send(c net.Conn, format string, args ...any) { _, _ = fmt.Fprintf(c, format, args...) }

// A client who sends its header or its body one byte an hour is dropped.
func TestSlowClientsAreDropped(t *testing.T) {
	for name, c := range map[string]struct {
		sent string
		only func(*config.Limits) *time.Duration // the limit that has to do it, alone
	}{
		"nothing": {"", func(l *config.Limits) *time.Duration { return &l.ReadHeaderTimeout }},
		"header":  {"GET /-/healthy HTTP/1.1\r\nHost: x\r\nX-Slow: ", func(l *config.Limits) *time.Duration { return &l.ReadHeaderTimeout }},
		"body": {"POST /token/ HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ncid=1",
			func(l *config.Limits) *time.Duration { return &l.ReadTimeout }},
		"idle": {"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n", func(l *config.Limits) *time.Duration { return &l.IdleTimeout }},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configured(t.TempDir())
			l := &cfg.Limits
			l.ReadHeaderTimeout, l.ReadTimeout, l.WriteTimeout, l.IdleTimeout = time.Hour, time.Hour, time.Hour, time.Hour
			*c.only(l) = 50 * time.Millisecond
			s, _ := start(t, cfg)
			conn, in := dial(t, s)
			send(conn, "%s", c.sent)
			if _, err := io.Copy(io.Discard, in); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection stays open")
			}
		})
	}
}

func TestHeaderLimit(t *testing.T) {
	cfg := configured(t.TempDir())
	cfg.Limits.Header = 8 << 10
	s, _ := start(t, cfg)
	c, in := dial(t, s)
	// The server may hang up before it has read all of it.
	go func() {
		send(c, "GET /-/healthy HTTP/1.1\r\nHost: x\r\nX-Large: %s\r\n\r\n", strings.Repeat("x", 32<<10))
	}()
	line, err := in.ReadString('\n')
	if err == nil && !strings.Contains(line, " 431 ") {
		t.Errorf("a header of 32 KiB is answered %q", line)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a header of 32 KiB is not answered")
	}
}

func TestConnectionLimit(t *testing.T) {
	cfg := configured(t.TempDir())
	cfg.Limits.Connections = 2
	s, _ := start(t, cfg)
	for range 2 {
		c, in := dial(t, s)
		send(c, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
		if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, " 200 ") {
			t.Fatalf("answered %q (%v)", line, err)
		}
	}
	c, in := dial(t, s)
	send(c, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
	if line, err := in.ReadString('\n'); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a third connection is answered %q (%v)", line, err)
	}
}

// A login's body is read as far as limits.body and no further.
func TestBodyLimit(t *testing.T) {
	cfg := configured(t.TempDir())
	cfg.Limits.Body = 100
	s, _ := start(t, cfg)
	for size, tooLarge := range map[int]bool{100: false, 101: true} {
		r, err := http.NewRequest(http.MethodPost, "http://"+s.Addr().String()+"/token/", strings.NewReader(strings.Repeat("x", size)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-Proto", "https")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		// net/http hangs up on who has sent more than will be read.
		if res.Close != tooLarge {
			t.Errorf("a body of %d bytes: hung up: %v, want %v", size, res.Close, tooLarge)
		}
	}
}
