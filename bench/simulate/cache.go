package main

import "math/rand/v2"

// cache is a node's memory by the rules of auth/cache.go: shards by id, and out of
// a full one goes, of a handful that stand together, the one that was used longest
// ago. There the handful begins where a map's iteration does, here where the seed
// says.
type cache struct {
	shards []shard
	limit  int // sessions a shard
	sample int
}

type shard struct {
	at   map[int32]int // where in list
	list []entry
}

type entry struct {
	session int32
	used    float64
}

// newCache has room for so many sessions in all.
func newCache(sessions, shards, sample int) *cache {
	c := &cache{shards: make([]shard, shards), limit: max(sessions/shards, 16), sample: sample}
	for i := range c.shards {
		c.shards[i].at = map[int32]int{}
	}
	return c
}

func (c *cache) shard(session int32) *shard { return &c.shards[int(session)%len(c.shards)] }

// usedGrain is how coarse a node notes when a session was used, in seconds.
const usedGrain = 1

// use says whether a session is there, and that it is used now.
func (c *cache) use(session int32, now float64) bool {
	s := c.shard(session)
	i, ok := s.at[session]
	if ok && now-s.list[i].used > usedGrain {
		s.list[i].used = now
	}
	return ok
}

// put files a session that is not there.
func (c *cache) put(session int32, now float64, order *rand.Rand) {
	s := c.shard(session)
	if len(s.list) >= c.limit {
		s.drop(s.oldest(c.sample, order))
	}
	s.at[session] = len(s.list)
	s.list = append(s.list, entry{session, now})
}

func (c *cache) forget(session int32) {
	s := c.shard(session)
	if i, ok := s.at[session]; ok {
		s.drop(i)
	}
}

func (s *shard) oldest(sample int, order *rand.Rand) int {
	first := order.IntN(len(s.list))
	victim := first
	for i := range min(sample, len(s.list)) {
		if j := (first + i) % len(s.list); s.list[j].used < s.list[victim].used {
			victim = j
		}
	}
	return victim
}

func (s *shard) drop(i int) {
	delete(s.at, s.list[i].session)
	last := len(s.list) - 1
	if i != last {
		s.list[i] = s.list[last]
		s.at[s.list[i].session] = i
	}
	s.list = s.list[:last]
}

func (c *cache) len() (n int) {
	for i := range c.shards {
		n += len(c.shards[i].list)
	}
	return n
}
