package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/bench/load"
	"github.com/sallyport/sallyport/dialect/electa"
	"github.com/sallyport/sallyport/store/postgres"
)

// measurePostgresCoreLogins is auth.Login without HTTP over PostgreSQL, against rows
// that one connection inserts into a copy of the same database.
func measurePostgresCoreLogins(ctx context.Context, b *bench) (err error) {
	s, err := b.postgres(ctx)
	if err != nil {
		return err
	}
	store, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	service, err := auth.Open(ctx, store, auth.Options{Keys: s.world.keys})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.Close()) }()
	raw, err := openPGRaw(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.conn.Close(context.WithoutCancel(ctx))) }()

	m := pgLogins{bench: b, shared: s, store: store, logins: coreLogins{world: s.world, service: service, mount: mountOf(electa.Definition(), electaTenant)}}
	if err := m.logins.warm(ctx); err != nil {
		return err
	}
	var same, half, most series
	ceiling := func(name string, size int, all bool, to *series) func() error {
		return func() error {
			rate, err := raw.run(ctx, b.window, size, all)
			*to = append(*to, rate)
			b.report.sample(name, value{rate, "rows/s"}, value{float64(size), "rows/commit"})
			return err
		}
	}
	err = b.interleave(func() error { return m.round(ctx) },
		ceiling("PostgresRaw/same", rawHalf, true, &same),
		ceiling(fmt.Sprintf("PostgresRaw/sessions-%d", rawHalf), rawHalf, false, &half),
		ceiling(fmt.Sprintf("PostgresRaw/sessions-%d", rawMost), rawMost, false, &most))
	if err != nil {
		return err
	}
	b.report.add(
		row{fmt.Sprintf("auth.Login on PostgreSQL, %d at once", callers), "rows/s", m.rate, same, "raw, the same rows, 32 a commit", atLeast(0.60)},
		row{"  against the rows of sessions alone", "rows/s", m.rate, half, "raw, 32 a commit", atLeast(0.60)},
		row{"  against twice as many of them a commit", "rows/s", m.rate, most, "raw, 64 a commit", goal{}},
		row{"  logins a commit", "logins", m.group, nil, "", goal{}},
		row{"  processor time of this program, a login", "us", m.own, nil, "", goal{}},
		row{"  of PostgreSQL", "us", m.server, nil, "", goal{}},
		row{"  PostgreSQL's log, a login", "B", m.wal, nil, "", goal{}})
	return nil
}

// pgLogins is logins over PostgreSQL and what they cost.
type pgLogins struct {
	*bench
	shared *shared
	store  *postgres.Store
	logins coreLogins

	rate, group, own, server, wal series
}

// round logs in for a while.
func (m *pgLogins) round(ctx context.Context) error {
	before, err := m.shared.spent(ctx)
	if err != nil {
		return err
	}
	ownBefore, ok := processTime(os.Getpid(), false)
	sets := m.store.Stats()
	start := time.Now()
	rate, err := m.logins.run(ctx, m.window)
	if err != nil {
		return err
	}
	n := rate * time.Since(start).Seconds()
	ownAfter, _ := processTime(os.Getpid(), false)
	after, err := m.shared.spent(ctx)
	if err != nil {
		return err
	}
	now := m.store.Stats()
	group := float64(now.Sets-sets.Sets) / float64(now.Commits-sets.Commits)
	wal := float64(after.wal-before.wal) / n
	m.rate, m.group, m.wal = append(m.rate, rate), append(m.group, group), append(m.wal, wal)
	values := []value{{rate, "rows/s"}, {group, "rows/commit"}, {wal, "wal-B/row"}}
	if ok && before.ok {
		own, server := (ownAfter-ownBefore).Seconds()*1e6/n, (after.cpu-before.cpu).Seconds()*1e6/n
		m.own, m.server = append(m.own, own), append(m.server, server)
		values = append(values, value{own, "cpu-us/row"}, value{server, "postgres-cpu-us/row"})
	}
	m.report.sample("PostgresCoreLogin", values...)
	return nil
}

// manyConnections is enough for the groups of logins that one commit takes to be as
// long as they get.
const manyConnections = 256

// measurePostgresLogins is Electa's login over HTTP on PostgreSQL.
func measurePostgresLogins(ctx context.Context, b *bench) error {
	node, err := b.node(ctx, "node1")
	if err != nil {
		return err
	}
	bare, err := b.bare204(ctx)
	if err != nil {
		return err
	}
	list := b.made.shared.world.electaLogins()
	if err := once(ctx, node, list); err != nil {
		return err
	}
	const login, ceiling, more, moreCeiling = "PostgresLogin", "PostgresBare/login", "PostgresLogin/many", "PostgresBare/login-many"
	err = b.interleave(
		func() error { return b.drive(ctx, login, node, connections, list, b.window) },
		func() error { return b.drive(ctx, ceiling, bare, connections, toBare(list), b.window) },
		func() error { return b.drive(ctx, moreCeiling, bare, manyConnections, toBare(list), b.window) },
		func() error { return b.drive(ctx, more, node, manyConnections, list, b.window) })
	if err != nil {
		return err
	}
	b.report.add(
		row{"login over HTTP on PostgreSQL", "req/s", b.samples[login].rate, b.samples[ceiling].rate, "bare", atLeast(0.25)},
		row{"  its p99", "ms", b.samples[login].p99, nil, "", goal{}},
		row{fmt.Sprintf("  over %d connections", manyConnections), "req/s", b.samples[more].rate, b.samples[moreCeiling].rate, "bare", atLeast(0.25)},
		row{"  its p99", "ms", b.samples[more].p99, nil, "", goal{}})
	return nil
}

// measurePostgresChecks is /-/check of tokens in memory on PostgreSQL and on SQLite:
// what a check costs must not depend on where the sessions are kept.
func measurePostgresChecks(ctx context.Context, b *bench) error {
	node, err := b.node(ctx, "node1")
	if err != nil {
		return err
	}
	big, err := b.big(ctx)
	if err != nil {
		return err
	}
	sides := []struct {
		name   string
		server *child
		list   []load.Request
	}{
		{"Postgres", node, b.made.shared.world.electaChecks()},
		{"SQLite", big, b.made.world.electaChecks()},
	}
	var rounds []func() error
	for _, s := range sides {
		if err := once(ctx, s.server, s.list); err != nil {
			return err
		}
		rounds = append(rounds, func() error { return b.drive(ctx, "CheckOn/"+s.name, s.server, connections, s.list, b.window) })
	}
	if err := b.interleave(rounds...); err != nil {
		return err
	}
	p, o := b.samples["CheckOn/Postgres"], b.samples["CheckOn/SQLite"]
	b.report.add(
		// As fast, but for what two runs of the same program differ by.
		row{"check on PostgreSQL, token in memory", "req/s", p.rate, o.rate, "on SQLite", atLeast(0.95)},
		row{"  its p99", "ms", p.p99, o.p99, "on SQLite", goal{}})
	return nil
}
