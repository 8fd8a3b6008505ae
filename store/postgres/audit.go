package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

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

// maxPart bounds one answer of Feed and Audit.
const maxPart = 10_000

const selectBatches = "SELECT seq, at, count, body, chain FROM audit_batches "

// Audit reads batches; see [auth.Store].
func (s *Store) Audit(ctx context.Context, seq uint64, limit int) ([]audit.Batch, error) {
	return s.batches(ctx, limit, selectBatches+"WHERE seq > $1 ORDER BY seq LIMIT $2", min(seq, uint64(auth.MaxSessionID)))
}

// AuditBefore reads batches backwards; see [auth.Lister].
func (s *Store) AuditBefore(ctx context.Context, seq uint64, limit int) ([]audit.Batch, error) {
	if seq == 0 || seq > uint64(auth.MaxSessionID) {
		seq = uint64(auth.MaxSessionID)
	}
	return s.batches(ctx, limit, selectBatches+"WHERE seq < $1 ORDER BY seq DESC LIMIT $2", seq)
}

func (s *Store) batches(ctx context.Context, limit int, query string, seq uint64) (out []audit.Batch, err error) {
	if limit <= 0 {
		return nil, fmt.Errorf("postgres: %w: audit limit must be positive", auth.ErrInvalid)
	}
	err = s.cold.read(ctx, func(ctx context.Context, c *conn) error {
		out, err = list(ctx, c, scanBatch, query, int64(seq), int64(min(limit, maxPart)))
		return err
	})
	return out, explain("reading the audit", err)
}

func scanBatch(r pgx.CollectableRow) (b audit.Batch, err error) {
	var seq, at int64
	var chain []byte
	err = r.Scan(&seq, &at, &b.Count, &b.Body, &chain)
	b.Seq, b.At = uint64(seq), fromMicros(at)
	copy(b.Chain[:], chain)
	return b, err
}
