package auth

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Stats are the service's counters, each read at its own instant. What is labelled
// is labelled by what the configuration names, never by what a client sends.
type Stats struct {
	Mounts   []MountStats
	Verdicts [Faces]Outcomes

	// Good checks of sessions that were in memory, and of those that the store had
	// to be asked for.
	FromMemory, FromStore uint64

	RevocationLag Histogram     // from the announcement of an end to this node obeying it
	FeedAge       time.Duration // since the feed of what ended was last heard of

	CachedSessions int
	Identities     int // keys and users in memory
	Guarded        int // names and addresses that the guard remembers something of
	Locked         int // those of them that are locked now
	HashesWaiting  int // logins that wait for a password to be hashed
}

// MountStats counts what was asked over one mount.
type MountStats struct {
	Mount, Dialect string
	Logins         Outcomes // attempts, hand-offs to be redeemed, sessions asked for by a delegate
	Checks         Outcomes // of credentials; where mounts share a path, of the one that knew it, else of the one that answered
}

// Outcomes counts answers by the reason of the refusal; "" is a yes.
type Outcomes map[Reason]uint64

// Face is one of the ways in which a call is checked.
type Face uint8

// The faces of the gate.
const (
	ForwardAuth Face = iota
	Proxy
	ExtAuthz
	Introspection

	Faces // how many there are
)

// String is the face's name as metrics have it.
func (f Face) String() string {
	switch f {
	case ForwardAuth:
		return "forward-auth"
	case Proxy:
		return "proxy"
	case ExtAuthz:
		return "ext_authz"
	case Introspection:
		return "introspection"
	case Faces:
	}
	return "face " + strconv.Itoa(int(f))
}

// Verdict counts what became of a call at one of the faces: it was allowed on a
// session (reason ""), or refused. A reason that is none of ours means that no
// dialect was asked.
func (s *Service) Verdict(f Face, session SessionID, reason Reason) {
	s.counts.verdicts[f].count(session, reason)
}

// index is where a reason is counted; 0: it is none of ours.
func (r Reason) index() int {
	switch r {
	case BadCredentials:
		return 1
	case Inactive:
		return 2
	case Locked:
		return 3
	case Throttled:
		return 4
	case UnknownApp:
		return 5
	case MissingApp:
		return 6
	case Malformed:
		return 7
	case Busy:
		return 8
	case Unavailable:
		return 9
	case NoToken:
		return 10
	case UnknownToken:
		return 11
	case TwoTokens:
		return 12
	case WrongAccount:
		return 13
	case Insecure:
		return 14
	}
	return 0
}

// indexed are the reasons in the order of index. Where no dialect was asked, the
// reason is called as the last resort of the switch.
var indexed = [...]Reason{"none", BadCredentials, Inactive, Locked, Throttled, UnknownApp, MissingApp, Malformed, Busy,
	Unavailable, NoToken, UnknownToken, TwoTokens, WrongAccount, Insecure}

// outcomes counts answers. A yes is what a busy gate says all the time, from all
// processors at once: it is counted in many places, so that they do not wait for
// each other's cache lines.
type outcomes struct {
	refused [len(indexed)]atomic.Uint64
	yes     [16]struct {
		atomic.Uint64
		_ [56]byte
	}
}

func (o *outcomes) allow(id SessionID) { o.yes[id%SessionID(len(o.yes))].Add(1) }

func (o *outcomes) count(id SessionID, reason Reason) {
	if reason == "" {
		o.allow(id)
	} else {
		o.refused[reason.index()].Add(1)
	}
}

func (o *outcomes) allowed() (n uint64) {
	for i := range o.yes {
		n += o.yes[i].Load()
	}
	return n
}

// read lists every reason, so that a counter is there before it first counts.
func (o *outcomes) read() Outcomes {
	m := Outcomes{"": o.allowed()}
	for i := range o.refused {
		m[indexed[i]] = o.refused[i].Load()
	}
	return m
}

// counts are the counters of a service. There are as many of them as mounts.
type counts struct {
	verdicts [Faces]outcomes
	lag      lag

	known atomic.Pointer[map[*Mount]*mountCounts] // never changed, only replaced
	mu    sync.Mutex
	named map[string]*mountCounts // by name, since a mount may be made anew
}

type mountCounts struct {
	mount, dialect string
	logins, checks outcomes
	fromStore      atomic.Uint64
}

// maxCounted bounds the mounts that are told apart. A server has a handful.
const maxCounted = 1024

func (c *counts) of(m *Mount) *mountCounts {
	if known := c.known.Load(); known != nil {
		if mc := (*known)[m]; mc != nil {
			return mc
		}
	}
	return c.meet(m)
}

// meet makes the counters of a mount that was not seen before.
func (c *counts) meet(m *Mount) *mountCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := m.Dialect + " " + m.Name
	if len(c.named) >= maxCounted && c.named[key] == nil {
		key, m = "", &Mount{Name: "others", Dialect: "others"}
	}
	mc := c.named[key]
	if mc == nil {
		mc = &mountCounts{mount: m.Name, dialect: m.Dialect}
		if c.named == nil {
			c.named = map[string]*mountCounts{}
		}
		c.named[key] = mc
	}
	known := map[*Mount]*mountCounts{m: mc}
	if old := c.known.Load(); old != nil && len(*old) < maxCounted {
		for k, v := range *old {
			known[k] = v
		}
	}
	c.known.Store(&known)
	return mc
}

// CountFor makes the counters of a mount, so that they are there before they first
// count. Without it they are made when the mount is first used.
func (s *Service) CountFor(m *Mount) { s.counts.of(m) }

// login counts an answer to a login. It is called deferred.
func (c *counts) login(m *Mount, err *error) {
	mc := c.of(m)
	if *err == nil {
		mc.logins.allow(0)
	} else {
		mc.logins.count(0, RefusalOf(*err).Reason)
	}
}

// check counts a good check.
func (c *counts) check(m *Mount, e *cached, remembered bool) {
	mc := c.of(m)
	mc.checks.allow(e.id)
	if !remembered {
		mc.fromStore.Add(1)
	}
}

// Stats reads the counters. It looks at every name that the guard remembers, and
// so costs some milliseconds when there are very many: it is for every few seconds.
func (s *Service) Stats() Stats {
	now := s.clock()
	out := Stats{
		RevocationLag: s.counts.lag.read(), FeedAge: max(0, now.Sub(time.Unix(0, s.feed.asked.Load()))),
		CachedSessions: s.cache.len(), Identities: s.dir.len(), HashesWaiting: s.hasher.Waiting(),
	}
	out.Guarded, out.Locked = s.guard.size(now)
	for f := range s.counts.verdicts {
		out.Verdicts[f] = s.counts.verdicts[f].read()
	}
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	for _, mc := range s.counts.named {
		out.Mounts = append(out.Mounts, MountStats{mc.mount, mc.dialect, mc.logins.read(), mc.checks.read()})
		stored := mc.fromStore.Load() // before all of them, so that the rest is never negative
		out.FromStore += stored
		out.FromMemory += max(mc.checks.allowed(), stored) - stored
	}
	return out
}

func (d *directory) len() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.identities)
}

// size counts the names and addresses that are remembered, and those of them that
// are locked.
func (g *guard) size(now time.Time) (all, locked int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.entries {
		if now.Before(e.stored.Locked) {
			locked++
		}
	}
	return len(g.entries), locked
}
