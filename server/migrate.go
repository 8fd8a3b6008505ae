package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/move"
	"github.com/sallyport/sallyport/store/postgres"
	"github.com/sallyport/sallyport/store/sqlite"
)

// MigrateOptions say what [MigrateStore] moves where. Databases are named
// sqlite:FILE and postgres:URL.
type MigrateOptions struct {
	From, To string
	Keys     string // key set of the database; "": keys.json beside the file, if it is there
	Actor    string // who does it, for the audit
	Progress func(MigrateProgress)
	Log      io.Writer // warnings; nil: standard error
}

// MigrateProgress is how far a move is.
type MigrateProgress = move.Progress

// MigrateReport is what a move did. Its names are for programs and do not change.
type MigrateReport struct {
	From    string       `json:"from"`
	To      string       `json:"to"`
	Already bool         `json:"already"` // it was complete before, and nothing was done
	Rows    int64        `json:"rows"`    // of all tables
	Earlier int64        `json:"earlier"` // of rows, those that an earlier run had copied
	Tables  []move.Count `json:"tables,omitempty"`
	Head    string       `json:"head,omitempty"` // of the audit, as audit verify takes it
	Keys    bool         `json:"keys"`           // the key set was looked at, and fits

	// Unsealed says that nothing vouches for the audit, before and after: see
	// [audit.Unsealed].
	Unsealed bool `json:"unsealed,omitempty"`
}

// Doubt is what people are told of an audit that nothing vouches for; "" of another.
func (r *MigrateReport) Doubt() string {
	if !r.Unsealed {
		return ""
	}
	return "whether the audit is whole nobody can tell: it is " + audit.Unsealed
}

// ErrUseOthers says that a move is not what is wanted.
var ErrUseOthers = errors.New("a move is from a file into PostgreSQL or back")

// MigrateStore moves everything from one database into another that is empty, or
// goes on with a move that was interrupted. No server may run on the source, and
// none can on the target before every row in it was compared with the source. The
// source stays as it is. Its audit is held to its seal first: the error wraps
// [audit.ErrBroken] if it is not whole, or is [move.ErrSealed] if there is no key set
// to tell.
func MigrateStore(ctx context.Context, o MigrateOptions) (MigrateReport, error) {
	m := &migration{MigrateOptions: o, log: newLogger(logTo(o.Log), slog.LevelWarn, "text")}
	report, err := m.run(ctx)
	if err != nil && ctx.Err() != nil {
		return report, fmt.Errorf("interrupted: run migrate-store again and it goes on: %w", err)
	}
	return report, err
}

type migration struct {
	MigrateOptions
	log      *slog.Logger
	from, to string       // as the configuration names them
	keys     *secret.Keys // of the database; nil: none was named, and none is there
}

func (m *migration) run(ctx context.Context) (r MigrateReport, err error) {
	if m.from, err = databaseOf(m.From); err != nil {
		return r, fmt.Errorf("--from: %w", err)
	}
	if m.to, err = databaseOf(m.To); err != nil {
		return r, fmt.Errorf("--to: %w", err)
	}
	if postgres.Is(m.from) == postgres.Is(m.to) {
		return r, fmt.Errorf("%w: for files there are sallyport backup and restore, for PostgreSQL pg_dump and pg_restore", ErrUseOthers)
	}
	r.From, r.To = titled(m.from), titled(m.to)
	for _, name := range []string{m.from, m.to} {
		lock, err := lockForMove(name, name == m.from)
		if err != nil {
			return r, err
		}
		if lock != nil {
			defer func() { _ = lock.Close() }()
		}
	}
	if err := m.move(ctx, &r); err != nil || r.Already {
		return r, err
	}
	return r, m.record(ctx, r.From)
}

// databaseOf is a database as the configuration names it, of how a move does.
func databaseOf(name string) (string, error) {
	if path, is := strings.CutPrefix(name, "sqlite:"); is && path != "" {
		return filepath.Abs(path)
	}
	url := name
	if rest := strings.TrimPrefix(name, "postgres:"); postgres.Is(rest) {
		url = rest
	}
	switch {
	case !postgres.Is(url):
		return "", fmt.Errorf("%w: name it sqlite:FILE or postgres://user@host:5432/database", auth.ErrInvalid)
	case postgres.TellsPassword(url):
		return "", fmt.Errorf("%w: everybody on this machine can read the password in the URL: write it into the file that PGPASSFILE names", auth.ErrInvalid)
	}
	return url, nil
}

// titled is a database's name for people, with its kind and without secrets.
func titled(name string) string {
	if postgres.Is(name) {
		return databaseName(name)
	}
	return "sqlite:" + name
}

// lockForMove keeps servers from a database in a file while it is moved.
func lockForMove(name string, source bool) (*os.File, error) {
	if source && !postgres.Is(name) && missing(name) {
		return nil, fmt.Errorf("--from: there is no database %s (%w)", name, fs.ErrNotExist)
	}
	lock, err := lockDatabase(name)
	if errors.Is(err, ErrServed) {
		return nil, fmt.Errorf("%w: stop it first, and do not start it again before the move is done (%s)", ErrServed, name)
	}
	return lock, err
}

// move looks whether the key set fits and the audit is whole, before anything is
// made, and moves.
func (m *migration) move(ctx context.Context, r *MigrateReport) (err error) {
	from, err := openSource(ctx, m.from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if err := m.findKeys(ctx, from); err != nil {
		return err
	}
	held, err := m.hold(ctx, from)
	if err != nil {
		return err
	}
	r.Keys, r.Unsealed = m.keys != nil, held.Unsealed
	to, err := openTarget(ctx, m.to, m.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	done, err := move.Run(ctx, move.Options{From: from, To: to, Name: r.From, Now: auth.SystemClock, Progress: m.Progress, Audit: held})
	r.Already, r.Rows, r.Earlier, r.Tables = done.Already, done.Rows, done.Earlier, done.Tables
	if done.Newest.Seq > 0 {
		r.Head = fmt.Sprintf("%d-%x", done.Newest.Seq, done.Newest.Chain)
	}
	return err
}

// openSource opens a database to be moved.
func openSource(ctx context.Context, name string) (move.Source, error) {
	if postgres.Is(name) {
		s, err := postgres.OpenSource(ctx, name)
		if err != nil {
			return nil, err // not s, which would be an interface that is not nil
		}
		return s, nil
	}
	s, err := sqlite.OpenSource(ctx, name)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// openTarget opens a database to be moved into.
func openTarget(ctx context.Context, name string, log *slog.Logger) (move.Target, error) {
	if postgres.Is(name) {
		s, err := postgres.OpenTarget(ctx, name, log)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := sqlite.OpenTarget(ctx, name, log)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// findKeys reads the key set, and refuses one without which API keys of the database
// are void.
func (m *migration) findKeys(ctx context.Context, s move.Source) error {
	path := m.Keys
	if path == "" {
		file := m.from
		if postgres.Is(file) {
			file = m.to
		}
		if path = filepath.Join(filepath.Dir(file), initKeys); missing(path) {
			return nil
		}
	}
	set, err := secret.LoadKeys(path)
	if err != nil {
		return fmt.Errorf("--keys: %w", err)
	}
	peppers, err := move.Peppers(ctx, s)
	if err != nil {
		return err
	}
	if err := fits(set, peppers); err != nil {
		return fmt.Errorf("--keys: %s: %w", path, err)
	}
	m.keys = set
	return nil
}

// hold refuses an audit that is not whole: after the move it would look as if
// somebody had vouched for it.
func (m *migration) hold(ctx context.Context, s move.Source) (*move.Audit, error) {
	var open move.OpenSeal
	if m.keys != nil {
		open = move.OpenSeal(sealUnder(m.keys))
	}
	held, err := move.Hold(ctx, s, open)
	switch {
	case errors.Is(err, move.ErrSealed):
		return nil, fmt.Errorf("%w: name the key set with --keys", err)
	case errors.Is(err, audit.ErrBroken):
		return nil, fmt.Errorf("the audit of %s is not moved: %w: move a database in which it is whole, such as a restored backup, "+
			"and ask who could write this one", titled(m.from), err)
	}
	return held, err
}

// record opens the target as a server does, and notes in its audit where what is
// before that came from.
func (m *migration) record(ctx context.Context, from string) (err error) {
	store, err := openStore(ctx, m.to, m.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	err = store.Update(ctx, func(tx auth.Tx) error {
		return tx.Record(audit.Event{At: auth.SystemClock(), Kind: audit.Change, Actor: m.Actor, Reason: "move",
			Detail: "everything before this was moved here from " + from})
	})
	if err == nil && m.keys != nil {
		auth.SealEnd(ctx, store, m.keys, m.log)
	}
	return err
}
