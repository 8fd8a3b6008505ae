package verify

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// flights are the questions that are under way, one for each credential.
type flights struct {
	limit int
	mu    sync.Mutex
	open  map[key]*flight
}

// flight is a question. Its fields are read when done is closed.
type flight struct {
	done    chan struct{}
	session *Session
	err     error
	once    bool // the answer is good for one call
}

// join is the flight for a credential; first says that the caller has to fly it,
// and nil that there are too many.
func (f *flights) join(k key) (_ *flight, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one := f.open[k]; one != nil {
		return one, false
	}
	if len(f.open) >= f.limit {
		return nil, false
	}
	if f.open == nil {
		f.open = map[key]*flight{}
	}
	one := &flight{done: make(chan struct{})}
	f.open[k] = one
	return one, true
}

func (f *flights) land(k key, one *flight) {
	f.mu.Lock()
	delete(f.open, k)
	f.mu.Unlock()
	close(one.done)
}

// ask has the server judge a credential. Calls that come meanwhile with the same
// one get the same answer, unless it is good for one call only.
func (v *Verifier) ask(ctx context.Context, c Credential, k key) (*Session, error) {
	one, first := v.flights.join(k)
	if one == nil {
		return nil, fmt.Errorf("%w: too many questions wait for the server", ErrUnavailable)
	}
	if first {
		// Not with the call's own context: others may wait for the same answer.
		go v.fly(context.WithoutCancel(ctx), c, k, one)
	}
	select {
	case <-one.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	if one.once && !first {
		s, _, err := v.answer(ctx, &c, k)
		return s, err
	}
	return one.session, one.err
}

func (v *Verifier) fly(ctx context.Context, c Credential, k key, one *flight) {
	defer v.flights.land(k, one)
	one.session, one.once, one.err = v.answer(ctx, &c, k)
}

// answer asks the server and remembers what it says. An answer that takes longer
// than a verdict may be old is none.
func (v *Verifier) answer(ctx context.Context, c *Credential, k key) (s *Session, once bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(v.life, cancel)()
	if err := v.asker.enter(ctx, v.o.Freshness); err != nil {
		return nil, false, err
	}
	defer v.asker.leave()
	mark, asked := v.cache.mark(), v.now()
	limited, stop := context.WithTimeout(ctx, v.o.Freshness)
	defer stop()
	said, err := v.asker.introspect(limited, c)
	if err != nil {
		return nil, false, err
	}
	if v.now()-asked >= int64(v.o.Freshness) {
		return nil, false, fmt.Errorf("%w: the server's answer took too long", ErrUnavailable)
	}
	if !said.Active || (c.Dialect != "" && said.Dialect != c.Dialect) {
		return nil, false, ErrRefused
	}
	n := said.candidate(c, k)
	if span := said.span(); span > 0 {
		n.entry.until = asked + int64(span)
		n.entry.used.Store(asked)
		v.cache.put(n, mark)
	} else {
		once = true
	}
	return &n.entry.session, once, nil
}

// maxSpan bounds how long a verdict is remembered whatever the server says, so
// that clocks that do not run alike cannot drift far.
const maxSpan = time.Hour
