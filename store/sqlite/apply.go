package sqlite

import (
	"cmp"
	"context"
	"fmt"

	"github.com/sallyport/sallyport/auth"
)

// Apply writes a set with the others that wait; see [auth.Store]. When ctx ends
// first, the caller is told so at once and the set is written all the same:
// then the outcome is not known.
func (s *Store) Apply(ctx context.Context, w *auth.WriteSet) (auth.Result, error) {
	if err := checkEnds(w.End); err != nil {
		return auth.Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return auth.Result{}, err
	}
	return s.writer.apply(ctx, w)
}

func checkEnds(ends []auth.End) error {
	for i := range ends {
		e, n := &ends[i], 0
		if e.Session != 0 {
			n++
		}
		if e.Principal != 0 {
			n++
		}
		if e.Account != 0 {
			n++
		}
		if n != 1 || (e.Except != 0 && e.Principal == 0) {
			return fmt.Errorf("sqlite: %w: an end names exactly one of session, principal and account", auth.ErrInvalid)
		}
	}
	return nil
}

// apply works through a set in the order of its fields. It returns ErrConflict
// before it has written anything.
func (t *transaction) apply(w *auth.WriteSet, result *auth.Result) error {
	if err := t.conditions(w, result); err != nil {
		return err
	}
	if p := w.Password; p != nil {
		if _, err := t.exec("UPDATE users SET password = ? WHERE id = ? AND password = ?", p.New, int64(p.User), p.Old); err != nil {
			return err
		}
	}
	for i := range w.Begin {
		if err := t.beginSession(&w.Begin[i]); err != nil {
			return err
		}
	}
	for i := range w.HandOffs {
		if err := t.putHandOff(&w.HandOffs[i]); err != nil {
			return err
		}
	}
	for i := range w.End {
		n, err := t.end(&w.End[i])
		if err != nil {
			return err
		}
		result.Ended += n
	}
	return t.notes(w)
}

// conditions checks and takes what the set is conditional on. All is looked at
// before Redeem takes anything, so that a conflict leaves nothing behind.
func (t *transaction) conditions(w *auth.WriteSet, result *auth.Result) error {
	var uses int64
	if w.Use != 0 {
		if err := t.begins.flush(); err != nil {
			return err
		}
		if _, err := t.one(func(r row) { uses = r.int(0) }, "SELECT uses FROM sessions WHERE id = ?", int64(w.Use)); err != nil {
			return err
		}
		if uses <= 0 {
			return fmt.Errorf("sqlite: session %d has no use left: %w", w.Use, auth.ErrConflict)
		}
	}
	if err := t.refuses(w); err != nil {
		return err
	}
	if w.Redeem != 0 {
		n, err := t.exec("DELETE FROM handoffs WHERE id = ?", int64(w.Redeem))
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("sqlite: hand-off %d is not there: %w", w.Redeem, auth.ErrConflict)
		}
	}
	if err := t.writeGuards(w); err != nil {
		return err
	}
	switch {
	case uses == 1:
		n, err := t.endSession(w.Use)
		result.Ended += n
		return err
	case uses > 1:
		_, err := t.exec("UPDATE sessions SET uses = uses - 1 WHERE id = ?", int64(w.Use))
		return err
	}
	return nil
}

// refuses looks at the conditions of a login.
func (t *transaction) refuses(w *auth.WriteSet) error {
	if ok, err := t.mayGuard(w); err != nil || !ok {
		return cmp.Or(err, fmt.Errorf("sqlite: of the guard's rows, what the set goes by is not there: %w", auth.ErrConflict))
	}
	if err := t.mayStep(w); err != nil || w.Room == nil {
		return err
	}
	if err := t.begins.flush(); err != nil {
		return err
	}
	n, _, err := t.live(w.Room.Capped, w.Room.At, w.Room.Most)
	if err == nil && n >= w.Room.Most {
		err = fmt.Errorf("sqlite: %d sessions are alive under the cap: %w", n, auth.ErrConflict)
	}
	return err
}

// mayStep says whether the codes of second factors that a set uses are new.
func (t *transaction) mayStep(w *auth.WriteSet) error {
	for i := range w.SignIns {
		s := &w.SignIns[i]
		if s.Step == 0 {
			continue
		}
		newest := int64(0)
		found, err := t.one(func(r row) { newest = r.int(0) }, "SELECT factor_step FROM users WHERE id = ?", int64(s.User))
		if err == nil && (!found || newest >= s.Step) {
			err = fmt.Errorf("sqlite: step %d of user %d was used already: %w", s.Step, s.User, auth.ErrConflict)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// notes writes what only moves forward: of two notes that come in the wrong
// order the later time stays.
func (t *transaction) notes(w *auth.WriteSet) error {
	if len(w.Touch) > 0 {
		if err := t.begins.flush(); err != nil {
			return err
		}
	}
	for i := range w.Touch {
		ends := micros(w.Touch[i].Ends)
		_, err := t.exec("UPDATE sessions SET ends = ? WHERE id = ? AND ends <> 0 AND ends < ?", ends, int64(w.Touch[i].Session), ends)
		if err != nil {
			return err
		}
	}
	for i := range w.SignIns {
		at := micros(w.SignIns[i].At)
		_, err := t.exec("UPDATE users SET last_sign_in = max(last_sign_in, ?), factor_step = max(factor_step, ?) WHERE id = ?",
			at, w.SignIns[i].Step, int64(w.SignIns[i].User))
		if err != nil {
			return err
		}
	}
	for i := range w.Used {
		at := micros(w.Used[i].At)
		_, err := t.exec("UPDATE keys SET last_used = ? WHERE id = ? AND last_used < ?", at, int64(w.Used[i].Key), at)
		if err != nil {
			return err
		}
	}
	return nil
}
