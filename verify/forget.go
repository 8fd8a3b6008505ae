package verify

import "slices"

// about says whether a notice is about an entry to be.
func (n *notice) about(e *candidate) bool {
	return n.all || (n.session != 0 && n.session == e.session) ||
		n.names(e.owner) || (e.actor != nil && n.names(e.actor)) ||
		(n.account != 0 && e.entry.coded)
}

func (n *notice) names(o *owner) bool {
	return (n.principal != 0 && n.principal == o.id) || (n.account != 0 && slices.Contains(o.path, n.account))
}

// obey forgets what the notice at a position names. It returns false if it is not
// the next one: then something was missed.
func (c *cache) obey(seq uint64, n notice) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.place.epoch == 0 || seq != c.place.seq+1 {
		return false
	}
	c.place.seq = seq
	if len(c.recent) >= 2*maxRecent {
		c.recent = append(c.recent[:0], c.recent[len(c.recent)-maxRecent:]...)
	}
	c.recent = append(c.recent, n)
	switch {
	case n.all:
		c.clear()
	case n.session != 0:
		for e := c.sessions[n.session]; e != nil; e = c.sessions[n.session] {
			c.remove(e)
		}
	case n.principal != 0:
		c.disown(c.owners[n.principal])
	case n.account != 0:
		c.places.Add(1)
		for _, o := range c.owners {
			if slices.Contains(o.path, n.account) {
				c.disown(o)
			}
		}
	}
	return true
}

// disown ends all entries of an owner; sweep removes them. c.mu is held.
func (c *cache) disown(o *owner) {
	if o != nil {
		o.dead.Store(true)
		delete(c.owners, o.id)
	}
}

// restart forgets everything and goes on at a position. Answers that are under way
// are not kept.
func (c *cache) restart(seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.place = position{seq: seq, epoch: c.place.epoch + 1}
	c.recent = nil
	c.clear()
}

// at says whether the feed was followed to a position and no other.
func (c *cache) at(seq uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.place.epoch > 0 && c.place.seq == seq
}

// clear forgets all entries. c.mu is held, or nobody has the cache yet.
func (c *cache) clear() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.entries = map[uint64]*entry{}
		s.mu.Unlock()
	}
	c.sessions, c.owners = map[uint64]*entry{}, map[uint64]*owner{}
}
