package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/secret"
)

// Options configure a Service. Only Keys is required.
type Options struct {
	Keys   *secret.Keys
	Hasher *secret.Hasher // nil: half the processors, 64 waiting
	Clock  Clock          // nil: SystemClock
	Logger *slog.Logger   // nil: nothing is logged

	CacheSessions int       // live sessions kept in memory; 0: about a million
	Retention     Retention // zero: notices for an hour, audit for 90 days

	// Beside says that another process serves the store, now or at other times: it
	// is left to that one to seal an audit that has no seal, unless the store is new,
	// and to drop what is old of it. What is there at the end is sealed, see [SealEnd].
	Beside bool
}

// Periods of the background work. A verdict is given from memory only while the
// feed was heard of within feedFreshness.
const (
	feedInterval  = 200 * time.Millisecond
	feedFreshness = time.Second
	feedBatch     = 1000
	flushInterval = 5 * time.Second
	sweepInterval = time.Second
	lastUsedGrain = time.Minute
)

// Service is the session core over one store: credentials in, sessions out.
// Its methods may be called from many goroutines.
type Service struct {
	store  Store
	keys   atomic.Pointer[secret.Keys]
	hasher *secret.Hasher
	clock  Clock
	log    *slog.Logger
	keep   Retention
	beside bool // see Options

	dir   *directory
	cache *cache
	guard *guard
	rates rates
	ids   ids
	feed  feed
	notes notes
	tally tally
	turns turns
	seal  auditSeal

	callers   callers
	factors   *Sealer
	followers followers
	counts    counts
	usage     usage
	troubles  troubles
	late      atomic.Int64 // logins whose answer is held back
	saidOlder atomic.Int64 // when ErrOlderKeys was logged last, in nanoseconds

	sweeps int // steps of the janitor so far

	originsMu sync.RWMutex
	origins   map[opened]*opened

	stop context.CancelFunc
	work sync.WaitGroup
}

// Open makes a Service over a store that the caller owns: it takes up the locks
// that the store kept, seals the audit of a new one as [SealNew] does, catches up
// with the feed, and starts the background work that [Service.Close] stops.
func Open(ctx context.Context, store Store, o Options) (*Service, error) {
	if store == nil || o.Keys == nil {
		return nil, fmt.Errorf("%w: a service needs a store and a key set", ErrInvalid)
	}
	s := &Service{store: store, hasher: o.Hasher, clock: o.Clock, log: o.Logger, keep: o.Retention, beside: o.Beside,
		dir: newDirectory(store), guard: newGuard(), origins: map[opened]*opened{}, followers: newFollowers()}
	s.ids = ids{store: store, leased: s.usage.leased}
	s.keys.Store(o.Keys)
	s.factors = s.Sealer("factor")
	s.seal.sealer = s.Sealer(sealLabel)
	s.defaults(o)
	now := s.clock()
	s.usage.turn(now)
	if err := store.Guards(ctx, func(row GuardRow) error { s.guard.restore(&row, now); return nil }); err != nil {
		return nil, fmt.Errorf("reading locks: %w", err)
	}
	if err := s.checkKeys(ctx); err != nil {
		return nil, err
	}
	s.sealNew(ctx)
	s.seal.opened, _ = s.auditHead(ctx) // one that cannot be read has an operation to say so
	head, err := store.FeedHead(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the end of the feed: %w", err)
	}
	s.feed.heard(head, now)
	s.followers.restart(head, now, time.Time{})
	if err := s.ids.fill(ctx); err != nil {
		s.log.Error("the store cannot be written to: logins will be refused, checks go on", "error", err)
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.work.Go(func() { s.keepFollowing(background) })
	s.every(background, flushInterval, s.flush)
	if !s.beside {
		s.every(background, sealInterval, s.sealAudit)
	}
	s.every(background, sweepInterval, s.sweep)
	s.every(background, feedInterval, s.lift)
	return s, nil
}

func (s *Service) defaults(o Options) {
	if s.hasher == nil {
		s.hasher = secret.NewHasher(0, 64)
	}
	if s.clock == nil {
		s.clock = SystemClock
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.keep.Feed == 0 && s.keep.Audit == 0 {
		s.keep = Retention{Feed: time.Hour, Audit: 90 * 24 * time.Hour}
	}
	s.keep.Reseal = s.reseal
	if s.beside {
		s.keep.Audit = 0
	}
	if o.CacheSessions <= 0 {
		o.CacheSessions = DefaultSessions
	}
	s.cache = newCache(o.CacheSessions, &s.usage)
}

// every runs f now and then until the context ends.
func (s *Service) every(ctx context.Context, interval time.Duration, f func(context.Context)) {
	s.work.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				f(ctx)
			}
		}
	})
}

// Close stops the background work, hands the last notes to the store and seals the
// audit.
func (s *Service) Close() error {
	s.stop()
	s.work.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := errors.Join(s.flushNotes(ctx), s.writeTally(ctx, true))
	switch {
	case err != nil:
	case s.beside:
		s.sealEnd(ctx)
	default:
		s.closeSeal(ctx)
	}
	return err
}

// Now is the service's clock.
func (s *Service) Now() time.Time { return s.clock() }

// Keys is the server's key set.
func (s *Service) Keys() *secret.Keys { return s.keys.Load() }

// SetKeys puts a rotated key set in use. It should hold the keys of the one
// before: what was made with a key that is gone is void.
func (s *Service) SetKeys(k *secret.Keys) { s.keys.Store(k) }

// Hasher hashes passwords within the server's bounds.
func (s *Service) Hasher() *secret.Hasher { return s.hasher }

// Healthy says whether the service can vouch for sessions: the store has found
// no damage, and the feed was heard of lately, or not long ago and the store answers.
func (s *Service) Healthy(ctx context.Context) error {
	if err := s.store.Healthy(); err != nil {
		return err
	}
	now := s.clock().UnixNano()
	if s.feed.fresh(now) {
		return nil
	}
	// Who asks does not wait for what the follower has waited for already.
	if silent := time.Duration(now - s.feed.asked.Load()); silent > 3*feedFreshness {
		return fmt.Errorf("the store has not answered for %s", silent.Round(time.Second))
	}
	if _, err := s.store.FeedHead(ctx); err != nil {
		return fmt.Errorf("the store does not answer: %w", err)
	}
	return nil
}

// View reads records from a consistent snapshot.
func (s *Service) View(ctx context.Context, f func(Reader) error) error { return s.store.View(ctx, f) }

// Update changes records in one transaction, and has this node obey at once.
// Other nodes follow within a second.
func (s *Service) Update(ctx context.Context, f func(Tx) error) error {
	if err := s.store.Update(ctx, f); err != nil {
		return err
	}
	s.follow(ctx)
	s.lift(ctx)
	return nil
}

// origin interns how a session was opened. Dialects are few; apps are bounded by
// the records, since an unknown one does not log in.
func (s *Service) origin(dialect, app string) *opened {
	key := opened{dialect, app}
	s.originsMu.RLock()
	o := s.origins[key]
	s.originsMu.RUnlock()
	if o != nil {
		return o
	}
	s.originsMu.Lock()
	defer s.originsMu.Unlock()
	if o = s.origins[key]; o == nil {
		o = &key
		s.origins[key] = o
	}
	return o
}

// CachedSessions is how many sessions are in memory.
func (s *Service) CachedSessions() int { return s.cache.len() }
