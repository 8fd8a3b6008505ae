package dialecttest

import (
	"sync"

	"github.com/sallyport/sallyport/auth"
)

var lockLaws = []law{
	{"the nth failure locks and the right secret is refused", func(b *bench) {
		n := b.Mount().Names.Failures
		b.fail(b.Good, n-1)
		b.mustLogin(b.Good)
		b.fail(b.Good, n)
		b.expect(auth.BadCredentials) // the nth itself is still told what it is
		if b.login(b.Good) != "" {
			b.Fatal("the right secret logs in while locked")
		}
		b.expect(auth.Locked)
		b.mustLogin(b.Other)
	}},
	{"a lock ends by itself and is not lengthened", lockEnds},
	{"a success resets the count", func(b *bench) {
		n := b.Mount().Names.Failures
		for range 2 {
			b.fail(b.Good, n-1)
			b.mustLogin(b.Good)
		}
	}},
	{"failures are forgotten", func(b *bench) {
		limits := b.Mount().Names
		b.fail(b.Good, limits.Failures-1)
		b.Advance(limits.Window)
		b.fail(b.Good, limits.Failures-1)
		b.mustLogin(b.Good)
	}},
	{"names that nobody has lock as well", func(b *bench) {
		stranger := b.Equals[0]
		for range b.Mount().Names.Failures {
			b.login(stranger)
			b.expect(auth.BadCredentials)
		}
		b.login(stranger)
		b.expect(auth.Locked)
	}},
	{"a lock and a count survive a restart", func(b *bench) {
		n := b.Mount().Names.Failures
		b.fail(b.Good, n)
		b.fail(b.Other, n-1)
		b.Restart()
		b.login(b.Good)
		b.expect(auth.Locked)
		b.fail(b.Other, 1)
		b.login(b.Other)
		b.expect(auth.Locked)
	}},
	{"a lock leaves tokens alone", lockLeavesTokens},
	{"a lock tells nothing of the secret or the name", lockTells},
	{"guesses at once are no more than the lock allows", guessesAtOnce},
}

func lockEnds(b *bench) {
	limits := b.Mount().Names
	b.fail(b.Good, limits.Failures)
	b.Advance(limits.Lock - tick)
	b.fail(b.Good, limits.Failures)
	b.expect(auth.Locked)
	b.Advance(tick)
	b.mustLogin(b.Good)
}

// lockTells wants the bytes of whoever is locked out to be equal.
func lockTells(b *bench) {
	n := b.Mount().Names.Failures
	b.fail(b.Good, n)
	if !b.Nameless {
		for range n {
			b.login(b.Equals[0])
		}
	}
	want := b.Send(b.Login(b.Good))
	b.expect(auth.Locked)
	for _, c := range []Credential{b.wrong(b.Good), b.Equals[0]} {
		got := b.Send(b.Login(c))
		b.expect(auth.Locked)
		if got.Raw != want.Raw {
			b.Errorf("%s is answered\n%s\nand the right secret\n%s", c.Name, got.Raw, want.Raw)
		}
	}
}

func lockLeavesTokens(b *bench) {
	if b.Mount().LockBlocksTokens {
		b.Skip("configured otherwise")
	}
	token := b.mustLogin(b.Good)
	b.fail(b.Good, b.Mount().Names.Failures)
	if !b.opens(token, b.Good) {
		b.Fatalf("the token is refused: %s", b.outcome())
	}
}

func guessesAtOnce(b *bench) {
	const guesses = 60
	var all sync.WaitGroup
	for range guesses {
		all.Go(func() { _, _ = exchange(b.secure.Addr(), b.Login(b.wrong(b.Good))) })
	}
	all.Wait()
	_, lines := b.Log()
	judged := 0
	for _, l := range lines {
		if l.Outcome == string(auth.BadCredentials) {
			judged++
		}
	}
	if n := b.Mount().Names.Failures; len(lines) != guesses || judged != n {
		b.Fatalf("of %d guesses %d were answered and %d judged, and %d lock", guesses, len(lines), judged, n)
	}
}
