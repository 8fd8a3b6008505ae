package dialecttest

import (
	"net/http"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/auth"
)

var loginLaws = []law{
	{"a login opens calls", func(b *bench) {
		token := b.mustLogin(b.Good)
		if !b.opens(token, b.Good) {
			b.Fatalf("a token just issued is refused: %s", b.outcome())
		}
		if b.opens("", b.Good) || b.opens(token[:len(token)-1], b.Good) || b.opens(token+"A", b.Good) {
			b.Fatal("a call passes with half a token or none")
		}
	}},
	{"each login has a token of its own", func(b *bench) {
		first, second := b.mustLogin(b.Good), b.mustLogin(b.Good)
		if first == second {
			b.Fatal("two logins have one token")
		}
		if !b.opens(first, b.Good) || !b.opens(second, b.Good) {
			b.Fatal("a second login ended the first")
		}
	}},
	{"unknown name and wrong secret give equal bytes", func(b *bench) {
		want := b.Send(b.Login(b.wrong(b.Good)))
		b.expect(auth.BadCredentials)
		for _, c := range b.Equals {
			if got := b.Send(b.Login(c)); got.Raw != want.Raw {
				b.Errorf("%s is answered\n%s\nand a wrong secret\n%s", c.Name, got.Raw, want.Raw)
			}
		}
	}},
	{"other methods mint nothing", func(b *bench) {
		raw := b.Login(b.Good)
		_, rest, _ := strings.Cut(raw, " ")
		for _, method := range []string{http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch} {
			reply := b.Send(method + " " + rest)
			if reply.Status != http.StatusMethodNotAllowed || reply.Header.Get("Allow") == "" {
				b.Errorf("%s is answered %d with Allow %q", method, reply.Status, reply.Header.Get("Allow"))
			}
			if b.Token(reply) != "" {
				b.Errorf("%s is answered with a token", method)
			}
		}
		if n := b.Minted(); n != 0 {
			b.Errorf("%d sessions began", n)
		}
	}},
	{"replies are not stored", func(b *bench) {
		for _, raw := range []string{b.Login(b.Good), b.Login(b.wrong(b.Good)), b.Call("made-up", b.Good)} {
			if reply := b.Send(raw); reply.Header.Get("Cache-Control") != "no-store" {
				b.Errorf("Cache-Control is %q in\n%s", reply.Header.Get("Cache-Control"), reply.Raw)
			}
		}
	}},
	{"no origin of another site is let in", func(b *bench) {
		raw := strings.Replace(b.Login(b.Good), "\r\n", "\r\nOrigin: https://attacker.example\r\n", 1)
		for name := range b.Send(raw).Header {
			if strings.HasPrefix(name, "Access-Control-") {
				b.Errorf("the reply has %s", name)
			}
		}
	}},
	{"plain HTTP is refused and not redirected", func(b *bench) {
		token := b.mustLogin(b.Good)
		minted := b.Minted()
		for _, raw := range []string{b.Login(b.Good), b.Call(token, b.Good)} {
			reply := b.SendPlain(raw)
			b.expect(auth.Insecure)
			if reply.Status/100 == 3 || b.Token(reply) != "" {
				b.Errorf("plain HTTP is answered\n%s", reply.Raw)
			}
		}
		if n := b.Minted(); n != minted {
			b.Error("a session began over plain HTTP")
		}
	}},
	{"logins at once have a token each", func(b *bench) {
		const clients = 24
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
		seen := map[string]bool{"": true}
		for _, token := range tokens {
			if seen[token] || !b.opens(token, b.Good) {
				b.Fatalf("a token is missing, is not alone, or opens nothing: %s", b.outcome())
			}
			seen[token] = true
		}
	}},
	{"no secret is in a log line", noSecretLogged},
}

// noSecretLogged does a bit of everything and then looks for what was sent.
func noSecretLogged(b *bench) {
	wrong := b.wrong(b.Good)
	token := b.mustLogin(b.Good)
	secrets := []string{b.Good.Secret, wrong.Secret, token}
	b.login(wrong)
	b.opens(token, b.Good)
	b.opens(token+"x", b.Good)
	b.SendPlain(b.Login(b.Good))
	sent := 5
	for _, raw := range b.Bad {
		b.Send(raw)
		sent++
	}
	_, rest, _ := strings.Cut(b.Login(b.Good), " ")
	b.Send("PUT " + rest)
	b.FailStore()
	b.Send(b.Login(b.Good))
	sent += 2

	text, lines := b.Log()
	if len(lines) != sent {
		b.Errorf("%d requests are logged in %d lines", sent, len(lines))
	}
	for _, s := range secrets {
		// A log line has it as JSON, or cut off, or in another case.
		for _, part := range []string{s, s[:len(s)-2], s[1:]} {
			if strings.Contains(strings.ToLower(text), strings.ToLower(part)) {
				b.Errorf("the log holds a secret: %q", part)
			}
		}
	}
	if strings.Contains(text, "?") {
		b.Error("the log holds a query string")
	}
}
