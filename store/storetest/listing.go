package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

func testAuditBefore(t *testing.T, h Harness) {
	s := fresh(t, h)
	if b, err := s.AuditBefore(t.Context(), 0, 5); len(b) != 0 || err != nil {
		t.Fatalf("AuditBefore of a new store = %v, %v", b, err)
	}
	for id := auth.SessionID(1); id <= 7; id++ {
		apply(t, s, auth.WriteSet{Events: []audit.Event{login(epoch.Add(time.Duration(id)*time.Second), id)}})
	}
	forward := batches(t, s)
	var back []audit.Batch
	for seq := uint64(0); ; {
		part, err := s.AuditBefore(t.Context(), seq, 3)
		if err != nil || len(part) > 3 {
			t.Fatalf("AuditBefore(%d, 3) = %d batches, %v", seq, len(part), err)
		}
		if len(part) == 0 {
			break
		}
		back = append(back, part...)
		seq = part[len(part)-1].Seq
		if seq == 1 {
			break // what is before position 1 is asked for with 1, not 0
		}
	}
	slices.Reverse(back)
	if !slices.EqualFunc(forward, back, func(a, b audit.Batch) bool {
		return a.Seq == b.Seq && a.At.Equal(b.At) && a.Count == b.Count && string(a.Body) == string(b.Body) && a.Chain == b.Chain
	}) {
		t.Errorf("backwards the audit is\n%v, forwards\n%v", back, forward)
	}
	if b, err := s.AuditBefore(t.Context(), 1, 3); len(b) != 0 || err != nil {
		t.Errorf("before the first batch: %v, %v", b, err)
	}
	_, err := s.AuditBefore(t.Context(), 0, 0)
	wantErr(t, "AuditBefore without a limit", err, auth.ErrInvalid)
}

// listed reads all pages of a query.
func listed(t *testing.T, s auth.Store, q auth.SessionQuery) (ids []auth.SessionID) {
	t.Helper()
	for range 1000 {
		rows, next, err := s.Sessions(t.Context(), q)
		if err != nil || len(rows) > q.Limit {
			t.Fatalf("Sessions(%+v) = %d rows, %v", q, len(rows), err)
		}
		for _, r := range rows {
			if len(ids) > 0 && r.ID >= ids[len(ids)-1] {
				t.Fatalf("session %d follows %d: not the newest first", r.ID, ids[len(ids)-1])
			}
			ids = append(ids, r.ID)
		}
		if next == 0 {
			return ids
		}
		q.Before = next
	}
	t.Fatal("the list has no end")
	return nil
}

func wantListed(t *testing.T, s auth.Store, what string, q auth.SessionQuery, want ...auth.SessionID) {
	t.Helper()
	for _, limit := range []int{1, 2, 100} {
		q.Limit = limit
		if got := listed(t, s, q); !slices.Equal(got, want) {
			t.Errorf("%s, %d a page: %v, want %v", what, limit, got, want)
		}
	}
}

func testListSessions(t *testing.T, h Harness) {
	s := fresh(t, h)
	wantListed(t, s, "an empty store", auth.SessionQuery{})
	var begin []auth.SessionRow
	for id := auth.SessionID(1); id <= 9; id++ {
		r := session(id, 1+auth.PrincipalID(id%3))
		if id > 6 {
			r.Dialect, r.Ends = "sbt", time.Time{}
		}
		begin = append(begin, r)
	}
	apply(t, s, auth.WriteSet{Begin: begin})
	apply(t, s, auth.WriteSet{End: []auth.End{{Session: 5}}})
	wantListed(t, s, "all", auth.SessionQuery{}, 9, 8, 7, 6, 4, 3, 2, 1)
	wantListed(t, s, "before one", auth.SessionQuery{Before: 6}, 4, 3, 2, 1)
	wantListed(t, s, "of a dialect", auth.SessionQuery{Dialect: "sbt"}, 9, 8, 7)
	wantListed(t, s, "alive at the last instant of 4", auth.SessionQuery{LiveAt: begin[3].Ends.Add(-time.Microsecond)}, 9, 8, 7, 6, 4)
	wantListed(t, s, "alive when 4 ends", auth.SessionQuery{LiveAt: begin[3].Ends}, 9, 8, 7, 6)
	rows, _, err := s.Sessions(t.Context(), auth.SessionQuery{Limit: 1, Before: 2})
	if err != nil || len(rows) != 1 || rows[0] != begin[0] {
		t.Errorf("listed %+v, %v, want %+v", rows, err, begin[0])
	}
	_, _, err = s.Sessions(t.Context(), auth.SessionQuery{})
	wantErr(t, "Sessions without a limit", err, auth.ErrInvalid)
	_, _, err = s.Sessions(t.Context(), auth.SessionQuery{Limit: 1, Of: make([]auth.PrincipalID, auth.MaxQueryOf+1)})
	wantErr(t, "Sessions of too many", err, auth.ErrInvalid)
}

// Sessions of some keys and users are found wherever the store keeps whose they are.
func testListSessionsOfSome(t *testing.T, h Harness) {
	dir := t.TempDir()
	s := open(t, h, dir)
	want := map[auth.PrincipalID][]auth.SessionID{}
	for id := auth.SessionID(1); id <= 60; id++ {
		p := 1 + auth.PrincipalID(id%4)
		apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(id, p)}})
		want[p] = append([]auth.SessionID{id}, want[p]...)
		if id == 30 { // what a process knows of before a restart, and after
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, h, dir)
		}
	}
	wantListed(t, s, "of one", auth.SessionQuery{Of: []auth.PrincipalID{2}}, want[2]...)
	both := slices.Concat(want[1], want[3])
	slices.SortFunc(both, func(a, b auth.SessionID) int { return cmp.Compare(b, a) })
	wantListed(t, s, "of two", auth.SessionQuery{Of: []auth.PrincipalID{1, 3}}, both...)
	wantListed(t, s, "of nobody's id", auth.SessionQuery{Of: []auth.PrincipalID{77}})
	apply(t, s, auth.WriteSet{End: []auth.End{{Principal: 2, Except: want[2][0]}}})
	wantListed(t, s, "of one whose others ended", auth.SessionQuery{Of: []auth.PrincipalID{2}}, want[2][0])
}

func testPages(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	key1, key2, key3 := putKey(t, s, at.tenant, "a"), putKey(t, s, at.div1, "b"), putKey(t, s, at.other, "c")
	user1, user2 := putUser(t, s, at.tenant, at.div1, "u"), putUser(t, s, at.tenant, at.org, "v")
	update(t, s, func(tx auth.Tx) error {
		for _, a := range []auth.App{{Key: "z", Account: at.tenant}, {Key: "m", Account: at.div2}, {Key: "a", Account: at.other}} {
			if err := tx.PutApp(&a); err != nil {
				return err
			}
		}
		return nil
	})
	below, direct := auth.Scope{Account: at.org}, auth.Scope{Account: at.tenant, Direct: true}
	view(t, s, func(v auth.Reader) error {
		wantPages(t, "accounts everywhere", pages(t, v.PageAccounts, auth.Scope{}, accountID), at.tenant, at.org, at.div1, at.div2, at.other)
		wantPages(t, "tenants", pages(t, v.PageAccounts, auth.Scope{Direct: true}, accountID), at.tenant, at.other)
		wantPages(t, "accounts below one", pages(t, v.PageAccounts, below, accountID), at.org, at.div1, at.div2)
		wantPages(t, "accounts right below one", pages(t, v.PageAccounts, direct, accountID), at.org)
		keyID := func(k auth.Key) auth.PrincipalID { return k.ID }
		wantPages(t, "keys everywhere", pages(t, v.PageKeys, auth.Scope{}, keyID), key1, key2, key3)
		wantPages(t, "keys below one", pages(t, v.PageKeys, below, keyID), key2)
		wantPages(t, "keys right in one", pages(t, v.PageKeys, direct, keyID), key1)
		userID := func(u auth.User) auth.PrincipalID { return u.ID }
		wantPages(t, "users everywhere", pages(t, v.PageUsers, auth.Scope{}, userID), user1, user2)
		wantPages(t, "users below one", pages(t, v.PageUsers, below, userID), user1, user2)
		wantPages(t, "users right in one", pages(t, v.PageUsers, direct, userID))
		appKey := func(a auth.App) string { return a.Key }
		wantPages(t, "apps everywhere", pages(t, v.PageApps, auth.Scope{}, appKey), "a", "m", "z")
		wantPages(t, "apps below one", pages(t, v.PageApps, auth.Scope{Account: at.tenant}, appKey), "m", "z")
		wantPages(t, "apps right in one", pages(t, v.PageApps, direct, appKey), "z")
		_, err := v.PageUsers(below, 0, 0)
		wantErr(t, "a page without a limit", err, auth.ErrInvalid)
		return nil
	})
}

func accountID(a auth.Account) auth.AccountID { return a.ID }

// pages reads all pages of a scope, two records each.
func pages[T any, ID cmp.Ordered](t *testing.T, read func(auth.Scope, ID, int) ([]T, error), in auth.Scope, id func(T) ID) (ids []ID) {
	t.Helper()
	var after ID
	for {
		part, err := read(in, after, 2)
		if err != nil || len(part) > 2 {
			t.Fatalf("a page of %+v after %v: %d records, %v", in, after, len(part), err)
		}
		for _, r := range part {
			ids = append(ids, id(r))
		}
		if len(part) < 2 {
			return ids
		}
		after = ids[len(ids)-1]
	}
}

func wantPages[ID cmp.Ordered](t *testing.T, what string, got []ID, want ...ID) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// Records that come and go between two pages move none of the others.
func testPagesUnderWrites(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	var there []auth.PrincipalID
	for i := range 10 {
		there = append(there, putUser(t, s, at.tenant, at.org, fmt.Sprintf("stays-%d", i)))
	}
	var seen []auth.PrincipalID
	for after := auth.PrincipalID(0); ; {
		var part []auth.User
		view(t, s, func(v auth.Reader) (err error) {
			part, err = v.PageUsers(auth.Scope{Account: at.tenant}, after, 3)
			return err
		})
		if len(part) == 0 {
			break
		}
		for _, u := range part {
			seen = append(seen, u.ID)
		}
		after = seen[len(seen)-1]
		gone := seen[0]
		if len(seen) < 10 {
			update(t, s, func(tx auth.Tx) error { return tx.DeleteUser(gone) })
			seen, there = seen[1:], there[1:]
			putUser(t, s, at.tenant, at.div1, fmt.Sprintf("new-%d", after))
		}
	}
	for _, id := range there {
		if n := len(slices.DeleteFunc(slices.Clone(seen), func(s auth.PrincipalID) bool { return s != id })); n != 1 {
			t.Errorf("user %d was in %d pages", id, n)
		}
	}
}
