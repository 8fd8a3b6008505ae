package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/sallyport/sallyport/auth"
)

// Bounds of the writer. A queue of 4096 is some 100 ms of work at the slowest
// rate measured; who comes when it is full is told to come again.
const (
	maxGroup = 256
	maxQueue = 4096
)

// writer is the one that writes: a goroutine that owns the writing connection.
type writer struct {
	conn    *conn
	tail    *tail
	chain   *chain
	queue   chan *request
	ended   chan struct{}
	idle    func()      // after each commit; starts checkpoints
	suspect func(error) // hears of every transaction that failed

	mu     sync.RWMutex // held for reading while sending to queue
	closed bool

	commits, sets atomic.Uint64
	group         []*request // reused
	requests      sync.Pool  // of *request
}

// request is a write set that waits, or somebody who waits for a turn with the
// connection.
type request struct {
	set    *auth.WriteSet
	audit  auditEntry
	result auth.Result
	err    error
	done   chan struct{} // receives once, when the set is committed or refused

	turn chan *conn    // not nil: wants the connection itself
	back chan struct{} // closed when it is given back or no longer wanted
}

// request takes a used one, or makes one. The pool is the writer's own, since
// the channels in it belong to whoever made them.
func (w *writer) request() *request {
	if r, ok := w.requests.Get().(*request); ok {
		return r
	}
	return &request{done: make(chan struct{}, 1)}
}

func (w *writer) send(r *request) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return auth.ErrClosed
	}
	select {
	case w.queue <- r:
		return nil
	default:
		return auth.ErrBusy
	}
}

// apply hands a set to the writer and waits for its commit.
func (w *writer) apply(ctx context.Context, set *auth.WriteSet) (auth.Result, error) {
	r := w.request()
	r.set, r.result, r.err = set, auth.Result{}, nil
	r.audit.encode(set.Events)
	if err := w.send(r); err != nil {
		r.set = nil
		w.requests.Put(r)
		return auth.Result{}, fmt.Errorf("sqlite: writing: %w", err)
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return auth.Result{}, ctx.Err() // r stays with the writer and is not used again
	}
	result, err := r.result, r.err
	r.set = nil
	w.requests.Put(r)
	return result, err
}

// exclusive calls f with the writing connection, between two commits, in the
// caller's goroutine: a panic in f is the caller's and the writer survives it.
func (w *writer) exclusive(ctx context.Context, f func(*conn) error) error {
	r := &request{turn: make(chan *conn), back: make(chan struct{})}
	defer close(r.back)
	if err := w.send(r); err != nil {
		return err
	}
	select {
	case c := <-r.turn:
		err := f(c)
		if err != nil {
			w.suspect(err)
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) run() {
	defer close(w.ended)
	for r := range w.queue {
		turn := r
		if r.turn == nil {
			turn = w.gather(r)
			w.commit(w.group)
		}
		if turn != nil {
			select {
			case turn.turn <- w.conn:
				<-turn.back
			case <-turn.back:
			}
		}
		w.idle()
	}
}

// gather collects the sets that wait behind first, up to somebody who wants a
// turn, whom it returns.
func (w *writer) gather(first *request) *request {
	w.group = append(w.group[:0], first)
	for range 3 { // those who were just answered come back before the group is closed
		runtime.Gosched()
	}
	for len(w.group) < maxGroup {
		select {
		case r, ok := <-w.queue:
			if !ok {
				return nil
			}
			if r.turn != nil {
				return r
			}
			w.group = append(w.group, r)
		default:
			return nil
		}
	}
	return nil
}

// commit writes a group in one transaction and answers. If one set fails, it
// must not take the others with it: then each gets a transaction of its own.
func (w *writer) commit(group []*request) {
	err := w.transact(group)
	var begin *beginError
	switch {
	case err == nil:
	case len(group) == 1 || errors.As(err, &begin):
		for _, r := range group {
			r.err = explain("writing", err)
		}
	default:
		for i, r := range group {
			if err := w.transact(group[i : i+1]); err != nil {
				r.err = explain("writing", err)
			}
		}
	}
	for i, r := range group {
		group[i] = nil
		r.done <- struct{}{}
	}
}

// transact writes a group, as if no other process wrote; if one did, again.
func (w *writer) transact(group []*request) error {
	t, err := beginBlind(w.conn, w.tail, w.chain)
	if err == nil {
		err = w.write(t, group)
	}
	if errors.Is(err, errStale) {
		if t, err = begin(w.conn, w.tail, w.chain); err == nil {
			err = w.write(t, group)
		}
	}
	if err != nil {
		w.suspect(err)
	}
	return err
}

// write applies a group and commits. A set whose condition does not hold gets
// its error and is left out; any other error undoes the transaction.
func (w *writer) write(t *transaction, group []*request) error {
	for _, r := range group {
		r.result, r.err = auth.Result{}, nil
		err := t.apply(r.set, &r.result)
		switch {
		case errors.Is(err, auth.ErrConflict):
			r.err = err
		case err != nil:
			t.undo()
			return err
		default:
			t.audit.add(&r.audit)
		}
	}
	if err := t.commit(); err != nil {
		return err
	}
	w.commits.Add(1)
	w.sets.Add(uint64(len(group)))
	return nil
}

// close lets the writer finish what was accepted.
func (w *writer) close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.ended
}
