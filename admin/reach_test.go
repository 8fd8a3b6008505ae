package admin_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/client"
)

// told writes what the audit says of an account or a user by its name, by what somebody
// was and by what was claimed at a mount without a tenant. The latter may be another
// tenant's, and is for those everywhere.
func (k *kit) told(what, tenant, account, user string) {
	k.Helper()
	k.ahead.Add(int64(time.Second))
	e := audit.Event{At: k.service.Now(), Kind: audit.Login, Account: account, Subject: user, Source: "192.0.2.99", Reason: what}
	is := e
	is.Tenant = tenant
	if _, err := k.store.Apply(k.Context(), &auth.WriteSet{Events: []audit.Event{e, is}}); err != nil {
		k.Fatal(err)
	}
	k.ahead.Add(int64(time.Second))
}

// reads is which of what was told somebody reads, the oldest first: "a" if all of it,
// "a?" if half. Search and export have to agree.
func (k *kit) reads(c *client.Client) (list []string) {
	k.Helper()
	f := api.EventFilter{Source: "192.0.2.99"}
	var found []string
	for e, err := range client.All(func(after string) (api.List[api.Event], error) {
		return c.AuditSearch(k.Context(), api.AuditQuery{Page: api.Page{After: after}, EventFilter: f})
	}) {
		if err != nil {
			k.Fatal(err)
		}
		found = append(found, e.Reason)
	}
	slices.Reverse(found)
	stream, err := c.AuditExport(k.Context(), api.AuditRange{EventFilter: f})
	if err != nil {
		k.Fatal(err)
	}
	defer stream.Close()
	var exported []string
	for lines := bufio.NewScanner(stream); lines.Scan(); {
		var e api.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			k.Fatal(err)
		}
		exported = append(exported, e.Reason)
	}
	if !slices.Equal(found, exported) {
		k.Errorf("found %v, exported %v", found, exported)
	}
	for i := 0; i < len(found); i++ {
		if i+1 < len(found) && found[i+1] == found[i] {
			list = append(list, found[i])
			i++
		} else {
			list = append(list, found[i]+"?")
		}
	}
	return list
}

// An operator may give what is its own any name that is free. What the audit has of who
// had it before in another subtree stays out of its sight.
func TestNamesThatOthersHad(t *testing.T) {
	t.Parallel()
	remove := func(k *kit, east int64) error {
		_, err := k.as(operatorAcme).AccountDelete(k.Context(), api.Removal{ID: east})
		return err
	}
	for what, c := range map[string]struct {
		account, user string
		give          func(k *kit, east int64) error // up, in EAST
		take          func(k *kit) error             // in WEST
	}{
		"number of a deleted account": {"201", "", remove,
			func(k *kit) error {
				_, err := k.as(operatorWest).AccountCreate(k.Context(), api.NewAccount{Parent: k.west, Number: 201})
				return err
			}},
		"number of a renumbered account": {"201", "",
			func(k *kit, east int64) error {
				_, err := k.as(operatorAcme).AccountUpdate(k.Context(), api.AccountChange{ID: east, Number: new(int64(202))})
				return err
			},
			func(k *kit) error {
				_, err := k.as(operatorWest).AccountUpdate(k.Context(), api.AccountChange{ID: k.division, Number: new(int64(201))})
				return err
			}},
		"code of a deleted account": {"EAST-1", "", remove,
			func(k *kit) error {
				_, err := k.as(operatorWest).AccountUpdate(k.Context(), api.AccountChange{ID: k.division, Code: new("EAST-1")})
				return err
			}},
		"number as a code": {"201", "", remove,
			func(k *kit) error {
				_, err := k.as(operatorWest).AccountCreate(k.Context(), api.NewAccount{Parent: k.west, Code: "201"})
				return err
			}},
		"name of a deleted user": {"", "erin",
			func(k *kit, _ int64) error {
				users, err := k.as(operatorAcme).UserList(k.Context(), api.UserQuery{Name: "erin"})
				if err == nil {
					_, err = k.as(operatorAcme).UserDelete(k.Context(), api.Removal{ID: users.Items[0].ID})
				}
				return err
			},
			func(k *kit) error {
				_, err := k.as(operatorWest).UserCreate(k.Context(), api.NewUser{Account: k.division, Name: "erin"})
				return err
			}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			k := newKit(t)
			var east auth.Account
			k.put(func(tx auth.Tx) error {
				acme, err := tx.Account(auth.AccountID(k.acme))
				if err != nil {
					return err
				}
				acme.CodeSince = k.service.Now() // not for ever, but for longer than others
				if err := tx.PutAccount(&acme); err != nil {
					return err
				}
				top := auth.Account{Level: auth.Organization, Tenant: auth.AccountID(k.acme), Parent: auth.AccountID(k.acme), Code: "EAST"}
				if err := top.Put(tx, k.service.Now()); err != nil {
					return err
				}
				east = auth.Account{Level: auth.Division, Tenant: top.Tenant, Parent: top.ID, Number: 201, Code: "EAST-1"}
				if err := east.Put(tx, k.service.Now()); err != nil {
					return err
				}
				erin := auth.User{Tenant: top.Tenant, Account: top.ID, Name: "erin"}
				return erin.Put(tx, k.service.Now())
			})
			k.told("theirs", "ACME", c.account, c.user)
			if err := c.give(k, int64(east.ID)); err != nil {
				t.Fatal(err)
			}
			k.told("nobody's", "ACME", c.account, c.user)
			if err := c.take(k); err != nil {
				t.Fatal(err)
			}
			taken := k.found(auditorAll, 1, api.EventFilter{Kind: string(audit.Change)})[0]
			k.told("ours", "ACME", c.account, c.user)
			for _, who := range []string{operatorWest, auditorWest} {
				if got := k.reads(k.as(who)); !slices.Equal(got, []string{"ours?"}) {
					t.Errorf("%s reads %v", who, got)
				}
			}
			for _, who := range []string{auditorAll, ownerAll} {
				if got := k.reads(k.as(who)); !slices.Equal(got, []string{"theirs", "nobody's", "ours"}) {
					t.Errorf("%s reads %v", who, got)
				}
			}
			// That it took the name is of that instant, and told by what else it is called, or
			// was: a number that was given up for another is nobody's.
			changes := k.found(auditorWest, 100, api.EventFilter{Kind: string(audit.Change)})
			sees := slices.ContainsFunc(changes, func(e api.Event) bool { return e.ID == taken.ID })
			if sees != (what != "number of a renumbered account") {
				t.Errorf("that it sees %+v: %v", taken, sees)
			}
		})
	}
}

// Who does not see both accounts does not make the number of one read as the code of the
// other: what the audit keeps would be taken for either's.
func TestNumberThatReadsAsACode(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.put(func(tx auth.Tx) error {
		top := auth.Account{Level: auth.Organization, Tenant: auth.AccountID(k.acme), Parent: auth.AccountID(k.acme), Code: "301", Number: 300}
		return top.Put(tx, k.service.Now())
	})
	taken := func(err error, field string) {
		t.Helper()
		var p *client.Error
		if !errors.As(err, &p) || p.Status != http.StatusConflict || p.Field != field {
			t.Errorf("the %s of another is answered %v", field, err)
		}
	}
	for _, c := range []struct {
		number      int64
		code, field string
	}{{301, "", "number"}, {0, "300", "code"}} {
		_, err := k.as(operatorWest).AccountCreate(t.Context(), api.NewAccount{Parent: k.west, Number: c.number, Code: c.code})
		taken(err, c.field)
		_, err = k.as(operatorWest).AccountUpdate(t.Context(), api.AccountChange{ID: k.division, Number: new(max(c.number, 299)), Code: &c.code})
		taken(err, c.field)
	}
	if _, err := k.as(operatorWest).AccountCreate(t.Context(), api.NewAccount{Parent: k.west, Number: 302, Code: "302"}); err != nil {
		t.Errorf("its own number as its code: %v", err)
	}
	made, err := k.as(ownerAll).AccountCreate(t.Context(), api.NewAccount{Parent: k.west, Number: 301})
	if err != nil {
		t.Fatalf("by who sees both: %v", err)
	}
	if _, err := k.as(operatorWest).AccountUpdate(t.Context(), api.AccountChange{ID: made.ID, Name: new("Other")}); err != nil {
		t.Errorf("what does not touch the number: %v", err)
	}
}

// A name that an account gave up and took back may have been another's meanwhile, so even
// its own time with it is out of sight. What changes no name hides nothing.
func TestNamesThatOneHadBefore(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	update := func(in api.AccountChange) {
		t.Helper()
		in.ID = k.division
		if _, err := k.as(operatorWest).AccountUpdate(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	reads := func(what string, want ...string) {
		t.Helper()
		if got := k.reads(k.as(auditorWest)); !slices.Equal(got, want) {
			t.Errorf("%s: it reads %v, want %v", what, got, want)
		}
	}
	k.told("ever", "ACME", "101", "") // since before it was noted
	update(api.AccountChange{Name: new("New"), Disabled: new(true)})
	reads("with another name and disabled", "ever?")
	update(api.AccountChange{Code: new("101")})
	k.told("twice", "ACME", "101", "")
	reads("with the number for a code, too", "twice?")
	update(api.AccountChange{Code: new("")})
	reads("with the number alone", "ever?", "twice?")
	update(api.AccountChange{Number: new(int64(102))})
	reads("with another number")
	update(api.AccountChange{Number: new(int64(101))})
	k.told("again", "ACME", "101", "")
	reads("with its number of before", "again?")
	if got := k.reads(k.as(auditorAll)); !slices.Equal(got, []string{"ever", "twice", "again"}) {
		t.Errorf("who reaches everywhere reads %v", got)
	}
}

// A tenant that gets the code that another had reads nothing of that one, whether all of
// it is asked or an account whose number both have.
func TestTenantCodesThatOthersHad(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	secrets := map[string]string{}
	var gone, next, org auth.Account
	k.put(func(tx auth.Tx) error {
		at := k.service.Now()
		for _, a := range []*auth.Account{&gone, &next} {
			a.Level, a.Code = auth.Tenant, "GONE"
			if a == &next {
				a.Code, a.Number = "NEXT", 500
			}
			if err := a.Put(tx, at); err != nil {
				return err
			}
		}
		org = auth.Account{Level: auth.Organization, Tenant: next.ID, Parent: next.ID, Number: 501}
		if err := org.Put(tx, at); err != nil {
			return err
		}
		for number, id := range map[string]auth.AccountID{"500": next.ID, "501": org.ID} {
			rec := auth.Key{Account: id, Name: "auditor", Role: auth.Auditor, Created: at}
			secrets[number] = k.service.NewSecret(&rec)
			if err := tx.PutKey(&rec); err != nil {
				return err
			}
		}
		return nil
	})
	of := func(number string) *client.Client {
		c, err := client.New(client.Options{URL: "https://admin.test", Account: number, Secret: secrets[number], HTTP: &http.Client{Transport: toHandler{k.handler}}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	k.told("theirs", "GONE", "501", "")
	owner := k.as(ownerAll)
	if _, err := owner.AccountDelete(t.Context(), api.Removal{ID: int64(gone.ID)}); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.AccountUpdate(t.Context(), api.AccountChange{ID: int64(next.ID), Code: new("GONE")}); err != nil {
		t.Fatal(err)
	}
	renamed := k.found(auditorAll, 1, api.EventFilter{Kind: string(audit.Change)})[0].At
	k.told("ours", "GONE", "501", "")
	for _, number := range []string{"500", "501"} {
		if got := k.reads(of(number)); !slices.Equal(got, []string{"ours?"}) {
			t.Errorf("the auditor of %s reads %v", number, got)
		}
		list, err := of(number).AuditSearch(t.Context(), api.AuditQuery{EventFilter: api.EventFilter{Tenant: "GONE"}})
		if err != nil || len(list.Items) == 0 {
			t.Fatal(list, err)
		}
		for _, e := range list.Items {
			if e.At.Before(renamed) {
				t.Errorf("the auditor of %s reads of another tenant: %+v", number, e)
			}
		}
	}
}
