//go:build unix

package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/postgres"
	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

// counted is a store that counts what is asked for sessions and of the feed.
type counted struct {
	auth.Store
	reads, polls atomic.Int64
}

func (c *counted) Session(ctx context.Context, id auth.SessionID) (auth.SessionRow, error) {
	c.reads.Add(1)
	return c.Store.Session(ctx, id)
}

func (c *counted) Feed(ctx context.Context, after auth.Position, limit int) ([]auth.Notice, error) {
	c.polls.Add(1)
	return c.Store.Feed(ctx, after, limit)
}

// realNodes are nodes as the server makes them, in this process, on one PostgreSQL.
type realNodes struct {
	services []*auth.Service
	stores   []*counted
	mount    *auth.Mount
	secret   string
	tokens   map[int32]string
}

func startNodes(t *testing.T, nodes, sessions int, clock auth.Clock) *realNodes {
	t.Helper()
	cluster := pgtest.Run(t)
	keys, err := secret.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	r := &realNodes{secret: secret.NewKeySecret(), tokens: map[int32]string{},
		mount: &auth.Mount{Name: "electa", Dialect: "electa", Tenant: "SIM", Policy: auth.Policy{Name: "p", Span: 24 * time.Hour}}}
	for range nodes {
		store, err := postgres.Open(t.Context(), postgres.Options{URL: cluster.URL("postgres"), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		if len(r.stores) == 0 {
			r.customer(t, store, keys)
		}
		c := &counted{Store: store}
		service, err := auth.Open(t.Context(), c, auth.Options{Keys: keys, CacheSessions: sessions, Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = service.Close() })
		r.services, r.stores = append(r.services, service), append(r.stores, c)
	}
	return r
}

func (r *realNodes) customer(t *testing.T, store auth.Store, keys *secret.Keys) {
	t.Helper()
	err := store.Update(t.Context(), func(tx auth.Tx) error {
		tenant := auth.Account{Level: auth.Tenant, Code: "SIM", Number: 1}
		if err := tx.PutAccount(&tenant); err != nil {
			return err
		}
		return tx.PutKey(&auth.Key{Account: tenant.ID, Name: "main", Digest: keys.KeyDigest(r.secret), Pepper: keys.Pepper()})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// happen does for real what an event says.
func (r *realNodes) happen(ctx context.Context, e Event) error {
	s := r.services[e.Node]
	from := auth.Origin{Source: netip.MustParseAddr("198.51.100.7"), Request: "simulate"}
	b := &auth.Bearer{Mount: r.mount, Form: secret.FormGUID, Value: r.tokens[e.Session]}
	switch e.Kind {
	case Login:
		g, err := s.Login(ctx, &auth.Attempt{Mount: r.mount, Scheme: auth.AccountKey, Number: 1, Secret: r.secret, Form: secret.FormGUID, Origin: from})
		if err != nil {
			return err
		}
		r.tokens[e.Session] = g.Token
	case Check:
		_, err := s.Check(ctx, b)
		return err
	case Revoke:
		return s.Logout(ctx, b, from)
	case Expire: // nothing happens: nobody calls with it any more
	}
	return nil
}

func (r *realNodes) reads() (n int64) {
	for _, s := range r.stores {
		n += s.reads.Load()
	}
	return n
}

// TestRealNodesReadWhatIsSimulated does one trace in the simulation and on four nodes
// over a real PostgreSQL, and compares how many sessions they asked it for. All of it
// happens within a second of the nodes' clock, which stands still between two events:
// so no node ever asks because it has not heard of the others for long.
func TestRealNodesReadWhatIsSimulated(t *testing.T) {
	for name, c := range map[string]struct{ memory, tolerance float64 }{"all fit": {8, 0}, "memory for a part": {0, 0.05}} {
		t.Run(name, func(t *testing.T) {
			s := Scenario{Seed: 3, Nodes: 4, Sessions: 2_500, Life: 900 * time.Millisecond, Calls: 8, Hot: 0.2, Memory: c.memory, Trip: time.Millisecond}
			source, m := newSource(s), newSimulation(s)
			m.watched = true
			begin := time.Now()
			var now atomic.Int64 // nanoseconds since
			r := startNodes(t, s.Nodes, s.ownLimit(), func() time.Time { return begin.Add(time.Duration(now.Load())) })
			for {
				e := source.Event()
				if e.At >= s.Life.Seconds() {
					break
				}
				if e.Kind == Expire {
					continue // the real ones stay in memory too: their end has not come
				}
				now.Store(int64(e.At * 1e9))
				m.happen(e)
				if err := r.happen(t.Context(), e); err != nil {
					t.Fatalf("%+v: %v", e, err)
				}
			}
			f := m.done(s.Life.Seconds())
			t.Logf("%d logins, %d checks: simulated %d reads, real %d", f.Logins, f.Checks, f.Reads, r.reads())
			// What goes out of a full memory is drawn, here and there.
			near(t, "reads", float64(r.reads()), float64(f.Reads), c.tolerance)
			if f.Reads == 0 {
				t.Error("nothing was read")
			}
		})
	}
}

// TestRealNodesObey ends sessions on one node and looks when the others refuse them.
// How long that took is for docs/scaling.md, which holds it against the simulation: a
// test on a busy machine can only wait.
func TestRealNodesObey(t *testing.T) {
	const nodes = 4
	r := startNodes(t, nodes, 1<<12, auth.SystemClock)
	n := 200
	if testing.Short() {
		n = 10
	}
	var f Figures
	for i := range int32(n) {
		do := func(kind Kind, node int) error {
			return r.happen(t.Context(), Event{Kind: kind, Session: i, Node: node})
		}
		if err := errors.Join(do(Login, 0), do(Check, 1), do(Check, 2), do(Check, 3), do(Revoke, int(i)%nodes)); err != nil {
			t.Fatal(err)
		}
		ended := time.Now()
		var took [nodes]time.Duration
		var all sync.WaitGroup
		for node := range nodes {
			all.Go(func() {
				for do(Check, node) == nil && took[node] < time.Minute {
					time.Sleep(100 * time.Microsecond)
					took[node] = time.Since(ended)
				}
			})
		}
		all.Wait()
		for node, d := range took {
			if d >= time.Minute {
				t.Fatalf("node %d still lets session %d pass", node, i)
			}
			if node != int(i)%nodes {
				f.Staleness = append(f.Staleness, d.Seconds())
			}
		}
	}
	sortStaleness(&f)
	t.Logf("obeyed after %.0f ms in the median, %.0f ms at p99, %.0f ms at most", 1000*f.Quantile(0.5), 1000*f.Quantile(0.99), 1000*f.Quantile(1))
}
