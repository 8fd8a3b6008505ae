package postgres

import (
	"slices"

	"github.com/sallyport/sallyport/auth"
)

// What sets are conditional on, together for all sets of a group: a statement
// names those whose condition does not hold, and the others go again without them.
//
// Of sets that wait at the same time, it is as if those that count failures had come
// first.

// caps takes the turns of the caps that sets ask for room under: the rows of the
// tenants, which nobody writes for it.
func (p *plan) caps() {
	var tenants []int64
	for _, w := range p.sets {
		if w.Room != nil {
			tenants = append(tenants, int64(w.Room.Tenant))
		}
	}
	if len(tenants) > 0 {
		slices.Sort(tenants)
		p.queue(everybody, takeCaps, slices.Compact(tenants))
	}
}

// failures counts failures. A key that two sets change is changed by two statements.
func (p *plan) failures() {
	var c changeColumns
	seen := map[auth.GuardKey]bool{}
	write := func() {
		p.queue(everybody, countFailures, c.args()...)
		c = changeColumns{}
		clear(seen)
	}
	for i, w := range p.sets {
		for j := range w.Guards {
			g := &w.Guards[j]
			if seen[g.Key] {
				write()
			}
			seen[g.Key] = true
			c.add(i, g)
		}
	}
	if len(c.key) > 0 {
		write()
	}
}

// passes asks for locks, and forgets failures.
func (p *plan) passes() {
	var names, others passColumns
	for i, w := range p.sets {
		for j := range w.Passes {
			if pass := &w.Passes[j]; pass.Forget {
				names.add(i, pass)
			} else {
				others.add(i, pass)
			}
		}
	}
	if len(names.key)+len(others.key) > 0 {
		p.queue(everybody, passLocks, names.set, names.key, names.at, others.set, others.key, others.at)
	}
}

// takes takes of allowances.
func (p *plan) takes() {
	var c takeColumns
	for i, w := range p.sets {
		for j := range w.Takes {
			c.add(i, &w.Takes[j])
		}
	}
	if len(c.key) > 0 {
		p.queue(everybody, takeAllowances, c.set, c.key, c.most, c.at, c.until)
	}
}
