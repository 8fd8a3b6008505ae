package auth

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Usage is how one key or user used its sessions lately, as this node saw it: what
// shows who logs in before every call. Checks are counted up to a minute late.
type Usage struct {
	Principal PrincipalID
	LastLogin time.Time  // over this node
	Dialects  []Dialogue // what it logged in over, the busiest first
	Sources   []Source   // of the logins, the busiest first; at most maxSources are told apart
	Cost      Cost       // of the logins that were not needed
	Figures
}

// Cost is what logins made the server do: an estimate, from what each of them makes it
// do at least.
type Cost struct {
	Commits uint64        // write sets that a login waited for until they were durable
	Rows    uint64        // written in them: the session, its event in the audit, of a user the sign-in
	Hashing time.Duration // of a processor, for passwords, each at the quickest that one took since the start
}

// Dialogue is a dialect and how often somebody logged in over it.
type Dialogue struct {
	Dialect   string
	Logins    uint64
	WhileLive uint64 // of them, while the session before still lived, whichever dialect that was of
	Hashed    uint64 // of those, with a password, which had to be hashed
}

// Figures are the counts of [Usage].
type Figures struct {
	Logins    uint64
	WhileLive uint64 // of them, while the session before still lived: these were not needed
	Checks    uint64
	Ended     uint64        // sessions of this node's logins that are over
	NeverUsed uint64        // of them, those that no call was made with
	Used      time.Duration // from login to last use, summed over those that are over
}

// Source is an address and how often it logged in.
type Source struct {
	Addr   netip.Addr
	Logins uint64
}

// usage counts for the running half day and the one before, so that what is shown is
// of 12 to 24 hours and old habits are forgotten.
type usage struct {
	mu    sync.Mutex
	since time.Time // of what is counted
	began time.Time // of the running half day
	of    map[PrincipalID]*used

	quickest atomic.Int64 // of the comparisons with a password's hash, in nanoseconds; 0: there was none
}

type used struct {
	last        time.Time // login
	newest      SessionID // that was begun here and has not ended since, as far as is known; 0: none
	liveUntil   time.Time // of newest; zero: it has no end by time
	now, before Figures
	over        [2][]Dialogue // in now and in before
	sources     []Source
}

const (
	usageSpan  = 12 * time.Hour
	maxUsed    = 10_000 // keys and users that are counted, some 5 MiB
	maxSources = 8
)

// newest is the session that a principal began last.
func (u *usage) newest(id PrincipalID) SessionID {
	u.mu.Lock()
	defer u.mu.Unlock()
	if p := u.of[id]; p != nil {
		return p.newest
	}
	return 0
}

// login counts a login, and what it makes of the session before. hashed says that its
// secret was a password. Administrators at the console are no clients of a dialect, and
// are not counted.
func (u *usage) login(row *SessionRow, hashed bool, replaced Figures) {
	if row.Dialect == ConsoleDialect {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.get(row.Principal)
	one := Dialogue{Dialect: row.Dialect, Logins: 1}
	if p.newest != 0 && (p.liveUntil.IsZero() || row.Issued.Before(p.liveUntil)) {
		one.WhileLive = 1
		if hashed {
			one.Hashed = 1
		}
	}
	p.now.Logins += one.Logins
	p.now.WhileLive += one.WhileLive
	p.now.add(&replaced)
	p.over[0] = withDialogue(p.over[0], &one)
	p.last, p.newest, p.liveUntil = row.Issued, row.ID, row.Ends
	p.from(row.Source)
}

// compared notes how long a comparison with a password's hash took. Those that had to
// wait for a place took longer, so that the quickest says what the work is.
func (u *usage) compared(took time.Duration) {
	for {
		q := u.quickest.Load()
		if took <= 0 || (q != 0 && q <= int64(took)) || u.quickest.CompareAndSwap(q, int64(took)) {
			return
		}
	}
}

// cost is what a principal's needless logins made the server do.
func (u *usage) cost(list []Dialogue) (c Cost) {
	for _, d := range list {
		c.Commits += d.WhileLive
		c.Rows += 2*d.WhileLive + d.Hashed
		c.Hashing += time.Duration(d.Hashed) * time.Duration(u.quickest.Load())
	}
	return c
}

// withDialogue adds to a list; there are no more entries than dialects.
func withDialogue(list []Dialogue, more *Dialogue) []Dialogue {
	i := slices.IndexFunc(list, func(d Dialogue) bool { return d.Dialect == more.Dialect })
	if i < 0 {
		return append(list, *more)
	}
	list[i].Logins += more.Logins
	list[i].WhileLive += more.WhileLive
	list[i].Hashed += more.Hashed
	return list
}

// from counts a source. When all places are taken the rarest makes room and hands
// its count on, so that a busy one is never missed.
func (p *used) from(a netip.Addr) {
	least := 0
	for i := range p.sources {
		if p.sources[i].Addr == a {
			p.sources[i].Logins++
			return
		}
		if p.sources[i].Logins < p.sources[least].Logins {
			least = i
		}
	}
	if len(p.sources) < maxSources {
		p.sources = append(p.sources, Source{a, 1})
		return
	}
	p.sources[least] = Source{a, p.sources[least].Logins + 1}
}

// get finds or makes the record of a principal. u.mu is held.
func (u *usage) get(id PrincipalID) *used {
	if p := u.of[id]; p != nil {
		return p
	}
	if u.of == nil {
		u.of = map[PrincipalID]*used{}
	}
	if len(u.of) >= maxUsed {
		u.evict()
	}
	p := &used{}
	u.of[id] = p
	return p
}

// evict forgets who logged in least of a random handful.
func (u *usage) evict() {
	var victim PrincipalID
	least, n := ^uint64(0), 0
	for id, p := range u.of {
		if l := p.now.Logins + p.before.Logins; l < least {
			victim, least = id, l
		}
		if n++; n == evictionSamples {
			break
		}
	}
	delete(u.of, victim)
}

// add counts what the cache has seen of a session. Who did not log in here is not
// counted.
func (u *usage) add(id PrincipalID, session SessionID, over bool, more Figures) {
	if !over && more == (Figures{}) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.of[id]
	if p == nil {
		return
	}
	p.now.add(&more)
	if over && p.newest == session {
		p.newest = 0
	}
}

func (f *Figures) add(g *Figures) {
	f.Logins += g.Logins
	f.WhileLive += g.WhileLive
	f.Checks += g.Checks
	f.Ended += g.Ended
	f.NeverUsed += g.NeverUsed
	f.Used += g.Used
}

// turn begins the next half day when it is time.
func (u *usage) turn(now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.began.IsZero() || now.Before(u.began) {
		u.since, u.began = now, now
	}
	if now.Sub(u.began) < usageSpan {
		return
	}
	u.since, u.began = u.began, now
	for id, p := range u.of {
		p.before, p.now = p.now, Figures{}
		p.over[1], p.over[0] = p.over[0], nil
		p.sources = nil
		if p.before.Logins == 0 {
			delete(u.of, id)
		}
	}
}

// Usage lists how keys and users used their sessions lately, those with the most
// needless logins first, and since when that was counted.
func (s *Service) Usage() (since time.Time, list []Usage) {
	u := &s.usage
	u.mu.Lock()
	defer u.mu.Unlock()
	list = make([]Usage, 0, len(u.of))
	for id, p := range u.of {
		one := Usage{Principal: id, LastLogin: p.last, Dialects: slices.Clone(p.over[0]), Sources: slices.Clone(p.sources), Figures: p.now}
		one.add(&p.before)
		for i := range p.over[1] {
			one.Dialects = withDialogue(one.Dialects, &p.over[1][i])
		}
		one.Cost = u.cost(one.Dialects)
		slices.SortFunc(one.Dialects, func(a, b Dialogue) int {
			return cmp.Or(cmp.Compare(b.Logins, a.Logins), cmp.Compare(a.Dialect, b.Dialect))
		})
		slices.SortFunc(one.Sources, func(a, b Source) int { return cmp.Or(cmp.Compare(b.Logins, a.Logins), a.Addr.Compare(b.Addr)) })
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Usage) int {
		return cmp.Or(cmp.Compare(b.WhileLive, a.WhileLive), cmp.Compare(b.Logins, a.Logins), cmp.Compare(a.Principal, b.Principal))
	})
	return u.since, list
}
