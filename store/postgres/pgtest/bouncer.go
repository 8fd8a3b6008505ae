//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Bouncer is a running PgBouncer in transaction mode in front of a cluster.
type Bouncer struct {
	Port int

	dir string
	cmd *exec.Cmd
}

// StartBouncer starts PgBouncer with so few connections of its own that clients
// share them.
func StartBouncer(ctx context.Context, c *Cluster) (_ *Bouncer, err error) {
	const debian = "/usr/sbin/pgbouncer" // not in every user's PATH
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if _, err := os.Stat(debian); err != nil {
			return nil, fmt.Errorf("PgBouncer: %w", ErrMissing)
		}
		program = debian
	}
	b := &Bouncer{}
	if b.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(b.dir))
		}
	}()
	who, err := owner(b.dir)
	if err != nil {
		return nil, err
	}
	if b.Port, err = freePort(ctx); err != nil {
		return nil, err
	}
	conf := filepath.Join(b.dir, "pgbouncer.ini")
	text := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%d user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n"+
		"auth_type = any\npool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 200\nlogfile = %s\n", c.Port, b.Port, filepath.Join(b.dir, "log"))
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil { //nolint:gosec // PgBouncer reads it as another user
		return nil, err
	}
	b.cmd = exec.Command(program, "-q", conf) //nolint:gosec,noctx // it outlives the call
	b.cmd.Dir, b.cmd.SysProcAttr = b.dir, who
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	if err := answers(ctx, b.Port); err != nil {
		log, _ := os.ReadFile(filepath.Join(b.dir, "log"))
		return nil, errors.Join(fmt.Errorf("PgBouncer: %w\n%s", err, log), b.end())
	}
	return b, nil
}

// answers waits until a port takes connections.
func answers(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// URL is how to reach a database of the cluster through it.
func (b *Bouncer) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s", b.Port, database)
}

func (b *Bouncer) end() error {
	err := b.cmd.Process.Kill()
	_ = b.cmd.Wait() // says that it was killed
	return err
}

// Stop stops it.
func (b *Bouncer) Stop() error { return errors.Join(b.end(), os.RemoveAll(b.dir)) }
