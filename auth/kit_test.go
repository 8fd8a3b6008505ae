package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/sqlite"
)

// kit is a service over a real store, with accounts in it. All of it runs in
// the test's bubble, where time moves when everybody waits.
type kit struct {
	*testing.T
	dir     string
	keys    *secret.Keys
	hasher  *secret.Hasher
	store   *faulty
	service *auth.Service
	options auth.Options

	tenant, west, division, other auth.AccountID
	key, expireOnNew, user        auth.PrincipalID
}

const (
	goodSecret    = "UO86CN11XY73SF72TT40PG18ZE76VV71"
	onNewSecret   = "AB12CD34EF56GH78IJ90KL12MN34OP56"
	goodPassword  = "demo-password"
	goodApp       = "c0ffee00-0000-4000-8000-000000000001"
	otherTreesApp = "c0ffee00-0000-4000-8000-000000000002"
)

var (
	home  = netip.MustParseAddr("192.0.2.10")
	span  = auth.Policy{Name: "span", Span: 20 * time.Minute}
	fives = auth.Limits{Failures: 5, Window: 15 * time.Minute, Lock: 15 * time.Minute}
)

// newKit fills a fresh store with a small customer tree.
func newKit(t *testing.T) *kit {
	k := &kit{T: t, dir: t.TempDir(), hasher: secret.NewHasher(1, 8)}
	var err error
	if k.keys, err = secret.GenerateKeys(); err != nil {
		t.Fatal(err)
	}
	k.open()
	hash, err := k.hasher.Hash(t.Context(), goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	k.update(func(tx auth.Tx) error {
		put := func(a auth.Account) auth.AccountID {
			if err == nil {
				err = tx.PutAccount(&a)
			}
			return a.ID
		}
		k.tenant = put(auth.Account{Level: auth.Tenant, Code: "ACME", Number: 1})
		k.west = put(auth.Account{Level: auth.Organization, Tenant: k.tenant, Parent: k.tenant, Code: "ACME-WEST", Number: 123456})
		k.division = put(auth.Account{Level: auth.Division, Tenant: k.tenant, Parent: k.west, Code: "ACME-WEST-1"})
		k.other = put(auth.Account{Level: auth.Tenant, Code: "OTHER", Number: 99})
		if err != nil {
			return err
		}
		if err := tx.PutPolicy(&auth.Policy{Name: "on-new", ExpireOnNew: true}); err != nil {
			return err
		}
		key := auth.Key{Account: k.west, Name: "main", Digest: k.keys.KeyDigest(goodSecret), Pepper: k.keys.Pepper(), Created: time.Now()}
		onNew := auth.Key{Account: k.division, Name: "on-new", Digest: k.keys.KeyDigest(onNewSecret), Pepper: k.keys.Pepper(), Policy: "on-new", Created: time.Now()}
		user := auth.User{Tenant: k.tenant, Account: k.west, Name: "demo", Password: hash, Active: true}
		idle := auth.User{Tenant: k.tenant, Account: k.west, Name: "gone", Password: hash}
		for _, err := range []error{
			tx.PutKey(&key), tx.PutKey(&onNew), tx.PutUser(&user), tx.PutUser(&idle),
			tx.PutApp(&auth.App{Key: goodApp, Account: k.tenant, Name: "app"}),
			tx.PutApp(&auth.App{Key: otherTreesApp, Account: k.other, Name: "app"}),
		} {
			if err != nil {
				return err
			}
		}
		k.key, k.expireOnNew, k.user = key.ID, onNew.ID, user.ID
		return nil
	})
	return k
}

// open opens the store and the service, as a start of the server does.
func (k *kit) open() {
	k.Helper()
	store, err := sqlite.Open(k.Context(), sqlite.Options{Path: filepath.Join(k.dir, "sallyport.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		k.Fatal(err)
	}
	k.store = &faulty{Store: store}
	k.service = k.node()
	k.Cleanup(k.close)
}

// node is one more service over the same store.
func (k *kit) node() *auth.Service {
	k.Helper()
	o := k.options
	o.Keys, o.Hasher = k.keys, k.hasher
	s, err := auth.Open(k.Context(), k.store, o)
	if err != nil {
		k.Fatal(err)
	}
	return s
}

func (k *kit) close() {
	if k.service == nil {
		return
	}
	k.store.broken.Store(false)
	if err := k.service.Close(); err != nil {
		k.Error(err)
	}
	if err := k.store.Close(); err != nil {
		k.Error(err)
	}
	k.service = nil
}

// restart stops the server in good order and starts it again.
func (k *kit) restart() {
	k.Helper()
	k.close()
	k.open()
}

func (k *kit) update(f func(auth.Tx) error) {
	k.Helper()
	if err := k.service.Update(k.Context(), f); err != nil {
		k.Fatal(err)
	}
}

func electaMount() *auth.Mount {
	return &auth.Mount{Name: "electa", Dialect: "electa", Policy: span, Names: fives}
}

func calampMount() *auth.Mount {
	return &auth.Mount{Name: "calamp", Dialect: "calamp", Policy: span, Names: fives}
}

// byKey and byPassword are right attempts; tests make them wrong.
func byKey(m *auth.Mount) *auth.Attempt {
	return &auth.Attempt{Mount: m, Scheme: auth.AccountKey, Number: 123456, Secret: goodSecret, Form: secret.FormGUID, Origin: auth.Origin{Source: home, Request: "r1"}}
}

func byPassword(m *auth.Mount) *auth.Attempt {
	return &auth.Attempt{Mount: m, Scheme: auth.Password, User: "demo", Secret: goodPassword, Form: secret.FormSeries, Origin: auth.Origin{Source: home}}
}

func onNewAttempt() *auth.Attempt {
	return &auth.Attempt{Mount: &auth.Mount{Name: "sbt", Dialect: "sbt", Policy: span, Names: fives}, Scheme: auth.BareKey, Secret: onNewSecret, Origin: auth.Origin{Source: home}}
}

func (k *kit) login(a *auth.Attempt) auth.Grant {
	k.Helper()
	g, err := k.service.Login(k.Context(), a)
	if err != nil {
		k.Fatalf("login: %v", err)
	}
	return g
}

// bearer is a later call with the grant's token.
func bearer(a *auth.Attempt, g auth.Grant) *auth.Bearer {
	return &auth.Bearer{Mount: a.Mount, Form: a.Form, Value: g.Token}
}

func (k *kit) check(s *auth.Service, b *auth.Bearer) auth.Reason {
	k.Helper()
	_, err := s.Check(k.Context(), b)
	return reason(k.T, err)
}

func (k *kit) wantCheck(b *auth.Bearer, want auth.Reason) {
	k.Helper()
	if got := k.check(k.service, b); got != want {
		k.Fatalf("check says %q, want %q", got, want)
	}
}

func (k *kit) wantLogin(a *auth.Attempt, want auth.Reason) {
	k.Helper()
	_ = k.refused(a, want)
}

// refused is the refusal of an attempt.
func (k *kit) refused(a *auth.Attempt, want auth.Reason) *auth.Refusal {
	k.Helper()
	return k.refusedAt(k.service, a, want)
}

// wantLoginAt and refusedAt are the same at one of several nodes.
func (k *kit) wantLoginAt(node *auth.Service, a *auth.Attempt, want auth.Reason) {
	k.Helper()
	_ = k.refusedAt(node, a, want)
}

func (k *kit) refusedAt(node *auth.Service, a *auth.Attempt, want auth.Reason) *auth.Refusal {
	k.Helper()
	_, err := node.Login(k.Context(), a)
	if got := reason(k.T, err); got != want {
		k.Fatalf("login says %q (%v), want %q", got, err, want)
	}
	var r *auth.Refusal
	errors.As(err, &r)
	return r
}

// reason is "" for success.
func reason(t *testing.T, err error) auth.Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	var r *auth.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("%v is no *Refusal", err)
	}
	return r.Reason
}

// events reads the whole audit and verifies its chain.
func (k *kit) events(kinds ...audit.Kind) (events []audit.Event) {
	k.Helper()
	var last audit.Batch
	for {
		batches, err := k.store.Audit(k.Context(), last.Seq, 100)
		if err != nil {
			k.Fatal(err)
		}
		if len(batches) == 0 {
			return events
		}
		for _, b := range batches {
			if err := audit.Verify(&last, &b); err != nil {
				k.Fatal(err)
			}
			list, err := b.Events()
			if err != nil {
				k.Fatal(err)
			}
			for _, e := range list {
				for _, kind := range kinds {
					if e.Kind == kind {
						events = append(events, e)
					}
				}
			}
			last = b
		}
	}
}

// faulty is the real store with a switch that breaks it, and a count of how
// often it was asked.
type faulty struct {
	auth.Store
	broken atomic.Bool
	deaf   atomic.Bool // only the feed is lost
	lost   atomic.Bool // the position in the feed is, once
	noFeed atomic.Bool // breaks the feed alone

	noCount atomic.Bool  // breaks counting live sessions alone
	reads   atomic.Int64 // of sessions and records
	feeds   atomic.Int64 // reads of the feed
	news    chan struct{}
	leases  atomic.Int64
	again   atomic.Uint64 // leased next, whoever has it

	onLease atomic.Pointer[func()] // if set, runs once, before the next lease
	writes  atomic.Int64

	// afterRead, if set, runs once when a session was read and before the reader
	// hears of it: what happens then is newer than what it was told.
	afterRead atomic.Pointer[func()]
	// afterWrite is the same for the next write set, and beforeWrite runs before it: what
	// happens then is newer than what the set goes by.
	afterWrite  atomic.Pointer[func()]
	beforeWrite atomic.Pointer[func()]
}

var errBroken = errors.New("the disk is gone")

func (f *faulty) fault() error {
	if f.broken.Load() {
		return errBroken
	}
	return nil
}

func (f *faulty) Session(ctx context.Context, id auth.SessionID) (auth.SessionRow, error) {
	f.reads.Add(1)
	if err := f.fault(); err != nil {
		return auth.SessionRow{}, err
	}
	row, err := f.Store.Session(ctx, id)
	if hook := f.afterRead.Swap(nil); hook != nil {
		(*hook)()
	}
	return row, err
}

func (f *faulty) View(ctx context.Context, read func(auth.Reader) error) error {
	f.reads.Add(1)
	if err := f.fault(); err != nil {
		return err
	}
	return f.Store.View(ctx, read)
}

func (f *faulty) Apply(ctx context.Context, w *auth.WriteSet) (auth.Result, error) {
	f.writes.Add(1)
	if hook := f.beforeWrite.Swap(nil); hook != nil {
		(*hook)()
	}
	if err := f.fault(); err != nil {
		return auth.Result{}, err
	}
	result, err := f.Store.Apply(ctx, w)
	if hook := f.afterWrite.Swap(nil); hook != nil {
		(*hook)()
	}
	return result, err
}

func (f *faulty) Feed(ctx context.Context, after auth.Position, limit int) ([]auth.Notice, error) {
	f.feeds.Add(1)
	if f.lost.Swap(false) {
		return nil, auth.ErrNotFound
	}
	if f.deaf.Load() {
		return nil, errBroken
	}
	if err := f.fault(); err != nil {
		return nil, err
	}
	if f.noFeed.Load() {
		return nil, errBroken
	}
	return f.Store.Feed(ctx, after, limit)
}

func (f *faulty) News() <-chan struct{} { return f.news }

func (f *faulty) Lease(ctx context.Context, n uint64) (auth.SessionID, error) {
	f.leases.Add(1)
	if hook := f.onLease.Swap(nil); hook != nil {
		(*hook)()
	}
	if first := f.again.Swap(0); first != 0 {
		return auth.SessionID(first), nil
	}
	return f.Store.Lease(ctx, n)
}

func (f *faulty) Live(ctx context.Context, c auth.Capped, now time.Time, most int) (int, time.Time, error) {
	if f.noCount.Load() {
		return 0, time.Time{}, errBroken
	}
	return f.Store.Live(ctx, c, now, most)
}

func (f *faulty) FeedHead(ctx context.Context) (auth.Position, error) {
	if err := f.fault(); err != nil {
		return auth.Position{}, err
	}
	return f.Store.FeedHead(ctx)
}
