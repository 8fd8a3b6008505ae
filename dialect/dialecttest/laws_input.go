package dialecttest

import (
	"net/http"
	"strings"
	"time"

	"github.com/sallyport/sallyport/auth"
)

var inputLaws = []law{
	{"what cannot be read is refused and nothing is lost", func(b *bench) {
		if len(b.Bad) == 0 {
			b.Fatal("the client knows no bad input")
		}
		token := b.mustLogin(b.Good)
		minted := b.Minted()
		for what, raw := range b.Bad {
			reply := b.Send(raw)
			if b.Token(reply) != "" || b.outcome() == "ok" {
				b.Errorf("%s: logs in:\n%s", what, reply.Raw)
			}
			if (reply.Status >= http.StatusInternalServerError && reply.Status != b.FaultStatus) || b.outcome() == string(auth.Unavailable) {
				b.Errorf("%s: is taken for the server's trouble:\n%s", what, reply.Raw)
			}
			if n := b.Minted(); n != minted {
				b.Errorf("%s: a session began", what)
				minted = n
			}
		}
		if !b.opens(token, b.Good) {
			b.Errorf("the token of before is refused: %s", b.outcome())
		}
		b.mustLogin(b.Good)
	}},
	{"a flood of headers is no trouble", func(b *bench) {
		token := b.mustLogin(b.Good)
		for what, more := range map[string]string{
			"cookies":      strings.Repeat("Cookie: a=b; c=d\r\n", 300),
			"a long one":   "X-Padding: " + strings.Repeat("x", 200<<10) + "\r\n",
			"many headers": strings.Repeat("X-Padding: x\r\n", 1000),
		} {
			for _, raw := range []string{b.Login(b.Good), b.Call(token, b.Good)} {
				reply := b.Send(strings.Replace(raw, "\r\n", "\r\n"+more, 1))
				if reply.Status >= http.StatusInternalServerError || b.outcome() == string(auth.Unavailable) {
					b.Errorf("%s: answered\n%s", what, reply.Raw)
				}
			}
		}
		if !b.opens(token, b.Good) {
			b.Errorf("the token is refused: %s", b.outcome())
		}
	}},
}

var troubleLaws = []law{
	{"a store that fails mints nothing", func(b *bench) {
		b.mustLogin(b.Good)
		b.FailStore()
		for _, c := range []Credential{b.Good, b.wrong(b.Good)} {
			reply := b.Send(b.Login(c))
			b.expect(auth.Unavailable)
			if b.Token(reply) != "" || reply.Header.Get("Cache-Control") != "no-store" {
				b.Errorf("the reply is\n%s", reply.Raw)
			}
		}
	}},
	{"without a store nobody is let in on memory alone", func(b *bench) {
		token := b.mustLogin(b.Good)
		b.FailStore()
		b.Advance(time.Minute) // nothing that ended since would be known
		reply := b.Send(b.Call(token, b.Good))
		b.expect(auth.Unavailable)
		if reply.Header.Get("Cache-Control") != "no-store" {
			b.Errorf("the reply is\n%s", reply.Raw)
		}
	}},
	{"a panic is answered in the dialect's words", func(b *bench) {
		want := func() Reply {
			s := Serve(b.T, b.setup)
			s.FailStore()
			return s.Send(b.Login(b.Good))
		}()
		setup := b.setup
		setup.NoService = true
		b.Server = Serve(b.T, setup)
		got := b.Send(b.Login(b.Good))
		b.expect(auth.Unavailable)
		if got.Status != want.Status || got.Body == "" || b.Token(got) != "" || got.Header.Get("Cache-Control") != "no-store" {
			b.Errorf("a panic is answered\n%s\nand other trouble\n%s", got.Raw, want.Raw)
		}
		if text, _ := b.Log(); !strings.Contains(text, "nil pointer dereference") {
			b.Error("the log does not say what happened")
		}
	}},
}
