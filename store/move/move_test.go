//go:build unix

package move_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/store/move"
	"github.com/sallyport/sallyport/store/postgres"
	"github.com/sallyport/sallyport/store/postgres/pgtest"
	"github.com/sallyport/sallyport/store/sqlite"
)

var (
	quiet  = slog.New(slog.DiscardHandler)
	shared *pgtest.Cluster // nil: there is no PostgreSQL here
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	cluster, err := pgtest.Start(context.Background())
	switch {
	case errors.Is(err, pgtest.ErrMissing):
		fmt.Println("tests of moves between stores are skipped:", err)
	case err != nil:
		fmt.Println(err)
		return 1
	default:
		defer func() { _ = cluster.Stop() }()
		shared = cluster
	}
	return m.Run()
}

// database is one of the stores under test, which the other is moved into.
type database struct {
	kind string
	name string // file or URL
}

// inFile and inPostgres are new databases.
func inFile(t testing.TB) *database {
	return &database{"sqlite", filepath.Join(t.TempDir(), "sallyport.db")}
}

func inPostgres(t testing.TB) *database {
	t.Helper()
	if shared == nil {
		t.Skip("PostgreSQL is ", pgtest.ErrMissing)
	}
	d := &database{"postgres", shared.URL("postgres")}
	name := fmt.Sprintf("m%d", time.Now().UnixNano())
	d.exec(t, "CREATE DATABASE "+name)
	d.name = shared.URL(name)
	return d
}

func (d *database) exec(t testing.TB, statement string) {
	t.Helper()
	var err error
	if d.kind == "sqlite" {
		err = execute(d.name, statement)
	} else {
		var c *pgx.Conn
		if c, err = pgx.Connect(context.Background(), d.name); err == nil {
			_, err = c.Exec(context.Background(), statement)
			_ = c.Close(context.Background())
		}
	}
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (d *database) open(t testing.TB) (s auth.Store, err error) {
	t.Helper()
	if d.kind == "sqlite" {
		return sqlite.Open(context.Background(), sqlite.Options{Path: d.name, Logger: quiet})
	}
	return postgres.Open(context.Background(), postgres.Options{URL: d.name, Logger: quiet})
}

// use opens the store, which has to be one to serve, and closes it again.
func (d *database) use(t testing.TB, f func(auth.Store)) {
	t.Helper()
	s, err := d.open(t)
	if err != nil {
		t.Fatal(err)
	}
	f(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func (d *database) source(t testing.TB) move.Source {
	t.Helper()
	s, err := d.trySource()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (d *database) trySource() (move.Source, error) {
	if d.kind == "sqlite" {
		return noNil(sqlite.OpenSource(context.Background(), d.name))
	}
	return noNil(postgres.OpenSource(context.Background(), d.name))
}

func noNil[T move.Target](s T, err error) (move.Source, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (d *database) target(t testing.TB) (s move.Target) {
	t.Helper()
	var err error
	if d.kind == "sqlite" {
		s, err = sqlite.OpenTarget(context.Background(), d.name, quiet)
	} else {
		s, err = postgres.OpenTarget(context.Background(), d.name, quiet)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var moment = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// run moves one database into another. Whatever happens, both are closed.
func runMove(t testing.TB, from, to *database, change func(*move.Options)) (move.Report, error) {
	t.Helper()
	o := move.Options{From: from.source(t), To: to.target(t), Name: "the source", Now: func() time.Time { return moment }}
	defer func() {
		if err := errors.Join(o.From.Close(), o.To.Close()); err != nil {
			t.Error(err)
		}
	}()
	opened := o
	if change != nil {
		change(&o)
	}
	report, err := move.Run(context.Background(), o)
	o.From, o.To = opened.From, opened.To
	return report, err
}

func mustMove(t testing.TB, from, to *database) move.Report {
	t.Helper()
	report, err := runMove(t, from, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// contents are all rows of a database.
func contents(t testing.TB, d *database) map[string][]move.Row {
	t.Helper()
	s := d.source(t)
	defer func() { _ = s.Close() }()
	all := map[string][]move.Row{}
	for i := range move.Tables {
		for r, err := range s.Rows(context.Background(), &move.Tables[i], nil) {
			if err != nil {
				t.Fatal(err)
			}
			all[move.Tables[i].Name] = append(all[move.Tables[i].Name], r)
		}
	}
	return all
}

func equal(t testing.TB, got, want map[string][]move.Row) {
	t.Helper()
	for _, table := range move.Tables {
		a, b := fmt.Sprintf("%#v", got[table.Name]), fmt.Sprintf("%#v", want[table.Name])
		if a != b {
			t.Errorf("table %s holds\n%s\nwant\n%s", table.Name, a, b)
		}
	}
}

// directions are both ways that there are.
func directions(t *testing.T, f func(t *testing.T, from, to *database)) {
	t.Run("to postgres", func(t *testing.T) { t.Parallel(); f(t, inFile(t), inPostgres(t)) })
	t.Run("to sqlite", func(t *testing.T) { t.Parallel(); f(t, inPostgres(t), inFile(t)) })
}

// Everything arrives as it was, in every column, and goes on from there.
func TestMove(t *testing.T) {
	directions(t, func(t *testing.T, from, to *database) {
		var latest auth.SessionID
		from.use(t, func(s auth.Store) { latest = populate(t, s) })
		want := contents(t, from)
		varied(t, want)
		report := mustMove(t, from, to)
		equal(t, contents(t, to), want)
		equal(t, contents(t, from), want)
		if n := len(want["sessions"]); report.Earlier != 0 || report.Already || report.Tables[5] != (move.Count{Table: "sessions", Rows: int64(n)}) {
			t.Errorf("the report says %+v", report)
		}
		batches := want["audit_batches"]
		if last := batches[len(batches)-1]; int64(report.Newest.Seq) != last[0] || !bytes.Equal(report.Newest.Chain[:], last[4].([]byte)) {
			t.Errorf("the audit ends with %d %x, want %v", report.Newest.Seq, report.Newest.Chain, last)
		}
		to.use(t, func(s auth.Store) { goesOn(t, s, want, latest) })
	})
}

// There and back again everything is as it was, and what happened between is
// there too.
func TestThereAndBack(t *testing.T) {
	from, to, back := inFile(t), inPostgres(t), inFile(t)
	from.use(t, func(s auth.Store) { populate(t, s) })
	mustMove(t, from, to)
	to.use(t, func(s auth.Store) { populate(t, s) })
	want := contents(t, to)
	mustMove(t, to, back)
	equal(t, contents(t, back), want)
	if len(want["sessions"]) <= len(contents(t, from)["sessions"]) {
		t.Error("nothing happened between")
	}
}

// An empty database is moved too: who begins may begin anywhere.
func TestMoveOfNothing(t *testing.T) {
	directions(t, func(t *testing.T, from, to *database) {
		from.use(t, func(auth.Store) {})
		if report := mustMove(t, from, to); report.Rows != 3 { // the counters
			t.Errorf("%+v", report)
		}
		to.use(t, func(s auth.Store) {
			if id, err := s.Lease(t.Context(), 1); id != 1 || err != nil {
				t.Errorf("the first id is %d, %v", id, err)
			}
		})
	})
}

// faulty is a target that is lost at some call, before or after what it does.
type faulty struct {
	move.Target
	left  *int
	after bool
}

var errLost = errors.New("lost")

func (f *faulty) call(do func() error) error {
	*f.left--
	if *f.left == 0 && !f.after {
		return errLost
	}
	err := do()
	if *f.left == 0 && err == nil {
		return errLost
	}
	return err
}

func (f *faulty) Begin(ctx context.Context, m move.Mark) error {
	return f.call(func() error { return f.Target.Begin(ctx, m) })
}

func (f *faulty) Load(ctx context.Context, t *move.Table, rows []move.Row) error {
	return f.call(func() error { return f.Target.Load(ctx, t, rows) })
}

func (f *faulty) Finish(ctx context.Context, at time.Time) error {
	return f.call(func() error { return f.Target.Finish(ctx, at) })
}

func (f *faulty) Rows(ctx context.Context, t *move.Table, after move.Row) iter.Seq2[move.Row, error] {
	rows := f.Target.Rows(ctx, t, after)
	return func(yield func(move.Row, error) bool) {
		if err := f.call(func() error { return nil }); err != nil {
			yield(nil, err)
			return
		}
		rows(yield)
	}
}

// A move that is lost at any point goes on from there, and until it is done
// nobody can serve what is there.
func TestMoveGoesOn(t *testing.T) {
	directions(t, func(t *testing.T, from, to *database) {
		from.use(t, func(s auth.Store) { populate(t, s) })
		want := contents(t, from)
		runs, earlier, step := 0, int64(0), 1
		if testing.Short() {
			step = 3
		}
		for lost := true; lost; runs++ {
			left := 1 + runs/2*step
			report, err := runMove(t, from, to, func(o *move.Options) { o.To = &faulty{o.To, &left, runs%2 == 1} })
			if lost = errors.Is(err, errLost); !lost && err != nil {
				t.Fatalf("run %d: %v", runs, err)
			}
			if report.Already {
				break // its last act was lost after it was done
			}
			if report.Earlier < earlier {
				t.Errorf("run %d began again: %d rows were there, then %d", runs, earlier, report.Earlier)
			}
			earlier = report.Earlier
			s, err := to.open(t)
			if err == nil {
				_ = s.Close()
			}
			// Before the first mark it is an empty database like any other.
			if lost && runs > 0 && !errors.Is(err, move.ErrUnfinished) && !done(t, to) {
				t.Errorf("run %d: it can be opened: %v", runs, err)
			}
			if lost && runs == 0 && err != nil {
				t.Errorf("nothing was begun: %v", err)
			}
		}
		if runs < 2*len(move.Tables)/step || earlier == 0 {
			t.Errorf("it was lost %d times only", runs)
		}
		equal(t, contents(t, to), want)
	})
}

// Who opened the target before the move began draws no id in it, and finds where
// ids go on when the move is done.
func TestNobodyDrawsMeanwhile(t *testing.T) {
	directions(t, func(t *testing.T, from, to *database) {
		var latest auth.SessionID
		from.use(t, func(s auth.Store) { latest = populate(t, s) })
		s, err := to.open(t)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		begun(t, from, to, 3)
		if id, err := s.Lease(t.Context(), 1); err == nil {
			t.Errorf("id %d was drawn while a move was under way", id)
		}
		mustMove(t, from, to)
		if id, err := s.Lease(t.Context(), 1); err != nil || id <= latest {
			t.Errorf("id %d after %d, %v", id, latest, err)
		}
	})
}

func done(t *testing.T, d *database) bool {
	t.Helper()
	s := d.target(t)
	defer func() { _ = s.Close() }()
	mark, err := s.Mark(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return !mark.Done.IsZero()
}

// Some part of a move is lost, so that it is not done.
func begun(t *testing.T, from, to *database, calls int) {
	t.Helper()
	if _, err := runMove(t, from, to, func(o *move.Options) { o.To = &faulty{o.To, &calls, true} }); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
}

// What is in the way of a move is refused, and nothing is changed.
func TestMoveIsRefused(t *testing.T) {
	directions(t, func(t *testing.T, from, to *database) {
		from.use(t, func(s auth.Store) { populate(t, s) })
		again := func() *database {
			if to.kind == "sqlite" {
				return inFile(t)
			}
			return inPostgres(t)
		}
		refuse := func(what string, to *database, want error) {
			t.Helper()
			if _, err := runMove(t, from, to, nil); !errors.Is(err, want) {
				t.Errorf("%s: %v", what, err)
			}
		}
		full := again()
		full.use(t, func(s auth.Store) { populate(t, s) })
		before := contents(t, full)
		refuse("a target with records", full, move.ErrNotEmpty)
		equal(t, contents(t, full), before)

		used := again()
		used.use(t, func(s auth.Store) {
			if _, err := s.Lease(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
		})
		refuse("a target that a server has started on", used, move.ErrNotEmpty)

		half := again()
		begun(t, from, half, 4)
		if _, err := half.trySource(); !errors.Is(err, move.ErrUnfinished) {
			t.Errorf("half a move as a source: %v", err)
		}
		from.use(t, func(s auth.Store) {
			if _, err := s.Lease(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
		})
		refuse("a source that was served since", half, move.ErrOther)

		mustMove(t, from, to)
		if report := mustMove(t, from, to); !report.Already {
			t.Errorf("moved twice: %+v", report)
		}
		from.use(t, func(s auth.Store) { populate(t, s) })
		refuse("a source that was served after the move", to, move.ErrNotEmpty)
	})
}

// While a database is moved nobody writes to it, and whoever does is waited for.
func TestSourceIsHeld(t *testing.T) {
	directions(t, func(t *testing.T, from, _ *database) {
		from.use(t, func(s auth.Store) { populate(t, s) })
		s, err := from.open(t)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Lease(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		held, err := from.trySource()
		if from.kind == "postgres" { // a file's server has a lock of its own
			if !errors.Is(err, postgres.ErrConnected) || errors.Is(err, auth.ErrBusy) {
				t.Errorf("a server is connected: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			held = from.source(t)
			if s, err = from.open(t); err != nil {
				t.Fatal(err)
			}
		} else if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = s.Update(ctx, func(tx auth.Tx) error { return tx.PutPolicy(&auth.Policy{Name: "late", Span: time.Hour}) })
		if err == nil {
			t.Error("the source was changed while it was read")
		}
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// Whatever is not as in the source is found, by table and key, and keeps the move
// from being done.
func TestDifferences(t *testing.T) {
	directions(t, func(t *testing.T, from, to *database) {
		from.use(t, func(s auth.Store) { populate(t, s) })
		yes := "true"
		if to.kind == "sqlite" {
			yes = "1"
		}
		fresh := true
		for _, c := range []struct{ spoil, mend, table, key, what string }{
			{"UPDATE sessions SET ends = ends + 1 WHERE id = 4", "UPDATE sessions SET ends = ends - 1 WHERE id = 4", "sessions", "4", "column ends differs"},
			{"UPDATE keys SET last_used = last_used + 1 WHERE id = 2", "UPDATE keys SET last_used = last_used - 1 WHERE id = 2", "keys", "2", "column last_used differs"},
			{"UPDATE policies SET never = " + yes + " WHERE name = 'week'", "", "policies", `"week"`, "column never differs"},
			{"INSERT INTO feed_marks (at, seq) VALUES (7, 0)", "DELETE FROM feed_marks WHERE at = 7", "feed_marks", "7", "it is not in the source"},
			{"DELETE FROM guards WHERE failures = 5", "", "guards", "00", "it is not in the target"},
		} {
			if fresh {
				begun(t, from, to, 2*len(move.Tables)) // everything was copied
			}
			to.exec(t, c.spoil)
			_, err := runMove(t, from, to, nil)
			var d *move.DifferenceError
			if !errors.As(err, &d) || d.Table != c.table || !strings.Contains(d.Key, "key "+c.key) || d.What != c.what || done(t, to) {
				t.Errorf("%s: %v", c.spoil, err)
			}
			if fresh = c.mend == ""; !fresh {
				to.exec(t, c.mend)
				continue
			}
			if to.kind == "sqlite" {
				to = inFile(t)
			} else {
				to = inPostgres(t)
			}
		}
		mustMove(t, from, to)
	})
}

// An audit that somebody altered is not said to be well because it was copied as
// it was.
func TestBrokenChain(t *testing.T) {
	directions(t, func(t *testing.T, from, to *database) {
		from.use(t, func(s auth.Store) { populate(t, s) })
		from.exec(t, map[string]string{"sqlite": "UPDATE audit_batches SET body = CAST('x' || body AS BLOB) WHERE seq = 3",
			"postgres": "UPDATE audit_batches SET body = 'x'::bytea || body WHERE seq = 3"}[from.kind])
		if _, err := runMove(t, from, to, nil); !errors.Is(err, audit.ErrBroken) || !strings.Contains(err.Error(), "batch 3") || done(t, to) {
			t.Errorf("%v", err)
		}
	})
}

// What PostgreSQL cannot hold is named.
func TestTextThatIsNone(t *testing.T) {
	from, to := inFile(t), inPostgres(t)
	from.use(t, func(s auth.Store) { populate(t, s) })
	from.exec(t, "UPDATE users SET full_name = CAST(x'41ff' AS TEXT) WHERE id = (SELECT min(id) FROM users)")
	_, err := runMove(t, from, to, nil)
	if !errors.Is(err, auth.ErrInvalid) || !strings.Contains(err.Error(), "table users, key ") || !strings.Contains(err.Error(), "column full_name") {
		t.Error(err)
	}
}
