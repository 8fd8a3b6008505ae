package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/electa"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/sqlite"
)

// callers wait for their login to be durable, all at once.
const callers = 64

// measureCoreLogins is auth.Login without HTTP, on the real store with all
// sessions in it, against the rows that the same database takes when nothing but
// rows are written (raw.go), into a copy of its own.
func measureCoreLogins(ctx context.Context, b *bench) (err error) {
	from, err := b.loaded(ctx)
	if err != nil {
		return err
	}
	forLogins, err := b.copyOf(from, "core-login")
	if err != nil {
		return err
	}
	forRaw, err := b.copyOf(from, "raw")
	if err != nil {
		return err
	}
	store, err := openDatabase(ctx, forLogins)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	service, err := auth.Open(ctx, store, auth.Options{Keys: b.made.world.keys})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Close()) }()
	raw, err := openRaw(ctx, forRaw)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.close()) }()

	l := coreLogins{world: b.made.world, service: service, mount: mountOf(electa.Definition(), electaTenant)}
	if err := l.warm(ctx); err != nil {
		return err
	}
	var logins, most, half series
	keep := func(name string, to *series, f func(context.Context, time.Duration) (float64, error), grouped func() float64) func() error {
		return func() error {
			rate, err := f(ctx, b.window)
			if err != nil {
				return err
			}
			*to = append(*to, rate)
			b.report.sample(name, value{rate, "rows/s"}, value{grouped(), "rows/commit"})
			return nil
		}
	}
	rawOf := func(size int, to *series) func() error {
		run := func(ctx context.Context, window time.Duration) (float64, error) { return raw.run(ctx, window, size) }
		return keep(fmt.Sprintf("RawGroupCommit/%d", size), to, run, func() float64 { return float64(size) })
	}
	err = b.interleave(
		keep("CoreLogin", &logins, l.run, groups(store)),
		rawOf(rawMost, &most), rawOf(rawHalf, &half))
	if err != nil {
		return err
	}
	b.report.add(row{fmt.Sprintf("auth.Login, %d at once, durable", callers), "rows/s", logins, half, "raw, 32 a commit", atLeast(0.60)})
	b.report.add(row{"  against twice as many a commit", "rows/s", logins, most, "raw, 64 a commit", atLeast(0.60)})
	return nil
}

// groups says how many write sets the store has made durable at once since it was
// last asked.
func groups(store *sqlite.Store) func() float64 {
	last := store.Stats()
	return func() float64 {
		now := store.Stats()
		n := float64(now.Sets-last.Sets) / float64(now.Commits-last.Commits)
		last = now
		return n
	}
}

// mountOf is the mount that the configuration makes of a dialect.
func mountOf(d dialect.Definition, tenant string) *auth.Mount {
	m := d.Mount(d.Name, tenant)
	m.AppOnCalls = d.Name == "calamp" // as the dialect sets it
	m.FairUse = auth.FairUse{}
	return m
}

type coreLogins struct {
	*world
	service *auth.Service
	mount   *auth.Mount
}

// run logs in for a while and returns logins a second.
func (l *coreLogins) run(ctx context.Context, window time.Duration) (float64, error) {
	start := time.Now()
	end := start.Add(window)
	done, err := l.spread(ctx, func(i int) (int, bool) { return (i + callers) % len(l.secrets), time.Now().Before(end) })
	return float64(done) / time.Since(start).Seconds(), err
}

// warm logs in to each account once, which takes them into memory.
func (l *coreLogins) warm(ctx context.Context) error {
	_, err := l.spread(ctx, func(i int) (int, bool) { return i + callers, i+callers < len(l.secrets) })
	return err
}

// spread has each caller begin with an account of its own and then log in to the next
// for as long as there is one. It returns how often they did.
func (l *coreLogins) spread(ctx context.Context, next func(i int) (int, bool)) (int64, error) {
	var done atomic.Int64
	var errs [callers]error
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i, more := c, true; more; i, more = next(i) {
				a := auth.Attempt{Mount: l.mount, Scheme: auth.AccountKey, Number: firstNumber + int64(i), Secret: l.secrets[i],
					Form: secret.FormGUID, Origin: auth.Origin{Source: source, Request: "bench"}}
				if _, err := l.service.Login(ctx, &a); err != nil {
					errs[c] = err
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	return done.Load(), errors.Join(errs[:]...)
}
