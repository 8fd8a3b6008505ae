package admin_test

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// What is about neither an account nor a user is nobody's who is called like it.
func TestEventsOfTheServerAreNobodys(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	own := map[string]bool{"a user's guess": true}
	k.put(func(tx auth.Tx) error {
		u := auth.User{Tenant: auth.AccountID(k.acme), Account: auth.AccountID(k.west), Name: "gold", Active: true}
		if err := u.Put(tx, k.service.Now()); err != nil {
			return err
		}
		boss := auth.User{Tenant: auth.AccountID(k.acme), Account: auth.AccountID(k.acme), Name: "boss", Active: true}
		return boss.Put(tx, k.service.Now())
	})
	k.ahead.Add(int64(time.Second))
	at := k.service.Now()
	for what, e := range map[string]audit.Event{
		"a policy by apply":       {Kind: audit.Change, Subject: "gold", Reason: "apply"},
		"a policy by the API":     {Kind: audit.Change, Tenant: "ACME", Dialect: "admin", Mount: "admin", Reason: "policy update", Actor: "1/boss"},
		"a lock of nobody's":      {Kind: audit.Change, Tenant: "ACME", Dialect: "admin", Mount: "admin", Reason: "lock lift", Actor: "1/boss"},
		"a restore":               {Kind: audit.Change, Reason: "restore"},
		"a move":                  {Kind: audit.Change, Reason: "move"},
		"a seal":                  {Kind: audit.Change, Actor: "server", Reason: "seal"},
		"a bare key":              {Kind: audit.Refusal, Subject: "gold", Dialect: "sbt", Mount: "sbt", Reason: "credentials", Detail: "the API key is disabled"},
		"a bare key, and a lock":  {Kind: audit.Lock, Subject: "gold", Dialect: "sbt", Mount: "sbt", Reason: "credentials", Detail: "it has a role that logs in over no dialect"},
		"a bare key of a tenant":  {Kind: audit.Refusal, Tenant: "ACME", Subject: "gold", Dialect: "sbt", Mount: "sbt", Reason: "credentials", Detail: "the API key is disabled"},
		"a guess without tenant":  {Kind: audit.Refusal, Subject: "gold", Dialect: "calamp", Mount: "calamp", Reason: "credentials"},
		"a user's guess":          {Kind: audit.Refusal, Tenant: "ACME", Subject: "gold", Dialect: "calamp", Mount: "calamp", Reason: "credentials"},
		"a mount without a claim": {Kind: audit.Refusal, Dialect: "sbt", Mount: "sbt", Reason: "credentials"},
	} {
		e.At, e.Source, e.Request = at, "192.0.2.99", what
		if _, err := k.store.Apply(t.Context(), &auth.WriteSet{Events: []audit.Event{e}}); err != nil {
			t.Fatal(err)
		}
	}
	for who, sees := range map[string]func(string) bool{
		operatorWest: func(what string) bool { return own[what] },
		auditorWest:  func(what string) bool { return own[what] },
		operatorAcme: func(what string) bool { return own[what] || what == "a bare key of a tenant" },
		ownerAcme:    func(what string) bool { return own[what] || what == "a bare key of a tenant" },
		auditorAll:   func(string) bool { return true },
	} {
		list, err := k.as(who).AuditSearch(t.Context(), api.AuditQuery{EventFilter: api.EventFilter{Source: "192.0.2.99"}})
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, e := range list.Items {
			found[e.Request] = true
			if !sees(e.Request) {
				t.Errorf("%s sees %s", who, e.Request)
			}
		}
		if !found["a user's guess"] || (who == auditorAll && len(found) != 12) {
			t.Errorf("%s sees %v", who, found)
		}
	}
}
