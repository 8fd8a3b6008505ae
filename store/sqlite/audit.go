package sqlite

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// auditEntry is events in their stored form. Each caller encodes its own, so
// that the writer only copies bytes.
type auditEntry struct {
	body  []byte
	count int
	at    time.Time // of the last event
}

func (a *auditEntry) encode(events []audit.Event) {
	a.body, a.count, a.at = a.body[:0], 0, time.Time{}
	for i := range events {
		a.body = events[i].AppendJSON(a.body)
		a.count, a.at = a.count+1, events[i].At
	}
}

func (a *auditEntry) add(b *auditEntry) {
	if b.count == 0 {
		return
	}
	a.body = append(a.body, b.body...)
	a.count, a.at = a.count+b.count, b.at
}

// chain is the newest batch of the audit, which is never removed, as the writer
// remembers it.
type chain struct {
	known bool
	seq   int64
	link  [32]byte

	// What the open transaction makes of it.
	next     [32]byte
	extended bool

	body []byte // room for a batch, used again
}

// committed makes true what the transaction made of the chain.
func (c *chain) committed() {
	if c.extended {
		c.seq, c.link, c.extended = c.seq+1, c.next, false
	}
}

// writeAudit writes the events of the transaction as one batch, linked to the
// newest one.
func (t *transaction) writeAudit() error {
	t.chain.extended = false
	if t.audit.count == 0 {
		return nil
	}
	c := t.chain
	if !c.known {
		c.seq, c.link = 0, [32]byte{}
		if _, err := t.one(func(r row) { c.seq = r.int(0); copy(c.link[:], r.blob(1)) },
			"SELECT seq, chain FROM audit_batches ORDER BY seq DESC LIMIT 1"); err != nil {
			return err
		}
		c.known = true
	}
	c.body = t.audit.body[:0]
	c.next = audit.Link(c.link, t.audit.body)
	n, err := t.exec("INSERT INTO audit_batches (seq, at, count, body, chain) SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?1 = 1 + coalesce((SELECT max(seq) FROM audit_batches), 0)",
		c.seq+1, micros(t.audit.at), int64(t.audit.count), t.audit.body, c.next[:])
	if err != nil {
		return err
	}
	if n == 0 {
		return errStale
	}
	c.extended = true
	return nil
}

// Audit reads batches; see [auth.Store].
func (s *Store) Audit(ctx context.Context, seq uint64, limit int) (out []audit.Batch, err error) {
	limit = min(limit, maxFeed)
	if limit <= 0 {
		return nil, fmt.Errorf("sqlite: %w: audit limit must be positive", auth.ErrInvalid)
	}
	err = s.cold.with(ctx, func(c *conn) error {
		return c.query(func(r row) error {
			return addBatch(&out, r)
		}, "SELECT seq, at, count, body, chain FROM audit_batches WHERE seq > ? ORDER BY seq LIMIT ?", afterBatch(seq), int64(limit))
	})
	return out, explain("reading the audit", err)
}

// afterBatch is what the batches after a position are after: at the beginning,
// whatever there is, so that one before the first is found.
func afterBatch(seq uint64) int64 {
	if seq == 0 {
		return math.MinInt64
	}
	return int64(min(seq, uint64(auth.MaxSessionID)))
}

const selectSeal = "SELECT seal FROM audit_seal WHERE id = 1"

// AuditSeal reads the seal; see [auth.Store].
func (s *Store) AuditSeal(ctx context.Context) (text string, err error) {
	err = s.cold.with(ctx, func(c *conn) error {
		_, err := c.one(func(r row) { text = r.text(0) }, selectSeal)
		return err
	})
	return text, explain("reading the audit's seal", err)
}

// SetAuditSeal replaces the seal; see [auth.Store].
func (s *Store) SetAuditSeal(ctx context.Context, old, text string) error {
	err := s.transact(ctx, func(t *transaction) error {
		found := ""
		if _, err := t.one(func(r row) { found = r.text(0) }, selectSeal); err != nil {
			return err
		}
		if found != old {
			return fmt.Errorf("the audit was sealed anew meanwhile: %w", auth.ErrConflict)
		}
		return t.putSeal(text)
	})
	return explain("sealing the audit", err)
}

func (t *transaction) putSeal(text string) error {
	_, err := t.exec("INSERT INTO audit_seal (id, seal) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET seal = excluded.seal", text)
	return err
}

// sweepAudit removes batches from the oldest on, up to the first that is young
// enough, so that what is left is an unbroken chain. The newest always stays. The
// seal moves with the oldest.
func (t *transaction) sweepAudit(before int64, keep *auth.Retention, out *auth.Swept) error {
	var last int64
	if _, err := t.one(func(r row) { last = r.int(0) }, `SELECT coalesce(max(seq), 0) FROM (SELECT seq FROM audit_batches WHERE seq > 0 ORDER BY seq LIMIT ?2)
		WHERE seq < coalesce((SELECT min(seq) FROM (SELECT seq, at FROM audit_batches WHERE seq > 0 ORDER BY seq LIMIT ?2) WHERE at >= ?1), 1 << 62)
		AND seq < (SELECT max(seq) FROM audit_batches)`, before, int64(sweepPart)); err != nil || last == 0 {
		return err
	}
	if keep.Reseal != nil {
		if err := t.reseal(last, keep.Reseal); err != nil {
			return err
		}
	}
	n, err := t.exec("DELETE FROM audit_batches WHERE seq > 0 AND seq <= ?", last)
	out.Batches += n
	out.More = out.More || n == sweepPart
	return err
}

// reseal moves the seal to where batches up to last are gone.
func (t *transaction) reseal(last int64, how func(string, audit.Head) string) error {
	gone, seal := audit.Head{Seq: uint64(last)}, ""
	_, err := t.one(func(r row) { copy(gone.Chain[:], r.blob(0)) }, "SELECT chain FROM audit_batches WHERE seq = ?", last)
	if err != nil {
		return err
	}
	if _, err := t.one(func(r row) { seal = r.text(0) }, selectSeal); err != nil {
		return err
	}
	if next := how(seal, gone); next != seal {
		return t.putSeal(next)
	}
	return nil
}
