package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/secret"
)

// The audit's chain shows what was altered in its middle. That it begins where
// retention left it, and reaches as far as it came, a seal shows: a text beside it
// that is sealed under the key set, which is not in the database. Whoever can write
// the database and has no key can put an older state back with its seal, cut off
// what came since the newest seal, or begin all anew; nothing else. A new database
// has a seal of nothing, see [SealNew].

const sealLabel = "audit" // for ever

const (
	sealInterval = 10 * time.Second // what comes between two seals can be cut off without a trace
	headInterval = time.Hour        // between two log lines that say how far the audit is
)

// auditSeal is what this node knows of the seal, so that one that was put back, or
// taken away, is noticed while it runs.
type auditSeal struct {
	sealer *Sealer

	mu      sync.Mutex
	keys    *secret.Keys // that it was last sealed under
	text    string
	known   audit.Seal // of the text; To never goes back
	other   audit.Seal // that another text said, when it was last read
	wrong   string     // what was last found wrong, and logged
	logged  time.Time  // when the head was last logged
	ongoing bool       // sealed at least once
	opened  audit.Head // newest batch when the service was
	noted   bool       // the audit says that it had no seal
}

// AuditSeal is the audit's newest seal, nil if there is none, and how far this node
// knows the audit to have come, which is zero before it has sealed anything. The
// error wraps [audit.ErrBroken] if the seal was not made under this key set.
func (s *Service) AuditSeal(ctx context.Context) (seal *audit.Seal, known audit.Head, err error) {
	s.seal.mu.Lock()
	known = s.seal.known.To // before the store is asked: it is not behind what is read then
	s.seal.mu.Unlock()
	text, err := s.store.AuditSeal(ctx)
	if err != nil || text == "" {
		return nil, known, err
	}
	opened, err := s.openSeal(text)
	if err != nil {
		return nil, known, err
	}
	return &opened, known, nil
}

func (s *Service) openSeal(text string) (audit.Seal, error) {
	return openSeal(s.seal.sealer, text)
}

// OpenSeal reads the text beside an audit without a service. The error wraps
// [audit.ErrBroken] if it was not made under this key set.
func OpenSeal(keys *secret.Keys, text string) (audit.Seal, error) {
	return openSeal(keys.Sealer(sealLabel), text)
}

func openSeal(under interface{ Open(string) (string, bool) }, text string) (audit.Seal, error) {
	plain, ok := under.Open(text)
	if !ok {
		return audit.Seal{}, fmt.Errorf("the seal of the audit was altered, or not made with this key set, which may be older than that of another server: %w", audit.ErrBroken)
	}
	seal, err := audit.ParseSeal(plain)
	if err != nil {
		return audit.Seal{}, fmt.Errorf("%w: %w", err, audit.ErrBroken)
	}
	return seal, nil
}

// sealAudit seals the audit as far as it is now. One in which something is missing
// or altered keeps the seal that shows it.
func (s *Service) sealAudit(ctx context.Context) { s.tellSeal(ctx, s.sealOnce(ctx)) }

// tellSeal logs what became of sealing, and what is wrong once.
func (s *Service) tellSeal(ctx context.Context, err error) {
	t := &s.seal
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case errors.Is(err, audit.ErrBroken):
		switch {
		case t.wrong == err.Error():
		case s.beside:
			s.log.Error("the audit is not whole: run sallyport audit verify", "error", err)
		default: // beside the database nobody knows what this server has sealed
			s.log.Error("the audit is not whole: run sallyport audit verify --server", "error", err)
		}
		t.wrong = err.Error()
	case err != nil:
		if ctx.Err() == nil {
			s.log.Warn("could not seal the audit", "error", err)
		}
	default:
		t.wrong = ""
		if now := s.clock(); t.known.To.Seq > 0 && now.Sub(t.logged) >= headInterval {
			t.logged = now
			s.log.Info("the audit is sealed", "head", t.known.To.String()) // where the database's owner may not reach
		}
	}
}

func (s *Service) sealOnce(ctx context.Context) error {
	t := &s.seal
	t.mu.Lock()
	defer t.mu.Unlock()
	text, err := s.store.AuditSeal(ctx) // before the newest batch: that is never behind it then
	if err != nil {
		return err
	}
	newest, err := s.auditHead(ctx)
	if err != nil {
		return err
	}
	keys := s.Keys()
	if newest == (audit.Head{}) && text == "" && !t.ongoing {
		return nil // it could not be sealed at the start, or there is none any more: what comes next shows that
	}
	if t.ongoing && text == t.text && keys == t.keys && t.known.To == newest {
		return nil // and nothing new
	}
	next, err := s.nextSeal(ctx, text, newest)
	switch {
	case errors.Is(err, audit.ErrBroken):
		if again, e := s.store.AuditSeal(ctx); e == nil && again != text {
			return nil // what it was held to was dropped meanwhile
		}
		return err
	case err != nil:
		return err
	case next.To == t.other.To && keys == t.keys: // another node has sealed this
		t.text, t.known = text, t.other
		return nil
	}
	sealed := t.sealer.Seal(next.String())
	switch err := s.store.SetAuditSeal(ctx, text, sealed); {
	case errors.Is(err, ErrConflict): // another node was faster
		return nil
	case err != nil:
		return err
	}
	t.text, t.known, t.keys, t.ongoing = sealed, next, keys, true
	return nil
}

// auditHead is where the chain is with the newest batch; zero: there is none.
func (s *Service) auditHead(ctx context.Context) (audit.Head, error) {
	b, err := s.store.AuditBefore(ctx, 0, 1)
	if err != nil || len(b) == 0 {
		return audit.Head{}, err
	}
	return b[0].Head(), nil
}

// nextSeal is the seal that follows the one that is there. s.seal.mu is held.
func (s *Service) nextSeal(ctx context.Context, text string, newest audit.Head) (audit.Seal, error) {
	t := &s.seal
	if text == "" {
		if t.ongoing {
			return audit.Seal{}, fmt.Errorf("the seal of the audit was taken away: %w", audit.ErrBroken)
		}
		return s.firstSeal(ctx)
	}
	seal, err := s.openSeal(text)
	if err != nil {
		return audit.Seal{}, err
	}
	t.other = seal
	if seal.To.Seq < t.known.To.Seq {
		return audit.Seal{}, fmt.Errorf("an older seal of the audit was put back, of batch %d, and there was batch %d: %w", seal.To.Seq, t.known.To.Seq, audit.ErrBroken)
	}
	if newest.Seq < seal.To.Seq {
		return audit.Seal{}, fmt.Errorf("the end of the audit is missing, which came to batch %d: %w", seal.To.Seq, audit.ErrBroken)
	}
	if err := s.holds(ctx, &seal); err != nil {
		return audit.Seal{}, err
	}
	return audit.Seal{From: seal.From, To: newest, At: s.clock()}, nil
}

// holds looks at both ends of what was sealed: the newest batch, unless that was
// dropped or there was none yet, and the beginning.
func (s *Service) holds(ctx context.Context, seal *audit.Seal) error {
	if seal.To.Seq != seal.From.Seq {
		b, err := s.store.Audit(ctx, seal.To.Seq-1, 1)
		if err != nil {
			return err
		}
		if len(b) == 0 || b[0].Head() != seal.To {
			return fmt.Errorf("batch %d of the audit is not the one that was sealed: %w", seal.To.Seq, audit.ErrBroken)
		}
	}
	first, err := s.store.Audit(ctx, 0, 1)
	if err != nil || len(first) == 0 {
		return err
	}
	_, err = seal.Begins(&first[0])
	return err
}

var errAllGone = fmt.Errorf("all of the audit went while it was sealed: %w", audit.ErrBroken)

// firstSeal begins where the audit does. Whether an older version left no seal, or
// somebody took it away, and what else with it, nobody can tell: so the audit itself
// says that there was none, under the seal that is made here.
func (s *Service) firstSeal(ctx context.Context) (audit.Seal, error) {
	oldest, err := s.store.Audit(ctx, 0, 1)
	if err != nil {
		return audit.Seal{}, err
	}
	if len(oldest) == 0 {
		return audit.Seal{}, errAllGone
	}
	if err := s.noteUnsealed(ctx, oldest[0].Seq); err != nil {
		return audit.Seal{}, err
	}
	newest, err := s.auditHead(ctx)
	switch {
	case err != nil:
		return audit.Seal{}, err
	case newest.Seq == 0: // not even what was just recorded is there
		return audit.Seal{}, errAllGone
	}
	seal := audit.Seal{To: newest, At: s.clock()}
	if oldest[0].Seq > 1 { // what came before is taken as dropped
		seal.From = oldest[0].Head()
	}
	return seal, nil
}

// noteUnsealed records, once, that there was no seal. It is recorded before the seal
// is made: one without the other is noticed this way round.
func (s *Service) noteUnsealed(ctx context.Context, first uint64) error {
	t := &s.seal
	if t.noted {
		return nil
	}
	err := s.store.Update(ctx, func(tx Tx) error {
		return tx.Record(audit.Event{At: s.clock(), Kind: audit.Change, Actor: "server", Reason: "seal",
			Detail: fmt.Sprintf("the audit had no seal, and is sealed from batch %d on: what came before, and what else is missing, nobody can tell", first)})
	})
	if err != nil {
		return err
	}
	t.noted = true
	s.log.Warn("the audit had no seal: what it has now is taken as all there was, and the audit says so", "first_batch", first)
	return nil
}

// reseal is the seal for when batches up to gone are dropped. One that does not
// open stays, and shows that it was altered; so does none, see firstSeal.
func (s *Service) reseal(text string, gone audit.Head) string {
	if text == "" {
		return text
	}
	seal, err := s.openSeal(text)
	if err != nil {
		return text
	}
	seal.From, seal.At = gone, s.clock()
	if seal.To.Seq < gone.Seq {
		seal.To = gone
	}
	return s.seal.sealer.Seal(seal.String())
}

// closeSeal seals what there is at the end, and logs how far that is.
func (s *Service) closeSeal(ctx context.Context) {
	s.seal.mu.Lock()
	s.seal.logged = time.Time{}
	s.seal.mu.Unlock()
	s.sealAudit(ctx)
}
