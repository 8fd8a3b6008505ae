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

// writeAudit writes the events of the transaction as one batch, linked to the
// newest one, which is never removed.
func (t *transaction) writeAudit() error {
	if t.audit.count == 0 {
		return nil
	}
	var seq int64
	var previous [32]byte
	if _, err := t.one(func(r row) { seq = r.int(0); copy(previous[:], r.blob(1)) },
		"SELECT seq, chain FROM audit_batches ORDER BY seq DESC LIMIT 1"); err != nil {
		return err
	}
	chain := audit.Link(previous, t.audit.body)
	_, err := t.exec("INSERT INTO audit_batches VALUES (?, ?, ?, ?, ?)",
		seq+1, micros(t.audit.at), int64(t.audit.count), t.audit.body, chain[:])
	return err
}

// Audit reads batches; see [auth.Store].
func (s *Store) Audit(ctx context.Context, seq uint64, limit int) (out []audit.Batch, err error) {
	limit = min(limit, maxFeed)
	if limit <= 0 {
		return nil, fmt.Errorf("sqlite: %w: audit limit must be positive", auth.ErrInvalid)
	}
	err = s.cold.with(ctx, func(c *conn) error {
		return c.query(func(r row) error {
			b := audit.Batch{Seq: uint64(r.int(0)), At: r.time(1), Count: int(r.int(2)), Body: r.blob(3)}
			copy(b.Chain[:], r.blob(4))
			out = append(out, b)
			return nil
		}, "SELECT seq, at, count, body, chain FROM audit_batches WHERE seq > ? ORDER BY seq LIMIT ?", int64(min(seq, uint64(auth.MaxSessionID))), int64(limit))
	})
	return out, explain("reading the audit", err)
}
