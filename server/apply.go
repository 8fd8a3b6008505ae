package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/apply"
	"github.com/sallyport/sallyport/config"
)

// ApplyOptions say what [Apply] applies to what.
type ApplyOptions struct {
	File   string // the customers
	Data   string // database, created if it is not there
	Keys   string // key set, created with the database
	DryRun bool   // only say what would be done
	Actor  string // who does it, for the audit
	Out    io.Writer
	Log    io.Writer // nil: standard error
}

// Apply brings the customers in a database to what a file says, and writes what
// it does to Out: the difference, and the secrets that were made, which are
// shown this once. Servers on the database obey within a second.
func Apply(ctx context.Context, o ApplyOptions) (err error) {
	file, err := apply.Load(o.File)
	if err != nil {
		return err
	}
	if o.DryRun {
		leave, err := o.elsewhere()
		if err != nil {
			return err
		}
		defer leave()
	}
	log := newLogger(logTo(o.Log), slog.LevelWarn, "text")
	keys, err := openKeys(o.Keys, o.Data, log)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, o.Data, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	plan, err := apply.Make(ctx, store, file, apply.Options{Keys: keys, Actor: o.Actor})
	if err != nil {
		return err
	}
	if err := plan.Write(o.Out); err != nil || o.DryRun {
		return err
	}
	done, err := plan.Execute(ctx)
	if err != nil {
		return err
	}
	return tell(o.Out, done)
}

// elsewhere lets a dry run without a database happen in a temporary one: looking
// must not create anything.
func (o *ApplyOptions) elsewhere() (leave func(), err error) {
	if _, err := os.Stat(o.Data); !errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	}
	dir, err := os.MkdirTemp("", "sallyport-dry-run-")
	if err != nil {
		return nil, err
	}
	o.Data = filepath.Join(dir, "sallyport.db")
	if _, err := os.Stat(o.Keys); errors.Is(err, fs.ErrNotExist) {
		o.Keys = filepath.Join(dir, "keys.json")
	}
	return func() { _ = os.RemoveAll(dir) }, nil
}

func tell(w io.Writer, done apply.Outcome) error {
	if done.Ended > 0 {
		if _, err := fmt.Fprintf(w, "%d sessions were ended\n", done.Ended); err != nil {
			return err
		}
	}
	for _, g := range done.Generated {
		if _, err := fmt.Fprintf(w, "secret of key %s/%s, shown this once: %s\n", g.Account, g.Key, g.Secret); err != nil {
			return err
		}
	}
	return nil
}

// applyDemo makes the demo's customers.
func applyDemo(ctx context.Context, cfg *config.Config, log io.Writer) (err error) {
	l := newLogger(logTo(log), level(cfg.Log.Level), cfg.Log.Format)
	keys, err := openKeys(cfg.Keys, cfg.Data, l)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, cfg.Data, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	file, err := apply.Parse("demo.yaml", apply.Demo())
	if err != nil {
		return err
	}
	plan, err := apply.Make(ctx, store, file, apply.Options{Keys: keys, Actor: "demo"})
	if err != nil {
		return err
	}
	_, err = plan.Execute(ctx)
	return err
}

// Operator is the name of whoever runs this program, for the audit.
func Operator() string { return cmp.Or(os.Getenv("SUDO_USER"), os.Getenv("USER"), "operator") }
