package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/auth"
)

// plan is write sets as the statements of one transaction, sent in one go. What
// many sets have in common is one statement: a group of logins is seven however
// many they are.
//
// The order of statements is the order in which locks are taken, the same
// everywhere: the turns of caps, records and guards, the feed's turn, sessions, the
// audit's turn.
type plan struct {
	batch pgx.Batch
	steps []step
	part  part
	audit auditEntry
	sets  []*auth.WriteSet
	tells bool // something to the feed
}

// step is what a statement of the batch is about.
type step struct {
	set    int  // whose statement it is; everybody's: -1
	counts bool // it answers how many sessions it ended
	ended  int
}

const everybody = -1

// part is sets of which all beginnings may be written before all ends, as if
// they had come in that order.
type part struct {
	begin    []*auth.SessionRow
	handOffs []*auth.HandOffRow
	ends     []pendingEnd
	from     int // the set of all of begin and handOffs, if it is one
	count    int // of sets
}

type pendingEnd struct {
	set int
	end *auth.End
}

func (p *plan) queue(set int, query string, args ...any) {
	p.batch.Queue(query, args...)
	p.steps = append(p.steps, step{set: set})
}

func (p *plan) counts() { p.steps[len(p.steps)-1].counts = true }

// makePlan plans a group as commit n of a writer.
func makePlan(group []*request, writer, n int64, others *waker) *plan {
	p := &plan{}
	p.queue(everybody, begin)
	p.queue(everybody, mark, writer, n)
	if n%keptMarks == 0 {
		p.queue(everybody, unmark, writer, n-keptMarks)
	}
	for _, r := range group {
		p.sets = append(p.sets, r.set)
		p.tells = p.tells || len(r.set.End) > 0 || r.set.Use != 0
	}
	p.caps()
	p.passwords()
	p.records()
	p.guards()
	p.takes()
	if p.tells {
		p.queue(everybody, takeFeed)
	}
	for i, r := range group {
		p.add(i, r)
		p.audit.add(&r.audit)
	}
	p.write()
	p.touches()
	p.finish(others)
	return p
}

// finish ends the transaction with its audit, and wakes the others.
func (p *plan) finish(others *waker) {
	if p.audit.count > 0 {
		p.queue(everybody, takeAudit)
		p.queue(everybody, insertAudit, micros(p.audit.at), int64(p.audit.count), p.audit.body)
	}
	if p.tells {
		others.wake(p)
	}
	p.queue(everybody, commit)
}

func (p *plan) add(i int, r *request) {
	w := r.set
	if p.part.precedes(w) {
		p.write()
	}
	if w.Redeem != 0 {
		p.queue(i, redeem, int64(w.Redeem))
	}
	if w.Use != 0 {
		p.queue(i, use, int64(w.Use))
		p.counts()
	}
	if r := w.Room; r != nil {
		p.queue(i, findRoom, int64(r.Tenant), micros(r.At), r.Dialect, int64(r.Except), int64(r.Most))
	}
	if len(w.Begin)+len(w.HandOffs) > 0 {
		p.part.from, p.part.count = i, p.part.count+1
	}
	for j := range w.Begin {
		p.part.begin = append(p.part.begin, &w.Begin[j])
	}
	for j := range w.HandOffs {
		p.part.handOffs = append(p.part.handOffs, &w.HandOffs[j])
	}
	for j := range w.End {
		p.part.ends = append(p.part.ends, pendingEnd{i, &w.End[j]})
	}
}

// precedes says whether a set has to see what the part does.
func (t *part) precedes(w *auth.WriteSet) bool {
	if (w.Use != 0 || w.Redeem != 0 || w.Room != nil) && len(t.ends)+len(t.begin)+len(t.handOffs) > 0 {
		return true
	}
	for i := range t.ends {
		e := t.ends[i].end
		if len(w.Begin) > 0 && e.Account != 0 {
			return true
		}
		for j := range w.Begin {
			if b := &w.Begin[j]; b.Principal == e.Principal || b.ID == e.Session {
				return true
			}
		}
	}
	return false
}

// write writes the part and begins another.
func (p *plan) write() {
	t := &p.part
	whose := everybody
	if t.count == 1 {
		whose = t.from
	}
	if len(t.begin) > 0 {
		query, args := insertion(t.begin)
		p.queue(whose, query, args...)
	}
	if len(t.handOffs) > 0 {
		p.queue(whose, insertHandOffs, handOffColumns(t.handOffs)...)
	}
	for _, e := range t.ends {
		query, args := endQuery(e.end)
		p.queue(e.set, query, args...)
		p.counts()
	}
	*t = part{begin: t.begin[:0], handOffs: t.handOffs[:0], ends: t.ends[:0]}
}

func endQuery(e *auth.End) (query string, args []any) {
	switch {
	case e.Session != 0:
		return endSession, []any{int64(e.Session)}
	case e.Principal != 0:
		return endPrincipal, []any{int64(e.Principal), int64(e.Except)}
	}
	return endAccount, []any{int64(e.Account)}
}

func (p *plan) passwords() {
	for i, w := range p.sets {
		if c := w.Password; c != nil {
			p.queue(i, rehash, int64(c.User), c.Old, c.New)
		}
	}
}

// records notes logins: of several of one key or user, the newest.
func (p *plan) records() {
	var signs signInColumns
	uses := map[auth.PrincipalID]int64{}
	for i, w := range p.sets {
		for j := range w.SignIns {
			signs.add(i, &w.SignIns[j])
		}
		for _, u := range w.Used {
			uses[u.Key] = max(uses[u.Key], micros(u.At))
		}
	}
	if len(signs.user) > 0 {
		p.queue(everybody, signIn, signs.set, signs.user, signs.at, signs.step)
	}
	if len(uses) > 0 {
		var ids, at []int64
		for id, u := range uses {
			ids, at = append(ids, int64(id)), append(at, u)
		}
		p.queue(everybody, used, ids, at)
	}
}

// touches moves ends of sessions on. They come last, for those that the same set
// began.
func (p *plan) touches() {
	ends := map[auth.SessionID]int64{}
	for _, w := range p.sets {
		for _, t := range w.Touch {
			ends[t.Session] = max(ends[t.Session], micros(t.Ends))
		}
	}
	if len(ends) == 0 {
		return
	}
	var ids, at []int64
	for id, end := range ends {
		ids, at = append(ids, int64(id)), append(at, end)
	}
	p.queue(everybody, touch, ids, at)
}
