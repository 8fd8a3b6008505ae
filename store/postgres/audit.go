package postgres

import (
	"context"
	"fmt"
	"math"
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
	after := int64(min(seq, uint64(auth.MaxSessionID)))
	if seq == 0 {
		after = math.MinInt64 // whatever there is, so that a batch before the first is found
	}
	return s.batches(ctx, limit, selectBatches+"WHERE seq > $1 ORDER BY seq LIMIT $2", after)
}

// AuditBefore reads batches backwards; see [auth.Lister].
func (s *Store) AuditBefore(ctx context.Context, seq uint64, limit int) ([]audit.Batch, error) {
	if seq == 0 || seq > uint64(auth.MaxSessionID) {
		seq = uint64(auth.MaxSessionID)
	}
	return s.batches(ctx, limit, selectBatches+"WHERE seq < $1 ORDER BY seq DESC LIMIT $2", int64(seq))
}

func (s *Store) batches(ctx context.Context, limit int, query string, seq int64) (out []audit.Batch, err error) {
	if limit <= 0 {
		return nil, fmt.Errorf("postgres: %w: audit limit must be positive", auth.ErrInvalid)
	}
	err = s.cold.read(ctx, func(ctx context.Context, c *conn) error {
		out, err = list(ctx, c, scanBatch, query, seq, int64(min(limit, maxPart)))
		return err
	})
	return out, explain("reading the audit", err)
}

func scanBatch(r pgx.CollectableRow) (b audit.Batch, err error) {
	var seq, at int64
	var chain []byte
	if err := r.Scan(&seq, &at, &b.Count, &b.Body, &chain); err != nil {
		return b, err
	}
	b.Seq, b.At = uint64(seq), fromMicros(at)
	copy(b.Chain[:], chain)
	return b, audit.Misplaced(seq)
}

const (
	selectSeal  = "SELECT seal FROM audit_seal WHERE id = 1"
	beginSeal   = "INSERT INTO audit_seal (id, seal) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET seal = $1 WHERE audit_seal.seal = ''"
	replaceSeal = "UPDATE audit_seal SET seal = $2 WHERE id = 1 AND seal = $1"
)

// AuditSeal reads the seal; see [auth.Store].
func (s *Store) AuditSeal(ctx context.Context) (text string, err error) {
	err = s.cold.read(ctx, func(ctx context.Context, c *conn) error {
		text, _, err = one(ctx, c, pgx.RowTo[string], selectSeal)
		return err
	})
	return text, explain("reading the audit's seal", err)
}

// SetAuditSeal replaces the seal; see [auth.Store]. It is not tried again: whether
// an answer that was lost was a yes, the next reading of the seal tells.
func (s *Store) SetAuditSeal(ctx context.Context, old, text string) error {
	return explain("sealing the audit", s.cold.with(ctx, func(c *conn) error { return putSeal(ctx, c, old, text) }))
}

func putSeal(ctx context.Context, q querier, old, text string) error {
	query, args := replaceSeal, []any{old, text}
	if old == "" {
		query, args = beginSeal, []any{text}
	}
	tag, err := q.Exec(ctx, query, args...)
	if err == nil && tag.RowsAffected() == 0 {
		err = fmt.Errorf("the audit was sealed anew meanwhile: %w", auth.ErrConflict)
	}
	return err
}

// dropAudit removes what is too old of the audit, and moves the seal with what is
// then the oldest.
func dropAudit(ctx context.Context, tx pgx.Tx, before int64, reseal func(string, audit.Head) string, out *auth.Swept) error {
	gone, found, err := one(ctx, tx, scanHead, oldAudit, before, int64(sweepPart))
	if err != nil || !found {
		return err
	}
	if reseal != nil {
		seal, _, err := one(ctx, tx, pgx.RowTo[string], selectSeal+" FOR UPDATE")
		if err != nil {
			return err
		}
		if next := reseal(seal, gone); next != seal {
			if err := putSeal(ctx, tx, seal, next); err != nil {
				return err
			}
		}
	}
	tag, err := tx.Exec(ctx, sweepAudit, int64(gone.Seq))
	n := int(tag.RowsAffected())
	out.Batches += n
	out.More = out.More || n == sweepPart
	return err
}

func scanHead(r pgx.CollectableRow) (h audit.Head, err error) {
	var seq int64
	var chain []byte
	err = r.Scan(&seq, &chain)
	h.Seq = uint64(seq)
	copy(h.Chain[:], chain)
	return h, err
}
