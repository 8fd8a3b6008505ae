package main

import (
	"math/rand/v2"
	"slices"

	"github.com/sallyport/sallyport/auth"
)

// Figures are what came of a scenario, while it was watched.
type Figures struct {
	Seconds   float64
	Logins    int
	Checks    int
	Hits      int       // checks that were answered from memory
	Reads     int       // of one session, by its id
	Polls     int       // looks at the feed
	Rows      int       // that they brought
	Notices   int       // in the feed
	Bytes     int64     // that polls and their answers took on the wire
	Cached    int       // sessions in memory in the end, of all nodes
	Staleness []float64 // seconds from each end until each other node obeyed it, ascending
}

// HitRate is the share of checks that were answered from memory.
func (f *Figures) HitRate() float64 { return float64(f.Hits) / float64(f.Checks) }

// Quantile is how long after an end a node obeyed it, in seconds, of a share of all
// ends and nodes.
func (f *Figures) Quantile(q float64) float64 {
	if len(f.Staleness) == 0 {
		return 0
	}
	return f.Staleness[min(int(q*float64(len(f.Staleness))), len(f.Staleness)-1)]
}

// node is a node as far as its memory and the feed go.
type node struct {
	cache *cache
	next  float64 // look at the feed
	read  int     // notices it has obeyed
}

type notice struct {
	at      float64 // when it can be seen
	said    float64 // when it was ended
	session int32
	node    *node // that ended it
}

// simulation is a scenario under way.
type simulation struct {
	Scenario
	nodes   []node
	soonest float64 // look at the feed of any
	feed    []notice
	order   *rand.Rand
	watched bool
	Figures
}

func newSimulation(s Scenario) *simulation {
	m := &simulation{Scenario: s, order: rand.New(rand.NewPCG(s.Seed, 2))} //nolint:gosec // a simulation
	for range s.Nodes {
		m.nodes = append(m.nodes, node{cache: newCache(s.ownLimit(), auth.CacheShards, auth.CacheSamples), next: m.order.Float64() * auth.FeedInterval.Seconds()})
	}
	return m
}

// Simulate lets a scenario come to rest for two lives of a session and then watches
// it for one.
func Simulate(s Scenario) Figures {
	events, m := newSource(s), newSimulation(s)
	life := s.Life.Seconds()
	for {
		e := events.Event()
		m.watched = e.At >= 2*life
		if e.At >= 3*life {
			break
		}
		m.happen(e)
	}
	return m.done(life)
}

func (m *simulation) done(seconds float64) Figures {
	m.Seconds = seconds
	for i := range m.nodes {
		m.Cached += m.nodes[i].cache.len()
	}
	sortStaleness(&m.Figures)
	return m.Figures
}

func sortStaleness(f *Figures) { slices.Sort(f.Staleness) }

// happen does what an event does, after all looks at the feed that come before.
func (m *simulation) happen(e Event) {
	m.pollUntil(e.At)
	n := &m.nodes[e.Node]
	switch e.Kind {
	case Login:
		n.cache.put(e.Session, e.At, m.order)
		m.count(&m.Logins, 1)
	case Check:
		m.check(n, e)
	case Revoke:
		// The node that ends it obeys at once.
		n.cache.forget(e.Session)
		m.feed = append(m.feed, notice{e.At + m.Trip.Seconds(), e.At, e.Session, n})
		m.count(&m.Notices, 1)
	case Expire: // every node sees by itself that it is over
		for i := range m.nodes {
			m.nodes[i].cache.forget(e.Session)
		}
	}
}

// pollUntil has every node look at the feed whenever its time comes.
func (m *simulation) pollUntil(at float64) {
	if at < m.soonest {
		return
	}
	m.soonest = at + auth.FeedInterval.Seconds()
	for i := range m.nodes {
		n := &m.nodes[i]
		for n.next <= at {
			m.poll(n)
		}
		m.soonest = min(m.soonest, n.next)
	}
}

func (m *simulation) count(to *int, n int) {
	if m.watched {
		*to += n
	}
}

func (m *simulation) check(n *node, e Event) {
	m.count(&m.Checks, 1)
	if n.cache.use(e.Session, e.At) {
		m.count(&m.Hits, 1)
		return
	}
	m.count(&m.Reads, 1)
	n.cache.put(e.Session, e.At, m.order)
}

// poll is one look of a node at the feed.
func (m *simulation) poll(n *node) {
	at := n.next
	n.next += auth.FeedInterval.Seconds()
	rows := 0
	for n.read < len(m.feed) && m.feed[n.read].at <= at && rows < auth.FeedBatch {
		f := m.feed[n.read]
		n.cache.forget(f.session)
		if m.watched && f.node != n {
			m.Staleness = append(m.Staleness, at+m.Trip.Seconds()-f.said)
		}
		n.read++
		rows++
	}
	m.count(&m.Polls, 1)
	m.count(&m.Rows, rows)
	if m.watched {
		// The row of the position itself comes along, as the proof that nothing was removed.
		m.Bytes += pollBytes + int64(rows+1)*noticeBytes
	}
}
