//go:build unix

package move_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/move"
)

// kept gives a database accounts and an audit of five batches, sealed, and returns
// what opens the seal.
func kept(t *testing.T, d *database) move.OpenSeal {
	t.Helper()
	keys, err := secret.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	d.use(t, func(s auth.Store) {
		err := auth.SealNew(t.Context(), s, keys)
		for i := 0; i < 5 && err == nil; i++ {
			err = s.Update(t.Context(), func(tx auth.Tx) error {
				a := auth.Account{Level: auth.Tenant, Code: fmt.Sprint("ACME", i)}
				return errors.Join(tx.PutAccount(&a), tx.Record(audit.Event{At: moment.Add(time.Duration(i) * time.Second), Kind: audit.Change}))
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		auth.SealEnd(t.Context(), s, keys, quiet)
	})
	return func(text string) (audit.Seal, error) { return auth.OpenSeal(keys, text) }
}

func hold(t *testing.T, d *database, open move.OpenSeal) (*move.Audit, error) {
	t.Helper()
	s := d.source(t)
	defer func() { _ = s.Close() }()
	return move.Hold(context.Background(), s, open)
}

// A source's audit is held to its seal, from its beginning to its end.
func TestHold(t *testing.T) {
	directions(t, func(t *testing.T, from, _ *database) {
		open := kept(t, from)
		if a, err := hold(t, from, open); err != nil || a.Unsealed {
			t.Fatalf("a whole one: %+v, %v", a, err)
		}
		if _, err := hold(t, from, nil); !errors.Is(err, move.ErrSealed) {
			t.Errorf("without a key set: %v", err)
		}
		from.exec(t, "CREATE TABLE kept AS SELECT * FROM audit_batches")
		for _, c := range []struct{ statement, want string }{
			{"DELETE FROM audit_batches", "the audit is empty, and came to batch 5"},
			{"DELETE FROM audit_batches WHERE seq = 1", "batch 1 is missing, and no retention dropped it"},
			{"DELETE FROM audit_batches WHERE seq = 3", "batch 3 is missing: 4 follows 2"},
			{"DELETE FROM audit_batches WHERE seq = 5", "the audit ends with batch 4, before batch 5, which was sealed"},
			{"UPDATE audit_batches SET seq = -7 WHERE seq = 1", "batch -7 was forged"},
		} {
			from.exec(t, c.statement)
			if _, err := hold(t, from, open); !errors.Is(err, audit.ErrBroken) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", c.statement, err)
			}
			from.exec(t, "DELETE FROM audit_batches")
			from.exec(t, "INSERT INTO audit_batches SELECT * FROM kept")
		}
		if _, err := hold(t, from, kept(t, inFile(t))); !errors.Is(err, audit.ErrBroken) || !strings.Contains(err.Error(), "not made with this key set") {
			t.Errorf("under another key set: %v", err)
		}
		from.exec(t, "DELETE FROM audit_seal")
		for what, open := range map[string]move.OpenSeal{"with": open, "without": nil} {
			if a, err := hold(t, from, open); err != nil || !a.Unsealed {
				t.Errorf("of an older version, %s a key set: %+v, %v", what, a, err)
			}
		}
	})
}

// cut is a source that has lost the newest batches since its audit was held.
type cut struct {
	move.Source
	after int64
}

func (c cut) Rows(ctx context.Context, t *move.Table, after move.Row) iter.Seq2[move.Row, error] {
	return func(yield func(move.Row, error) bool) {
		for r, err := range c.Source.Rows(ctx, t, after) {
			if err == nil && t.Name == "audit_batches" && r[0].(int64) > c.after {
				return
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// What arrives is held to the head and the seal that the source was found to have,
// though it is as what was copied.
func TestTheTargetIsHeldToTheSource(t *testing.T) {
	directions(t, func(t *testing.T, from, to *database) {
		open := kept(t, from)
		for _, after := range []int64{0, 4} {
			_, err := runMove(t, from, to, func(o *move.Options) {
				var err error
				if o.Audit, err = move.Hold(t.Context(), o.From, open); err != nil {
					t.Fatal(err)
				}
				o.From = cut{o.From, after}
			})
			if !errors.Is(err, audit.ErrBroken) || !strings.Contains(err.Error(), "batch 5, which was sealed") || done(t, to) {
				t.Errorf("what came after batch %d is gone: %v", after, err)
			}
		}
		from.exec(t, "DELETE FROM audit_seal")
		to = map[string]func(testing.TB) *database{"sqlite": inFile, "postgres": inPostgres}[to.kind](t)
		_, err := runMove(t, from, to, func(o *move.Options) {
			var err error
			if o.Audit, err = move.Hold(t.Context(), o.From, nil); err != nil {
				t.Fatal(err)
			}
			o.From = cut{o.From, 4}
		})
		if !errors.Is(err, audit.ErrBroken) || !strings.Contains(err.Error(), "before the head that was noted") || done(t, to) {
			t.Errorf("without a seal: %v", err)
		}
	})
}
