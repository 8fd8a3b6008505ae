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

	"github.com/sallyport/sallyport/apply"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/secret"
)

// ApplyOptions say what [Apply] applies to what.
type ApplyOptions struct {
	File   string    // the customers; "-": they are read from In
	In     io.Reader // nil: standard input
	Data   string    // database, created if it is not there
	Keys   string    // key set, created with the database
	DryRun bool      // only say what would be done
	Actor  string    // who does it, for the audit
	JSON   bool      // write one JSON object, at the end, instead of lines for people
	Out    io.Writer
	Log    io.Writer // what was created besides, and warnings; nil: standard error
}

// Apply brings the customers in a database to what a file says, and writes what
// it does to Out: the difference, and the secrets that were made, which are
// shown this once. Servers on the database obey within a second.
func Apply(ctx context.Context, o ApplyOptions) error {
	o.Log = logTo(o.Log)
	file, err := o.load()
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
	return o.apply(ctx, file)
}

func (o *ApplyOptions) load() (*apply.File, error) {
	switch {
	case o.File != "-":
		return apply.Load(o.File)
	case o.In == nil:
		o.In = os.Stdin
	}
	return apply.Read("standard input", o.In)
}

func (o *ApplyOptions) apply(ctx context.Context, file *apply.File) (err error) {
	log := newLogger(o.Log, slog.LevelWarn, "text")
	none, err := missingDatabase(o.Data)
	if err != nil {
		return err
	}
	newKeys, newData := !o.DryRun && missing(o.Keys), !o.DryRun && none
	keys, err := openKeys(o.Keys, o.Data, log)
	if err != nil {
		return err
	}
	if newKeys {
		_, _ = fmt.Fprintf(o.Log, "created a new key set %s: back it up, apart from the database\n", o.Keys)
	}
	store, err := openStore(ctx, o.Data, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if newData {
		_, _ = fmt.Fprintf(o.Log, "created a new database %s\n", databaseName(o.Data))
	}
	plan, err := apply.Make(ctx, store, file, apply.Options{Keys: keys, Actor: o.Actor})
	if err != nil {
		return err
	}
	if !o.JSON {
		if err := plan.Write(o.Out); err != nil { // before anything is done
			return err
		}
	}
	told := outcome{DryRun: o.DryRun, Changes: append([]apply.Change{}, plan.Changes()...), Remarks: plan.Remarks(), Unchanged: plan.Unchanged()}
	if o.DryRun {
		told.WouldMake = plan.Generates()
		return tell(o.Out, o.JSON, &told)
	}
	done, err := execute(ctx, plan, store, keys, log)
	if err != nil {
		return err
	}
	told.Ended = done.Ended
	for _, g := range done.Generated {
		told.Secrets = append(told.Secrets, madeSecret{g.Account + "/" + g.Key, g.Secret})
	}
	return tell(o.Out, o.JSON, &told)
}

// outcome is what applying a file did, or would do.
type outcome struct {
	DryRun    bool           `json:"dry_run"`
	Changes   []apply.Change `json:"changes"`
	Remarks   []string       `json:"remarks,omitempty"`
	Unchanged int            `json:"unchanged"`
	Ended     int            `json:"ended"`                // sessions
	Secrets   []madeSecret   `json:"secrets,omitempty"`    // that were made, shown this once
	WouldMake []string       `json:"would_make,omitempty"` // keys for which a secret would be made
}

type madeSecret struct {
	Key    string `json:"key"` // path, such as ACME/123456/main
	Secret string `json:"secret"`
}

// people is what is told behind the difference.
func (o *outcome) people() string {
	var b strings.Builder
	for _, key := range o.WouldMake {
		fmt.Fprintf(&b, "a secret would be made for key %s, and shown once\n", key)
	}
	if o.DryRun {
		b.WriteString("nothing was changed: this was a dry run\n")
	}
	switch {
	case o.Ended == 1:
		b.WriteString("1 session was ended\n")
	case o.Ended > 1:
		fmt.Fprintf(&b, "%d sessions were ended\n", o.Ended)
	}
	for _, s := range o.Secrets {
		fmt.Fprintf(&b, "secret of key %s, shown this once: %s\n", s.Key, s.Secret)
	}
	return b.String()
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// elsewhere lets a dry run without a database happen in a temporary one: looking
// must not create anything.
func (o *ApplyOptions) elsewhere() (leave func(), err error) {
	if none, err := missingDatabase(o.Data); !none || err != nil {
		return func() {}, err
	}
	dir, err := os.MkdirTemp("", "sallyport-dry-run-")
	if err != nil {
		return nil, err
	}
	o.Data = filepath.Join(dir, "sallyport.db")
	if missing(o.Keys) {
		o.Keys = filepath.Join(dir, "keys.json")
	}
	return func() { _ = os.RemoveAll(dir) }, nil
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
	_, err = execute(ctx, plan, store, keys, l)
	return err
}

// execute carries out a plan on a store that no server has opened, maybe: a new one
// is sealed before anything is in it, and any with what it has at the end.
func execute(ctx context.Context, plan *apply.Plan, store auth.Store, keys *secret.Keys, log *slog.Logger) (apply.Outcome, error) {
	if err := auth.SealNew(ctx, store, keys); err != nil {
		return apply.Outcome{}, err
	}
	done, err := plan.Execute(ctx)
	if err == nil {
		auth.SealEnd(ctx, store, keys, log)
	}
	return done, err
}
