package main

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/auth"
	"modernc.org/sqlite"
)

// How many rows are made durable at once: as many as callers of the login wait
// together, which is the most that there can be; and as many as the store really
// finds waiting, since half of the callers compute while the others are written.
const (
	rawMost = callers
	rawHalf = callers / 2
)

// insertRaw writes all columns of a session, in the order of the schema.
const insertRaw = `INSERT INTO sessions (id, ends, principal, uses, expire_on_new, issued, cap, idle, digest, dialect, app, source, attrs)
	VALUES (?, ?, ?, 0, 0, ?, ?, 0, ?, 'electa', '', ?, '')`

// raw is the ceiling of durable logins: one connection of the same SQLite, below
// database/sql, that inserts the rows of sessions with one prepared statement,
// 32 or 64 to a transaction, with full fsync; another connection copies the log into
// the file meanwhile, as the store has it done. There is no audit, no list of a
// principal's sessions, and nobody waits for an answer.
type raw struct {
	conn, checkpoints     driver.Conn
	begin, insert, commit driver.Stmt
	copyLog               driver.Stmt
	next                  uint64
}

func openRaw(ctx context.Context, dir string) (_ *raw, err error) {
	r := &raw{next: 1 << 40} // above all that were leased, as a login's are
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("raw: %w", err), r.close())
		}
	}()
	path := "file:" + filepath.Join(dir, databaseFile)
	for _, c := range []*driver.Conn{&r.conn, &r.checkpoints} {
		if *c, err = new(sqlite.Driver).Open(path); err != nil {
			return nil, err
		}
		for _, p := range []string{"busy_timeout = 5000", "journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0", "cache_size = -32768"} {
			s, err := (*c).Prepare("PRAGMA " + p)
			if err == nil {
				err = errors.Join(execute(ctx, s), s.Close())
			}
			if err != nil {
				return nil, err
			}
		}
	}
	for _, s := range []struct {
		conn driver.Conn
		to   *driver.Stmt
		text string
	}{
		{r.conn, &r.begin, "BEGIN IMMEDIATE"}, {r.conn, &r.insert, insertRaw}, {r.conn, &r.commit, "COMMIT"},
		{r.checkpoints, &r.copyLog, "PRAGMA wal_checkpoint(PASSIVE)"},
	} {
		if *s.to, err = s.conn.Prepare(s.text); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *raw) close() error {
	var errs []error
	for _, s := range []driver.Stmt{r.begin, r.insert, r.commit, r.copyLog} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	for _, c := range []driver.Conn{r.checkpoints, r.conn} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

func execute(ctx context.Context, s driver.Stmt, args ...driver.NamedValue) error {
	_, err := s.(driver.StmtExecContext).ExecContext(ctx, args)
	return err
}

// run writes for a while and returns rows a second.
func (r *raw) run(ctx context.Context, window time.Duration, size int) (rate float64, err error) {
	background := context.WithoutCancel(ctx) // a context that can end costs a goroutine a statement
	nudge, stopped := make(chan struct{}, 1), make(chan error, 1)
	go func() { stopped <- r.copyAtNudges(background, nudge) }()
	defer func() {
		close(nudge)
		err = errors.Join(err, <-stopped)
	}()
	now := time.Now()
	row := newRawRow(now)
	rows, end := 0, now.Add(window)
	for commits := 1; time.Now().Before(end); commits++ {
		if err := r.group(background, row, size); err != nil {
			return 0, err
		}
		rows += size
		if commits%64 == 0 { // as often as the store
			select {
			case nudge <- struct{}{}:
			default:
			}
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
	return float64(rows) / time.Since(now).Seconds(), nil
}

func (r *raw) copyAtNudges(ctx context.Context, nudge <-chan struct{}) error {
	var errs []error
	for range nudge {
		errs = append(errs, execute(ctx, r.copyLog))
	}
	return errors.Join(errs...)
}

// group makes one transaction durable.
func (r *raw) group(ctx context.Context, row *rawRow, size int) error {
	if err := execute(ctx, r.begin); err != nil {
		return err
	}
	for range size {
		r.next++
		if err := execute(ctx, r.insert, row.number(r.next)...); err != nil {
			return err
		}
	}
	return execute(ctx, r.commit)
}

// rawRow is a session's row, changed in place: making it is no part of the
// ceiling.
type rawRow struct {
	digest [32]byte
	args   []driver.NamedValue
}

func newRawRow(now time.Time) *rawRow {
	issued, ends := now.UnixMicro(), now.Add(24*time.Hour).UnixMicro()
	w := &rawRow{}
	address, _ := source.MarshalBinary() // never fails
	for i, v := range []driver.Value{int64(0), ends, int64(0), issued, ends, w.digest[:], address} {
		w.args = append(w.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return w
}

func (w *rawRow) number(id uint64) []driver.NamedValue {
	w.args[0].Value, w.args[2].Value = int64(auth.SessionID(id)), int64(1+id*7919%accounts)
	for i := 0; i < len(w.digest); i += 8 { // as random as a digest, for less
		binary.LittleEndian.PutUint64(w.digest[i:], id*0x9e3779b97f4a7c15>>i)
	}
	return w.args
}
