package auth_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// An account bears each of its names since it got it, and nobody can say otherwise.
func TestAccountsKnowSinceWhen(t *testing.T) {
	inBubble(t, func(k *kit) {
		const never = -1 // else seconds
		began := time.Now().In(time.FixedZone("elsewhere", 3600))
		a := auth.Account{Level: auth.Organization, Tenant: k.tenant, Parent: k.tenant}
		for i, c := range []struct {
			what            string
			number          int64
			code            string
			numbered, coded int
		}{
			{what: "made with a number", number: 7, numbered: 0, coded: never},
			{what: "put as it is", number: 7, numbered: 0, coded: never},
			{what: "given a code", number: 7, code: "SEVEN", numbered: 0, coded: 2},
			{what: "renumbered", number: 8, code: "SEVEN", numbered: 3, coded: 2},
			{what: "numbered as before", number: 7, code: "SEVEN", numbered: 4, coded: 2},
			{what: "without its number", code: "SEVEN", numbered: never, coded: 2},
			{what: "with both anew", number: 7, code: "EIGHT", numbered: 6, coded: 6},
		} {
			a.Number, a.Code = c.number, c.code
			a.NumberSince, a.CodeSince = began.Add(-time.Hour), began.Add(-time.Hour) // what nobody asks for
			k.update(func(tx auth.Tx) error { return a.Put(tx, began.Add(time.Duration(i)*time.Second+time.Nanosecond)) })
			var got auth.Account
			k.update(func(tx auth.Tx) (err error) { got, err = tx.Account(a.ID); return err })
			for name, s := range map[string]struct {
				at   time.Time
				want int
			}{"number": {got.NumberSince, c.numbered}, "code": {got.CodeSince, c.coded}} {
				var want time.Time
				if s.want != never {
					want = began.Add(time.Duration(s.want) * time.Second).UTC()
				}
				if s.at != want {
					k.Errorf("%s: its %s since %v, want %v", c.what, name, s.at, want)
				}
			}
			if got != a {
				k.Errorf("%s: it is %+v in the store, and %+v", c.what, got, a)
			}
		}
		var old auth.Account
		k.update(func(tx auth.Tx) (err error) {
			if old, err = tx.Account(k.west); err != nil {
				return err
			}
			old.Disabled = true
			return old.Put(tx, began)
		})
		if !old.NumberSince.IsZero() || !old.CodeSince.IsZero() {
			k.Errorf("what was never noted is known by now: %+v", old)
		}
	})
}

func TestUsersKnowSinceWhen(t *testing.T) {
	inBubble(t, func(k *kit) {
		began := time.Now().UTC()
		u := auth.User{Tenant: k.tenant, Account: k.west, Name: "erin", Active: true}
		for i, c := range []struct {
			name string
			want int
		}{{"erin", 0}, {"erin", 0}, {"frank", 2}, {"erin", 3}} {
			u.Name, u.NameSince = c.name, time.Time{}
			k.update(func(tx auth.Tx) error { return u.Put(tx, began.Add(time.Duration(i)*time.Second)) })
			var got auth.User
			k.update(func(tx auth.Tx) (err error) { got, err = tx.UserByName(k.tenant, c.name); return err })
			if want := began.Add(time.Duration(c.want) * time.Second); got.NameSince != want || got != u {
				k.Errorf("%s: since %v, want %v", c.name, got.NameSince, want)
			}
		}
		lost := auth.User{ID: 999, Tenant: k.tenant, Account: k.west, Name: "nobody"}
		if err := k.service.Update(k.Context(), func(tx auth.Tx) error { return lost.Put(tx, began) }); !errors.Is(err, auth.ErrNotFound) {
			k.Errorf("a user that is not there is put: %v", err)
		}
	})
}
