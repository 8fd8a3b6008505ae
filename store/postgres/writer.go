package postgres

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// Bounds of the writers. A queue of 4096 is some 200 ms of work at the slowest
// rate measured; who comes when it is full is told to come again.
const (
	maxGroup = 256
	maxQueue = 4096

	// answerLimit is when a caller is told that it is not known whether its set was
	// written, if it was not told anything better: before the server's clients are
	// left without an answer (limits.write_timeout). A commit that is sent in vain and
	// then asked about in vain takes as long.
	answerLimit = 20 * time.Second
)

// queue is where write sets wait for a writer.
type queue struct {
	requests chan *request
	used     sync.Pool // of *request

	mu     sync.RWMutex // held for reading while sending
	closed bool

	commits, sets atomic.Uint64
}

// request is a write set that waits.
type request struct {
	set    *auth.WriteSet
	audit  auditEntry
	result auth.Result
	err    error
	done   chan struct{} // receives once, when the set is committed or refused
}

func newQueue() *queue { return &queue{requests: make(chan *request, maxQueue)} }

func (q *queue) send(r *request) error {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return auth.ErrClosed
	}
	select {
	case q.requests <- r:
		return nil
	default:
		return auth.ErrBusy
	}
}

// apply hands a set to the writers and waits for its commit.
func (q *queue) apply(ctx context.Context, set *auth.WriteSet) (auth.Result, error) {
	r, ok := q.used.Get().(*request)
	if !ok {
		r = &request{done: make(chan struct{}, 1)}
	}
	r.set, r.result, r.err = set, auth.Result{}, nil
	r.audit.encode(set.Events)
	if err := q.send(r); err != nil {
		r.set = nil
		q.used.Put(r)
		return auth.Result{}, fmt.Errorf("postgres: writing: %w", err)
	}
	late := time.NewTimer(answerLimit)
	defer late.Stop()
	select { // who leaves leaves r with the writer, and it is not used again
	case <-r.done:
	case <-ctx.Done():
		return auth.Result{}, ctx.Err()
	case <-late.C:
		return auth.Result{}, fmt.Errorf("postgres: writing: %w", ErrUnknown)
	}
	result, err := r.result, r.err
	r.set = nil
	q.used.Put(r)
	return result, err
}

// close lets the writers finish what was accepted.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.requests)
	}
}

// writer commits groups of the sets that wait, one after the other. Several may
// do so at once, here and on other nodes.
type writer struct {
	*queue
	*committer
	group []*request // reused
}

func (w *writer) run() {
	defer w.retire()
	for r := range w.requests {
		w.gather(r)
		w.settle(w.group)
		for i, r := range w.group {
			w.group[i] = nil
			r.done <- struct{}{}
		}
		if w.away {
			w.giveUp()
		}
	}
}

// giveUp answers those who came while a commit found out that the database is away.
// They have waited as long as that took, and a try for each group of them would have
// the last wait as often as there are groups. Nothing of them was sent.
func (w *writer) giveUp() {
	for {
		select {
		case r, ok := <-w.requests:
			if !ok {
				return
			}
			r.err = fmt.Errorf("postgres: writing: %w", ErrUnreachable)
			r.done <- struct{}{}
		default:
			return
		}
	}
}

// gather collects the sets that wait behind first.
func (w *writer) gather(first *request) {
	w.group = append(w.group[:0], first)
	for range 3 { // those who were just answered come back before the group is closed
		runtime.Gosched()
	}
	for len(w.group) < maxGroup {
		select {
		case r, ok := <-w.requests:
			if !ok {
				return
			}
			w.group = append(w.group, r)
		default:
			return
		}
	}
}

// setError says that sets cannot be written, and which: indexes into the group, or
// none if it could be any.
type setError struct {
	sets []int
	err  error
}

func (e *setError) Error() string { return e.err.Error() }
func (e *setError) Unwrap() error { return e.err }

// settle writes a group. A set that cannot be written must not take the others
// with it: it is left out if it is known, else the group is written in halves.
func (w *writer) settle(group []*request) {
	rest := append(make([]*request, 0, len(group)), group...)
	for len(rest) > 0 {
		err := w.write(rest)
		var bad *setError
		switch {
		case err == nil:
			w.commits.Add(1)
			w.sets.Add(uint64(len(rest)))
			return
		case !errors.As(err, &bad) || len(rest) == 1:
			for _, r := range rest {
				r.result, r.err = auth.Result{}, explain("writing", err)
			}
			return
		case len(bad.sets) == 0:
			half := len(rest) / 2
			w.settle(rest[:half])
			rest = rest[half:]
		default:
			for _, i := range bad.sets {
				rest[i].result, rest[i].err = auth.Result{}, explain("writing", bad)
				rest[i] = nil
			}
			rest = slices.DeleteFunc(rest, func(r *request) bool { return r == nil })
		}
	}
}

// write writes a group in one transaction.
func (w *writer) write(group []*request) error {
	var p *plan
	err := w.commit(func(writer, n int64) *plan {
		p = makePlan(group, writer, n, w.others)
		return p
	})
	if err != nil {
		return err
	}
	for i := range p.steps {
		if s := &p.steps[i]; s.counts {
			group[s.set].result.Ended += s.ended
		}
	}
	return nil
}

// Apply writes a set with the others that wait; see [auth.Store]. When ctx ends
// first, the caller is told so at once and the set is written all the same:
// then the outcome is not known.
func (s *Store) Apply(ctx context.Context, w *auth.WriteSet) (auth.Result, error) {
	if err := errors.Join(checkEnds(w.End), checkIDs(w)); err != nil {
		return auth.Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return auth.Result{}, err
	}
	return s.queue.apply(ctx, w)
}

func checkIDs(w *auth.WriteSet) error {
	for i := range w.Begin {
		if id := w.Begin[i].ID; id == 0 || id > auth.MaxSessionID {
			return fmt.Errorf("postgres: %w: session id %d", auth.ErrInvalid, id)
		}
	}
	for i := range w.HandOffs {
		if id := w.HandOffs[i].ID; id == 0 || id > auth.MaxSessionID {
			return fmt.Errorf("postgres: %w: hand-off id %d", auth.ErrInvalid, id)
		}
	}
	return nil
}

func checkEnds(ends []auth.End) error {
	for i := range ends {
		e, n := &ends[i], 0
		if e.Session != 0 {
			n++
		}
		if e.Principal != 0 {
			n++
		}
		if e.Account != 0 {
			n++
		}
		if n != 1 || (e.Except != 0 && e.Principal == 0) {
			return fmt.Errorf("postgres: %w: an end names exactly one of session, principal and account", auth.ErrInvalid)
		}
	}
	return nil
}
