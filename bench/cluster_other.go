//go:build !unix

package main

import (
	"context"
	"fmt"
)

// cluster is a PostgreSQL server of the bench's own, which is started on Unix only.
type cluster struct{}

func startCluster(context.Context, string) (*cluster, error) {
	return nil, fmt.Errorf("%w: PostgreSQL is started on Unix only", errSkipped)
}

func (c *cluster) stop() error { return nil }

func (c *cluster) url(string) string { return "" }

func (c *cluster) postmaster() (int, error) { return 0, errSkipped }
