package storetest

import (
	"testing"

	"github.com/sallyport/sallyport/auth"
)

func testEnds(t *testing.T, h Harness) {
	s := fresh(t, h)
	for id := auth.SessionID(1); id <= 40; id++ {
		apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(id, auth.PrincipalID(1+(id-1)/10))}}) // ten each
	}
	ended := func(want int, kinds []auth.Notice, ends ...auth.End) {
		t.Helper()
		head, err := s.FeedHead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r := apply(t, s, auth.WriteSet{End: ends}); r.Ended != want {
			t.Errorf("%+v ended %d, want %d", ends, r.Ended, want)
		}
		got := notices(t, s, head)
		if len(got) != len(kinds) {
			t.Fatalf("%+v announced %v, want %v", ends, got, kinds)
		}
		for i, n := range got {
			if n.Kind != kinds[i].Kind || n.ID != kinds[i].ID {
				t.Errorf("%+v announced %v, want %v", ends, n, kinds[i])
			}
		}
	}
	ended(1, []auth.Notice{{Kind: auth.EndedSession, ID: 3}}, auth.End{Session: 3})
	ended(0, nil, auth.End{Session: 3})
	ended(0, nil, auth.End{Session: 99})
	ended(9, []auth.Notice{{Kind: auth.EndedPrincipal, ID: 1}}, auth.End{Principal: 1})
	// Followers must forget even when the store had nothing to remove.
	ended(0, []auth.Notice{{Kind: auth.EndedPrincipal, ID: 1}}, auth.End{Principal: 1})
	ended(9, []auth.Notice{{Kind: auth.EndedPrincipal, ID: 2}}, auth.End{Principal: 2, Except: 15})
	// An exception of somebody else protects nobody.
	ended(10, []auth.Notice{{Kind: auth.EndedPrincipal, ID: 3}}, auth.End{Principal: 3, Except: 15})
	ended(2, []auth.Notice{{Kind: auth.EndedSession, ID: 31}, {Kind: auth.EndedSession, ID: 32}}, auth.End{Session: 31}, auth.End{Session: 32})
	wantSessions(t, s, 40, 15, 33, 34, 35, 36, 37, 38, 39, 40)

	// Expired sessions are removed and counted like live ones.
	old := session(41, 5)
	old.Ends = epoch.AddDate(-9, 0, 0)
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{old}})
	ended(1, []auth.Notice{{Kind: auth.EndedPrincipal, ID: 5}}, auth.End{Principal: 5})

	update(t, s, func(tx auth.Tx) error {
		n, err := tx.End(auth.End{Principal: 2})
		if n != 1 {
			t.Errorf("End in an Update ended %d, want 1", n)
		}
		return err
	})
	wantSessions(t, s, 41, 33, 34, 35, 36, 37, 38, 39, 40)
}

func testEndSubtree(t *testing.T, h Harness) {
	s := fresh(t, h)
	at := plant(t, s)
	who := []auth.PrincipalID{
		putKey(t, s, at.tenant, "k1"), putKey(t, s, at.org, "k2"), putKey(t, s, at.div1, "k3"), putUser(t, s, at.tenant, at.div2, "u4"),
		putKey(t, s, at.other, "k5"), putUser(t, s, at.tenant, at.tenant, "u6"),
	}
	next := auth.SessionID(1)
	begin := func() {
		for _, p := range who {
			apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(next, p), session(next+1, p)}})
			next += 2
		}
	}
	begin() // 1..12
	head, _ := s.FeedHead(t.Context())
	if r := apply(t, s, auth.WriteSet{End: []auth.End{{Account: at.org}}}); r.Ended != 6 {
		t.Errorf("ending an organization ended %d, want 6", r.Ended)
	}
	wantSessions(t, s, 12, 1, 2, 9, 10, 11, 12)
	if n := notices(t, s, head); len(n) != 1 || n[0].Kind != auth.EndedAccount || n[0].ID != uint64(at.org) {
		t.Errorf("announced %v", n)
	}
	begin() // 13..24
	update(t, s, func(tx auth.Tx) error {
		n, err := tx.End(auth.End{Account: at.tenant})
		if n != 14 {
			t.Errorf("ending a tenant ended %d, want 14", n)
		}
		return err
	})
	wantSessions(t, s, 24, 9, 10, 21, 22)
	if r := apply(t, s, auth.WriteSet{End: []auth.End{{Account: at.div1}}}); r.Ended != 0 {
		t.Errorf("ending an empty division ended %d", r.Ended)
	}
}

func testEndNamesOne(t *testing.T, h Harness) {
	s := fresh(t, h)
	apply(t, s, auth.WriteSet{Begin: []auth.SessionRow{session(1, 1)}})
	for _, e := range []auth.End{{}, {Session: 1, Principal: 1}, {Principal: 1, Account: 1}, {Session: 1, Except: 1}, {Account: 1, Except: 1}} {
		_, err := s.Apply(t.Context(), &auth.WriteSet{End: []auth.End{e}, Begin: []auth.SessionRow{session(2, 1)}})
		wantErr(t, "an End that is ambiguous", err, auth.ErrInvalid)
		err = s.Update(t.Context(), func(tx auth.Tx) error { _, err := tx.End(e); return err })
		wantErr(t, "an End that is ambiguous, in an Update", err, auth.ErrInvalid)
	}
	wantSessions(t, s, 2, 1)
}
