package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/sallyport/sallyport/bench/load"
)

const (
	askers = 32 // connections with checks while others log in
	comers = 8  // connections with logins: more than hash at once, so that none of the slots is ever free
)

// passwordTimes: a hash takes 27 ms or more, so a window needs more of them.
const passwordTimes = 2

// measurePasswords is CalAmp's login, which is one argon2id and little else: alone,
// and while checks go on. The ceiling computes argon2id beside the bare handler,
// in as many goroutines as the server hashes at once.
func measurePasswords(ctx context.Context, b *bench) error {
	big, err := b.big(ctx)
	if err != nil {
		return err
	}
	bare, err := b.bare204(ctx)
	if err != nil {
		return err
	}
	w := b.made.world
	checks, logins := w.electaChecks(), w.calampLogins()
	if err := once(ctx, big, checks); err != nil {
		return err
	}
	p := passwords{bench: b, checks: checks, logins: logins, window: passwordTimes * b.window}
	err = b.interleave(
		func() error { return b.drive(ctx, "Password/alone", big, comers, logins, p.window) },
		func() error { return p.ceiling(ctx, "Argon2id/alone", nil) },
		func() error { return b.drive(ctx, "CheckAlone", big, askers, checks, b.window) },
		func() error { return p.both(ctx, big) },
		func() error { return p.ceiling(ctx, "Argon2id/beside", toBare(checks)) },
		func() error { return b.drive(ctx, "BareAlone", bare, askers, toBare(checks), b.window) })
	if err != nil {
		return err
	}
	s := b.samples
	b.report.add(
		row{"login with a password, calamp", "req/s", s["Password/alone"].rate, s["Argon2id/alone"].rate, "argon2id", atLeast(0.90)},
		row{"  checks meanwhile", "req/s", s["CheckBeside"].rate, s["CheckAlone"].rate, "checks alone", atLeast(0.50)},
		row{"  logins beside checks", "req/s", s["Password/beside"].rate, s["Argon2id/beside"].rate, "argon2id beside bare", goal{}},
		row{"  (the bare handler meanwhile)", "req/s", s["BareBeside"].rate, s["BareAlone"].rate, "bare alone", goal{}})
	return nil
}

type passwords struct {
	*bench
	checks, logins []load.Request
	window         time.Duration
}

// both runs checks and logins on one server at once.
func (p *passwords) both(ctx context.Context, c *child) error {
	loads := [...]struct {
		name        string
		connections int
		requests    []load.Request
	}{{"CheckBeside", askers, p.checks}, {"Password/beside", comers, p.logins}}
	var results [len(loads)]load.Result
	var errs [len(loads)]error
	var all sync.WaitGroup
	for i, l := range loads {
		all.Go(func() { results[i], errs[i] = p.beside(ctx, l.name, c, l.connections, l.requests, p.window) })
	}
	all.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	for i, l := range loads {
		p.report.sample(l.name, sampleOf(&results[i])...)
	}
	return nil
}

// ceiling counts the hashes that are computed in a window, with checks answered
// by the bare handler in the same process or not.
func (p *passwords) ceiling(ctx context.Context, name string, checks []load.Request) error {
	slots := max(1, runtime.GOMAXPROCS(0)/2) // secret.NewHasher's default
	c, err := p.bare(ctx, slots)
	if err != nil {
		return err
	}
	defer func() { _ = c.stop() }() // close does so again
	cpu, ok := c.cpu()
	before, start, err := c.hashes(ctx)
	if err != nil {
		return err
	}
	if checks != nil {
		err = p.drive(ctx, "BareBeside", c, askers, checks, p.window)
	} else {
		err = sleep(ctx, p.window)
	}
	if err != nil {
		return err
	}
	after, end, err := c.hashes(ctx)
	if err != nil {
		return err
	}
	rate := float64(after-before) / end.Sub(start).Seconds()
	p.keep(name).rate = append(p.keep(name).rate, rate)
	values := []value{{rate, "hashes/s"}}
	if now, _ := c.cpu(); ok && checks == nil {
		values = append(values, value{(now - cpu).Seconds() * 1e6 / float64(after-before), "cpu-us/hash"})
	}
	p.report.sample(name, values...)
	return nil
}

// hashes is how many it has computed, and when.
func (c *child) hashes(ctx context.Context) (n uint64, at time.Time, err error) {
	status, body := c.get(ctx, "/hashes")
	at = time.Now()
	if n, err = strconv.ParseUint(body, 10, 64); err != nil {
		return 0, at, fmt.Errorf("asking %s for its hashes: status %d, %q", c.name, status, body)
	}
	return n, at, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
