package auth

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/secret"
)

// cache keeps live sessions by id, so that checking one reads nothing from the
// store. It is bounded: when a shard is full, of a random handful the one that
// was used longest ago goes. What is in it is never proof on its own, see
// [Service.Check].
type cache struct {
	shards [cacheShards]cacheShard
	limit  int // sessions a shard
	usage  *usage
}

const cacheShards = 64

type cacheShard struct {
	mu       sync.RWMutex
	sessions map[SessionID]*cached
	drops    uint64   // grows with every session that is dropped because it ended
	_        [16]byte // keeps two shards' locks off one cache line
}

// cached is a session in memory: about 170 bytes with its place in the map.
// Times are Unix nanoseconds, because comparing two integers is what a check
// mostly does.
type cached struct {
	id      SessionID
	digest  secret.Digest
	who     *Identity
	origin  *opened
	attrs   string
	issued  int64
	ends    atomic.Int64 // never: math.MaxInt64
	cap     int64
	used    atomic.Int64 // for eviction; coarse
	counted int64        // the last use that was counted; at first when it came here. The shard's lock holds it
	idle    time.Duration
	uses    int32
	onNew   bool
	touched atomic.Bool   // ends moved since it was last handed to the store
	checks  atomic.Uint32 // since they were last counted, see usage; and gone
	appAt   atomic.Uint32 // the directory's epoch, plus one, at which the app it was opened with was last found good
}

// opened is how sessions were opened: few values, shared by many sessions.
type opened struct{ dialect, app string }

const never = math.MaxInt64

// gone in cached.checks says that the entry is not in the cache any more: whoever
// still had it in hands and used it has to see to it that this is counted.
const gone = 1 << 31

func newCache(limit int, u *usage) *cache {
	c := &cache{limit: max(limit/cacheShards, 16), usage: u}
	for i := range c.shards {
		c.shards[i].sessions = map[SessionID]*cached{}
	}
	return c
}

func (c *cache) shard(id SessionID) *cacheShard { return &c.shards[id%cacheShards] }

func (c *cache) get(id SessionID) *cached {
	s := c.shard(id)
	s.mu.RLock()
	e := s.sessions[id]
	s.mu.RUnlock()
	return e
}

// mark notes that the store is about to be read or written for a session. put
// takes what came of it only if no session of the shard was dropped since.
func (c *cache) mark(id SessionID) uint64 {
	s := c.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.drops
}

// put files a session, unless something ended since the mark was taken: then
// what is known of it may be older than its end. still is asked under the lock.
func (c *cache) put(e *cached, mark uint64, still func() bool) bool {
	s := c.shard(e.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drops != mark || !still() {
		return false
	}
	if old := s.sessions[e.id]; old != nil {
		e.keepUse(old)
		c.count(old, gone, false)
	} else if len(s.sessions) >= c.limit {
		s.remove(c, s.oldest(), false)
	}
	s.sessions[e.id] = e
	return true
}

// keepUse takes over what only memory knows of an older copy of the session.
func (e *cached) keepUse(old *cached) {
	e.keepEnds(old)
	e.used.Store(old.used.Load())
	e.counted = old.used.Load() // old is counted with what it saw
}

// keepEnds takes over how far an idle span has moved.
func (e *cached) keepEnds(old *cached) {
	if ends := min(old.ends.Load(), e.cap); old.idle > 0 && ends > e.ends.Load() {
		e.ends.Store(ends)
	}
}

// count hands on what is to be counted of a session. leave is what its counter then
// says, zero or gone. The shard is locked.
func (c *cache) count(e *cached, leave uint32, over bool) {
	checks, moved := uint64(e.checks.Swap(leave)&^gone), int64(0)
	if checks > 0 {
		used := e.used.Load()
		moved, e.counted = max(0, used-e.counted), max(used, e.counted)
	}
	c.usage.add(e, over, checks, time.Duration(moved))
}

// late counts the use of a session that left the cache between the moment when it
// was looked up and the one when its use was noted.
func (c *cache) late(e *cached) {
	s := c.shard(e.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.count(e, gone, false)
}

// countAll counts what all sessions have seen until now.
func (c *cache) countAll() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for _, e := range s.sessions {
			c.count(e, 0, false)
		}
		s.mu.Unlock()
	}
}

// remove takes an entry out, and counts it. The shard is locked.
func (s *cacheShard) remove(c *cache, e *cached, over bool) {
	c.count(e, gone, over)
	delete(s.sessions, e.id)
}

const cacheSamples = 8

// oldest picks who goes. A map's iteration begins at a random place.
func (s *cacheShard) oldest() (victim *cached) {
	n := 0
	for _, e := range s.sessions {
		if victim == nil || e.used.Load() < victim.used.Load() {
			victim = e
		}
		if n++; n == cacheSamples {
			break
		}
	}
	return victim
}

// drop forgets a session that ended.
func (c *cache) drop(id SessionID) {
	s := c.shard(id)
	s.mu.Lock()
	s.drops++
	if e := s.sessions[id]; e != nil {
		s.remove(c, e, true)
	}
	s.mu.Unlock()
}

// sweep drops what has ended by now from one shard.
func (c *cache) sweep(shard int, now time.Time) {
	s, at := &c.shards[shard%cacheShards], now.UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.sessions {
		switch over := at >= e.ends.Load(); {
		case over || e.who.live.dead.Load():
			s.remove(c, e, over)
		default:
			c.count(e, 0, false)
		}
	}
}

// clear drops everything.
func (c *cache) clear() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for _, e := range s.sessions {
			s.remove(c, e, false)
		}
		s.mu.Unlock()
	}
}

func (c *cache) len() (n int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.sessions)
		s.mu.RUnlock()
	}
	return n
}

// newCached makes the memory form of a row.
func newCached(row *SessionRow, who *Identity, origin *opened, now int64) *cached {
	e := &cached{id: row.ID, digest: row.Digest, who: who, origin: origin, attrs: row.Attrs,
		issued: row.Issued.UnixNano(), counted: now, cap: nanos(row.Cap), idle: row.Idle,
		uses: int32(row.Uses), onNew: row.ExpireOnNew}
	e.ends.Store(nanos(row.Ends))
	if until := nanos(who.until); until != never { // a key takes its sessions along, whenever it was said that it ends
		e.cap = min(e.cap, until)
		e.ends.Store(min(e.ends.Load(), until))
	}
	e.used.Store(now)
	return e
}

// nanos is a time as the cache keeps it; the zero time is never.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == never {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// session is the value that callers get.
func (e *cached) session() Session {
	return Session{ID: e.id, Identity: e.who, Dialect: e.origin.dialect, App: e.origin.app, Attrs: e.attrs,
		Life: Life{Issued: fromNanos(e.issued), Ends: fromNanos(e.ends.Load()), Cap: fromNanos(e.cap),
			Idle: e.idle, Uses: int(e.uses), ExpireOnNew: e.onNew}}
}

// believed says whether memory answers, and not the store. An idle span that is over
// here may go on: another node may have used the session since.
func (e *cached) believed(now int64, fresh bool) bool {
	return e != nil && fresh && !e.who.live.dead.Load() && (e.idle == 0 || now < e.ends.Load() || now >= e.cap)
}

// use moves the end of an idle span. It returns false when the session had
// ended already, and whether the store should hear of it.
func (e *cached) use(now int64) (alive, note bool) {
	for {
		ends := e.ends.Load()
		if now >= ends {
			return false, false
		}
		if e.idle == 0 {
			return true, false
		}
		moved := min(now+int64(e.idle), e.cap)
		if moved <= ends {
			return true, false
		}
		if e.ends.CompareAndSwap(ends, moved) {
			return true, !e.touched.Swap(true)
		}
	}
}
