package dialecttest

import (
	"bufio"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// who is the key or user that a token was given to.
func (b *bench) who(token string, c Credential) *auth.Identity {
	b.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(b.Call(token, c))))
	if err != nil {
		b.Fatal(err)
	}
	p := b.running.Load()
	bearer, err := p.router.Covering(r.Host, r.URL.Path)[0].Dialect.Token(r)
	if err != nil {
		b.Fatal(err)
	}
	s, err := p.service.Check(b.Context(), &bearer)
	if err != nil {
		b.Fatal(err)
	}
	if s.Actor != nil {
		return s.Actor
	}
	return s.Identity
}

// change alters the records as an administrator does.
func (b *bench) change(f func(auth.Tx) error) {
	b.Helper()
	if err := b.Service().Update(b.Context(), f); err != nil {
		b.Fatal(err)
	}
}

// setEnabled switches a key or user on or off.
func setEnabled(id auth.PrincipalID, on bool) func(auth.Tx) error {
	return func(tx auth.Tx) error {
		k, err := tx.Key(id)
		if err == nil {
			k.Disabled = !on
			return tx.PutKey(&k)
		}
		if !errors.Is(err, auth.ErrNotFound) {
			return err
		}
		u, err := tx.User(id)
		if err != nil {
			return err
		}
		u.Active = on
		return tx.PutUser(&u)
	}
}

func setAccountEnabled(id auth.AccountID, on bool) func(auth.Tx) error {
	return func(tx auth.Tx) error {
		a, err := tx.Account(id)
		if err != nil {
			return err
		}
		a.Disabled = !on
		return tx.PutAccount(&a)
	}
}

// over wants a token to open nothing, and the credential to log in or not.
func (b *bench) over(token string, c Credential, logsIn bool) {
	b.Helper()
	if b.opens(token, c) {
		b.Error("the token passes")
	}
	if got := b.login(c) != ""; got != logsIn {
		b.Errorf("logs in: %v (%s)", got, b.outcome())
	}
}

// endLaws are about tokens that somebody ends before their time.
var endLaws = []law{
	{"what is revoked of a key or account is refused at once and after a restart", func(b *bench) {
		for name, of := range map[string]func(*auth.Identity) auth.Revocation{
			"of the key or user": func(p *auth.Identity) auth.Revocation { return auth.Revocation{Principal: p.Principal} },
			"of the account":     func(p *auth.Identity) auth.Revocation { return auth.Revocation{Account: p.Account.ID} },
			"of the tenant":      func(p *auth.Identity) auth.Revocation { return auth.Revocation{Account: p.Tenant.ID} },
		} {
			first, second := b.mustLogin(b.Good), b.mustLogin(b.Good)
			r := of(b.who(first, b.Good))
			r.Actor = "test"
			if _, err := b.Service().Revoke(b.Context(), r); err != nil {
				b.Fatal(name, err)
			}
			for _, token := range []string{first, second} {
				if b.opens(token, b.Good) {
					b.Errorf("%s: passes", name)
				}
				b.expect(auth.UnknownToken)
			}
			b.Restart()
			b.over(first, b.Good, true)
		}
	}},
	{"a disabled key or user is out at once", func(b *bench) {
		token := b.mustLogin(b.Good)
		id := b.who(token, b.Good).Principal
		b.change(setEnabled(id, false))
		b.over(token, b.Good, false)
		b.Restart()
		b.over(token, b.Good, false)
		b.change(setEnabled(id, true))
		b.mustLogin(b.Good)
	}},
	{"a disabled account is out at once", func(b *bench) {
		token := b.mustLogin(b.Good)
		who := b.who(token, b.Good)
		for _, id := range []auth.AccountID{who.Account.ID, who.Tenant.ID} {
			b.change(setAccountEnabled(id, false))
			b.over(token, b.Good, false)
			b.change(setAccountEnabled(id, true))
			b.mustLogin(b.Good)
		}
	}},
	{"whoever is deleted is out at once", func(b *bench) {
		token := b.mustLogin(b.Good)
		id := b.who(token, b.Good).Principal
		b.change(func(tx auth.Tx) error {
			if err := tx.DeleteKey(id); !errors.Is(err, auth.ErrNotFound) {
				return err
			}
			return tx.DeleteUser(id)
		})
		b.over(token, b.Good, false)
		b.mustLogin(b.Other)
	}},
	{"tokens and locks survive a crash", func(b *bench) {
		token := b.mustLogin(b.Good)
		b.fail(b.Other, b.Mount().Names.Failures)
		b.Crash()
		if !b.opens(token, b.Good) {
			b.Errorf("the token is refused: %s", b.outcome())
		}
		b.login(b.Other)
		b.expect(auth.Locked)
	}},
	{"a token of n uses opens n calls however many race", func(b *bench) {
		const uses, calls = 3, 12
		b.altered(func(m *auth.Mount) { m.Policy.Uses = uses })
		token := b.mustLogin(b.Good)
		var all sync.WaitGroup
		for range calls {
			all.Go(func() { _, _ = exchange(b.secure.Addr(), b.Call(token, b.Good)) })
		}
		all.Wait()
		passed := -1 // the login
		_, lines := b.Log()
		for _, l := range lines {
			if l.Outcome == "ok" {
				passed++
			}
		}
		if passed != uses || len(lines) != calls+1 {
			b.Errorf("%d of %d calls passed", passed, len(lines)-1)
		}
	}},
	{"use lengthens an idle span and nothing lengthens the whole", func(b *bench) {
		const idle = 10 * time.Minute
		b.altered(func(m *auth.Mount) { m.Policy.Idle, m.Policy.Span = idle, 25*time.Minute })
		unused, used := b.mustLogin(b.Other), b.mustLogin(b.Good)
		b.Advance(idle - tick)
		if !b.opens(used, b.Good) {
			b.Fatalf("refused before the idle span is over: %s", b.outcome())
		}
		b.Advance(tick)
		if b.opens(unused, b.Other) {
			b.Error("passes at the end of the idle span")
		}
		b.Advance(idle - 2*tick)
		if !b.opens(used, b.Good) {
			b.Errorf("refused though it was used: %s", b.outcome())
		}
		b.Advance(5*time.Minute + tick)
		if !b.opens(used, b.Good) {
			b.Errorf("refused before the whole span is over: %s", b.outcome())
		}
		b.Advance(tick)
		if b.opens(used, b.Good) {
			b.Error("passes at the end of the whole span")
		}
	}},
	{"a token that never ends is not ended by time", func(b *bench) {
		b.altered(func(m *auth.Mount) { m.Policy = auth.Policy{Never: true} })
		token := b.mustLogin(b.Good)
		b.Advance(50 * 365 * 24 * time.Hour)
		b.Restart()
		if !b.opens(token, b.Good) {
			b.Errorf("refused: %s", b.outcome())
		}
	}},
	{"logins over the budget are refused and nobody is ended", func(b *bench) {
		b.altered(func(m *auth.Mount) { m.FairUse = auth.FairUse{Logins: 1, Answer: auth.AnswerRefuse} })
		tokens := []string{b.mustLogin(b.Good), b.mustLogin(b.Good)}
		if b.login(b.Good) != "" {
			b.Error("logs in")
		}
		b.expect(auth.Throttled)
		for _, token := range tokens {
			if !b.opens(token, b.Good) {
				b.Errorf("an earlier token is refused: %s", b.outcome())
			}
		}
		b.mustLogin(b.Other)
		b.Advance(time.Hour)
		b.mustLogin(b.Good)
	}},
}

// apartLaws keep mounts from each other.
var apartLaws = []law{
	{"another tenant's mount knows neither token nor credential", func(b *bench) {
		token := b.mustLogin(b.Good)
		code := b.who(token, b.Good).Tenant.Code
		b.change(func(tx auth.Tx) error {
			return tx.PutAccount(&auth.Account{Level: auth.Tenant, Code: "NEIGHBOUR"})
		})
		b.Remount(func(m *auth.Mount) { m.Tenant = "NEIGHBOUR" })
		b.over(token, b.Good, false)
		b.Remount(func(m *auth.Mount) { m.Tenant = code })
		if !b.opens(token, b.Good) {
			b.Errorf("its own refuses it: %s", b.outcome())
		}
	}},
	{"another dialect's tokens are unknown", func(b *bench) {
		token := b.mustLogin(b.Good)
		b.Remount(func(m *auth.Mount) { m.Dialect = "another" })
		if b.opens(token, b.Good) {
			b.Error("passes")
		}
		b.expect(auth.UnknownToken)
	}},
}
