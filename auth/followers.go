package auth

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Progress is how far this node has followed the feed. It has obeyed every notice
// up to its position, and what anybody ended before At is among them.
type Progress struct {
	Position
	At      time.Time // by this node's clock
	Epoch   uint64    // grows when the node had to start afresh: positions from before mean nothing
	Settled time.Time // until then other nodes may vouch for what was lost when it did; zero: nothing was
}

// followers is what other processes that keep verdicts of this node are told
// from: one look into the store serves all of them.
type followers struct {
	mu        sync.Mutex
	at        Progress
	recent    []Notice      // the newest, without a gap, up to at.Seq; elements never change
	before    Position      // of what came before them
	news      chan struct{} // closed at the next progress
	listeners int
	wake      chan struct{} // holds one: look into the store now
}

const (
	maxRecent = 4096                 // notices kept for those who follow closely
	wakeRest  = 5 * time.Millisecond // between two looks into the store, however much ends
)

func newFollowers() followers {
	return followers{news: make(chan struct{}), wake: make(chan struct{}, 1)}
}

// Progress is how far this node has followed the feed. news is closed when there
// is more to say.
func (s *Service) Progress() (p Progress, news <-chan struct{}) {
	s.followers.mu.Lock()
	defer s.followers.mu.Unlock()
	return s.followers.at, s.followers.news
}

// Listen has what this node ends published at once, until stop is called, and not
// only when it next looks into the store.
func (s *Service) Listen() (stop func()) {
	s.followers.listen(1)
	return sync.OnceFunc(func() { s.followers.listen(-1) })
}

// Feed returns up to limit notices after a position, in order, of those that this
// node has obeyed. A position that the feed does not go on from is [ErrNotFound],
// see [Store].
func (s *Service) Feed(ctx context.Context, after Position, limit int) ([]Notice, error) {
	notices, reached, known := s.followers.since(after, limit)
	if known {
		return notices, nil
	}
	notices, err := s.store.Feed(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("reading the feed: %w", err)
	}
	for i := range notices {
		if notices[i].Seq > reached {
			return notices[:i], nil
		}
	}
	return notices, nil
}

func (f *followers) listen(more int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listeners += more
}

// since is what is remembered after a position; false if that is not all of it.
func (f *followers) since(after Position, limit int) (notices []Notice, reached uint64, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if after.Seq > f.at.Seq || f.at.Seq-after.Seq > uint64(len(f.recent)) {
		return nil, f.at.Seq, false
	}
	first := len(f.recent) - int(f.at.Seq-after.Seq)
	last := f.before
	if first > 0 {
		last = f.recent[first-1].Position()
	}
	if last != after {
		return nil, f.at.Seq, false
	}
	notices = f.recent[first:min(len(f.recent), first+limit)]
	return notices[:len(notices):len(notices)], f.at.Seq, true
}

// advance takes up notices that this node has obeyed.
func (f *followers) advance(notices []Notice) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range notices {
		f.at.Position = notices[i].Position()
	}
	if old := len(f.recent) - maxRecent; old > 0 && len(f.recent)+len(notices) > 2*maxRecent { // others may be reading the old ones
		f.before = f.recent[old-1].Position()
		f.recent = append(make([]Notice, 0, 2*maxRecent+len(notices)), f.recent[old:]...)
	}
	f.recent = append(f.recent, notices...)
}

// vouch says that everything that ended before at is known, and wakes whoever waits.
func (f *followers) vouch(at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at.At = at
	f.tell()
}

// restart begins at a position that has nothing to do with the one before.
func (f *followers) restart(head Position, at, settled time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = Progress{Position: head, At: at, Epoch: f.at.Epoch + 1, Settled: settled}
	f.recent, f.before = nil, head
	f.tell()
}

// tell wakes whoever waits. f.mu is held.
func (f *followers) tell() {
	close(f.news)
	f.news = make(chan struct{})
}

// ended has the store looked at soon, if anybody listens: this node just ended
// something, and its notice is there.
func (f *followers) ended() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listeners == 0 {
		return
	}
	select {
	case f.wake <- struct{}{}:
	default: // it is about to be looked at
	}
}

// keepFollowing follows the feed until the context ends: now and then, and soon
// after this node ended something, or another and the store says so.
func (s *Service) keepFollowing(ctx context.Context) {
	news := s.store.News()
	tick := time.NewTicker(feedInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.followers.wake:
		case <-news:
		}
		s.follow(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wakeRest):
		}
	}
}
