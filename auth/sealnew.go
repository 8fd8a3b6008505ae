package auth

import (
	"context"
	"errors"
	"log/slog"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/secret"
)

// SealNew seals the audit of a new database while nothing is in it: from its first
// batch on, none can be missing at its beginning. [Open] does so too; whoever writes
// to a store before calls this first. A database in which there is anything, or that
// is sealed already, is left as it is.
func SealNew(ctx context.Context, store Store, keys *secret.Keys) error {
	seal := audit.Seal{At: SystemClock()}
	_, err := sealIfNew(ctx, store, keys.Sealer(sealLabel).Seal(seal.String()))
	return err
}

// SealEnd seals the audit of a store as far as it is now, by the rules of a server:
// whoever wrote to a store without a [Service] calls this last, so that what it wrote
// cannot be taken away either. An audit without a seal is left to the next server,
// which says so. What is written stays, whatever becomes of the seal: so what is wrong
// is logged, as a server does.
func SealEnd(ctx context.Context, store Store, keys *secret.Keys, log *slog.Logger) {
	s := &Service{store: store, clock: SystemClock, log: log, beside: true}
	s.keys.Store(keys)
	s.seal.sealer = s.Sealer(sealLabel)
	s.sealEnd(ctx)
}

// sealEnd is [SealEnd] for a service that is opened beside a server, if anything was
// recorded since: whoever only reads writes no seal.
func (s *Service) sealEnd(ctx context.Context) {
	newest, err := s.auditHead(ctx)
	if err == nil && newest == s.seal.opened {
		return
	}
	text := ""
	if err == nil {
		text, err = s.store.AuditSeal(ctx)
	}
	if err == nil && text != "" {
		err = s.sealOnce(ctx)
	}
	s.tellSeal(ctx, err)
}

// sealNew is [SealNew] for a service that is opened, which remembers what it has
// sealed. A store that takes no writes now may be checked against all the same.
func (s *Service) sealNew(ctx context.Context) {
	t, keys := &s.seal, s.Keys()
	t.mu.Lock()
	defer t.mu.Unlock()
	seal := audit.Seal{At: s.clock()}
	text := t.sealer.Seal(seal.String())
	switch done, err := sealIfNew(ctx, s.store, text); {
	case err != nil:
		s.log.Warn("could not seal the audit", "error", err)
	case done:
		t.text, t.known, t.keys, t.ongoing = text, seal, keys, true
	}
}

func sealIfNew(ctx context.Context, store Store, text string) (done bool, err error) {
	if is, err := isNew(ctx, store); err != nil || !is {
		return false, err
	}
	err = store.SetAuditSeal(ctx, "", text)
	if errors.Is(err, ErrConflict) { // another node was faster
		return false, nil
	}
	return err == nil, err
}

// isNew says whether a database has no seal, and nothing that a seal could have been
// taken away from: no record is made without an event.
func isNew(ctx context.Context, store Store) (bool, error) {
	if text, err := store.AuditSeal(ctx); err != nil || text != "" {
		return false, err
	}
	if some, err := store.AuditBefore(ctx, 0, 1); err != nil || len(some) > 0 {
		return false, err
	}
	var some []Account
	err := store.View(ctx, func(r Reader) (err error) {
		some, err = r.PageAccounts(Scope{}, 0, 1)
		return err
	})
	return err == nil && len(some) == 0, err
}
