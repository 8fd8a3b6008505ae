package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect/calamp"
	"github.com/sallyport/sallyport/dialect/electa"
	"github.com/sallyport/sallyport/secret"
)

// forms are the spellings of tokens that are measured, and the dialects whose
// sessions they open. None has the native form to itself yet.
var forms = []struct {
	form    secret.Form
	dialect string
}{
	{secret.FormGUID, "electa"},
	{secret.FormSeries, "calamp"},
	{secret.FormNative, "electa"},
}

// remembered is a store whose sessions are made up when they are read: it
// gets a million of them into the core's memory in seconds. It counts reads.
type remembered struct {
	auth.Store
	world   *world
	issued  time.Time
	digests []secret.Digest // of the session with that id - 1
	reads   atomic.Int64
}

// Session is the form'th session in the order of ids; see mint.
func (s *remembered) Session(_ context.Context, id auth.SessionID) (auth.SessionRow, error) {
	s.reads.Add(1)
	if id == 0 || id > auth.SessionID(len(s.digests)) {
		return auth.SessionRow{}, auth.ErrNotFound
	}
	who, dialect := s.world.key[int(id)%accounts], forms[int(id)%len(forms)].dialect
	if dialect == "calamp" {
		who = s.world.user[int(id)%users]
	}
	return sessionRow(id, s.digests[id-1], who, dialect, s.issued), nil
}

// coreChecks is the core with all sessions in memory.
type coreChecks struct {
	*bench
	store   *remembered
	service *auth.Service
	bearers [][]auth.Bearer // by form, in an order that has nothing to do with that of the ids
}

// measureCoreChecks is auth.Check in this process, among all sessions.
func measureCoreChecks(ctx context.Context, b *bench) (err error) {
	w, err := b.customers(ctx)
	if err != nil {
		return err
	}
	dir, err := b.copyOf(w.dir, "core-check")
	if err != nil {
		return err
	}
	file, err := openDatabase(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	c := coreChecks{bench: b, store: &remembered{Store: file, world: w, issued: time.Now().UTC().Truncate(time.Microsecond)}}
	c.mint()
	c.service, err = auth.Open(ctx, c.store, auth.Options{Keys: w.keys})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.service.Close()) }()
	return errors.Join(c.memory(ctx), c.times(ctx), c.madeUp(ctx))
}

// mint makes a token for each session, of each form in turn.
func (c *coreChecks) mint() {
	c.store.digests = make([]secret.Digest, c.sessions)
	c.bearers = make([][]auth.Bearer, len(forms))
	mounts := map[string]*auth.Mount{"electa": mountOf(electa.Definition(), electaTenant), "calamp": mountOf(calamp.Definition(), calampTenant)}
	order := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // an order, not a secret
	for _, i := range order.Perm(c.sessions) {
		id := uint64(i + 1)
		f := int(id) % len(forms)
		wire, digest := c.store.world.keys.Mint(forms[f].form, id)
		c.store.digests[i] = digest
		bearer := auth.Bearer{Mount: mounts[forms[f].dialect], Form: forms[f].form, Value: wire}
		if bearer.Mount.AppOnCalls {
			bearer.App = calampApp
		}
		c.bearers[f] = append(c.bearers[f], bearer)
	}
}

// memory takes all sessions into the cache and says what they take there.
func (c *coreChecks) memory(ctx context.Context) error {
	before := heap()
	for _, list := range c.bearers {
		if err := c.each(ctx, list, len(list)); err != nil {
			return err
		}
	}
	if got := c.store.reads.Load(); got != int64(c.sessions) {
		return fmt.Errorf("core-check: %d reads of %d sessions: they do not all fit into memory", got, c.sessions)
	}
	bytes := float64(heap()-before) / float64(c.sessions)
	c.report.sample("Memory", value{bytes, "B/session"})
	c.report.add(row{"a session in memory", "B", series{bytes}, nil, "", atMost(250)})
	return nil
}

// each checks n bearers of a list, from its start again and again.
func (c *coreChecks) each(ctx context.Context, list []auth.Bearer, n int) error {
	for i := range n {
		if _, err := c.service.Check(ctx, &list[i%len(list)]); err != nil {
			return fmt.Errorf("core-check: %v: %w", list[i%len(list)].Form, err)
		}
	}
	return nil
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // the first may leave what was swept late
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// times is how long one check takes, with one goroutine and with as many as two
// processors run.
func (c *coreChecks) times(ctx context.Context) error {
	const most = 200_000 // checks in a round: 100 ms
	for _, goroutines := range []int{1, 2} {
		took, allocs := make([]series, len(forms)), make([]series, len(forms))
		for range 2 * c.rounds { // they are short
			for f, list := range c.bearers {
				ns, objects, err := c.time(ctx, list, goroutines, min(most, len(list)))
				if err != nil {
					return err
				}
				took[f], allocs[f] = append(took[f], ns), append(allocs[f], objects)
				c.report.sample(fmt.Sprintf("CoreCheck/%v/goroutines=%d", forms[f].form, goroutines), value{ns, "ns/op"}, value{objects, "allocs/op"})
			}
		}
		for f := range forms {
			c.report.add(
				row{fmt.Sprintf("check in process, %v, %d at once", forms[f].form, goroutines), "ns", took[f], nil, "", atMost(500)},
				row{"  allocations", "a check", allocs[f], nil, "", atMost(0)})
		}
	}
	return nil
}

// time has each goroutine check another part of the list. What others allocate
// meanwhile, the core's background work above all, is less than one object in a
// thousand checks and is rounded away.
func (c *coreChecks) time(ctx context.Context, list []auth.Bearer, goroutines, n int) (ns, allocs float64, err error) {
	errs := make([]error, goroutines)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() { errs[g] = c.each(ctx, list[g*len(list)/goroutines:], n/goroutines) })
	}
	all.Wait()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	objects := (after.Mallocs - before.Mallocs) * 1000 / uint64(n) / 1000
	return float64(took.Nanoseconds()) / float64(n/goroutines), float64(objects), errors.Join(errs...)
}

// madeUp sends tokens that are well made under somebody else's keys and counts
// what the store is asked.
func (c *coreChecks) madeUp(ctx context.Context) error {
	n := min(100_000, c.sessions)
	stranger, err := secret.GenerateKeys()
	if err != nil {
		return err
	}
	for f, list := range c.bearers {
		bearer := list[0]
		before := c.store.reads.Load()
		for i := range n {
			bearer.Value, _ = stranger.Mint(forms[f].form, uint64(i+1))
			if _, err := c.service.Check(ctx, &bearer); auth.RefusalOf(err).Reason != auth.UnknownToken {
				return fmt.Errorf("core-check: a made-up token: %w", err)
			}
		}
		reads := float64(c.store.reads.Load() - before)
		c.report.sample(fmt.Sprintf("MadeUpReads/%v", forms[f].form), value{reads, "reads"})
		c.report.add(row{fmt.Sprintf("store reads for %d made-up tokens, %v", n, forms[f].form), "reads", series{reads}, nil, "", atMost(0)})
	}
	return nil
}
