package dialecttest

import "github.com/sallyport/sallyport/auth"

// namelessLaws are the lock's laws where an attempt claims no name: failures
// count by address, from the first one on, and a success forgets none of them,
// as whoever guesses may have a right secret too.
var namelessLaws = []law{
	{"the nth failure locks the address", func(b *bench) {
		n := b.Mount().Names.Failures
		b.fail(b.Good, n-1)
		b.mustLogin(b.Good)
		b.fail(b.Other, 1)
		b.expect(auth.BadCredentials) // the nth itself is still told what it is
		for _, c := range []Credential{b.Good, b.Other} {
			if b.login(c) != "" {
				b.Fatal("a right secret logs in while locked")
			}
			b.expect(auth.Locked)
		}
	}},
	{"a lock ends by itself and is not lengthened", lockEnds},
	{"failures are forgotten when the first is old", func(b *bench) {
		limits := b.Mount().Names
		b.fail(b.Good, 1)
		b.Advance(limits.Window - tick)
		b.fail(b.Good, limits.Failures-2)
		b.Advance(tick)
		b.fail(b.Good, limits.Failures-1)
		b.mustLogin(b.Good)
		b.fail(b.Good, 1)
		b.login(b.Good)
		b.expect(auth.Locked)
	}},
	{"a lock and a count survive a restart", func(b *bench) {
		n := b.Mount().Names.Failures
		b.fail(b.Good, n-1)
		b.Restart()
		b.fail(b.Good, 1)
		b.expect(auth.BadCredentials)
		b.Restart()
		b.login(b.Good)
		b.expect(auth.Locked)
	}},
	{"a lock leaves tokens alone", lockLeavesTokens},
	{"a lock tells nothing of the secret or the name", lockTells},
	{"guesses at once are no more than the lock allows", guessesAtOnce},
}
