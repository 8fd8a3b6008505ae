//go:build unix

// Package pgtest runs PostgreSQL servers for tests: real ones, each with data in
// a temporary folder of its own, on a loopback port of its own, gone afterwards.
// It needs PostgreSQL's programs as Debian installs them, or in the PATH.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/internal/loopback"
)

// ErrMissing says that a program is not installed.
var ErrMissing = errors.New("not installed (on Debian as root: test/setup.sh)")

// Cluster is a running server.
type Cluster struct {
	Port int

	dir   string
	bin   string
	who   *syscall.SysProcAttr
	lines []string
}

// Start makes a cluster and starts it. settings are lines for postgresql.conf.
// Without any, what is committed survives the server being killed, but not the
// machine: tests have no time to wait for disks.
func Start(ctx context.Context, settings ...string) (*Cluster, error) {
	return StartIn(ctx, "", settings...)
}

// StartIn is Start with the data beneath a folder, which the server's user must be
// able to pass through; "": the one for temporary files.
func StartIn(ctx context.Context, dir string, settings ...string) (_ *Cluster, err error) {
	c := &Cluster{}
	if c.bin, err = programs(); err != nil {
		return nil, err
	}
	if c.dir, err = os.MkdirTemp(dir, "pgtest"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(c.dir))
		}
	}()
	if c.who, err = owner(c.dir); err != nil {
		return nil, err
	}
	err = c.run(ctx, "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "-D", c.data())
	if err != nil {
		return nil, err
	}
	if c.Port, err = freePort(ctx); err != nil {
		return nil, err
	}
	c.lines = append([]string{"listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "max_connections = 300", "fsync = off",
		"max_wal_size = 4GB", "log_min_messages = fatal", "port = " + strconv.Itoa(c.Port)}, settings...)
	conf := strings.Join(c.lines, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(c.data(), "postgresql.auto.conf"), []byte(conf), 0o644); err != nil { //nolint:gosec // the server reads it as another user
		return nil, err
	}
	return c, c.Up(ctx)
}

// URL is how to reach a database of the cluster.
func (c *Cluster) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s", c.Port, database)
}

// Up starts the server again after Kill or Down, on the same port.
func (c *Cluster) Up(ctx context.Context) error {
	return c.run(ctx, "pg_ctl", "start", "-w", "-t", "60", "-D", c.data(), "-l", filepath.Join(c.dir, "log"))
}

// Down stops the server as an operator does who is in a hurry: callers lose
// their connections.
func (c *Cluster) Down(ctx context.Context) error {
	return c.run(ctx, "pg_ctl", "stop", "-w", "-m", "fast", "-D", c.data())
}

// Kill stops the server as a crash does.
func (c *Cluster) Kill(ctx context.Context) error {
	return c.run(ctx, "pg_ctl", "stop", "-w", "-m", "immediate", "-D", c.data())
}

// Stop stops the server and removes its data.
func (c *Cluster) Stop() error {
	err := c.Kill(context.Background())
	return errors.Join(err, os.RemoveAll(c.dir))
}

// Postmaster is the id of the process that all others of the server are children of.
func (c *Cluster) Postmaster() (int, error) {
	b, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strconv.Atoi(line)
}

// Own makes a folder that the server may write to.
func (c *Cluster) Own(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	_, err := owner(dir)
	return err
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) run(ctx context.Context, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, program), args...) //nolint:gosec // programs of PostgreSQL
	cmd.Dir, cmd.SysProcAttr = c.dir, c.who
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+c.dir)
	said, err := os.CreateTemp("", "pgtest-said") // a pipe would wait for the server, which inherits it
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(said.Name()); _ = said.Close() }()
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(said.Name())
		log, _ := os.ReadFile(filepath.Join(c.dir, "log"))
		return fmt.Errorf("%s: %w\n%s%s", program, err, text, log)
	}
	return nil
}

// programs finds the newest PostgreSQL, where Debian keeps it or in the PATH.
func programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) > 0 {
		return filepath.Dir(found[0]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("PostgreSQL: %w", ErrMissing)
	}
	return filepath.Dir(path), nil
}

func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// owner gives a folder to whom the server may run as: it refuses to run as root.
func owner(dir string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2, os.Chown(dir, int(uid), int(gid))); err != nil {
			return nil, err
		}
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return nil, errors.New("there is no user postgres or nobody to run PostgreSQL as")
}

func freePort(ctx context.Context) (int, error) {
	addr, err := loopback.FreeAddr(ctx)
	if err != nil {
		return 0, err
	}
	at, err := netip.ParseAddrPort(addr)
	return int(at.Port()), err
}
