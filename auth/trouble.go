package auth

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// troubleEvery is how often the log hears of a trouble that lasts.
const troubleEvery = 10 * time.Second

// Trouble keeps the log readable while something goes wrong again and again: it is
// told at once, then every ten seconds at most, with how often it happened. The
// zero value is ready. Its methods may be called from many goroutines.
type Trouble struct {
	mu    sync.Mutex
	told  time.Time
	new   int  // times since it was told
	times int  // since it began
	open  bool // it was told and is not over
}

// Happened notes that it went wrong once more, and says whether the log should hear
// of it now, and how often it went wrong since the log last did.
func (t *Trouble) Happened(now time.Time) (times int, tell bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.new++
	t.times++
	if !t.told.IsZero() && now.Sub(t.told) < troubleEvery {
		return 0, false
	}
	times, t.new = t.new, 0
	t.told, t.open = now, true
	return times, true
}

// Over notes that it went well, and says whether that ends a trouble that was told,
// and how often it went wrong in all. What begins again at once is not told at
// once: the log hears of neither more than every ten seconds.
func (t *Trouble) Over() (times int, tell bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.open {
		return 0, false
	}
	times, t.times, t.new = t.times, 0, 0
	t.open = false
	return times, true
}

// troubles are those of a service whose store is away.
type troubles struct {
	feed, sweep, lift Trouble // of the background
	grants, refusals  Trouble // which could not be written
}

// lament tells the log of a trouble, unless it was told a moment ago.
func (s *Service) lament(t *Trouble, level slog.Level, what string, attrs ...slog.Attr) {
	if times, tell := t.Happened(s.clock()); tell {
		s.log.LogAttrs(context.Background(), level, what, append(attrs, slog.Int("times", times))...) //nolint:sloglint // callers pass literals
	}
}

// relieved tells the log that a trouble is over, if it was told of it.
func (s *Service) relieved(t *Trouble, what string) {
	if times, tell := t.Over(); tell {
		s.log.Info(what, "failures", times) //nolint:sloglint // callers pass literals
	}
}
