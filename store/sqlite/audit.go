package sqlite

import (
	"context"
	"fmt"
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
	n, err := t.exec("INSERT INTO audit_batches SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?1 = 1 + coalesce((SELECT max(seq) FROM audit_batches), 0)",
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
			out = append(out, scanBatch(r))
			return nil
		}, "SELECT seq, at, count, body, chain FROM audit_batches WHERE seq > ? ORDER BY seq LIMIT ?", int64(min(seq, uint64(auth.MaxSessionID))), int64(limit))
	})
	return out, explain("reading the audit", err)
}
