package move

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Errors that callers test with errors.Is.
var (
	ErrUnfinished = errors.New("a move into this database is unfinished: run migrate-store again")
	ErrNotEmpty   = errors.New("the target is not empty: give the move an empty database")
	ErrOther      = errors.New("the unfinished move in the target is from another database, or from this one before it was changed: begin again with an empty one")
	ErrSchema     = errors.New("its schema is not this program's: start this program's server on it once and stop it")
)

// Source is a store whose rows are read. From when it was opened until it is
// closed nobody writes to it, and it is not written to by the move either. All
// its methods are called by one goroutine, and none while Rows is going on.
type Source interface {
	// Rows are the rows of a table with a greater key than after, which may be nil,
	// in the order of keys: numbers by value, the rest byte by byte. They are read
	// as they are taken, and belong to the caller.
	Rows(ctx context.Context, t *Table, after Row) iter.Seq2[Row, error]

	// Newest is the row with the greatest key, nil if there is none.
	Newest(ctx context.Context, t *Table) (Row, error)

	// Count is how many rows a table has.
	Count(ctx context.Context, t *Table) (int64, error)

	Close() error
}

// Target is a store that rows are written to. What a method wrote is durable when
// it returns.
type Target interface {
	Source

	// Mark is that of the move into it, the zero value if there was none.
	Mark(ctx context.Context) (Mark, error)

	// Begin writes the mark and removes the counters of a new database, in one
	// transaction. It is ErrNotEmpty if there is anything else in it, or a mark.
	Begin(ctx context.Context, m Mark) error

	// Load writes rows that come after all that the table has, all of them or none.
	Load(ctx context.Context, t *Table, rows []Row) error

	// Finish writes what the store derives from the rows, and when the move was
	// done, in one transaction.
	Finish(ctx context.Context, at time.Time) error
}

// Mark says in a target what is being moved into it.
type Mark struct {
	Source string    // its identity: what it held when the move began
	Name   string    // of the source, for people
	Began  time.Time // of the move
	Done   time.Time // zero: it is not
}

// Unfinished is an error that wraps [ErrUnfinished] while the move is not done.
func (m *Mark) Unfinished() error {
	if m.Source == "" || !m.Done.IsZero() {
		return nil
	}
	return fmt.Errorf("%w (from %s, begun %s)", ErrUnfinished, m.Name, m.Began.Format(time.RFC3339))
}
