package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/store/move"
)

// Moving is a database that is moved, or moved into. One goroutine at a time may
// use it.
type Moving struct {
	conn *pgx.Conn
	tx   pgx.Tx // in which a source is read; nil of a target
	name string // for people
}

var _ move.Target = (*Moving)(nil)

// mover is what moves are called in pg_stat_activity; everybody else is called
// "sallyport" there, unless the URL says otherwise.
const mover = "sallyport migrate-store"

// How long others may take to get out of the way of a move: servers that have
// just stopped, and, in PostgreSQL's words, its own vacuum, which lets go of its
// locks after a second.
const (
	leaveLimit = 5 * time.Second
	lockLimit  = "10s"
)

// OpenSource opens a database to move what is in it elsewhere. Until Close nobody
// can write to it, and it is not written to. A server that is connected to it is
// [ErrConnected]; one that does not connect before the end cannot be seen. It
// wraps [move.ErrSchema] or [move.ErrUnfinished] too.
func OpenSource(ctx context.Context, url string) (*Moving, error) {
	m, err := connectMoving(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	if err := m.hold(ctx); err != nil {
		return nil, errors.Join(m.explain("opening "+m.name, err), m.Close())
	}
	return m, nil
}

// hold looks whether a database can be moved, and locks it.
func (m *Moving) hold(ctx context.Context) error {
	own, err := newSchema(nil)
	if err != nil {
		return err
	}
	have, err := version(ctx, m.conn)
	switch {
	case err != nil || have > own.newest:
		return own.check(have, err)
	case have < own.newest:
		return fmt.Errorf("%w (version %d, this program's is %d)", move.ErrSchema, have, own.newest)
	}
	if err := unfinished(ctx, m.conn); err != nil {
		return err
	}
	if err := m.alone(ctx); err != nil {
		return err
	}
	if m.tx, err = m.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}); err != nil {
		return err
	}
	names := make([]string, len(move.Tables))
	for i := range move.Tables {
		names[i] = move.Tables[i].Name
	}
	for _, statement := range []string{"SET LOCAL lock_timeout = '" + lockLimit + "'", "SET LOCAL statement_timeout = 0", "SET LOCAL idle_in_transaction_session_timeout = 0",
		// Before anything is read, so that what is read is what is locked.
		"LOCK TABLE " + strings.Join(names, ", ") + " IN SHARE ROW EXCLUSIVE MODE"} {
		if _, err := m.tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// alone refuses a database that servers are connected to. One that has just
// stopped is given a moment: its connections end a little later than it does.
func (m *Moving) alone(ctx context.Context) error {
	patient, cancel := context.WithTimeout(ctx, leaveLimit)
	defer cancel()
	for {
		servers := 0
		err := m.conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sallyport'").Scan(&servers)
		switch {
		case err != nil || servers == 0:
			return err
		case pause(patient, maxWait) != nil:
			return fmt.Errorf("%w (connections: %d): stop all of them first", ErrConnected, servers)
		}
	}
}

// OpenTarget opens a database to move into, and makes its tables if there are
// none.
func OpenTarget(ctx context.Context, url string, log *slog.Logger) (*Moving, error) {
	return connectMoving(ctx, url, log)
}

// connectMoving connects, and with a logger brings the schema up to date.
func connectMoving(ctx context.Context, url string, log *slog.Logger) (*Moving, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.RuntimeParams["application_name"] = mover
	m := &Moving{name: Redact(url)}
	if m.conn, err = pgx.ConnectConfig(ctx, config.ConnConfig); err != nil {
		return nil, explain("opening "+m.name, answered(err, true))
	}
	if log == nil {
		return m, nil
	}
	own, err := newSchema(nil)
	if err == nil {
		err = own.migrate(ctx, m.conn, config.ConnConfig, log)
	}
	if err != nil {
		return nil, errors.Join(m.explain("opening "+m.name, err), m.Close())
	}
	return m, nil
}

// Close ends the transaction of a source and closes the connection.
func (m *Moving) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = m.conn.Close(ctx) // what was open in it is undone, and what is done is done
	return nil
}

func (m *Moving) explain(tried string, err error) error {
	return explain(tried, answered(err, m.conn.IsClosed()))
}

// unfinished refuses what a move into it has not made whole.
func unfinished(ctx context.Context, conn *pgx.Conn) error {
	mark, err := readMark(ctx, conn)
	return errors.Join(err, mark.Unfinished())
}

func readMark(ctx context.Context, conn *pgx.Conn) (m move.Mark, err error) {
	var began, done int64
	err = conn.QueryRow(ctx, "SELECT source, name, began, done FROM moves ORDER BY began DESC LIMIT 1").Scan(&m.Source, &m.Name, &began, &done)
	if errors.Is(err, pgx.ErrNoRows) {
		return m, nil
	}
	m.Began, m.Done = fromMicros(began), fromMicros(done)
	return m, err
}

// Mark is that of the move into it; see [move.Target].
func (m *Moving) Mark(ctx context.Context) (move.Mark, error) {
	mark, err := readMark(ctx, m.conn)
	return mark, m.explain("reading how far a move is", err)
}

// Rows reads a table; see [move.Source].
func (m *Moving) Rows(ctx context.Context, t *move.Table, after move.Row) iter.Seq2[move.Row, error] {
	return func(yield func(move.Row, error) bool) {
		query := "SELECT " + selected(t) + " FROM " + t.Name
		var args []any
		if after != nil {
			list := make([]string, t.Key)
			for i, v := range after {
				list[i] = fmt.Sprintf("$%d", i+1)
				args = append(args, stored(t.Columns[i].Kind, v))
			}
			query += " WHERE (" + ordered(t, "") + ") > (" + strings.Join(list, ", ") + ")"
		}
		more := true
		err := m.reading(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, query+" ORDER BY "+ordered(t, ""), args...)
			if err != nil {
				return err
			}
			defer rows.Close()
			for more && rows.Next() {
				r, err := moved(t, rows)
				if err != nil {
					return err
				}
				more = yield(r, nil)
			}
			return rows.Err()
		})
		if more && err != nil {
			yield(nil, m.explain("reading table "+t.Name, err))
		}
	}
}

// reading calls f in the transaction of a source, or else in one that may take its
// time.
func (m *Moving) reading(ctx context.Context, f func(pgx.Tx) error) error {
	if m.tx != nil {
		return f(m.tx)
	}
	tx, err := m.conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // there is nothing to commit
	if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
		return err
	}
	return f(tx)
}

// Newest reads the last row of a table; see [move.Source].
func (m *Moving) Newest(ctx context.Context, t *move.Table) (last move.Row, err error) {
	err = m.reading(ctx, func(tx pgx.Tx) error {
		last, _, err = one(ctx, tx, func(r pgx.CollectableRow) (move.Row, error) { return moved(t, r) },
			"SELECT "+selected(t)+" FROM "+t.Name+" ORDER BY "+ordered(t, " DESC")+" LIMIT 1")
		return err
	})
	return last, m.explain("reading table "+t.Name, err)
}

// Count counts the rows of a table; see [move.Source].
func (m *Moving) Count(ctx context.Context, t *move.Table) (n int64, err error) {
	err = m.reading(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, "SELECT count(*) FROM "+t.Name).Scan(&n) })
	return n, m.explain("counting table "+t.Name, err)
}

// Begin marks a new database; see [move.Target]. Who draws an id at that moment
// has changed the counter, or finds none.
func (m *Moving) Begin(ctx context.Context, mark move.Mark) error {
	err := pgx.BeginFunc(ctx, m.conn, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "DELETE FROM counters WHERE next = 1")
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return move.ErrNotEmpty
		}
		for i := range move.Tables {
			name, found := move.Tables[i].Name, false
			if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+name+")").Scan(&found); err != nil {
				return err
			}
			if found {
				return fmt.Errorf("%w (table %s)", move.ErrNotEmpty, name)
			}
		}
		_, err = tx.Exec(ctx, "INSERT INTO moves (source, name, began, done) VALUES ($1, $2, $3, 0)", mark.Source, mark.Name, micros(mark.Began))
		return err
	})
	return m.explain("beginning a move", err)
}

// Load writes rows, in one statement; see [move.Target].
func (m *Moving) Load(ctx context.Context, t *move.Table, rows []move.Row) error {
	for _, r := range rows {
		if column := unfit(t, r); column != "" {
			return fmt.Errorf("postgres: %w: %s: column %s holds bytes that no text in PostgreSQL can hold: change it in the source", auth.ErrInvalid, t.Describe(r), column)
		}
	}
	_, err := m.conn.CopyFrom(ctx, pgx.Identifier{t.Name}, t.Names(), pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
		out := make([]any, len(t.Columns))
		for j, v := range rows[i] {
			out[j] = stored(t.Columns[j].Kind, v)
		}
		return out, nil
	}))
	if err == nil {
		return nil
	}
	// PostgreSQL does not tell which value it is that a column cannot hold.
	if unheld, e := m.unheld(ctx, t, rows); e == nil && unheld != nil {
		return unheld
	}
	return m.explain("writing table "+t.Name, err)
}

// unheld looks for a number that is too large for its column, and names it, as an
// error. nil: there is none.
func (m *Moving) unheld(ctx context.Context, t *move.Table, rows []move.Row) (unheld, err error) {
	found, err := m.conn.Query(ctx, "SELECT column_name::text, CASE data_type WHEN 'smallint' THEN 32767 ELSE 2147483647 END FROM information_schema.columns "+
		"WHERE table_schema = current_schema() AND table_name = $1 AND data_type IN ('smallint', 'integer')", t.Name)
	if err != nil {
		return nil, err
	}
	most, name, limit := map[string]int64{}, "", int64(0)
	if _, err := pgx.ForEachRow(found, []any{&name, &limit}, func() error { most[name] = limit; return nil }); err != nil {
		return nil, err
	}
	for _, r := range rows {
		for i, c := range t.Columns {
			limit, narrow := most[c.Name]
			if n, is := r[i].(int64); is && narrow && (n > limit || n < -limit-1) {
				return fmt.Errorf("postgres: %w: %s: column %s holds %d, and in PostgreSQL it can hold no more than %d: change it in the source",
					auth.ErrInvalid, t.Describe(r), c.Name, n, limit), nil
			}
		}
	}
	return nil, nil
}

// unfit is the first column whose text PostgreSQL would refuse, without saying of
// which row; "": none.
func unfit(t *move.Table, r move.Row) string {
	for i, c := range t.Columns {
		if c.Kind != move.Text {
			continue
		}
		if s := r[i].(string); !utf8.ValidString(s) || strings.Contains(s, "\x00") {
			return c.Name
		}
	}
	return ""
}

// Finish marks the move done; see [move.Target].
func (m *Moving) Finish(ctx context.Context, at time.Time) error {
	_, err := m.conn.Exec(ctx, "UPDATE moves SET done = $1 WHERE done = 0", micros(at))
	return m.explain("finishing a move", err)
}

// Unfinished says what of a move into a database is not done: an error that wraps
// [move.ErrUnfinished], or nil. The schema has to be this program's.
func Unfinished(ctx context.Context, url string) error {
	m, err := connectMoving(ctx, url, nil)
	if err != nil {
		return err
	}
	return errors.Join(m.explain("looking at "+m.name, unfinished(ctx, m.conn)), m.Close())
}

// selected are the columns of a table, numbers all of one width.
func selected(t *move.Table) string {
	list := t.Names()
	for i, c := range t.Columns {
		if c.Kind == move.Int || c.Kind == move.OptionalInt {
			list[i] += "::bigint"
		}
	}
	return strings.Join(list, ", ")
}

// ordered are the columns of a table's key, texts byte by byte.
func ordered(t *move.Table, direction string) string {
	list := make([]string, t.Key)
	for i, c := range t.Columns[:t.Key] {
		if list[i] = c.Name; c.Kind == move.Text {
			list[i] += ` COLLATE "C"`
		}
		list[i] += direction
	}
	return strings.Join(list, ", ")
}

// moved is a row as it is handed over.
func moved(t *move.Table, r pgx.CollectableRow) (move.Row, error) {
	out, err := r.Values()
	if err != nil {
		return nil, err
	}
	for i, c := range t.Columns {
		if c.Kind == move.Raw {
			out[i] = string(out[i].([]byte))
		}
	}
	return out, nil
}

// stored is a value as this store keeps it.
func stored(k move.Kind, v any) any {
	if k == move.Raw {
		return []byte(v.(string))
	}
	return v
}
