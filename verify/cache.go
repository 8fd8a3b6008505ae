package verify

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// cache keeps verdicts, bounded. Finding one takes a read lock of one of 64 shards
// and nothing else; all changes take mu first.
type cache struct {
	shards [cacheShards]cacheShard
	limit  int           // entries of a shard
	places atomic.Uint64 // grows when any account changes

	mu       sync.Mutex
	sessions map[uint64]*entry // the first of a session's entries
	owners   map[uint64]*owner // by principal
	place    position
	recent   []notice // the newest, without a gap, up to place.seq
	swept    int
}

const (
	cacheShards  = 64
	cacheSamples = 8
	maxRecent    = 4096
)

type cacheShard struct {
	mu      sync.RWMutex
	entries map[uint64]*entry // by the first bytes of their keys
	_       [32]byte          // keeps two shards' locks off one cache line
}

// entry is a verdict: this credential opens this session. What every check looks
// at comes first, so that it is in few cache lines.
type entry struct {
	key     key
	until   int64 // by the verifier's clock
	used    atomic.Int64
	owner   *owner
	actor   *owner // nil: the owner itself
	coded   bool   // it depends on where another account stands
	places  uint64 // that was known then
	session Session
	next    *entry // of the same session
}

// owner is a key or user, shared by its entries: marking it dead ends all of them.
type owner struct {
	id      uint64
	path    []uint64 // accounts, the tenant first
	entries int
	dead    atomic.Bool
}

// position is how far the feed was followed. epoch grows when it starts afresh.
type position struct {
	seq, epoch uint64
}

// notice is an entry of the feed. What is zero is not meant.
type notice struct {
	session, principal, account uint64
	all                         bool
}

func newCache(limit int) *cache {
	c := &cache{limit: max(limit/cacheShards, 1)}
	c.clear()
	return c
}

func (c *cache) shard(k *key) *cacheShard { return &c.shards[k[31]%cacheShards] }

// get finds a verdict that holds at now.
func (c *cache) get(k *key, now int64) *entry {
	s := c.shard(k)
	s.mu.RLock()
	e := s.entries[k.short()]
	s.mu.RUnlock()
	if e == nil || e.key != *k || c.over(e, now) {
		return nil
	}
	if now-e.used.Load() > int64(time.Second) {
		e.used.Store(now)
	}
	return e
}

func (c *cache) over(e *entry, now int64) bool {
	return now >= e.until || e.owner.dead.Load() || (e.actor != nil && e.actor.dead.Load()) ||
		(e.coded && e.places != c.places.Load())
}

// mark is where the feed stands; put wants one from before the server was asked.
func (c *cache) mark() position {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.place
}

// candidate is an entry to be, with what the server said of its owners.
type candidate struct {
	entry        *entry
	session      uint64
	owner, actor *owner // as the server said; actor may be nil
	known        uint64 // position that the server's answer counts from
}

// put remembers a verdict, unless something that was said since the server began
// to answer is about it: the two may have crossed on their way.
func (c *cache) put(n *candidate, asked position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.place.epoch == 0 || c.place.epoch != asked.epoch {
		return
	}
	if c.place.seq > n.known {
		missing := c.place.seq - n.known
		if missing > uint64(len(c.recent)) {
			return
		}
		for _, said := range c.recent[len(c.recent)-int(missing):] {
			if said.about(n) {
				return
			}
		}
	}
	e := n.entry
	e.places = c.places.Load()
	s := c.shard(&e.key)
	if old := s.entries[e.key.short()]; old != nil {
		c.remove(old)
	} else if len(s.entries) >= c.limit {
		c.remove(s.oldest())
	}
	e.owner = c.intern(n.owner)
	if n.actor != nil {
		e.actor = c.intern(n.actor)
	}
	e.next = c.sessions[n.session]
	c.sessions[n.session] = e
	s.mu.Lock()
	s.entries[e.key.short()] = e
	s.mu.Unlock()
}

// intern is the one owner of an id. What the server says now is newer than what
// it said before. c.mu is held.
func (c *cache) intern(said *owner) *owner {
	o := c.owners[said.id]
	if o == nil || !slices.Equal(o.path, said.path) {
		if o != nil {
			o.dead.Store(true)
		}
		o = said
		c.owners[said.id] = o
	}
	o.entries++
	return o
}

// oldest picks who goes of a full shard. A map's iteration begins at a random place.
func (s *cacheShard) oldest() (victim *entry) {
	n := 0
	for _, e := range s.entries {
		if victim == nil || e.used.Load() < victim.used.Load() {
			victim = e
		}
		if n++; n == cacheSamples {
			break
		}
	}
	return victim
}

// remove forgets an entry. c.mu is held.
func (c *cache) remove(e *entry) {
	s := c.shard(&e.key)
	s.mu.Lock()
	delete(s.entries, e.key.short())
	s.mu.Unlock()
	c.release(e.owner)
	if e.actor != nil {
		c.release(e.actor)
	}
	id := e.session.ID
	if c.sessions[id] == e {
		if c.sessions[id] = e.next; e.next == nil {
			delete(c.sessions, id)
		}
		return
	}
	for before := c.sessions[id]; before != nil; before = before.next {
		if before.next == e {
			before.next = e.next
			return
		}
	}
}

func (c *cache) release(o *owner) {
	if o.entries--; o.entries == 0 && c.owners[o.id] == o {
		delete(c.owners, o.id)
	}
}

// sweep removes what is over from one shard.
func (c *cache) sweep(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.shards[c.swept%cacheShards]
	c.swept++
	var over []*entry
	for _, e := range s.entries {
		if c.over(e, now) {
			over = append(over, e)
		}
	}
	for _, e := range over {
		c.remove(e)
	}
}

func (c *cache) len() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.shards {
		n += len(c.shards[i].entries)
	}
	return n
}
