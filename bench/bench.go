package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/sallyport/sallyport/bench/load"
)

// bench is what the experiments share. What is dear is made when the first of
// them asks for it.
type bench struct {
	plan
	dir      string // temporary, gone at the end
	profile  string
	report   *report
	children []*child
	mu       sync.Mutex // of samples, for loads that run side by side
	samples  map[string]*samples
	made     struct {
		binary string
		world  *world
		loaded string // directory of the database with all sessions
		bare   *child
		server map[string]*child
		shared *shared
	}
}

func newBench(o options, out io.Writer) (*bench, error) {
	dir, err := os.MkdirTemp(o.dir, "sallyport-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{plan: o.plan, dir: dir, profile: o.profile, samples: map[string]*samples{},
		report: &report{out: out, cpus: runtime.GOMAXPROCS(0)}}
	b.made.server = map[string]*child{}
	return b, nil
}

// close ends what runs and removes what was made.
func (b *bench) close() error {
	var errs []error
	for _, c := range b.children {
		errs = append(errs, c.stop())
	}
	if b.made.shared != nil {
		errs = append(errs, b.made.shared.cluster.stop())
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}

// binary builds the server as releases are built.
func (b *bench) binary(ctx context.Context) (string, error) {
	if b.made.binary != "" {
		return b.made.binary, nil
	}
	fmt.Fprintln(os.Stderr, "bench: building the server")
	path := filepath.Join(b.dir, "sallyport")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "github.com/sallyport/sallyport/cmd/sallyport") //nolint:gosec // path is ours
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, said)
	}
	b.made.binary = path
	return path, nil
}

// bare204 is the bare handler, started once.
func (b *bench) bare204(ctx context.Context) (*child, error) {
	if b.made.bare == nil {
		c, err := b.bare(ctx, 0)
		if err != nil {
			return nil, err
		}
		b.made.bare = c
	}
	return b.made.bare, nil
}

// samples are the rounds of one measurement over HTTP.
type samples struct{ rate, p99 series }

// drive puts a load on a child for one round and keeps what came of it under a
// name.
func (b *bench) drive(ctx context.Context, name string, c *child, connections int, requests []load.Request, window time.Duration) error {
	before, ok := c.cpu()
	r, err := b.beside(ctx, name, c, connections, requests, window)
	if err != nil {
		return err
	}
	values := sampleOf(&r)
	if after, _ := c.cpu(); ok {
		values = append(values, value{(after - before).Seconds() * 1e6 / float64(r.Requests), "cpu-us/req"})
	}
	b.report.sample(name, values...)
	return nil
}

// beside is drive for one of several loads at once: whose processor time it was,
// nobody can tell. The caller writes the sample.
func (b *bench) beside(ctx context.Context, name string, c *child, connections int, requests []load.Request, window time.Duration) (load.Result, error) {
	r, err := load.Run(ctx, load.Load{Addr: c.addr, Connections: connections, Requests: requests, For: window})
	if err != nil {
		return r, fmt.Errorf("%s: %w", name, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.keep(name)
	s.rate = append(s.rate, r.Rate())
	s.p99 = append(s.p99, r.Latency.Quantile(0.99).Seconds()*1000)
	return r, nil
}

func sampleOf(r *load.Result) []value {
	ms := func(q float64) float64 { return r.Latency.Quantile(q).Seconds() * 1000 }
	return []value{{r.Rate(), "req/s"}, {ms(0.5), "p50-ms"}, {ms(0.99), "p99-ms"}}
}

// keep is where the rounds of a measurement are kept.
func (b *bench) keep(name string) *samples {
	s := b.samples[name]
	if s == nil {
		s = &samples{}
		b.samples[name] = s
	}
	return s
}

// once sends each request once, so that what they are about is in the caches.
func once(ctx context.Context, c *child, requests []load.Request) error {
	_, err := load.Run(ctx, load.Load{Addr: c.addr, Connections: 16, Requests: requests, For: time.Minute, Once: true})
	return err
}

// interleave runs all sides once a round, every second round from the last to
// the first: what drifts, drifts for all.
func (b *bench) interleave(sides ...func() error) error {
	for round := range b.rounds {
		for i := range sides {
			if round%2 == 1 {
				i = len(sides) - 1 - i
			}
			if err := sides[i](); err != nil {
				return err
			}
		}
	}
	return nil
}
