package auth

import (
	"sync"
	"sync/atomic"
	"time"
)

// lag measures how long after an end was announced this node obeys it. What the
// node ends itself it obeys at once, and reads of it in the feed later: so it
// remembers until then when it did.
type lag struct {
	mu        sync.Mutex
	own, past map[Notice]time.Time // without position and time; of this turn of following, and of the one before
	histogram histogram
}

// maxOwn bounds what is remembered of one turn, 0.2 s of logins that replace
// another at the highest rate measured. Beyond it an end counts as obeyed when
// it is read.
const maxOwn = 1 << 14

// obeyed notes what this node has just ended itself.
func (l *lag) obeyed(n Notice, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.own == nil {
		l.own = map[Notice]time.Time{}
	}
	if len(l.own) < maxOwn {
		l.own[n] = now
	}
}

// turn begins a turn of following. Whatever this node ended before is in the
// feed already, so two turns are all that has to be remembered.
func (l *lag) turn() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.own) > 0 || len(l.past) > 0 {
		l.past, l.own = l.own, nil
	}
}

// heard counts a notice that was read at now. What concerns no session is not
// counted, nor what a store of an older version announced.
func (l *lag) heard(n Notice, now time.Time) {
	if n.At.IsZero() || n.Kind == ChangedGuard || n.Kind == ChangedOther {
		return
	}
	at := n.At
	n.Seq, n.Mark, n.At = 0, 0, time.Time{}
	l.mu.Lock()
	if own, ok := l.own[n]; ok {
		now = own
	} else if own, ok := l.past[n]; ok {
		now = own
	}
	l.mu.Unlock()
	l.histogram.add(max(0, now.Sub(at))) // two clocks may differ
}

func (l *lag) read() Histogram { return l.histogram.read() }

// Histogram counts durations.
type Histogram struct {
	Bounds []time.Duration // upper bounds, ascending; never changed
	Counts []uint64        // how many were not above each bound; the last of all counts those above them
	Sum    time.Duration
}

// lagBounds are around the second within which a revocation must arrive, and the
// fifth of it that a node waits between two looks.
var lagBounds = [...]time.Duration{
	time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, 750 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, time.Minute,
}

type histogram struct {
	counts [len(lagBounds) + 1]atomic.Uint64
	sum    atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	i := 0
	for i < len(lagBounds) && d > lagBounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *histogram) read() Histogram {
	out := Histogram{Bounds: lagBounds[:], Sum: time.Duration(h.sum.Load())}
	for i := range h.counts {
		out.Counts = append(out.Counts, h.counts[i].Load())
	}
	return out
}
