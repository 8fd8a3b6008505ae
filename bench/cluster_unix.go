//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

// cluster is a PostgreSQL server of the bench's own, as durable as it is by
// default, with what a small machine gives it.
type cluster struct{ *pgtest.Cluster }

// startCluster starts one beneath a directory, which whoever the server runs as is
// let pass through.
func startCluster(ctx context.Context, dir string) (*cluster, error) {
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // nobody else can list it
		return nil, err
	}
	c, err := pgtest.StartIn(ctx, dir, "fsync = on", "shared_buffers = 512MB", "checkpoint_timeout = 15min")
	if errors.Is(err, pgtest.ErrMissing) {
		return nil, fmt.Errorf("%w: %w", errSkipped, err)
	}
	if err != nil {
		return nil, err
	}
	return &cluster{c}, nil
}

func (c *cluster) stop() error { return c.Stop() }

func (c *cluster) url(database string) string { return c.URL(database) }

func (c *cluster) postmaster() (int, error) { return c.Postmaster() }
