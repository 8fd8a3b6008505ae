package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// measureStarts is how long a start takes, from the call of exec to the first
// 200 of /-/ready: the very first one, which makes key set and database, and one
// with all sessions.
func measureStarts(ctx context.Context, b *bench) error {
	from, err := b.loaded(ctx)
	if err != nil {
		return err
	}
	loaded, err := b.copyOf(from, "start-loaded")
	if err != nil {
		return err
	}
	var first, with series
	n := 0
	err = b.interleave(
		func() error {
			n++
			dir := filepath.Join(b.dir, fmt.Sprint("start-empty-", n))
			if err := os.Mkdir(dir, 0o700); err != nil {
				return err
			}
			return b.timeStart(ctx, "Start/empty", dir, &first)
		},
		func() error { return b.timeStart(ctx, "Start/loaded", loaded, &with) })
	if err != nil {
		return err
	}
	b.report.add(
		row{"first start, nothing there", "s", first, nil, "", atMost(0.2)},
		row{fmt.Sprintf("start with %d sessions", b.sessions), "s", with, nil, "", atMost(1)})
	return nil
}

func (b *bench) timeStart(ctx context.Context, name, dir string, to *series) error {
	start := time.Now()
	c, err := b.start(ctx, filepath.Base(dir), dir, "")
	if err != nil {
		return err
	}
	if err := c.ready(ctx); err != nil {
		return err
	}
	took := time.Since(start).Seconds()
	*to = append(*to, took)
	b.report.sample(name, value{took, "s"})
	return c.stop()
}
