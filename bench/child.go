package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/internal/loopback"
)

// child is a server that was started for a measurement.
type child struct {
	name string
	addr string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how
}

// Times that children get.
const (
	toStart = 30 * time.Second
	toStop  = 15 * time.Second
)

// spawn starts a program that will listen at addr. It ends with the context at
// the latest; what it says is in <dir>/<name>.log.
func (b *bench) spawn(ctx context.Context, name, addr, program string, args ...string) (*child, error) {
	log, err := os.OpenFile(filepath.Join(b.dir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()                // the child has its own
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // this program itself, or the one it built
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = toStop
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	c := &child{name: name, addr: addr, cmd: cmd, done: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.done)
	}()
	b.children = append(b.children, c)
	return c, nil
}

// bare starts this program as a ceiling, see ceiling.go.
func (b *bench) bare(ctx context.Context, hashing int) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addr, err := loopback.FreeAddr(ctx)
	if err != nil {
		return nil, err
	}
	c, err := b.spawn(ctx, "bare", addr, self, "serve-bare", "-addr", addr, "-hash", strconv.Itoa(hashing))
	if err != nil {
		return nil, err
	}
	return c, c.waitFor(ctx, "/", http.StatusNoContent)
}

// waitFor polls until a path is answered with a status.
func (c *child) waitFor(ctx context.Context, path string, status int) error {
	ctx, cancel := context.WithTimeout(ctx, toStart)
	defer cancel()
	for {
		if got, _ := c.get(ctx, path); got == status {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s ended before it was ready: %w: see %s", c.name, errOf(c.err), c.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready within %v: %w", c.name, toStart, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

var errEnded = errors.New("exit status 0")

func errOf(err error) error {
	if err == nil {
		return errEnded
	}
	return err
}

// tail is the end of what it said.
func (c *child) tail() string {
	f, ok := c.cmd.Stderr.(*os.File)
	if !ok {
		return ""
	}
	said, err := os.ReadFile(f.Name())
	if err != nil {
		return err.Error()
	}
	return string(said[max(0, len(said)-1000):])
}

// get asks for something small; the status is 0 when nobody answers.
func (c *child) get(ctx context.Context, path string) (status int, body string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.addr+path, nil) //nolint:gosec // to a child of ours, on loopback
	if err != nil {
		return 0, ""
	}
	r.Close = true
	response, err := http.DefaultClient.Do(r) //nolint:gosec // the same
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	var b [64]byte
	n, _ := response.Body.Read(b[:])
	return response.StatusCode, string(b[:n])
}

// stop ends it and waits for that.
func (c *child) stop() error {
	select {
	case <-c.done:
	default:
		if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
	}
	select {
	case <-c.done:
		return nil
	case <-time.After(toStop):
		err := c.cmd.Process.Kill()
		<-c.done
		return errors.Join(fmt.Errorf("%s did not stop within %v", c.name, toStop), err)
	}
}

// cpu is the processor time it has used; false when it has ended, or where the
// system does not tell.
func (c *child) cpu() (time.Duration, bool) {
	select {
	case <-c.done:
		return 0, false
	default:
		return processTime(c.cmd.Process.Pid, false)
	}
}

// settle waits until it has nothing to do: a server checks its database in the
// background after a start, and copies its log after writes.
func (c *child) settle(ctx context.Context) error {
	const look, quiet = 250 * time.Millisecond, 3
	deadline := time.Now().Add(toStart)
	for calm := 0; calm < quiet && time.Now().Before(deadline); {
		before, ok := c.cpu()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
		after, _ := c.cpu()
		if calm++; ok && after-before > look/10 {
			calm = 0
		}
	}
	return nil
}
