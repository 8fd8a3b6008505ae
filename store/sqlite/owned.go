package sqlite

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/auth"
)

// Which sessions a principal has is asked when all of them end. As an index
// that each login extends, at a million sessions it made a login four times as
// dear: every row of a group dirtied a page of its own. So a commit appends one
// row to the log (begun) for all its sessions, the tail remembers those in
// memory, and 65,536 at a time they are sorted and moved into the index
// (owned), many to a page.
//
// The tail is only a memory of the log: a process that starts reads the log,
// and each transaction first reads what other processes have appended. What the
// tail and the index say is a hint that may name sessions that are gone; only
// the table of sessions says which there are.

// tailSize is how many sessions are collected before they are sorted. The log
// and the memory of it hold at most about twice as many: 2 MB and 6 MB.
const tailSize = 1 << 16

// pairBytes is the length of a principal and an id in the log.
const pairBytes = 16

func appendPair(b []byte, p auth.PrincipalID, id auth.SessionID) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(p))
	return binary.BigEndian.AppendUint64(b, uint64(id))
}

func eachPair(b []byte, f func(auth.PrincipalID, auth.SessionID)) {
	for ; len(b) >= pairBytes; b = b[pairBytes:] {
		f(auth.PrincipalID(binary.BigEndian.Uint64(b)), auth.SessionID(binary.BigEndian.Uint64(b[8:])))
	}
}

type tail struct {
	mu    sync.RWMutex // the writer changes it, Latest and Sweep look
	size  int          // of a generation that is full
	known uint64       // newest row of the log that is in here
	young *generation  // what is being collected
	old   *generation  // what is being moved to the index; nil: nothing is
}

// generation is a chain of sessions for each principal, newest first.
type generation struct {
	entries []entry
	heads   map[auth.PrincipalID]int32 // index into entries + 1
	least   auth.SessionID             // the smallest id in it
	upto    uint64                     // row of the log that it ends with

	// doubtful says that it may hold sessions that are not there: some of it was
	// read from the log, which does not tell which ended, or a transaction was
	// undone.
	doubtful bool

	sorted chan []entry // receives the entries once they are in order
	moving []entry      // what is left of them
}

type entry struct {
	principal auth.PrincipalID
	id        auth.SessionID // 0: ended
	before    int32          // the principal's one before this one; index + 1
}

func newTail(size int) *tail { return &tail{size: size, young: newGeneration()} }

func newGeneration() *generation {
	return &generation{heads: make(map[auth.PrincipalID]int32), least: auth.MaxSessionID}
}

func (g *generation) add(p auth.PrincipalID, id auth.SessionID) {
	g.entries = append(g.entries, entry{p, id, g.heads[p]})
	g.heads[p] = int32(len(g.entries))
	g.least = min(g.least, id)
}

// appendOf appends a principal's sessions.
func (g *generation) appendOf(ids []auth.SessionID, p auth.PrincipalID) []auth.SessionID {
	if g == nil {
		return ids
	}
	for i := g.heads[p]; i > 0; i = g.entries[i-1].before {
		ids = append(ids, g.entries[i-1].id)
	}
	return ids
}

// forget removes what is over from a principal's chain, so that a key that logs
// in and out all day does not leave a long one. The walk ends after most.
func (g *generation) forget(p auth.PrincipalID, most int, over func(auth.SessionID) bool) {
	at := int32(0) // the newest entry that stays; 0: none yet
	for i := g.heads[p]; i > 0 && most > 0; {
		e := &g.entries[i-1]
		next := e.before
		if !over(e.id) {
			at, i = i, next
			continue
		}
		most--
		e.id = 0
		switch {
		case at > 0:
			g.entries[at-1].before = next
		case next > 0:
			g.heads[p] = next
		default:
			delete(g.heads, p)
		}
		i = next
	}
}

// forget removes ended sessions, which are in the order of principals and ids.
func (t *tail) forget(gone []entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(gone) > 0 {
		p := gone[0].principal
		n, _ := slices.BinarySearchFunc(gone, p+1, func(e entry, p auth.PrincipalID) int { return cmp.Compare(e.principal, p) })
		of := gone[:n]
		gone = gone[n:]
		over := func(id auth.SessionID) bool {
			_, found := slices.BinarySearchFunc(of, id, func(e entry, id auth.SessionID) int { return cmp.Compare(e.id, id) })
			return found
		}
		for _, g := range []*generation{t.young, t.old} {
			if g != nil && of[n-1].id >= g.least {
				g.forget(p, n, over)
			}
		}
	}
}

// add remembers a session that is being written. If the transaction is undone
// it is a hint that leads nowhere, see doubt.
func (t *tail) add(p auth.PrincipalID, id auth.SessionID) {
	t.mu.Lock()
	t.young.add(p, id)
	t.mu.Unlock()
}

// doubt notes that a transaction was undone that had begun sessions.
func (t *tail) doubt() {
	t.mu.Lock()
	t.young.doubtful = true
	t.mu.Unlock()
}

// recent returns a principal's sessions in the tail, newest first, and how much
// of the log that covers.
func (t *tail) recent(p auth.PrincipalID) ([]auth.SessionID, uint64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.old.appendOf(t.young.appendOf(nil, p), p), t.known
}

// follow reads what is new in the log, inside a write transaction: from then on
// nobody else appends.
func (t *tail) follow(c *conn) error {
	return c.query(func(r row) error {
		t.mu.Lock()
		defer t.mu.Unlock()
		eachPair(r.blob(1), t.young.add)
		t.young.doubtful = true
		t.known = uint64(r.int(0))
		t.young.upto = t.known
		return nil
	}, "SELECT seq, pairs FROM begun WHERE seq > ? ORDER BY seq", int64(t.known))
}

// unknownPairs returns a principal's sessions in the log after a position.
func unknownPairs(c *conn, after uint64, p auth.PrincipalID) (ids []auth.SessionID, err error) {
	err = c.query(func(r row) error {
		eachPair(r.blob(0), func(of auth.PrincipalID, id auth.SessionID) {
			if of == p {
				ids = append(ids, id)
			}
		})
		return nil
	}, "SELECT pairs FROM begun WHERE seq > ? ORDER BY seq", int64(after))
	slices.Reverse(ids)
	return ids, err
}

// committed takes note of what a transaction made true.
func (t *tail) committed(x *transaction) {
	if len(x.gone) > 0 {
		slices.SortFunc(x.gone, byPrincipal)
		t.forget(x.gone)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(x.pairs) > 0 {
		t.known++
		t.young.upto = t.known
	}
	if t.old != nil && x.moved > 0 {
		t.old.moving = t.old.moving[x.moved:]
		if len(t.old.moving) == 0 {
			t.old = nil
		}
	}
	if t.old == nil && len(t.young.entries) >= t.size {
		t.old, t.young = t.young, newGeneration()
		t.old.sort()
	}
}

// sort orders the entries by principal, outside of the writer: it takes some
// milliseconds. In the sorted copy, before says where the entry stands in entries,
// where it is marked if it ends meanwhile.
func (g *generation) sort() {
	g.sorted = make(chan []entry, 1)
	list := slices.Clone(g.entries)
	for i := range list {
		list[i].before = int32(i)
	}
	go func() {
		list = slices.DeleteFunc(list, func(e entry) bool { return e.id == 0 })
		slices.SortFunc(list, byPrincipal)
		g.sorted <- list
	}()
}

func byPrincipal(a, b entry) int {
	return cmp.Or(cmp.Compare(a.principal, b.principal), cmp.Compare(a.id, b.id))
}

const moveRows = 16

// movePairs believes what it is told, moveLive looks whether each session is
// there, which costs a search of the table for each.
var (
	movePairs = "INSERT OR IGNORE INTO owned (principal, id) VALUES (?, ?)" + strings.Repeat(", (?, ?)", moveRows-1)
	moveLive  = "INSERT OR IGNORE INTO owned (principal, id) SELECT principal, id FROM sessions WHERE id IN (?" + strings.Repeat(", ?", moveRows-1) + ")"
)

// settle moves a part of the old generation into the index: four for each one
// begun, so that it is done before the young one is full, however fast they
// come. Moving one twice, after a crash or by two processes, changes nothing.
func (x *transaction) settle(began int) error {
	old := x.tail.old
	if old == nil {
		return nil
	}
	if old.moving == nil {
		select {
		case old.moving = <-old.sorted:
		default:
			return nil
		}
	}
	n := min(len(old.moving), max(4*began, 64))
	move := x.movePairs
	if old.doubtful || len(x.gone) > 0 {
		move = x.moveLive // some may have ended, and the memory does not know it
	}
	part := make([]entry, 0, moveRows)
	for i, e := range old.moving[:n] {
		if old.entries[e.before].id != 0 {
			part = append(part, e)
		}
		if len(part) == moveRows || (i == n-1 && len(part) > 0) {
			if err := move(part); err != nil {
				return err
			}
			part = part[:0]
		}
	}
	x.moved = n
	if n < len(old.moving) {
		return nil
	}
	// This transaction's own row stays: positions go on from it.
	_, err := x.exec("DELETE FROM begun WHERE seq <= ?", int64(old.upto))
	return err
}

// movePairs writes the pairs as they are. The last one fills the places that
// are left.
func (x *transaction) movePairs(part []entry) error {
	s, err := x.statement(movePairs, 2*moveRows)
	if err != nil {
		return err
	}
	for i := range moveRows {
		e := part[min(i, len(part)-1)]
		s.args[2*i].Value, s.args[2*i+1].Value = int64(e.principal), int64(e.id)
	}
	_, err = s.exec()
	return err
}

// moveLive writes the pairs of sessions that are there.
func (x *transaction) moveLive(part []entry) error {
	s, err := x.statement(moveLive, moveRows)
	if err != nil {
		return err
	}
	for i := range s.args {
		s.args[i].Value = int64(part[min(i, len(part)-1)].id)
	}
	_, err = s.exec()
	return err
}
