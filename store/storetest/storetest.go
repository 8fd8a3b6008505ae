package storetest

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// Harness says how to open the store under test.
type Harness struct {
	// Open opens what is kept under a folder, or begins it there. It is called
	// again with the same folder after Close, and what was written is there.
	// Several stores, each in a folder of its own, are open at once.
	Open func(t *testing.T, dir string) auth.Store
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Harness)
	}{
		{"Sessions", testSessions},
		{"SessionIsReplacedNever", testDuplicate},
		{"HandOffs", testHandOffs},
		{"Uses", testUses},
		{"Ends", testEnds},
		{"EndSubtree", testEndSubtree},
		{"EndNamesOne", testEndNamesOne},
		{"Touch", testTouch},
		{"Latest", testLatest},
		{"Live", testLive},
		{"OrderOfFields", testOrderOfFields},
		{"Notes", testNotes},
		{"Guards", testGuards},
		{"GuardChanges", testGuardChanges},
		{"Passes", testPasses},
		{"Takes", testTakes},
		{"Room", testRoom},
		{"Steps", testSteps},
		{"ConditionsTogether", testConditionsTogether},
		{"RacingFailures", testRacingFailures},
		{"RacingPasses", testRacingPasses},
		{"RacingTakes", testRacingTakes},
		{"RacingRoom", testRacingRoom},
		{"RacingSteps", testRacingSteps},
		{"Lease", testLease},
		{"Atomic", testAtomic},
		{"ConflictAmongMany", testConflictAmongMany},
		{"RacingLogins", testRacingLogins},
		{"RacingRedeem", testRacingRedeem},
		{"RacingExpireOnNew", testRacingExpireOnNew},
		{"RacingUses", testRacingUses},
		{"Feed", testFeed},
		{"FeedUnderLoad", testFeedUnderLoad},
		{"FeedHistories", testFeedHistories},
		{"LeaseAfterLoss", testLeaseAfterLoss},
		{"Audit", testAudit},
		{"AuditSeal", testAuditSeal},
		{"SealNew", testSealNew},
		{"AuditBefore", testAuditBefore},
		{"ListSessions", testListSessions},
		{"ListSessionsOfSome", testListSessionsOfSome},
		{"Pages", testPages},
		{"PagesUnderWrites", testPagesUnderWrites},
		{"SweepSessions", testSweepSessions},
		{"SweepRest", testSweepRest},
		{"SweepAudit", testSweepAudit},
		{"Accounts", testAccounts},
		{"Namesakes", testNamesakes},
		{"Keys", testKeys},
		{"Users", testUsers},
		{"AppsAndPolicies", testAppsAndPolicies},
		{"Unique", testUnique},
		{"Missing", testMissing},
		{"Delete", testDelete},
		{"Announced", testAnnounced},
		{"UpdateUndone", testUpdateUndone},
		{"ViewIsSnapshot", testViewIsSnapshot},
		{"Closed", testClosed},
		{"Cancelled", testCancelled},
		{"Model", testModel},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting for the disk
			c.test(t, h)
		})
	}
}

// epoch is where the clock of the suite begins.
var epoch = time.Date(2030, 1, 2, 3, 4, 5, 678901000, time.UTC)

func fresh(t *testing.T, h Harness) auth.Store {
	t.Helper()
	return open(t, h, t.TempDir())
}

// open opens a store and closes it at the end; closing it before is allowed.
func open(t *testing.T, h Harness, dir string) auth.Store {
	t.Helper()
	s := h.Open(t, dir)
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, auth.ErrClosed) {
			t.Error("Close:", err)
		}
	})
	return s
}

func apply(t *testing.T, s auth.Store, w auth.WriteSet) auth.Result {
	t.Helper()
	r, err := s.Apply(t.Context(), &w)
	if err != nil {
		t.Fatal("Apply:", err)
	}
	return r
}

func update(t *testing.T, s auth.Store, f func(auth.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), f); err != nil {
		t.Fatal("Update:", err)
	}
}

func view(t *testing.T, s auth.Store, f func(auth.Reader) error) {
	t.Helper()
	if err := s.View(t.Context(), f); err != nil {
		t.Fatal("View:", err)
	}
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want one that is %q", what, err, want)
	}
}

func has(t *testing.T, s auth.Store, id auth.SessionID) bool {
	t.Helper()
	r, err := s.Session(context.Background(), id)
	if err == nil && r.ID != id {
		t.Fatalf("Session(%d) returned session %d", id, r.ID)
	}
	if err != nil && !errors.Is(err, auth.ErrNotFound) {
		t.Fatalf("Session(%d): %v", id, err)
	}
	return err == nil
}

// wantSessions says which of the sessions there are, and that no other is.
func wantSessions(t *testing.T, s auth.Store, all int, want ...auth.SessionID) {
	t.Helper()
	there := map[auth.SessionID]bool{}
	for _, id := range want {
		there[id] = true
	}
	for id := auth.SessionID(1); id <= auth.SessionID(all); id++ {
		if got := has(t, s, id); got != there[id] {
			t.Errorf("session %d is there: %v, want %v", id, got, there[id])
		}
	}
}

// session is a session with an hour to live, every field set.
func session(id auth.SessionID, p auth.PrincipalID) auth.SessionRow {
	at := epoch.Add(time.Duration(id) * time.Microsecond)
	return auth.SessionRow{
		ID: id, Digest: secret.Digest{byte(id), 1: 0xff, 31: byte(p)}, Principal: p, Dialect: "electa", App: "app-1",
		Source: netip.MustParseAddr("198.51.100.7"), Attrs: "x\x00ü",
		Life: auth.Life{Issued: at, Ends: at.Add(time.Hour), Cap: at.Add(2 * time.Hour), Idle: time.Hour + time.Microsecond,
			Uses: 3, ExpireOnNew: true},
	}
}

func login(at time.Time, id auth.SessionID) audit.Event {
	return audit.Event{At: at, Kind: audit.Login, Subject: "s", Session: uint64(id)}
}

func headOf(t *testing.T, s auth.Store) auth.Position {
	t.Helper()
	head, err := s.FeedHead(context.Background())
	if err != nil {
		t.Fatal("FeedHead:", err)
	}
	return head
}

func notices(t *testing.T, s auth.Store, after auth.Position) []auth.Notice {
	t.Helper()
	var all []auth.Notice
	for {
		part, err := s.Feed(context.Background(), after, 100)
		if err != nil {
			t.Fatalf("Feed(%v): %v", after, err)
		}
		if len(part) == 0 {
			return all
		}
		if len(part) > 100 {
			t.Fatalf("Feed returned %d notices, limit 100", len(part))
		}
		for _, n := range part {
			if n.Seq != after.Seq+1 {
				t.Fatalf("notice %d follows position %d", n.Seq, after.Seq)
			}
			after = n.Position()
		}
		all = append(all, part...)
	}
}

// tree is a tenant with an organization and two divisions below it, and another tenant.
type tree struct{ tenant, org, div1, div2, other auth.AccountID }

func plant(t *testing.T, s auth.Store) (out tree) {
	t.Helper()
	update(t, s, func(tx auth.Tx) error {
		put := func(level auth.Level, tenant, parent auth.AccountID, number int64, code string) auth.AccountID {
			a := auth.Account{Level: level, Tenant: tenant, Parent: parent, Number: number, Code: code, Name: "Name of " + code}
			if err := tx.PutAccount(&a); err != nil {
				t.Errorf("PutAccount %s: %v", code, err)
			}
			return a.ID
		}
		out.tenant = put(auth.Tenant, 0, 0, 0, "ACME")
		out.org = put(auth.Organization, out.tenant, out.tenant, 100, "WEST")
		out.div1 = put(auth.Division, out.tenant, out.org, 101, "")
		out.div2 = put(auth.Division, out.tenant, out.org, 0, "WEST-2")
		out.other = put(auth.Tenant, 0, 0, 100, "OTHER")
		return nil
	})
	return out
}

func putKey(t *testing.T, s auth.Store, a auth.AccountID, name string) auth.PrincipalID {
	t.Helper()
	k := auth.Key{Account: a, Name: name, Digest: secret.Digest([]byte((name + "................................")[:32])), Created: epoch}
	update(t, s, func(tx auth.Tx) error { return tx.PutKey(&k) })
	return k.ID
}

func putUser(t *testing.T, s auth.Store, tenant, a auth.AccountID, name string) auth.PrincipalID {
	t.Helper()
	u := auth.User{Tenant: tenant, Account: a, Name: name, Password: "hash-1", Active: true}
	update(t, s, func(tx auth.Tx) error { return tx.PutUser(&u) })
	return u.ID
}
