package move

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// Bounds of one part, which is one transaction: what of a part was written when
// the move is killed is written again.
const (
	partRows  = 5000
	partBytes = 4 << 20
)

// Phase is what a move is at.
type Phase string

// The phases of a move.
const (
	Copying  Phase = "copying"
	Checking Phase = "checking"
)

// Progress is how far a phase has come, in rows of all tables.
type Progress struct {
	Phase   Phase
	Table   string
	Earlier int64 // of Rows, those that an earlier run copied
	Rows    int64 // until now
	Total   int64
}

// Options say what is moved where.
type Options struct {
	From     Source
	To       Target
	Name     string           // of the source, for people; no secret
	Now      func() time.Time // for the mark
	Progress func(Progress)   // called now and then; nil: nobody looks
	Audit    *Audit           // of the source, as Hold found it; nil: the target's is held to its chain alone
}

// Count is how many rows of a table were moved.
type Count struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
}

// Report is what a move did.
type Report struct {
	Tables  []Count
	Rows    int64 // of all tables
	Earlier int64 // of Rows, those that an earlier run copied
	Already bool  // it was complete before; nothing was done
	Newest  audit.Batch
}

// Run moves everything, or goes on with a move that was interrupted, and marks the
// target complete once each of its rows was read back and is as in the source. It
// wraps [ErrNotEmpty], [ErrOther], [audit.ErrBroken] or a [*DifferenceError].
func Run(ctx context.Context, o Options) (Report, error) {
	m := &mover{Options: o}
	if o.Audit == nil {
		m.Audit = new(Audit)
	}
	m.walk = audit.NewWalk(&m.Audit.held)
	whose, err := identity(ctx, o.From)
	if err != nil {
		return m.report, err
	}
	mark, err := o.To.Mark(ctx)
	if err != nil {
		return m.report, err
	}
	switch {
	case mark.Source == "":
		err = o.To.Begin(ctx, Mark{Source: whose, Name: o.Name, Began: o.Now()})
	case !mark.Done.IsZero() && mark.Source == whose:
		m.report.Already = true
		return m.report, nil
	case !mark.Done.IsZero():
		err = fmt.Errorf("%w (%s was moved into it, done %s)", ErrNotEmpty, mark.Name, mark.Done.Format(time.RFC3339))
	case mark.Source != whose:
		err = fmt.Errorf("%w (%s, begun %s)", ErrOther, mark.Name, mark.Began.Format(time.RFC3339))
	}
	if err != nil {
		return m.report, err
	}
	if err := m.move(ctx); err != nil {
		return m.report, err
	}
	return m.report, o.To.Finish(ctx, o.Now())
}

// identity tells a source from others, and from itself at another time. Changes to
// records and ends of sessions stand in audit and feed, and a server that only
// starts draws ids.
func identity(ctx context.Context, s Source) (string, error) {
	h := sha256.New()
	for _, name := range []string{auditTable, feedTable} {
		r, err := s.Newest(ctx, Named(name))
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(h, "%s %#v\n", name, []any(r))
	}
	for r, err := range s.Rows(ctx, Named(countersTable), nil) {
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(h, "%s %#v\n", countersTable, []any(r))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Peppers are those under which a store has API keys, each once.
func Peppers(ctx context.Context, s Source) (list []uint32, err error) {
	t := Named(keysTable)
	at, seen := t.at("pepper"), map[uint32]bool{}
	for r, err := range s.Rows(ctx, t, nil) {
		if err != nil {
			return nil, err
		}
		if p := uint32(r[at].(int64)); !seen[p] {
			seen[p] = true
			list = append(list, p)
		}
	}
	return list, nil
}

type mover struct {
	Options
	report Report
	at     Progress
	walk   *audit.Walk // over the target's audit
}

func (m *mover) move(ctx context.Context) error {
	for i := range Tables {
		rows, err := m.From.Count(ctx, &Tables[i])
		if err != nil {
			return err
		}
		there, err := m.To.Count(ctx, &Tables[i])
		if err != nil {
			return err
		}
		m.report.Tables = append(m.report.Tables, Count{Tables[i].Name, rows})
		m.report.Rows += rows
		m.report.Earlier += there
	}
	m.at = Progress{Phase: Copying, Earlier: m.report.Earlier, Rows: m.report.Earlier, Total: m.report.Rows}
	for i := range Tables {
		if err := m.copy(ctx, &Tables[i]); err != nil {
			return fmt.Errorf("copying table %s: %w", Tables[i].Name, err)
		}
	}
	m.at = Progress{Phase: Checking, Total: m.report.Rows}
	for i := range Tables {
		if err := m.check(ctx, &Tables[i]); err != nil {
			return fmt.Errorf("checking: %w", err)
		}
	}
	return nil
}

// moved tells of some rows more.
func (m *mover) moved(t *Table, rows int) {
	m.at.Table = t.Name
	m.at.Rows += int64(rows)
	if m.Progress != nil {
		m.Progress(m.at)
	}
}

// copy copies what of a table is not there yet, a part at a time.
func (m *mover) copy(ctx context.Context, t *Table) error {
	newest, err := m.To.Newest(ctx, t)
	if err != nil {
		return err
	}
	var part []Row
	size := 0
	load := func() error {
		if err := m.To.Load(ctx, t, part); err != nil {
			return fmt.Errorf("%s and those before it: %w", t.Describe(part[len(part)-1]), err)
		}
		m.moved(t, len(part))
		clear(part) // so that the rows can be collected
		part, size = part[:0], 0
		return nil
	}
	for r, err := range m.From.Rows(ctx, t, t.KeyOf(newest)) {
		if err != nil {
			return err
		}
		part, size = append(part, r), size+r.size()
		if len(part) < partRows && size < partBytes {
			continue
		}
		if err := load(); err != nil {
			return err
		}
	}
	if len(part) == 0 {
		return nil
	}
	return load()
}

// check reads a table on both sides, next to each other.
func (m *mover) check(ctx context.Context, t *Table) error {
	next, stop := iter.Pull2(m.To.Rows(ctx, t, nil))
	defer stop()
	rows := 0
	for want, err := range m.From.Rows(ctx, t, nil) {
		if err != nil {
			return err
		}
		got, err, _ := next()
		if err != nil {
			return err
		}
		if err := t.agree(want, got); err != nil {
			return err
		}
		if t.Name == auditTable {
			if err := m.chained(t, got); err != nil {
				return err
			}
		}
		if rows++; rows == partRows {
			m.moved(t, rows)
			rows = 0
		}
	}
	extra, err, _ := next()
	switch {
	case err != nil:
		return err
	case extra != nil:
		return t.difference(extra, "it is not in the source")
	case t.Name == auditTable:
		if _, err := m.walk.Sound(); err != nil {
			return err
		}
	}
	m.moved(t, rows)
	return nil
}

// agree compares a row of the source with what stands in its place.
func (t *Table) agree(want, got Row) error {
	switch {
	case got == nil || t.compare(want, got) < 0:
		return t.difference(want, "it is not in the target")
	case t.compare(want, got) > 0:
		return t.difference(got, "it is not in the source")
	}
	if column := t.differing(want, got); column != "" {
		return t.difference(want, "column "+column+" differs")
	}
	return nil
}
