package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config/strict"
)

// Outcome is what was done.
type Outcome struct {
	Changes   int         // entries created, changed or removed
	Ended     int         // sessions ended by the changes
	Generated []Generated // the only copy of these secrets: show them once
}

// Generated is the secret of an API key that was made because the file states
// none.
type Generated struct {
	Account string // path, such as ACME/123456
	Key     string
	Secret  string
}

// Format prints everything but the secret, whatever the verb: whoever means to
// show it names the field.
func (g Generated) Format(w fmt.State, _ rune) {
	_, _ = io.WriteString(w, "key "+g.Account+"/"+g.Key+" (secret not shown)")
}

// Execute does what the plan says, in one transaction. It compares everything
// once more in there: if anything is not as it was when the plan was made, it
// does nothing and returns [auth.ErrConflict]. A plan without changes writes
// nothing.
func (p *Plan) Execute(ctx context.Context) (Outcome, error) {
	if p.Empty() {
		return Outcome{}, nil
	}
	if err := p.prepare(ctx); err != nil {
		return Outcome{}, fmt.Errorf("applying: %w", err)
	}
	var out Outcome
	err := p.to.Update(ctx, func(tx auth.Tx) error { // may be called again: each time begins afresh
		w := newWalk(p, tx)
		if err := p.again(w); err != nil {
			return err
		}
		out = Outcome{}
		for _, s := range w.steps() {
			if err := p.take(tx, s, w.now, &out); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
		for _, g := range w.generate {
			out.Generated = append(out.Generated, Generated{Account: g.account, Key: g.key.Name, Secret: p.secrets[g.key]})
		}
		return nil
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("applying, nothing was changed: %w", err)
	}
	return out, nil
}

// again compares everything as Make did, and finds what has changed since.
func (p *Plan) again(w *walk) error {
	const since = "what there is has changed since it was compared, apply again"
	err := w.file()
	switch {
	case errors.Is(err, strict.ErrFile):
		return fmt.Errorf("%s: %w: %w", since, auth.ErrConflict, err)
	case err != nil:
		return err
	case !p.prepared(w) || !slices.Equal(w.lines(), p.lines):
		return fmt.Errorf("%s: %w", since, auth.ErrConflict)
	}
	return nil
}

// take does one step with its audit events. Sessions end first: of a key or user
// that is removed they could not be counted afterwards.
func (p *Plan) take(tx auth.Tx, s *step, at time.Time, out *Outcome) error {
	ended := 0
	if s.end != nil {
		var err error
		if ended, err = tx.End(s.end()); err != nil {
			return err
		}
	}
	if err := s.do(tx); err != nil {
		return err
	}
	out.Changes++
	e := s.event
	e.At, e.Kind, e.Actor, e.Reason, e.Detail = at, audit.Change, p.o.Actor, "apply", s.String()
	if err := tx.Record(e); err != nil {
		return err
	}
	if ended == 0 {
		return nil
	}
	out.Ended += ended
	e.Kind, e.Reason, e.Detail, e.Count = audit.Revocation, string(s.why), "", ended
	return tx.Record(e)
}
