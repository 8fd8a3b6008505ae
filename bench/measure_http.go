package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/bench/load"
	"github.com/sallyport/sallyport/secret"
)

const connections = 64

// measureChecks is /-/check with tokens that the server has in memory, against a
// bare handler that gets the same requests.
func measureChecks(ctx context.Context, b *bench) error {
	big, err := b.big(ctx)
	if err != nil {
		return err
	}
	bare, err := b.bare204(ctx)
	if err != nil {
		return err
	}
	w := b.made.world
	electa, calamp := w.electaChecks(), w.calampChecks()
	for _, list := range [][]load.Request{electa, calamp} {
		if err := once(ctx, big, list); err != nil {
			return err
		}
	}
	side := func(name string, c *child, list []load.Request) func() error {
		return func() error { return b.drive(ctx, name, c, connections, list, b.window) }
	}
	err = b.interleave(
		side("Check/electa", big, electa), side("Bare/electa", bare, toBare(electa)),
		side("Check/calamp", big, calamp), side("Bare/calamp", bare, toBare(calamp)),
		side("Bare/minimal", bare, minimal()))
	if err != nil {
		return err
	}
	for _, d := range []string{"electa", "calamp"} {
		c, o := b.samples["Check/"+d], b.samples["Bare/"+d]
		b.report.add(
			row{"check over HTTP, " + d, "req/s", c.rate, o.rate, "bare", atLeast(0.70)},
			row{"  its p99", "ms", c.p99, o.p99, "bare", atMost(2)},
			row{"  against the least request there is", "req/s", c.rate, b.samples["Bare/minimal"].rate, "bare, minimal", goal{}})
	}
	return nil
}

// measureMadeUp is a flood of tokens that are well made under somebody else's
// keys, against checks of good ones.
func measureMadeUp(ctx context.Context, b *bench) error {
	big, err := b.big(ctx)
	if err != nil {
		return err
	}
	w := b.made.world
	stranger, err := secret.GenerateKeys()
	if err != nil {
		return err
	}
	var electa, calamp []load.Request
	for i := range tokens {
		wire, _ := stranger.Mint(secret.FormGUID, uint64(i+1))
		electa = append(electa, refused(electaCall(firstNumber+i%accounts, wire)))
		wire, _ = stranger.Mint(secret.FormSeries, uint64(i+1))
		calamp = append(calamp, refused(calampCall(wire)))
	}
	for name, lists := range map[string][2][]load.Request{"electa": {electa, w.electaChecks()}, "calamp": {calamp, w.calampChecks()}} {
		if err := once(ctx, big, lists[1]); err != nil {
			return err
		}
		err := b.interleave(
			func() error { return b.drive(ctx, "MadeUp/"+name, big, connections, lists[0], b.window) },
			func() error { return b.drive(ctx, "MadeUp/"+name+"-good", big, connections, lists[1], b.window) })
		if err != nil {
			return err
		}
		b.report.add(row{"made-up tokens refused, " + name, "req/s", b.samples["MadeUp/"+name].rate, b.samples["MadeUp/"+name+"-good"].rate, "good ones", atLeast(1)})
	}
	return nil
}

// measureLogins is Electa's login, durable, with and without other sessions in
// the database.
func measureLogins(ctx context.Context, b *bench) error {
	big, err := b.big(ctx)
	if err != nil {
		return err
	}
	small, err := b.small(ctx)
	if err != nil {
		return err
	}
	bare, err := b.bare204(ctx)
	if err != nil {
		return err
	}
	list := b.made.world.electaLogins()
	for _, c := range []*child{big, small} {
		if err := once(ctx, c, list); err != nil {
			return err
		}
	}
	err = b.interleave(
		func() error { return b.drive(ctx, "Login/loaded", big, connections, list, b.window) },
		func() error { return b.drive(ctx, "Login/empty", small, connections, list, b.window) },
		func() error { return b.drive(ctx, "Bare/login", bare, connections, toBare(list), b.window) })
	if err != nil {
		return err
	}
	loaded, empty, o := b.samples["Login/loaded"], b.samples["Login/empty"], b.samples["Bare/login"]
	b.report.add(
		row{"login over HTTP, electa, durable", "req/s", loaded.rate, o.rate, "bare", atLeast(0.28)},
		row{"  its p99", "ms", loaded.p99, nil, "", atMost(15)},
		row{"  against an empty database", "req/s", loaded.rate, empty.rate, "empty", atLeast(0.85)})
	return nil
}

// measureSize is the program's size and that of a session on disk.
func measureSize(ctx context.Context, b *bench) error {
	program, err := b.binary(ctx)
	if err != nil {
		return err
	}
	dir, err := b.loaded(ctx)
	if err != nil {
		return err
	}
	binary, err := os.Stat(program)
	if err != nil {
		return err
	}
	// Closing the database has copied the log into the file.
	all, err := os.Stat(filepath.Join(dir, databaseFile))
	if err != nil {
		return err
	}
	none, err := os.Stat(filepath.Join(b.made.world.dir, databaseFile))
	if err != nil {
		return err
	}
	mb, each := float64(binary.Size())/1e6, float64(all.Size()-none.Size())/float64(b.sessions)
	b.report.sample("Binary", value{mb, "MB"})
	b.report.sample("Disk", value{each, "B/session"})
	b.report.add(
		row{"program", "MB", series{mb}, nil, "", atMost(30)},
		row{"a session on disk, without its audit", "B", series{each}, nil, "", atMost(250)})
	return nil
}
