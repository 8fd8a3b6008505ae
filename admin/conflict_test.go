package admin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
)

// What stands in the way is told by its name, with what to do; nobody is said to have
// changed anything who has not.
func TestConflictsSayWhatStandsInTheWay(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	c := k.as(ownerAll)
	if _, err := c.KeyUpdate(t.Context(), api.KeyChange{ID: k.key, Policy: new("day")}); err != nil {
		t.Fatal(err)
	}
	ending, err := c.KeyCreate(t.Context(), api.NewKey{Account: k.west, Name: "ending", Expires: new(time.Now().Add(time.Hour))})
	if err != nil {
		t.Fatal(err)
	}
	off, err := c.KeyCreate(t.Context(), api.NewKey{Account: k.west, Name: "off"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.KeyUpdate(t.Context(), api.KeyChange{ID: off.ID, Disabled: new(true)}); err != nil {
		t.Fatal(err)
	}
	for _, o := range []struct {
		err               error
		code, field, says string
	}{
		{second(c.AccountCreate(t.Context(), api.NewAccount{Parent: k.acme, Number: 100})), api.Exists, "number", "is taken by another account of the tenant: choose another"},
		{second(c.AccountCreate(t.Context(), api.NewAccount{Parent: k.acme, Code: "ACME"})), api.Exists, "code", "is taken by another account of the tenant: choose another"},
		{second(c.AccountCreate(t.Context(), api.NewAccount{Code: "ACME"})), api.Exists, "code", "is taken by another tenant: choose another"},
		{second(c.KeyCreate(t.Context(), api.NewKey{Account: k.west, Name: clientWest})), api.Exists, "name", "is taken by another key of the account: choose another, or rotate that key"},
		{second(c.KeyRotate(t.Context(), api.KeyRotation{ID: k.key, Name: clientWest})), api.Exists, "name", "is taken by another key of the account"},
		{second(c.UserCreate(t.Context(), api.NewUser{Account: k.division, Name: "anna"})), api.Exists, "name", "is taken by another user of the tenant: choose another"},
		{second(c.AppCreate(t.Context(), api.NewApp{Account: k.acme, Key: "OUTSIDE-app"})), api.Exists, "key", "is taken by another app of the server"},
		{second(c.PolicyCreate(t.Context(), api.NewPolicy{Policy: api.Policy{Name: "day", Life: api.Life{Never: true}}})), api.Exists, "name", "is taken by another policy: choose another"},
		{second(c.AccountDelete(t.Context(), api.Removal{ID: k.acme})), api.Conflict, "", fmt.Sprintf("account 1/100 (id %d) is in the account, and there may be more: delete what is in it first", k.west)},
		{second(c.PolicyDelete(t.Context(), api.PolicyRemoval{Name: "day"})), api.Conflict, "", fmt.Sprintf("key 1/100/%s (id %d) has the policy, and there may be more: give it another first", clientWest, k.key)},
		{second(c.KeyRotate(t.Context(), api.KeyRotation{ID: ending.ID})), api.Conflict, "", "the key ends at "},
		{second(c.KeyRotate(t.Context(), api.KeyRotation{ID: off.ID})), api.Conflict, "", "the key is disabled: create a new one"},
	} {
		var p *client.Error
		if !errors.As(o.err, &p) || p.Code() != o.code || p.Field != o.field || !strings.Contains(p.Detail, o.says) {
			t.Errorf("%v (field %q), want %s of field %q that says %q", o.err, p.Field, o.code, o.field, o.says)
			continue
		}
		for _, word := range []string{"changed by somebody else", "exists already", "sqlite", "writing"} {
			if strings.Contains(p.Detail, word) {
				t.Errorf("%q says %q, which is nothing to go by", p.Detail, word)
			}
		}
	}
}
