package move

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// ErrSealed says that a key set is needed to tell whether an audit is whole.
var ErrSealed = errors.New("the audit is sealed under the database's key set, without which nobody can tell whether it is whole")

// OpenSeal reads the text beside an audit. The error wraps [audit.ErrBroken] if it
// was not made under the key set.
type OpenSeal func(text string) (audit.Seal, error)

// Audit is that of a source, found whole. The target's has to be as whole, and come
// as far.
type Audit struct {
	Unsealed bool // nothing vouches for it: see [audit.Unsealed]
	held     audit.Held
}

// Hold reads the audit of a source and holds it to its seal, as a backup does. It
// wraps [audit.ErrBroken], or is [ErrSealed] if there is a seal and open is nil.
func Hold(ctx context.Context, s Source, open OpenSeal) (*Audit, error) {
	accounts, err := s.Count(ctx, Named(accountsTable))
	if err != nil {
		return nil, err
	}
	a := &Audit{held: audit.Held{Records: accounts > 0}}
	if err := a.readSeal(ctx, s, open); err != nil {
		return nil, err
	}
	walk, t := audit.NewWalk(&a.held), Named(auditTable)
	for r, err := range s.Rows(ctx, t, nil) {
		if err != nil {
			return nil, err
		}
		b, err := step(walk, t, r)
		if err != nil {
			return nil, err
		}
		a.held.Noted = b.Head()
	}
	a.Unsealed, err = walk.Sound()
	return a, err
}

func (a *Audit) readSeal(ctx context.Context, s Source, open OpenSeal) error {
	t := Named(sealTable)
	r, err := s.Newest(ctx, t)
	if err != nil || r == nil || r[t.at("seal")] == "" {
		return err
	}
	if open == nil {
		return ErrSealed
	}
	seal, err := open(r[t.at("seal")].(string))
	if a.held.Seal = &seal; err != nil {
		a.held.Seal, a.held.Foreign = nil, err
	}
	return nil
}

// step has a walk look at a row of the audit.
func step(walk *audit.Walk, t *Table, r Row) (audit.Batch, error) {
	seq := r[t.at("seq")].(int64)
	if err := audit.Misplaced(seq); err != nil {
		return audit.Batch{}, err
	}
	b := audit.Batch{Seq: uint64(seq), At: time.UnixMicro(r[t.at("at")].(int64)).UTC(),
		Count: int(r[t.at("count")].(int64)), Body: r[t.at("body")].([]byte)}
	copy(b.Chain[:], r[t.at("chain")].([]byte))
	if err := walk.Step(&b); err != nil {
		return b, err
	}
	b.Body = nil // of the row alone
	return b, nil
}

// chained holds a batch of the target to those before it, and to what the source's
// audit was found to be.
func (m *mover) chained(t *Table, r Row) error {
	b, err := step(m.walk, t, r)
	if err != nil {
		return fmt.Errorf("%w: and so it is in the source: see sallyport audit verify", err)
	}
	m.report.Newest = b
	return nil
}
