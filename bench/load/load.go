package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Request is one request and what its answer must be.
type Request struct {
	Bytes  []byte // as it goes over the wire
	Status int
	Head   []byte // stands in the head of the answer; nil: anything
	Body   []byte // stands in its body; nil: anything
	Lacks  []byte // does not stand in the head; nil: anything may
}

// Load says what is sent where.
type Load struct {
	Addr        string
	Connections int
	Requests    []Request     // connection i sends those at i, i+Connections, ... and begins again; at least Connections
	For         time.Duration // how long; a request that is under way then is still answered
	Once        bool          // each request is sent once, and For is the most that may take
}

// Result is what came of it.
type Result struct {
	Requests uint64
	Elapsed  time.Duration
	Latency  Histogram
}

// Rate is requests a second.
func (r *Result) Rate() float64 { return float64(r.Requests) / r.Elapsed.Seconds() }

// grace is how long after its end a run waits for the last answers.
const grace = 10 * time.Second

var errSlow = errors.New("not all requests were answered in time")

// Run puts a load on a server. The error is that of the first request that
// could not be sent or whose answer is not what it must be: it ends the run.
func Run(ctx context.Context, l Load) (Result, error) {
	if l.Connections < 1 || len(l.Requests) < l.Connections {
		return Result{}, fmt.Errorf("load: %d requests for %d connections", len(l.Requests), l.Connections)
	}
	conns, err := dial(ctx, l)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := time.Now()
	for _, c := range conns {
		_ = c.SetDeadline(start.Add(l.For + grace)) // a closed one says so at its first use
	}
	// Whoever waits for an answer is woken when the run ends early.
	defer context.AfterFunc(ctx, func() {
		for _, c := range conns {
			_ = c.SetDeadline(start)
		}
	})()

	latencies := make([]Histogram, len(conns))
	var all sync.WaitGroup
	for i, c := range conns {
		all.Go(func() {
			if err := l.drive(ctx, c, i, start, &latencies[i]); err != nil {
				cancel(fmt.Errorf("load on %s: %w", l.Addr, err)) // the first counts
			}
		})
	}
	all.Wait()
	r := Result{Elapsed: time.Since(start)}
	for i := range latencies {
		r.Latency.Merge(&latencies[i])
	}
	r.Requests = r.Latency.Count()
	return r, context.Cause(ctx)
}

func dial(ctx context.Context, l Load) (conns []*conn, err error) {
	for range l.Connections {
		c, err := (&net.Dialer{Timeout: grace}).DialContext(ctx, "tcp", l.Addr)
		if err != nil {
			return conns, fmt.Errorf("load: %w", err)
		}
		conns = append(conns, newConn(c))
	}
	return conns, nil
}

// drive is the loop of one connection.
func (l *Load) drive(ctx context.Context, c *conn, first int, start time.Time, latency *Histogram) error {
	end := start.Add(l.For)
	for i, sent := first, start; ctx.Err() == nil; {
		r := &l.Requests[i]
		if _, err := c.Write(r.Bytes); err != nil {
			return err
		}
		a, err := c.read()
		if err != nil {
			return err
		}
		if err := r.verify(&a); err != nil {
			return err
		}
		now := time.Now()
		latency.Record(now.Sub(sent))
		sent = now
		i += l.Connections
		switch {
		case i < len(l.Requests):
		case l.Once:
			return nil
		default:
			i = first
		}
		if !now.Before(end) {
			if l.Once {
				return errSlow
			}
			return nil
		}
	}
	return nil // somebody else's error ended the run
}

func (r *Request) verify(a *answer) error {
	switch {
	case a.status != r.Status:
		return fmt.Errorf("%w: status %d, want %d: %.200q", ErrAnswer, a.status, r.Status, a.body)
	case a.close:
		return fmt.Errorf("%w: the server closes the connection", ErrAnswer)
	case !bytes.Contains(a.head, r.Head):
		return fmt.Errorf("%w: no %q in %q", ErrAnswer, r.Head, a.head)
	case !bytes.Contains(a.body, r.Body):
		return fmt.Errorf("%w: no %q in %.200q", ErrAnswer, r.Body, a.body)
	case len(r.Lacks) > 0 && bytes.Contains(a.head, r.Lacks):
		return fmt.Errorf("%w: %q in %q", ErrAnswer, r.Lacks, a.head)
	}
	return nil
}
