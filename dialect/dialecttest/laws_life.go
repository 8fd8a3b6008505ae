package dialecttest

import (
	"sync"
	"time"

	"github.com/sallyport/sallyport/auth"
)

var lifeLaws = []law{
	{"a token ends at the instant of its expiry", func(b *bench) {
		span := b.Mount().Policy.Span
		if span == 0 {
			b.Fatal("the mount's policy has no span")
		}
		token := b.mustLogin(b.Good)
		b.Advance(span - time.Nanosecond)
		if !b.opens(token, b.Good) {
			b.Fatalf("refused one nanosecond before: %s", b.outcome())
		}
		b.Advance(time.Nanosecond)
		if b.opens(token, b.Good) {
			b.Fatal("passes at the instant of expiry")
		}
		b.expect(auth.UnknownToken)
	}},
	{"tokens survive a restart", func(b *bench) {
		token := b.mustLogin(b.Good)
		b.Restart()
		if !b.opens(token, b.Good) {
			b.Fatalf("the token is refused: %s", b.outcome())
		}
	}},
	{"made-up and expired tokens are refused with equal bytes", func(b *bench) {
		token := b.mustLogin(b.Good)
		b.Advance(b.Mount().Policy.Span)
		expired := b.Send(b.Call(token, b.Good))
		forged := b.Send(b.Call(forge(token), b.Good))
		if expired.Raw != forged.Raw {
			b.Fatalf("an expired token is answered\n%s\nand a made-up one\n%s", expired.Raw, forged.Raw)
		}
	}},
	{"a revoked token is refused at once", func(b *bench) {
		token, other := b.mustLogin(b.Good), b.mustLogin(b.Other)
		session := auth.SessionID(b.Audit()[0].Session) // the first event is the first login
		if _, err := b.Service().Revoke(b.Context(), auth.Revocation{Session: session, Actor: "test"}); err != nil {
			b.Fatal(err)
		}
		if b.opens(token, b.Good) {
			b.Fatal("passes")
		}
		b.expect(auth.UnknownToken)
		if !b.opens(other, b.Other) {
			b.Fatal("another session was ended too")
		}
	}},
	{"expire on new leaves one token however many race", func(b *bench) {
		b.altered(func(m *auth.Mount) { m.Policy.ExpireOnNew = true })
		const clients = 12
		tokens := make([]string, clients)
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() {
				if reply, err := exchange(b.secure.Addr(), b.Login(b.Good)); err == nil {
					tokens[i] = b.Token(reply)
				}
			})
		}
		all.Wait()
		live := 0
		for _, token := range tokens {
			if token == "" {
				b.Fatal("a login was refused")
			}
			if b.opens(token, b.Good) {
				live++
			}
		}
		if live != 1 {
			b.Fatalf("%d of %d tokens live", live, clients)
		}
	}},
}

// forge alters one character in the middle, which keeps the token's form.
func forge(token string) string {
	at := len(token) / 2
	for token[at] == '-' {
		at++
	}
	other := byte('A')
	if token[at] == other {
		other = 'B'
	}
	return token[:at] + string(other) + token[at+1:]
}
