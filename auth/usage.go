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
// shows who logs in before every call.
//
// Everything here is counted when it happens and nothing when a session ends, so
// that it does not matter how one ends, and whether this node hears of it. What is
// known is what this node saw: a token that it handed out and that only calls over
// other nodes were made with counts as never used here. A restart begins anew.
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
	WhileLive uint64        // of them, while the session before still lived: these were not needed
	Checks    uint64        // of sessions of whatever age
	Used      uint64        // of the logins, those whose token a call was made with so far
	UsedFor   time.Duration // from login to the last use so far, summed over those

	// Refused is how many more were refused although the secret was right, for fair use
	// or a cap. They are none of the logins. Whose those are that were refused before
	// the secret was looked at, nobody knows.
	Refused uint64
}

// NeverUsed is how many of the logins no call was made with so far, whether the
// session is over or not.
func (f *Figures) NeverUsed() uint64 { return f.Logins - min(f.Used, f.Logins) }

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
	ids   []*handedOut // oldest first
	seen  time.Time    // when the cache was last asked for what it saw

	quickest atomic.Int64 // of the comparisons with a password's hash, in nanoseconds; 0: there was none
}

// handedOut is a block of session ids that this node leased: which of them were
// used. The cache may have forgotten that when a session is used again.
type handedOut struct {
	first SessionID
	used  [leaseBlock / 64]uint64
}

type used struct {
	last        time.Time // login
	first       SessionID // that is counted here. Zero: none yet
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
	maxBlocks  = 1024 // of ids, 8 MiB: 67 million logins, a day of 770 a second. Older tokens count as they did then
)

// leased notes a block of ids, from which this node hands out sessions.
func (u *usage) leased(first SessionID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.ids) >= maxBlocks {
		u.ids = slices.Delete(u.ids, 0, 1)
	}
	u.ids = append(u.ids, &handedOut{first: first})
}

// firstUse notes that a session was used, and says whether it is one that this node
// handed out and that was not used before. u.mu is held.
func (u *usage) firstUse(id SessionID) bool {
	i, found := slices.BinarySearchFunc(u.ids, id, func(b *handedOut, id SessionID) int { return cmp.Compare(b.first, id) })
	if !found {
		i--
	}
	if i < 0 || id-u.ids[i].first >= leaseBlock {
		return false
	}
	at := id - u.ids[i].first
	word, bit := &u.ids[i].used[at/64], uint64(1)<<(at%64)
	first := *word&bit == 0
	*word |= bit
	return first
}

// login counts a login, and what it makes of the session before. hashed says that its
// secret was a password. Administrators at the console are no clients of a dialect, and
// are not counted.
func (u *usage) login(row *SessionRow, hashed bool) {
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
	f, over := p.at(u, row.Issued), &p.over[0]
	switch f {
	case nil:
		f = &p.now
	case &p.before:
		over = &p.over[1]
	}
	f.Logins += one.Logins
	f.WhileLive += one.WhileLive
	*over = withDialogue(*over, &one)
	if p.first == 0 || row.ID < p.first {
		p.first = row.ID
	}
	p.last, p.newest, p.liveUntil = row.Issued, row.ID, row.Ends
	p.from(row.Source)
}

// refused counts a login that was refused although its secret was right.
func (u *usage) refused(id PrincipalID, dialect string) {
	if dialect == ConsoleDialect {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.get(id).now.Refused++
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

// at is where logins of that time are counted; nil: they are not any more. u.mu is
// held.
func (p *used) at(u *usage, issued time.Time) *Figures {
	switch {
	case !issued.Before(u.began):
		return &p.now
	case !issued.Before(u.since):
		return &p.before
	}
	return nil
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

// evict forgets who logged in or was refused least of a random handful.
func (u *usage) evict() {
	var victim PrincipalID
	least, n := ^uint64(0), 0
	for id, p := range u.of {
		if l := p.now.tries() + p.before.tries(); l < least {
			victim, least = id, l
		}
		if n++; n == evictionSamples {
			break
		}
	}
	delete(u.of, victim)
}

// add counts what the cache has seen of a session since it was last asked: how
// often it was used, and by how much its last use moved on. Who did not log in here
// is not counted.
func (u *usage) add(e *cached, over bool, checks uint64, moved time.Duration) {
	if !over && checks == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.of[e.who.Principal]
	if p == nil {
		return
	}
	if over && p.newest == e.id {
		p.newest = 0
	}
	if checks == 0 {
		return
	}
	p.now.Checks += checks
	f := p.at(u, fromNanos(e.issued))
	if f == nil || p.first == 0 || e.id < p.first { // its login is not counted any more, or went with a record that had to make room
		return
	}
	if u.firstUse(e.id) {
		f.Used++
		moved = time.Duration(max(0, e.used.Load()-e.issued))
	}
	f.UsedFor += moved // what passed while it was not in the cache is not known
}

func (f *Figures) add(g *Figures) {
	f.Logins += g.Logins
	f.WhileLive += g.WhileLive
	f.Checks += g.Checks
	f.Used += g.Used
	f.UsedFor += g.UsedFor
	f.Refused += g.Refused
}

// tries are the logins and those that were refused.
func (f *Figures) tries() uint64 { return f.Logins + f.Refused }

// needless are the tries that would not have been needed, or were of no use.
func (f *Figures) needless() uint64 { return f.WhileLive + f.Refused }

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
		if p.before.tries() == 0 {
			delete(u.of, id)
		}
	}
}

// due says whether the cache should be asked for what it saw, which makes checks
// wait a little: not more than once in a second.
func (u *usage) due(now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if since := now.Sub(u.seen); since >= 0 && since < time.Second {
		return false
	}
	u.seen = now
	return true
}

// Usage lists how keys and users used their sessions lately, those with the most
// logins that were not needed or were refused first, and since when that was counted.
func (s *Service) Usage() (since time.Time, list []Usage) {
	u := &s.usage
	if u.due(s.clock()) {
		s.cache.countAll()
	}
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
		return cmp.Or(cmp.Compare(b.needless(), a.needless()), cmp.Compare(b.Logins, a.Logins), cmp.Compare(a.Principal, b.Principal))
	})
	return u.since, list
}
