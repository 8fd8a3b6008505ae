//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/store/storetest"
)

// nodes is several stores over one database, each call to the next of them.
type nodes struct {
	stores [3]*Store
	calls  atomic.Uint64
}

func openNodes(t *testing.T, url string) *nodes {
	t.Helper()
	n := &nodes{}
	var wg sync.WaitGroup
	errs := make([]error, len(n.stores))
	for i := range n.stores { // at once, as after a power failure: one makes the schema
		wg.Go(func() { n.stores[i], errs[i] = Open(context.Background(), Options{URL: url, Logger: quiet}) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *nodes) any() *Store { return n.stores[n.calls.Add(1)%uint64(len(n.stores))] }

func (n *nodes) Session(ctx context.Context, id auth.SessionID) (auth.SessionRow, error) {
	return n.any().Session(ctx, id)
}

func (n *nodes) HandOff(ctx context.Context, id auth.SessionID) (auth.HandOffRow, error) {
	return n.any().HandOff(ctx, id)
}

func (n *nodes) Apply(ctx context.Context, w *auth.WriteSet) (auth.Result, error) {
	return n.any().Apply(ctx, w)
}

func (n *nodes) Lease(ctx context.Context, k uint64) (auth.SessionID, error) {
	return n.any().Lease(ctx, k)
}

func (n *nodes) Feed(ctx context.Context, after auth.Position, limit int) ([]auth.Notice, error) {
	return n.any().Feed(ctx, after, limit)
}
func (n *nodes) FeedHead(ctx context.Context) (auth.Position, error) {
	return n.any().FeedHead(ctx)
}
func (n *nodes) News() <-chan struct{} { return n.stores[0].News() }

func (n *nodes) Guards(ctx context.Context, f func(auth.GuardRow) error) error {
	return n.any().Guards(ctx, f)
}

func (n *nodes) GuardRows(ctx context.Context, keys ...auth.GuardKey) ([]auth.GuardRow, error) {
	return n.any().GuardRows(ctx, keys...)
}

func (n *nodes) Latest(ctx context.Context, p auth.PrincipalID, now time.Time) (auth.SessionRow, error) {
	return n.any().Latest(ctx, p, now)
}

func (n *nodes) Live(ctx context.Context, c auth.Capped, now time.Time, most int) (int, time.Time, error) {
	return n.any().Live(ctx, c, now, most)
}

func (n *nodes) Sweep(ctx context.Context, now time.Time, keep auth.Retention) (auth.Swept, error) {
	return n.any().Sweep(ctx, now, keep)
}

func (n *nodes) Audit(ctx context.Context, seq uint64, limit int) ([]audit.Batch, error) {
	return n.any().Audit(ctx, seq, limit)
}

func (n *nodes) AuditBefore(ctx context.Context, seq uint64, limit int) ([]audit.Batch, error) {
	return n.any().AuditBefore(ctx, seq, limit)
}

func (n *nodes) AuditSeal(ctx context.Context) (string, error) { return n.any().AuditSeal(ctx) }

func (n *nodes) SetAuditSeal(ctx context.Context, old, text string) error {
	return n.any().SetAuditSeal(ctx, old, text)
}

func (n *nodes) Sessions(ctx context.Context, q auth.SessionQuery) ([]auth.SessionRow, auth.SessionID, error) {
	return n.any().Sessions(ctx, q)
}
func (n *nodes) View(ctx context.Context, f func(auth.Reader) error) error {
	return n.any().View(ctx, f)
}
func (n *nodes) Update(ctx context.Context, f func(auth.Tx) error) error {
	return n.any().Update(ctx, f)
}
func (n *nodes) Healthy() error { return n.any().Healthy() }

func (n *nodes) Close() error {
	for _, s := range n.stores {
		_ = s.Close()
	}
	return nil
}

var _ auth.Store = (*nodes)(nil)

// TestManyNodes runs the suite on several stores over one database: what one was
// answered, all see, and what they do at once is as if done in turn.
func TestManyNodes(t *testing.T) {
	need(t)
	storetest.Run(t, storetest.Harness{Open: func(t *testing.T, dir string) auth.Store {
		t.Helper()
		return openNodes(t, inSchema(t, dir))
	}})
}

// TestFollower: nodes end sessions and change records while a follower reads as
// fast as it can, in parts of many sizes. It sees every notice once, in order,
// and each no later than the one who was answered that it is written.
func TestFollower(t *testing.T) {
	n := openNodes(t, inSchema(t, t.TempDir()))
	defer func() { _ = n.Close() }()
	const callers, each = 24, 40
	var answered sync.Map // principal: its notice is in the feed
	after, err := n.FeedHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		seen := map[uint64]bool{}
		for size := 1; len(seen) < callers*each; size = size%13 + 1 {
			var due []uint64
			answered.Range(func(k, _ any) bool { due = append(due, k.(uint64)); return true })
			for full := true; full; {
				part, err := n.Feed(context.Background(), after, size)
				if err != nil {
					done <- err
					return
				}
				for _, notice := range part {
					if notice.Seq != after.Seq+1 || seen[notice.ID] {
						done <- fmt.Errorf("after position %d came %+v", after.Seq, notice)
						return
					}
					after, seen[notice.ID] = notice.Position(), true
				}
				full = len(part) == size
			}
			for _, id := range due {
				if !seen[id] {
					done <- fmt.Errorf("the end of %d was answered, and a follower at %d has not seen it", id, after.Seq)
					return
				}
			}
		}
		done <- nil
	}()
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for j := range each {
				id := auth.PrincipalID(1 + i*each + j)
				var err error
				if i%6 == 0 {
					err = n.Update(context.Background(), func(tx auth.Tx) error { _, err := tx.End(auth.End{Principal: id}); return err })
				} else {
					_, err = n.Apply(context.Background(), &auth.WriteSet{End: []auth.End{{Principal: id}}})
				}
				if err != nil {
					t.Error(err)
				}
				answered.Store(uint64(id), true)
			}
		})
	}
	wg.Wait()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the follower never saw all notices")
	}
}

// TestChainOfManyNodes: the audit is one unbroken chain however many append.
func TestChainOfManyNodes(t *testing.T) {
	n := openNodes(t, inSchema(t, t.TempDir()))
	defer func() { _ = n.Close() }()
	const callers, each = 32, 20
	at := time.UnixMicro(1_790_000_000_000_000).UTC()
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for j := range each {
				e := audit.Event{At: at, Kind: audit.Login, Session: uint64(1 + i*each + j)}
				if _, err := n.Apply(context.Background(), &auth.WriteSet{Events: []audit.Event{e}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	list, err := n.Audit(context.Background(), 0, maxPart)
	if err != nil {
		t.Fatal(err)
	}
	var last audit.Batch
	events := 0
	for _, b := range list {
		if err := audit.Verify(&last, &b); err != nil {
			t.Fatal(err)
		}
		last, events = b, events+b.Count
	}
	if events != callers*each {
		t.Errorf("%d events in the chain, want %d", events, callers*each)
	}
}

// TestLastUses: a session is good for exactly as many uses as it has, on however
// many nodes they come at once; none is refused while there is one left.
func TestLastUses(t *testing.T) {
	n := openNodes(t, inSchema(t, t.TempDir()))
	defer func() { _ = n.Close() }()
	for id := auth.SessionID(1); id <= 100; id++ {
		row := auth.SessionRow{ID: id, Life: auth.Life{Uses: len(n.stores)}}
		if _, err := n.Apply(t.Context(), &auth.WriteSet{Begin: []auth.SessionRow{row}}); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var ended atomic.Int64
		for _, s := range n.stores {
			wg.Go(func() {
				r, err := s.Apply(t.Context(), &auth.WriteSet{Use: id})
				if err != nil {
					t.Errorf("session %d: %v", id, err)
				}
				ended.Add(int64(r.Ended))
			})
		}
		wg.Wait()
		if _, err := n.Session(t.Context(), id); !errors.Is(err, auth.ErrNotFound) || ended.Load() != 1 {
			t.Fatalf("session %d after its last use: %v, ended %d times", id, err, ended.Load())
		}
	}
}

// TestUpdatesInTurn: what one Update read, no other has changed when it writes.
func TestUpdatesInTurn(t *testing.T) {
	n := openNodes(t, inSchema(t, t.TempDir()))
	defer func() { _ = n.Close() }()
	a := auth.Account{Level: auth.Tenant, Code: "T"}
	if err := n.Update(t.Context(), func(tx auth.Tx) error { return tx.PutAccount(&a) }); err != nil {
		t.Fatal(err)
	}
	const callers, each = 6, 10
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range each {
				err := n.Update(context.Background(), func(tx auth.Tx) error {
					now, err := tx.Account(a.ID)
					if err != nil {
						return err
					}
					now.Number++
					return tx.PutAccount(&now)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	err := n.View(t.Context(), func(v auth.Reader) error {
		now, err := v.Account(a.ID)
		if now.Number != callers*each {
			t.Errorf("%d of %d changes are there", now.Number, callers*each)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestNodes: servers over one database count as one.
func TestNodes(t *testing.T) {
	need(t)
	storetest.RunNodes(t, storetest.Nodes{Open: func(t *testing.T, dir string) auth.Store {
		t.Helper()
		s, err := Open(context.Background(), Options{URL: inSchema(t, dir), Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}})
}
