package auth

import (
	"context"

	"github.com/sallyport/sallyport/audit"
)

// AuditAfter reads up to limit batches of the audit after a position, in order.
func (s *Service) AuditAfter(ctx context.Context, seq uint64, limit int) ([]audit.Batch, error) {
	return s.store.Audit(ctx, seq, limit)
}

// AuditBefore reads up to limit batches before a position, the newest first; 0:
// from the newest on.
func (s *Service) AuditBefore(ctx context.Context, seq uint64, limit int) ([]audit.Batch, error) {
	return s.store.AuditBefore(ctx, seq, limit)
}
