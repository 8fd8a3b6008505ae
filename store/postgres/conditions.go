package postgres

import (
	"slices"

	"github.com/sallyport/sallyport/auth"
)

// What sets are conditional on, together for all sets of a group: a statement
// names those whose condition does not hold, and the others go again without them.

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

// guards asks for locks and counts failures, each for all sets by one statement. Where
// a key is in several sets, the later ones see what the earlier ones wrote.
func (p *plan) guards() {
	g := guardPlan{plan: p, passed: map[auth.GuardKey]bool{}, failed: map[auth.GuardKey]bool{}}
	for i, w := range p.sets {
		for j := range w.Passes {
			g.pass(i, &w.Passes[j])
		}
		for j := range w.Guards {
			g.fail(i, &w.Guards[j])
		}
	}
	g.writePasses()
	g.writeFailures()
}

// guardPlan is passes and failures that no statement is about yet.
type guardPlan struct {
	*plan
	names, others  passColumns
	failures       changeColumns
	passed, failed map[auth.GuardKey]bool
}

func (g *guardPlan) pass(set int, p *auth.Pass) {
	if g.failed[p.Key] {
		g.writeFailures()
	}
	g.passed[p.Key] = true
	if p.Forget {
		g.names.add(set, p)
	} else {
		g.others.add(set, p)
	}
}

func (g *guardPlan) fail(set int, c *auth.GuardChange) {
	if g.passed[c.Key] {
		g.writePasses()
	}
	if g.failed[c.Key] {
		g.writeFailures()
	}
	g.failed[c.Key] = true
	g.failures.add(set, c)
}

func (g *guardPlan) writePasses() {
	if len(g.passed) > 0 {
		g.queue(everybody, passLocks, g.names.set, g.names.key, g.names.at, g.others.set, g.others.key, g.others.at)
		g.names, g.others = passColumns{}, passColumns{}
		clear(g.passed)
	}
}

func (g *guardPlan) writeFailures() {
	if len(g.failed) > 0 {
		g.queue(everybody, countFailures, g.failures.args()...)
		g.failures = changeColumns{}
		clear(g.failed)
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
