package auth_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// A session reaches its account and what is below, by code, and nothing else.
func TestReach(t *testing.T) {
	inBubble(t, func(k *kit) {
		k.update(func(tx auth.Tx) error {
			for _, a := range []auth.Account{
				{Level: auth.Organization, Tenant: k.tenant, Parent: k.tenant, Code: "ACME-EAST"},
				{Level: auth.Division, Tenant: k.tenant, Parent: k.west, Code: "ACME-WEST-OFF", Disabled: true},
				{Level: auth.Division, Tenant: k.tenant, Parent: k.west, Code: strings.Repeat("x", auth.MaxCode)},
				{Level: auth.Organization, Tenant: k.other, Parent: k.other, Code: "ABROAD"},
			} {
				if err := tx.PutAccount(&a); err != nil {
					return err
				}
			}
			return nil
		})
		west, division := byKey(electaMount()), onNewAttempt()
		ofWest, ofDivision := bearer(west, k.login(west)), bearer(division, k.login(division))
		for _, c := range []struct {
			code                   string
			fromWest, fromDivision auth.Reason
		}{
			{"", "", ""},
			{"ACME-WEST", "", auth.WrongAccount},
			{"ACME-WEST-1", "", ""},
			{strings.Repeat("x", auth.MaxCode), "", auth.WrongAccount},
			{"ACME", auth.WrongAccount, auth.WrongAccount},
			{"ACME-EAST", auth.WrongAccount, auth.WrongAccount},
			{"ACME-WEST-OFF", auth.WrongAccount, auth.WrongAccount},
			{"ABROAD", auth.WrongAccount, auth.WrongAccount},
			{"OTHER", auth.WrongAccount, auth.WrongAccount},
			{"acme-west-1", auth.WrongAccount, auth.WrongAccount},
			{"ACME-WEST-1 ", auth.WrongAccount, auth.WrongAccount},
			{"nobody", auth.WrongAccount, auth.WrongAccount},
			{strings.Repeat("x", auth.MaxCode+1), auth.WrongAccount, auth.WrongAccount},
		} {
			for range 2 { // the second time from memory
				ofWest.Code, ofDivision.Code = c.code, c.code
				if got := k.check(k.service, ofWest); got != c.fromWest {
					t.Errorf("%.20q from the organization: %q, want %q", c.code, got, c.fromWest)
				}
				if got := k.check(k.service, ofDivision); got != c.fromDivision {
					t.Errorf("%.20q from the division: %q, want %q", c.code, got, c.fromDivision)
				}
			}
		}
		// Whom a call names does not matter to giving a token up.
		ofWest.Code = "nobody"
		if err := k.service.Logout(k.Context(), ofWest, auth.Origin{Source: home}); err != nil {
			t.Errorf("logout: %v", err)
		}
	})
}

// A code is looked up once, and again when an account was changed: at once on
// the node that changed it, within a second on the others.
func TestReachIsRememberedAndForgotten(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		b := bearer(a, k.login(a))
		b.Code = "ACME-WEST-1"
		other := k.node()
		defer other.Close()
		for _, s := range []*auth.Service{k.service, other} {
			if got := k.check(s, b); got != "" {
				t.Fatalf("refused: %s", got)
			}
		}
		reads := k.store.reads.Load()
		k.wantCheck(b, "")
		if n := k.store.reads.Load() - reads; n != 0 {
			t.Errorf("a code that is known costs %d looks into the store", n)
		}
		change := func(alter func(*auth.Account)) {
			k.update(func(tx auth.Tx) error {
				d, err := tx.Account(k.division)
				if err != nil {
					return err
				}
				alter(&d)
				return tx.PutAccount(&d)
			})
		}
		for _, step := range []struct {
			what  string
			alter func(*auth.Account)
			want  auth.Reason
		}{
			{"disabled", func(d *auth.Account) { d.Disabled = true }, auth.WrongAccount},
			{"enabled", func(d *auth.Account) { d.Disabled = false }, ""},
			{"renamed", func(d *auth.Account) { d.Code = "ACME-WEST-ONE" }, auth.WrongAccount},
			{"renamed back", func(d *auth.Account) { d.Code = "ACME-WEST-1" }, ""},
		} {
			change(step.alter)
			if got := k.check(k.service, b); got != step.want {
				t.Errorf("%s: this node says %q, want %q", step.what, got, step.want)
			}
			time.Sleep(time.Second)
			if got := k.check(other, b); got != step.want {
				t.Errorf("%s: the other node says %q, want %q", step.what, got, step.want)
			}
		}
	})
}

// A code that is not remembered cannot be vouched for without the store, and
// what is remembered counts only while the feed is heard of.
func TestReachWithoutStore(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		b := bearer(a, k.login(a))
		b.Code = "ACME-WEST-1"
		k.wantCheck(b, "")
		k.store.broken.Store(true)
		k.wantCheck(b, "")
		b.Code = "ACME"
		k.wantCheck(b, auth.Unavailable)
		b.Code = "ACME-WEST-1"
		time.Sleep(2 * time.Second)
		k.wantCheck(b, auth.Unavailable)
	})
}

// With the feed lost, a move is seen by asking the store.
func TestReachAsksWhenTheFeedIsLost(t *testing.T) {
	inBubble(t, func(k *kit) {
		a := byKey(electaMount())
		b := bearer(a, k.login(a))
		b.Code = "ACME-WEST-1"
		deaf := k.deafNode()
		defer deaf.Close()
		if got := k.check(deaf, b); got != "" {
			t.Fatalf("refused: %s", got)
		}
		time.Sleep(2 * time.Second)
		k.update(func(tx auth.Tx) error {
			d, err := tx.Account(k.division)
			if err != nil {
				return err
			}
			d.Disabled = true
			return tx.PutAccount(&d)
		})
		if got := k.check(deaf, b); got != auth.WrongAccount {
			t.Errorf("a node without the feed says %q", got)
		}
	})
}

// deafNode is a service that does not hear the feed.
func (k *kit) deafNode() *auth.Service {
	k.Helper()
	s, err := auth.Open(k.Context(), deaf{k.store}, auth.Options{Keys: k.keys, Hasher: k.hasher})
	if err != nil {
		k.Fatal(err)
	}
	return s
}

type deaf struct{ *faulty }

func (deaf) Feed(context.Context, auth.Position, int) ([]auth.Notice, error) { return nil, errBroken }
