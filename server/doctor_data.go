package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/move"
	"github.com/sallyport/sallyport/store/postgres"
	"github.com/sallyport/sallyport/store/sqlite"
)

// manyKeys is where a key set is nearly full: it takes 32.
const manyKeys = 28

// keys looks at the key set, and who owns what.
func (d *doctor) keys(context.Context) {
	d.owners()
	set, err := secret.LoadKeys(d.cfg.Keys)
	switch {
	case errors.Is(err, fs.ErrNotExist) && d.noDatabase():
		d.warn("keys", "nothing, if this server is new: the first start makes both", "neither key set nor database is there yet: %s, %s", d.cfg.Keys, databaseName(d.cfg.Data))
	case errors.Is(err, fs.ErrNotExist):
		d.bad("keys", "restore it from its backup: a new one would void every API key and token", "there is a database and no key set %s", d.cfg.Keys)
	case err != nil:
		d.bad("keys", "the message says how", "%v", err)
	case set.Len() >= manyKeys:
		d.warn("keys", "take out the oldest, once nothing that it made is needed", "the key set has %d keys, and takes 32", set.Len())
	default:
		d.fine("keys", "%s, keys: %d", d.cfg.Keys, set.Len())
	}
}

// database looks at the database from end to end, and at the clock by what is in
// it.
func (d *doctor) database(ctx context.Context) {
	if unsynchronized() {
		d.warn("clock", "run chrony or systemd-timesyncd: sessions and locks end by the clock, and so do one-time codes", "nothing keeps this machine's clock right, the kernel says")
	}
	if postgres.Is(d.cfg.Data) {
		d.inPostgres(ctx)
		return
	}
	if missing(d.cfg.Data) {
		if !missing(d.cfg.Keys) {
			d.warn("database", "nothing, if this server is new: the first start makes it; else restore it with sallyport restore", "there is no database %s yet", d.cfg.Data)
		}
		return
	}
	since := len(d.found)
	for _, suffix := range databaseFiles {
		d.private("database", d.cfg.Data+suffix)
	}
	at, err := sqlite.Look(ctx, d.cfg.Data)
	if err != nil {
		d.bad("database", mendDatabase(err), "%v", err)
		return
	}
	d.clock(at.Newest)
	switch {
	case at.Schema > at.Known:
		d.bad("database", "use the newer sallyport, or restore a backup of this version's", "the schema has version %d, this program knows up to %d", at.Schema, at.Known)
		return
	case at.Schema < at.Known:
		d.warn("database", "make a backup, then start the server: it brings the schema up to date", "the schema has version %d, this program's is %d", at.Schema, at.Known)
	}
	if at.Moving != nil {
		d.bad("database", mendMove, "%s: %v", d.cfg.Data, at.Moving)
		return
	}
	set, none := secret.LoadKeys(d.cfg.Keys)
	var open sqlite.OpenSeal
	if none == nil {
		open = sealUnder(set)
	}
	found, err := sqlite.Inspect(ctx, d.cfg.Data, open)
	if !d.fits(found.Peppers) && errors.Is(err, audit.ErrBroken) { // no seal opens under another's key set
		found, err = sqlite.Inspect(ctx, d.cfg.Data, nil)
	}
	if err != nil {
		d.bad("database", mendDatabase(err), "%v", err)
		return
	}
	switch {
	case none != nil:
		d.warn("database", "mend the key set, and run this again", "the seal of the audit was not looked at, without the key set: that none of it was taken away was not checked")
	case found.Unsealed:
		d.warn("database", "start the server, which seals it; if one has run, ask who can write the database", "the audit is %s", audit.Unsealed)
	}
	if !d.troubled(since) {
		d.fine("database", "%s was read to its end: accounts %d, keys %d, users %d, sessions %d, audit events %d",
			d.cfg.Data, found.Accounts, found.Keys, found.Users, found.Sessions, found.Events)
	}
	d.people(at.Powers)
}

// fits says of a key set what a server that starts with it does, and returns false
// if it is another database's.
func (d *doctor) fits(peppers []uint32) bool {
	const mend = "restore the key set that belongs to the database"
	set, err := secret.LoadKeys(d.cfg.Keys)
	if err != nil {
		return true // told already
	}
	unknown, err := auth.UnknownPeppers(set, peppers)
	switch {
	case err != nil:
		d.bad("keys", mend, "%v", err)
	case len(unknown) > 0:
		d.warn("keys", "copy the newer keys.json from another server of this database; without one, "+mend+", or give these clients new API keys", "some API keys were made with a key that is no longer in the key set: they cannot log in (keys lost: %d)", len(unknown))
	}
	return err == nil
}

// noDatabase says whether it is certain that there is none.
func (d *doctor) noDatabase() bool {
	none, err := missingDatabase(d.cfg.Data)
	return none && err == nil
}

// inPostgres looks at a database in PostgreSQL: whether it can be reached, takes writes,
// has a schema that this program knows and API keys that the key set does. The rest
// is for its own tools to say.
func (d *doctor) inPostgres(ctx context.Context) {
	name := databaseName(d.cfg.Data)
	have, known, err := postgres.Schema(ctx, d.cfg.Data)
	switch {
	case err != nil:
		d.bad("database", "the message says how", "%v", err)
	case have > known:
		d.bad("database", "use the newer sallyport", "the schema of %s has version %d, this program knows up to %d", name, have, known)
	case have == 0:
		d.warn("database", "nothing, if this server is new: the first start makes the tables", "%s can be reached and is empty", name)
	case have < known:
		d.warn("database", "make a backup, then start the server: it brings the schema up to date", "the schema of %s has version %d, this program's is %d", name, have, known)
		d.fitsPostgres(ctx)
	case d.moving(ctx):
	case d.fitsPostgres(ctx):
		d.fine("database", "%s can be reached, takes writes and has schema %d; but for which keys it needs, what is in it was not read", name, have)
	}
}

// fitsPostgres looks at the key set, and says whether the database told which keys
// it needs.
func (d *doctor) fitsPostgres(ctx context.Context) bool {
	peppers, err := postgres.Peppers(ctx, d.cfg.Data)
	if err != nil {
		d.bad("database", "the message says how", "%v", err)
		return false
	}
	d.fits(peppers)
	return true
}

// mendMove is what to do about half a database.
const mendMove = "run the same sallyport migrate-store again: it goes on where it was"

// moving says whether another database is still being moved into that in
// PostgreSQL.
func (d *doctor) moving(ctx context.Context) bool {
	err := postgres.Unfinished(ctx, d.cfg.Data)
	switch {
	case errors.Is(err, move.ErrUnfinished):
		d.bad("database", mendMove, "%v", err)
	case err != nil:
		d.bad("database", "the message says how", "%v", err)
	}
	return err != nil
}

// mendDatabase says what to do about a database that was not read to its end. That
// it could not be read is no damage.
func mendDatabase(err error) string {
	switch {
	case errors.Is(err, sqlite.ErrDamaged), errors.Is(err, audit.ErrBroken):
		return "stop the server and put a backup in its place, with sallyport restore"
	case errors.Is(err, sqlite.ErrForeign):
		return "name another file as data"
	}
	return "run this again, as the server's user"
}

// ahead is how far the newest event may lie in the future: it was written by this
// machine.
const ahead = 5 * time.Second

// clock compares the machine's with the newest event of the audit.
func (d *doctor) clock(newest time.Time) {
	if early := newest.Sub(d.now); early > ahead {
		d.bad("clock", "set the clock, and keep it with a time server: until then sessions and locks live too long",
			"the newest event of the audit is %s in the future: the clock was put back", early.Round(time.Second))
		return
	}
	d.fine("clock", "it is %s, after everything in the audit", d.now.UTC().Format(time.RFC3339))
}

// people looks at those who have power over the server.
func (d *doctor) people(powers []sqlite.Power) {
	owners := 0
	for i := range powers {
		p := &powers[i]
		if p.Role == auth.Owner && p.Everywhere {
			owners++
		}
		who := fmt.Sprintf("key %s/%s (%s)", p.Account, p.Name, p.Role)
		if p.User {
			who = fmt.Sprintf("user %s of %s (%s)", p.Name, p.Account, p.Role)
		}
		administers := p.Role != auth.Verifier
		switch {
		case p.User && administers && !p.Factor:
			d.warn("people", "sign in at the console: it asks for one", "%s has no second factor yet", who)
		case !p.User && administers && p.Anywhere:
			d.warn("people", "give the key networks", "%s is taken from every address", who)
		case !p.Expires.IsZero() && p.Expires.Before(d.now):
			d.warn("people", "give the key a later expiry, or remove it", "%s expired on %s", who, day(p.Expires))
		}
	}
	if owners == 0 {
		d.warn("people", "apply a file with a user whose role is owner, everywhere", "nobody owns this server: administration is sallyport apply alone")
	} else {
		d.fine("people", "owners of the whole server: %d, others with a role: %d", owners, len(powers)-owners)
	}
}

// tenants are the codes of those in the database, and whether each is disabled;
// nil: they cannot be read, which others tell.
func (d *doctor) tenants(ctx context.Context) map[string]bool {
	at, err := sqlite.Look(ctx, filepath.Clean(d.cfg.Data))
	if err != nil {
		return nil
	}
	found := make(map[string]bool, len(at.Tenants))
	for i := range at.Tenants {
		found[at.Tenants[i].Code] = at.Tenants[i].Disabled
	}
	return found
}
