package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/sqlite"
)

// BackupOptions say where [Backup] copies to.
type BackupOptions struct {
	To   string // new file
	Keys string // new file for a copy of the key set; "": none is made
	JSON bool   // write one JSON object instead of words for people
	Out  io.Writer
}

// Backup copies the database that a configuration names into a new file, checks
// the copy, and writes what is in it. The server may run meanwhile. The key set
// is not in the copy.
func Backup(ctx context.Context, cfg *config.Config, o BackupOptions) error {
	if err := needFile(cfg.Data, "pg_dump, or a base backup and the archive of its log"); err != nil {
		return err
	}
	if err := oneName(cfg.Data); err != nil {
		return err
	}
	set, err := secret.LoadKeys(cfg.Keys)
	if err != nil {
		return err
	}
	found, err := sqlite.Backup(ctx, cfg.Data, o.To, sealUnder(set))
	misfit := fits(set, found.Peppers)
	switch {
	case misfit != nil && err == nil:
		return errors.Join(misfit, os.Remove(o.To))
	case misfit != nil: // under another key set the seal does not open
		return misfit
	case err != nil:
		return err
	}
	if o.Keys != "" {
		if err := set.SaveNew(o.Keys); err != nil {
			return err
		}
	}
	told := backedUp{To: o.To, KeysTo: o.Keys, contents: contentsOf(&found)}
	if !found.Newest.IsZero() {
		told.Newest = &found.Newest
	}
	return tell(o.Out, o.JSON, &told)
}

// contents are the numbers of what is in a copy.
type contents struct {
	Accounts int  `json:"accounts"`
	Keys     int  `json:"keys"`
	Users    int  `json:"users"`
	Sessions int  `json:"sessions"`
	Events   int  `json:"events"`
	Unsealed bool `json:"unsealed,omitempty"` // the audit
}

// checked is what people are told of what was read to its end.
func (c *contents) checked() string {
	if c.Unsealed {
		return "checked but for whether the audit is whole: it is " + audit.Unsealed
	}
	return "checked"
}

// sealUnder opens the audit's seal under a key set.
func sealUnder(set *secret.Keys) sqlite.OpenSeal {
	return func(text string) (audit.Seal, error) { return auth.OpenSeal(set, text) }
}

func contentsOf(c *sqlite.Contents) contents {
	return contents{c.Accounts, c.Keys, c.Users, c.Sessions, c.Events, c.Unsealed}
}

// backedUp is what a backup made.
type backedUp struct {
	To     string `json:"to"`
	KeysTo string `json:"keys_to,omitempty"`
	contents
	Newest *time.Time `json:"newest,omitempty"` // event of the audit
}

func (b *backedUp) people() string {
	newest := "none"
	if b.Newest != nil {
		newest = b.Newest.Format(time.RFC3339)
	}
	hint := "the key set was not copied: back it up apart, without it nothing in the copy can be checked"
	if b.KeysTo != "" {
		hint = "key set copied to " + b.KeysTo + ": keep it apart from the database"
	}
	return fmt.Sprintf("backed up to %s: %d accounts, %d keys, %d users, %d sessions, %d audit events (newest: %s), %s\n%s\n",
		b.To, b.Accounts, b.Keys, b.Users, b.Sessions, b.Events, newest, b.checked(), hint)
}

// fits refuses a key set that does not know all peppers of a database.
func fits(set *secret.Keys, peppers []uint32) error {
	for _, p := range peppers {
		if _, known := set.KeyDigestUnder(p, ""); !known {
			return fmt.Errorf("%w: it lacks a key that API keys in it were made with: restore the key set that belongs to it", auth.ErrForeignKeys)
		}
	}
	return nil
}

// RestoreOptions say what [Restore] restores.
type RestoreOptions struct {
	From         string // file that Backup wrote
	Replace      bool   // a database that is there is moved aside; false: refused
	KeepSessions bool   // sessions of the backup go on, those that were ended since included
	Actor        string // who does it, for the audit
	JSON         bool   // write one JSON object instead of words for people
	Out          io.Writer
}

// ErrThere says that there is a database already.
var ErrThere = errors.New("there is a database already")

// Restore puts a backup in the place of the database that a configuration names.
// The server must not run. The backup is checked first, from end to end, and so
// is that the key set fits; until then nothing is touched. Sessions are ended
// unless told otherwise: the backup does not know which were ended after it.
func Restore(ctx context.Context, cfg *config.Config, o RestoreOptions) error {
	if err := needFile(cfg.Data, "pg_restore, into an empty database, while no server runs on it"); err != nil {
		return err
	}
	lock, err := lockDatabase(cfg.Data)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if !o.Replace && !missing(cfg.Data) {
		return fmt.Errorf("%w: %s: say --replace to move it aside", ErrThere, cfg.Data)
	}
	set, err := secret.LoadKeys(cfg.Keys)
	if err != nil {
		return fmt.Errorf("%w: restore the key set first", err)
	}
	copied := cfg.Data + ".restoring"
	defer removeDatabase(copied)
	if err := copyFile(o.From, copied); err != nil {
		return err
	}
	found, err := sqlite.Inspect(ctx, copied, sealUnder(set))
	if misfit := fits(set, found.Peppers); misfit != nil { // under another key set the seal does not open
		return misfit
	}
	if err != nil {
		return err
	}
	ended, err := openCopy(ctx, copied, set, &o)
	if err != nil {
		return err
	}
	if err := sqlite.NewHistory(copied); err != nil {
		return err
	}
	if !missing(copied + "-wal") { // a rename would leave behind what is in it
		return errors.New("restoring: the copy could not be closed whole, nothing was changed")
	}
	aside, err := moveAside(cfg.Data)
	if err != nil {
		return err
	}
	if err := os.Rename(copied, cfg.Data); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(cfg.Data)); err != nil {
		return err
	}
	told := restored{From: o.From, contents: contentsOf(&found), Ended: ended, Kept: o.KeepSessions, Aside: aside}
	return tell(o.Out, o.JSON, &told)
}

// openCopy makes the copy a database that a server can open, and ends its sessions.
func openCopy(ctx context.Context, path string, keys *secret.Keys, o *RestoreOptions) (ended int, err error) {
	log := slog.New(slog.DiscardHandler)
	store, err := openStore(ctx, path, log)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	err = store.Update(ctx, func(tx auth.Tx) error {
		if ended = 0; !o.KeepSessions {
			var err error
			if ended, err = endAll(tx); err != nil {
				return err
			}
		}
		return tx.Record(audit.Event{At: auth.SystemClock(), Kind: audit.Change, Actor: o.Actor, Reason: "restore",
			Detail: "the database was restored from a backup", Count: ended})
	})
	if err == nil {
		auth.SealEnd(ctx, store, keys, log)
	}
	return ended, err
}

func syncDir(path string) error {
	dir, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// endAll ends every session of every tenant.
func endAll(tx auth.Tx) (n int, err error) {
	tenants, err := tx.Accounts(0)
	if err != nil {
		return 0, err
	}
	for _, t := range tenants {
		ended, err := tx.End(auth.End{Account: t.ID})
		if err != nil {
			return 0, err
		}
		n += ended
	}
	return n, nil
}

// restored is what a restore did.
type restored struct {
	From string `json:"from"`
	contents
	Ended int    `json:"ended"`         // sessions
	Kept  bool   `json:"sessions_kept"` // those of the backup go on
	Aside string `json:"aside,omitempty"`
}

func (r *restored) people() string {
	text := fmt.Sprintf("restored from %s: %d accounts, %d keys, %d users, %d audit events, %s\n", r.From, r.Accounts, r.Keys, r.Users, r.Events, r.checked())
	if r.Kept {
		text += fmt.Sprintf("%d sessions go on, those that were ended after the backup included\n", r.Sessions)
	} else {
		text += fmt.Sprintf("%d sessions were ended: clients log in again\n", r.Ended)
	}
	if r.Aside != "" {
		text += "the database that was there is " + r.Aside + " now\n"
	}
	return text
}

// databaseFiles are what a database is made of.
var databaseFiles = []string{"", "-wal", "-shm"}

// moveAside renames a database; "" if there is none.
func moveAside(path string) (aside string, err error) {
	if missing(path) {
		return "", nil
	}
	aside = path + ".before-restore-" + auth.SystemClock().UTC().Format("20060102T150405Z")
	for _, suffix := range databaseFiles {
		if missing(path + suffix) {
			continue
		}
		if err := os.Rename(path+suffix, aside+suffix); err != nil {
			return "", fmt.Errorf("moving the database aside: %w", err)
		}
	}
	return aside, nil
}

func removeDatabase(path string) {
	for _, suffix := range databaseFiles {
		_ = os.Remove(path + suffix) // what was renamed is not there
	}
}

// copyFile copies into a new file, mode 0600, durably.
func copyFile(from, to string) (err error) {
	removeDatabase(to) // of a restore that was interrupted
	in, err := os.Open(filepath.Clean(from))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(filepath.Clean(to), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
