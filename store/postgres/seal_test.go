//go:build unix

package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// TestTamperedAudit: who owns the database, and has no key of the servers, goes at
// the audit.
func TestTamperedAudit(t *testing.T) {
	url := inSchema(t, t.TempDir())
	keys, err := secret.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	serve := func(beside bool) *auth.Service {
		t.Helper()
		s, err := auth.Open(t.Context(), openAt(t, url, Options{}), auth.Options{Keys: keys, Logger: quiet, Beside: beside})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := serve(false)
	for i := range 13 {
		err := s.Update(t.Context(), func(tx auth.Tx) error {
			return tx.Record(audit.Event{At: s.Now(), Kind: audit.Login, Subject: "ann", Session: uint64(i + 1)})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	exec(t, url, "CREATE TABLE kept AS SELECT * FROM audit_batches", "CREATE TABLE kept_seal AS SELECT * FROM audit_seal")
	beside := serve(true)
	defer beside.Close()
	verify := func() api.Verified {
		t.Helper()
		out, err := admin.New(admin.Options{Service: beside, Logger: quiet}).AuditVerify(t.Context(), admin.LocalOwner("test"), auth.Origin{}, api.VerifyQuery{})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := verify(); !out.OK || out.Sealed != 13 || out.Last != 13 {
		t.Fatalf("untouched: %+v", out)
	}
	for _, c := range []struct {
		what, statement string
		broken          int64
		reason          string
	}{
		{"a body", `UPDATE audit_batches SET body = convert_to(replace(convert_from(body, 'UTF8'), 'ann', 'eve'), 'UTF8') WHERE seq = 6`, 6, "altered"},
		{"a time", "UPDATE audit_batches SET at = at + 1 WHERE seq = 6", 6, "says"},
		{"a count", "UPDATE audit_batches SET count = 2 WHERE seq = 6", 6, "holds 1 events"},
		{"a link", "UPDATE audit_batches SET chain = decode(repeat('00', 32), 'hex') WHERE seq = 6", 6, "altered"},
		{"the first", "DELETE FROM audit_batches WHERE seq = 1", 1, "no retention"},
		{"one in the middle", "DELETE FROM audit_batches WHERE seq = 6", 6, "missing"},
		{"the last", "DELETE FROM audit_batches WHERE seq = 13", 13, "was sealed"},
		{"one before the first", "INSERT INTO audit_batches SELECT -7, at, count, body, chain FROM audit_batches WHERE seq = 6", -7, "forged"},
		{"all", "DELETE FROM audit_batches", 1, "empty"},
		{"two swapped", "UPDATE audit_batches a SET at = b.at, body = b.body, chain = b.chain FROM audit_batches b WHERE a.seq + b.seq = 11 AND a.seq IN (5, 6)", 5, "altered"},
		{"the seal", "UPDATE audit_seal SET seal = 'AAAA' || substr(seal, 5)", 1, "key set"},
		{"all made anew from the sixth on", `WITH RECURSIVE new (seq, body, chain) AS (
				SELECT seq, body, chain FROM audit_batches WHERE seq = 5
				UNION ALL SELECT b.seq, x.body, sha256(new.chain || x.body) FROM new JOIN audit_batches b ON b.seq = new.seq + 1,
					LATERAL (SELECT convert_to(replace(convert_from(b.body, 'UTF8'), 'ann', 'eve'), 'UTF8') AS body) x)
			UPDATE audit_batches a SET body = new.body, chain = new.chain FROM new WHERE a.seq = new.seq`, 13, "made anew"},
	} {
		exec(t, url, c.statement)
		if out := verify(); out.OK || out.Broken != c.broken || !strings.Contains(out.Reason, c.reason) {
			t.Errorf("%s: %+v, want broken at %d", c.what, out, c.broken)
		}
		exec(t, url, "DELETE FROM audit_batches", "INSERT INTO audit_batches SELECT * FROM kept", "DELETE FROM audit_seal", "INSERT INTO audit_seal SELECT * FROM kept_seal")
	}
	if out := verify(); !out.OK {
		t.Errorf("all as it was: %+v", out)
	}
}

// A server of the version before this one sweeps in a turn that is no more there: it
// would drop batches and not move the seal.
func TestOlderServersLeaveTheAuditAlone(t *testing.T) {
	s := openAt(t, inSchema(t, t.TempDir()), Options{})
	n := 0
	err := s.cold.with(t.Context(), func(c *conn) error {
		return c.QueryRow(t.Context(), "SELECT count(*) FROM turns WHERE name = 'sweep'").Scan(&n)
	})
	if err != nil || n != 0 {
		t.Errorf("%d turns, %v", n, err)
	}
	if _, err := s.Apply(t.Context(), &auth.WriteSet{Events: []audit.Event{{At: time.UnixMicro(1)}, {At: time.UnixMicro(2)}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), &auth.WriteSet{Events: []audit.Event{{At: time.UnixMicro(3)}}}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), time.Now(), auth.Retention{Audit: time.Hour}); err != nil || n.Batches != 1 {
		t.Errorf("this one dropped %d, %v", n.Batches, err)
	}
}
