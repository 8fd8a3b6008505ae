package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/sqlite"
)

// The customers: one tenant for each dialect that is measured.
const (
	electaTenant = "BENCH-ELECTA"
	calampTenant = "BENCH-CALAMP"
	accounts     = 1000   // of Electa, with a key each
	firstNumber  = 100001 // of those accounts
	users        = 256    // of CalAmp
	calampApp    = "c0ffee00-0000-4000-8000-000000000001"
	userPassword = "correct horse battery staple"

	tokens = 4096 // of each dialect, that a load goes round
)

// source is where requests say that they come from.
var source = netip.AddrFrom4([4]byte{198, 51, 100, 7})

// world is what the measurements know of the customers.
type world struct {
	dir     string // with a database of the customers and no session, and the key set
	keys    *secret.Keys
	secrets []string           // of the account with that index
	key     []auth.PrincipalID // of the same
	user    []auth.PrincipalID
	electa  []token // live in the loaded database
	calamp  []token
}

// token is one that a client holds.
type token struct {
	session auth.SessionID
	owner   int // index of its account or user
	wire    string
}

const (
	databaseFile = "sallyport.db"
	keysFile     = "keys.json"
)

// customers makes the database that all others are copies of.
func (b *bench) customers(ctx context.Context) (_ *world, err error) {
	if b.made.world != nil {
		return b.made.world, nil
	}
	w, err := newWorld(filepath.Join(b.dir, "customers"))
	if err != nil {
		return nil, err
	}
	store, err := openDatabase(ctx, w.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	b.made.world = w
	return w, w.put(ctx, store)
}

// newWorld makes a directory with a key set.
func newWorld(dir string) (w *world, err error) {
	w = &world{dir: dir}
	if err := os.Mkdir(w.dir, 0o700); err != nil {
		return nil, err
	}
	if w.keys, err = secret.GenerateKeys(); err != nil {
		return nil, err
	}
	return w, w.keys.SaveNew(filepath.Join(w.dir, keysFile))
}

// put makes the customers.
func (w *world) put(ctx context.Context, store auth.Store) error {
	hash, err := secret.NewHasher(1, 0).Hash(ctx, userPassword)
	if err != nil {
		return err
	}
	return store.Update(ctx, func(tx auth.Tx) error {
		w.secrets, w.key, w.user = nil, nil, nil
		return errors.Join(w.putElecta(tx), w.putCalAmp(tx, hash))
	})
}

func openDatabase(ctx context.Context, dir string) (*sqlite.Store, error) {
	return sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, databaseFile), Logger: slog.New(slog.DiscardHandler)})
}

func (w *world) putElecta(tx auth.Tx) error {
	tenant := auth.Account{Level: auth.Tenant, Code: electaTenant}
	if err := tx.PutAccount(&tenant); err != nil {
		return err
	}
	for i := range accounts {
		a := auth.Account{Level: auth.Organization, Tenant: tenant.ID, Parent: tenant.ID, Number: firstNumber + int64(i)}
		if err := tx.PutAccount(&a); err != nil {
			return err
		}
		s := secret.NewKeySecret()
		k := auth.Key{Account: a.ID, Name: "main", Digest: w.keys.KeyDigest(s), Pepper: w.keys.Pepper(), Created: time.Now().UTC().Truncate(time.Microsecond)}
		if err := tx.PutKey(&k); err != nil {
			return err
		}
		w.secrets, w.key = append(w.secrets, s), append(w.key, k.ID)
	}
	return nil
}

// putCalAmp gives all users one password and one hash of it, because making
// hundreds takes seconds and checking one does not depend on the others.
func (w *world) putCalAmp(tx auth.Tx, hash string) error {
	tenant := auth.Account{Level: auth.Tenant, Code: calampTenant}
	if err := tx.PutAccount(&tenant); err != nil {
		return err
	}
	if err := tx.PutApp(&auth.App{Key: calampApp, Account: tenant.ID, Name: "bench"}); err != nil {
		return err
	}
	for i := range users {
		u := auth.User{Tenant: tenant.ID, Account: tenant.ID, Name: userName(i), Password: hash, Active: true}
		if err := tx.PutUser(&u); err != nil {
			return err
		}
		w.user = append(w.user, u.ID)
	}
	return nil
}

func userName(i int) string { return fmt.Sprintf("user%04d@bench.example", i) }

// sessionRow is a session as a login by one of the customers leaves it.
func sessionRow(id auth.SessionID, digest secret.Digest, who auth.PrincipalID, dialect string, issued time.Time) auth.SessionRow {
	ends := issued.Add(24 * time.Hour) // no one expires while we measure
	return auth.SessionRow{ID: id, Digest: digest, Principal: who, Dialect: dialect, Source: source,
		Life: auth.Life{Issued: issued, Ends: ends, Cap: ends}}
}

// loaded makes the database with all sessions, once, and returns its directory.
func (b *bench) loaded(ctx context.Context) (string, error) {
	if b.made.loaded != "" {
		return b.made.loaded, nil
	}
	w, err := b.customers(ctx)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(os.Stderr, "bench: making %d sessions\n", b.sessions)
	dir, err := b.copyOf(w.dir, "loaded")
	if err != nil {
		return "", err
	}
	store, err := openDatabase(ctx, dir)
	if err != nil {
		return "", err
	}
	if err := errors.Join(w.fill(ctx, store, b.sessions), store.Close()); err != nil {
		return "", fmt.Errorf("making sessions: %w", err)
	}
	b.made.loaded = dir
	return dir, nil
}

// fill begins n sessions. Every so many gets a real token; the others have a
// digest that no token is known to have.
func (w *world) fill(ctx context.Context, store auth.Store, n int) error {
	first, err := store.Lease(ctx, uint64(n))
	if err != nil {
		return err
	}
	const setSize = 2000
	each := max(n/(2*tokens), 1)
	issued := time.Now().UTC().Truncate(time.Microsecond)
	var digest secret.Digest
	for i := 0; i < n; {
		var set auth.WriteSet
		for ; i < n && len(set.Begin) < setSize; i++ {
			id, owner, dialect := first+auth.SessionID(i), w.key[i%accounts], "electa"
			_, _ = rand.Read(digest[:]) // never fails
			switch i % (2 * each) {
			case 0:
				t := token{session: id, owner: i % accounts}
				t.wire, digest = w.keys.Mint(secret.FormGUID, uint64(id))
				w.electa = append(w.electa, t)
			case each:
				t := token{session: id, owner: i % users}
				t.wire, digest = w.keys.Mint(secret.FormSeries, uint64(id))
				w.calamp = append(w.calamp, t)
				owner, dialect = w.user[t.owner], "calamp"
			}
			set.Begin = append(set.Begin, sessionRow(id, digest, owner, dialect, issued))
		}
		if _, err := store.Apply(ctx, &set); err != nil {
			return err
		}
	}
	return nil
}

// copyOf copies database and key set to a directory of their own, down to the
// disk: writing them out must not slow down what is measured next.
func (b *bench) copyOf(from, name string) (string, error) {
	to := filepath.Join(b.dir, name)
	if err := os.Mkdir(to, 0o700); err != nil {
		return "", err
	}
	for _, file := range []string{databaseFile, keysFile} {
		if err := copyFile(filepath.Join(from, file), filepath.Join(to, file)); err != nil {
			return "", err
		}
	}
	return to, nil
}

func copyFile(from, to string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // only read
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	if _, err := io.Copy(dst, src); err != nil {
		return err
	}
	return dst.Sync()
}
