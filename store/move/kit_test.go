//go:build unix

package move_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/move"
)

// execute runs a statement as somebody does who has the file in hands.
func execute(path, statement string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	_, err = db.ExecContext(context.Background(), statement)
	return errors.Join(err, db.Close())
}

// populate fills a store with some of everything, each field of each record with
// more than one value, and returns the newest id. It may be called again.
func populate(t testing.TB, s auth.Store) auth.SessionID {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	first, err := s.Lease(ctx, 10)
	must(err)
	seal, err := s.AuditSeal(ctx)
	must(err)
	must(s.SetAuditSeal(ctx, seal, fmt.Sprint("sealed ", first)))
	p := &people{suffix: fmt.Sprint(first), at: moment.Add(time.Duration(first) * time.Second)}
	must(s.Update(ctx, p.put))
	for i := range 6 {
		w := &auth.WriteSet{Begin: []auth.SessionRow{p.session(first+auth.SessionID(i), i)},
			Events: []audit.Event{{At: p.at, Kind: audit.Login, Subject: "s", Session: uint64(first) + uint64(i)}}}
		if i == 5 { // one batch of two
			w.Events = append(w.Events, audit.Event{At: p.at.Add(time.Hour), Kind: audit.Logout, Subject: "é"})
		}
		_, err := s.Apply(ctx, w)
		must(err)
	}
	sum := func(b byte) secret.Digest { return sha256.Sum256([]byte{b, byte(first)}) }
	_, err = s.Apply(ctx, &auth.WriteSet{
		HandOffs: []auth.HandOffRow{
			{ID: first + 6, Digest: sum(6), Principal: p.key.ID, Dialect: "edubrite", Attrs: "\x00\xff", Issued: p.at, Expires: p.at.Add(time.Minute)},
			{ID: first + 7, Digest: sum(7), Principal: p.user.ID, Dialect: "calamp", Issued: p.at.Add(time.Second), Expires: p.at.Add(time.Hour)},
		},
		End:     []auth.End{{Session: first + 1}, {Principal: p.other.ID}},
		SignIns: []auth.SignIn{{User: p.user.ID, At: p.at, Step: 57}},
		Used:    []auth.KeyUse{{Key: p.key.ID, At: p.at}},
		Guards: []auth.GuardChange{
			{GuardRow: auth.GuardRow{Key: auth.GuardKey{'k', byte(first)}, Name: "electa \xff\x00", Known: true, Failures: 3, Last: p.at, Forget: p.at.Add(time.Hour)}},
			{GuardRow: auth.GuardRow{Key: auth.GuardKey{0, byte(first), 15: 0xff}, Name: "sbt x", Failures: 5, Last: p.at.Add(time.Second), Locked: p.at.Add(time.Minute), Forget: p.at.Add(2 * time.Hour)}},
		},
	})
	must(err)
	for _, at := range []time.Duration{0, time.Hour} { // each notes how far the feed is
		_, err = s.Sweep(ctx, p.at.Add(-100*time.Hour).Add(at), auth.Retention{Feed: 1000 * time.Hour})
		must(err)
		_, err = s.Apply(ctx, &auth.WriteSet{End: []auth.End{{Principal: 99}}})
		must(err)
	}
	return first + 9
}

// people is who a store is filled with.
type people struct {
	suffix           string
	at               time.Time
	tenant, org, div auth.Account
	key, other       auth.Key
	user, quiet      auth.User
}

func (p *people) put(tx auth.Tx) error {
	p.tenant = auth.Account{Level: auth.Tenant, Code: "ACME" + p.suffix, Name: "Acme ü", CodeSince: p.at}
	if err := tx.PutAccount(&p.tenant); err != nil {
		return err
	}
	// A parent that is younger than its child: they do not come in the order of ids.
	p.div = auth.Account{Level: auth.Division, Tenant: p.tenant.ID, Parent: p.tenant.ID, Code: "ß", Disabled: true}
	if err := tx.PutAccount(&p.div); err != nil {
		return err
	}
	p.org = auth.Account{Level: auth.Organization, Tenant: p.tenant.ID, Parent: p.tenant.ID, Number: 1 << 40, Name: "West", NumberSince: p.at.Add(time.Microsecond)}
	if err := tx.PutAccount(&p.org); err != nil {
		return err
	}
	p.div.Parent = p.org.ID
	if err := tx.PutAccount(&p.div); err != nil {
		return err
	}
	policies := []auth.Policy{{Name: "week" + p.suffix, Span: 7 * 24 * time.Hour, Idle: time.Hour, Uses: 7, ExpireOnNew: true}, {Name: "ever" + p.suffix, Never: true}}
	if p.suffix == "1" {
		policies[0].Name = "week"
	}
	for i := range policies {
		if err := tx.PutPolicy(&policies[i]); err != nil {
			return err
		}
	}
	p.key = auth.Key{Account: p.org.ID, Name: "main", Digest: sha256.Sum256([]byte("a" + p.suffix)), Pepper: 1<<32 - 1, Policy: policies[0].Name, Created: p.at,
		Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Role: auth.Verifier, Everywhere: true}
	p.other = auth.Key{Account: p.div.ID, Name: "other", Digest: sha256.Sum256([]byte("b" + p.suffix)), Pepper: 7, Expires: p.at.Add(time.Hour), Disabled: true,
		Created: p.at.Add(time.Second)}
	p.user = auth.User{Tenant: p.tenant.ID, Account: p.org.ID, Name: "ann", Password: "hash", Active: true, Admin: true, Group: "g", Rights: 1 << 50,
		FullName: "Ann", DisplayName: "A", Email: "a@example.com", Policy: policies[1].Name, Role: auth.Owner, Everywhere: true, Factor: "sealed", NameSince: p.at.Add(time.Second)}
	elsewhere := auth.Account{Level: auth.Tenant, Code: "ELSE" + p.suffix}
	if err := tx.PutAccount(&elsewhere); err != nil {
		return err
	}
	p.quiet = auth.User{Tenant: elsewhere.ID, Account: elsewhere.ID, Name: "bob"}
	return errors.Join(tx.PutKey(&p.key), tx.PutKey(&p.other), tx.PutUser(&p.user), tx.PutUser(&p.quiet),
		tx.PutApp(&auth.App{Key: "app" + p.suffix, Account: p.org.ID, Name: "App"}), tx.PutApp(&auth.App{Key: "B" + p.suffix, Account: p.div.ID, Disabled: true}),
		p.tombstones(tx), tx.Record(audit.Event{At: p.at, Kind: audit.Change, Subject: "all"}))
}

// tombstones puts and removes the newest account and key, whose ids are never to
// be used again.
func (p *people) tombstones(tx auth.Tx) error {
	a := auth.Account{Level: auth.Tenant, Code: "GONE" + p.suffix}
	if err := tx.PutAccount(&a); err != nil {
		return err
	}
	k := auth.Key{Account: p.org.ID, Name: "gone", Digest: sha256.Sum256([]byte("c" + p.suffix))}
	if err := tx.PutKey(&k); err != nil {
		return err
	}
	return errors.Join(tx.DeleteKey(k.ID), tx.DeleteAccount(a.ID))
}

// session is the i-th, every other one of the common kind.
func (p *people) session(id auth.SessionID, i int) auth.SessionRow {
	at := p.at.Add(time.Duration(i) * time.Microsecond)
	r := auth.SessionRow{ID: id, Digest: sha256.Sum256(fmt.Append(nil, id)), Principal: p.key.ID, Dialect: "electa",
		Life: auth.Life{Issued: at, Ends: at.Add(time.Hour), Cap: at.Add(time.Hour)}}
	if i%2 == 1 {
		r.Principal, r.Dialect, r.App, r.Attrs, r.Capped = p.user.ID, "calamp", "app", "x\x00\xffü", p.tenant.ID
		r.Source = netip.MustParseAddr("2001:db8::1%eth0")
		r.Life = auth.Life{Issued: at, Ends: at.Add(time.Minute), Cap: at.Add(2 * time.Hour), Idle: time.Hour + time.Microsecond, Uses: 3, ExpireOnNew: true}
	}
	return r
}

// varied makes sure that every column of every table has two values at least, so
// that none can be left out or taken for another unnoticed.
func varied(t testing.TB, all map[string][]move.Row) {
	t.Helper()
	for _, table := range move.Tables {
		for i, c := range table.Columns {
			seen := map[string]bool{}
			for _, r := range all[table.Name] {
				seen[fmt.Sprintf("%#v", r[i])] = true
			}
			if len(seen) < 2 && (table.Name != "audit_seal" || len(seen) == 0) { // which has one row
				t.Errorf("column %s of table %s is not tested: %v", c.Name, table.Name, seen)
			}
		}
	}
}

// goesOn makes sure that a store continues what another began.
func goesOn(t testing.TB, s auth.Store, was map[string][]move.Row, latest auth.SessionID) {
	t.Helper()
	ctx := context.Background()
	if id, err := s.Lease(ctx, 1); err != nil || id <= latest {
		t.Errorf("id %d is leased after %d, %v", id, latest, err)
	}
	accounts, principals := map[auth.AccountID]bool{}, map[auth.PrincipalID]bool{}
	var user auth.PrincipalID
	for _, r := range was["feed"] { // everything that ever had an id was announced
		kind, id := auth.NoticeKind(r[1].(int64)), r[2].(int64)
		if kind == auth.ChangedAccount {
			accounts[auth.AccountID(id)] = true
		}
		if kind == auth.ChangedPrincipal {
			principals[auth.PrincipalID(id)] = true
		}
	}
	err := s.Update(ctx, func(tx auth.Tx) error {
		a := auth.Account{Level: auth.Tenant, Code: "NEW"}
		if err := tx.PutAccount(&a); err != nil {
			return err
		}
		u := auth.User{Tenant: a.ID, Account: a.ID, Name: "new"}
		if err := tx.PutUser(&u); err != nil {
			return err
		}
		if accounts[a.ID] || principals[u.ID] {
			return fmt.Errorf("account %d or user %d had its id before", a.ID, u.ID)
		}
		anns, err := tx.UsersByName("ann", 2)
		if err != nil || len(anns) != 1 {
			return fmt.Errorf("%d users are called ann: %w", len(anns), err)
		}
		user = anns[0].ID
		return errors.Join(err, tx.Record(audit.Event{At: moment, Kind: audit.Change}))
	})
	if err != nil {
		t.Error(err)
	}
	head := uint64(was["feed"][len(was["feed"])-1][0].(int64))
	if now, err := s.FeedHead(ctx); err != nil || now.Seq <= head {
		t.Errorf("the feed is at %d, was at %d, %v", now.Seq, head, err)
	}
	var last audit.Batch
	for seq := uint64(0); ; seq = last.Seq {
		list, err := s.Audit(ctx, seq, 100)
		if err != nil || len(list) == 0 {
			if n := len(was["audit_batches"]); err != nil || last.Seq != uint64(n)+1 {
				t.Errorf("the audit ends at %d, had %d, %v", last.Seq, n, err)
			}
			break
		}
		for i := range list {
			if err := audit.Verify(&last, &list[i]); err != nil {
				t.Error(err)
			}
			last = list[i]
		}
	}
	live := 0
	for _, r := range was["sessions"] {
		if r[2].(int64) == int64(user) {
			live++
		}
	}
	if r, err := s.Apply(ctx, &auth.WriteSet{End: []auth.End{{Principal: user}}}); err != nil || r.Ended != live || live == 0 {
		t.Errorf("%d sessions of a user ended, of %d, %v", r.Ended, live, err)
	}
}
