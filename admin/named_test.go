package admin_test

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// What an administrator makes or renames bears its names since the event that says so,
// and by no other change.
func TestNamedSince(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	c := k.as(operatorWest)
	named := func() time.Time { // the time of the last change, and then goes on
		e := k.found(auditorAll, 1, api.EventFilter{Kind: string(audit.Change)})[0]
		k.ahead.Add(int64(time.Second))
		return e.At
	}
	a, err := c.AccountCreate(t.Context(), api.NewAccount{Parent: k.west, Number: 110, Code: "WEST-10"})
	made := named()
	account := func(what string, number, code time.Time) {
		t.Helper()
		var got auth.Account
		k.put(func(tx auth.Tx) (err error) { got, err = tx.Account(auth.AccountID(a.ID)); return err })
		if err != nil || !got.NumberSince.Equal(number) || !got.CodeSince.Equal(code) {
			t.Errorf("%s: %v, its number since %v, want %v, its code since %v, want %v", what, err, got.NumberSince, number, got.CodeSince, code)
		}
	}
	account("made", made, made)
	_, err = c.AccountUpdate(t.Context(), api.AccountChange{ID: a.ID, Name: new("Ten"), Number: new(int64(110)), Code: new("WEST-10"), Disabled: new(true)})
	named()
	account("changed, but not its number and code", made, made)
	_, err = c.AccountUpdate(t.Context(), api.AccountChange{ID: a.ID, Number: new(int64(111))})
	numbered := named()
	account("renumbered", numbered, made)
	_, err = c.AccountUpdate(t.Context(), api.AccountChange{ID: a.ID, Code: new("WEST-11")})
	coded := named()
	account("with another code", numbered, coded)
	_, err = c.AccountUpdate(t.Context(), api.AccountChange{ID: a.ID, Number: new(int64(0))})
	named()
	account("without a number", time.Time{}, coded)

	u, err := c.UserCreate(t.Context(), api.NewUser{Account: k.west, Name: "erin"})
	if err != nil {
		t.Fatal(err)
	}
	made = named()
	for what, change := range map[string]func() error{
		"made": func() error { return nil },
		"changed": func() error {
			_, err := c.UserUpdate(t.Context(), api.UserChange{ID: u.ID, Email: new("e@example.com")})
			return err
		},
		"with a password": func() error {
			_, err := c.UserSetPassword(t.Context(), api.NewPassword{ID: u.ID, Password: "a-password-to-be-hidden"})
			return err
		},
		"a user from before that": func() error {
			_, err := c.UserUpdate(t.Context(), api.UserChange{ID: k.user, Group: new("g")})
			return err
		},
	} {
		err := change()
		named()
		var got, old auth.User
		k.put(func(tx auth.Tx) (err error) {
			if got, err = tx.User(auth.PrincipalID(u.ID)); err != nil {
				return err
			}
			old, err = tx.User(auth.PrincipalID(k.user))
			return err
		})
		if err != nil || !got.NameSince.Equal(made) || !old.NameSince.IsZero() {
			t.Errorf("%s: %v, named since %v, want %v, and the older user since %v", what, err, got.NameSince, made, old.NameSince)
		}
	}
}
