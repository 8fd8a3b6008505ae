package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/sallyport/sallyport/bench/load"
)

// nodeShare is which part of the processors each of two nodes gets: together less
// than half, so that the load and the database have what they need in any case, and
// one node has no more when it is alone.
const nodeShare = 0.2

// measureNodes is two nodes on one database against each of them alone, all on the
// same budget.
func measureNodes(ctx context.Context, b *bench) (err error) {
	cores := nodeShare * float64(runtime.NumCPU())
	var nodes []*child
	var budgets []*budget
	defer func() {
		for i, n := range nodes {
			delete(b.made.server, n.name)
			err = errors.Join(err, n.stop(), budgets[i].remove())
		}
	}()
	for _, name := range []string{"half1", "half2"} {
		g, err := newBudget(name, cores)
		if err != nil {
			return err
		}
		n, err := b.node(ctx, name)
		if err != nil {
			return errors.Join(err, g.remove())
		}
		nodes, budgets = append(nodes, n), append(budgets, g)
		if err := g.take(n); err != nil {
			return err
		}
	}
	w := b.made.shared.world
	for what, list := range map[string][]load.Request{"check": w.electaChecks(), "login": w.electaLogins()} {
		if err := b.together(ctx, what, nodes, list, cores); err != nil {
			return err
		}
	}
	return nil
}

// together drives nodes one after the other and all at once.
func (b *bench) together(ctx context.Context, what string, nodes []*child, list []load.Request, cores float64) error {
	for _, n := range nodes {
		if err := once(ctx, n, list); err != nil {
			return err
		}
	}
	var alone, both series
	err := b.interleave(
		func() error {
			sum := 0.0
			for i, n := range nodes {
				r, err := b.beside(ctx, fmt.Sprintf("Alone/%s-%d", what, i), n, connections/2, list, b.window)
				if err != nil {
					return err
				}
				sum += r.Rate() / float64(len(nodes))
			}
			alone = append(alone, sum)
			b.report.sample("OneNode/"+what, value{sum, "req/s"})
			return nil
		},
		func() error {
			sum, err := b.allAtOnce(ctx, what, nodes, list)
			both = append(both, sum)
			b.report.sample("TwoNodes/"+what, value{sum, "req/s"})
			return err
		})
	if err != nil {
		return err
	}
	r := row{fmt.Sprintf("%ss of two nodes, %.2g cores each", what, cores), "req/s", both, alone, "one of them", goal{}}
	if what == "check" {
		r.want = atLeast(1.7)
	}
	b.report.add(r)
	return nil
}

// allAtOnce is what all nodes answer a second when all are asked.
func (b *bench) allAtOnce(ctx context.Context, what string, nodes []*child, list []load.Request) (float64, error) {
	rates, errs := make([]float64, len(nodes)), make([]error, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() {
			r, err := b.beside(ctx, fmt.Sprintf("Beside/%s-%d", what, i), n, connections/2, list, b.window)
			rates[i], errs[i] = r.Rate(), err
		})
	}
	all.Wait()
	sum := 0.0
	for _, r := range rates {
		sum += r
	}
	return sum, errors.Join(errs...)
}
