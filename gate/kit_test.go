package gate

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/calamp"
	"github.com/sallyport/sallyport/dialect/electa"
	"github.com/sallyport/sallyport/internal/origin"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/sqlite"
)

// kit is a gate over the real core and store, with both dialects mounted for
// every host, and each alone at a host of its own.
type kit struct {
	*Gate
	t       testing.TB
	store   auth.Store
	service *auth.Service
	late    atomic.Int64 // how far the clock was turned, in nanoseconds
	electa  string       // a live token of account 123456
	calamp  string       // of user demo
}

const (
	accountNumber = "123456"
	app           = "app-1"
	proxyAddr     = "10.0.0.1:1"
	clientAddr    = "203.0.113.9:1"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newKit(t testing.TB) *kit {
	t.Helper()
	ctx := context.Background()
	keys, err := secret.GenerateKeys()
	must(t, err)
	store, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "test.db"), Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() { _ = store.Close() })
	k := &kit{t: t, store: store}
	service, err := auth.Open(ctx, store, auth.Options{Keys: keys, Clock: func() time.Time {
		return time.Now().Add(time.Duration(k.late.Load()))
	}})
	must(t, err)
	t.Cleanup(func() { _ = service.Close() })
	k.service = service
	k.customers(t)

	o := origin.New([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, false)
	router := dialect.NewRouter(dialect.RouterOptions{Origin: func(r *http.Request) (auth.Origin, bool) {
		p := o.Of(r)
		return auth.Origin{Source: p.Source}, p.Secure
	}})
	for _, def := range []dialect.Definition{electa.Definition(), calamp.Definition()} {
		for _, at := range []struct {
			name, prefix string
			hosts        []string
		}{{def.Name + "-both", "", []string{"both.example"}}, {def.Name + "-alone", "/api", []string{def.Name + ".example"}}} {
			m := def.Mount(at.name, "")
			d, err := def.New(dialect.Config{Service: service, Mount: m})
			must(t, err)
			must(t, router.Mount(at.hosts, at.prefix, m, d))
			k.login(t, def.Name, m)
		}
	}
	k.Gate = New(Options{Service: service, Router: router, Origin: o, Logger: slog.New(slog.DiscardHandler)})
	return k
}

func (k *kit) customers(t testing.TB) {
	t.Helper()
	password, err := k.service.Hasher().Hash(context.Background(), "password")
	must(t, err)
	must(t, k.service.Update(context.Background(), func(tx auth.Tx) error {
		tenant := auth.Account{Level: auth.Tenant, Code: "ACME", Name: "Acme"}
		if err := tx.PutAccount(&tenant); err != nil {
			return err
		}
		a := auth.Account{Level: auth.Organization, Tenant: tenant.ID, Parent: tenant.ID, Number: 123456, Name: "J\u00f6rg"}
		if err := tx.PutAccount(&a); err != nil {
			return err
		}
		keys := k.service.Keys()
		if err := tx.PutKey(&auth.Key{Account: a.ID, Name: "J\u00f6rg's key", Digest: keys.KeyDigest("secret"), Pepper: keys.Pepper()}); err != nil {
			return err
		}
		if err := tx.PutUser(&auth.User{Tenant: tenant.ID, Account: a.ID, Name: "demo", Password: password, Active: true}); err != nil {
			return err
		}
		return tx.PutApp(&auth.App{Key: app, Account: tenant.ID, Name: "App"})
	}))
}

// login gets a token over a mount.
func (k *kit) login(t testing.TB, name string, m *auth.Mount) {
	t.Helper()
	a := auth.Attempt{Mount: m, Scheme: auth.AccountKey, Number: 123456, Secret: "secret", Form: secret.FormGUID}
	if name == "calamp" {
		a = auth.Attempt{Mount: m, Scheme: auth.Password, User: "demo", Secret: "password", App: app, Form: secret.FormSeries}
	}
	a.Origin.Source = netip.MustParseAddr("198.51.100.1")
	grant, err := k.service.Login(context.Background(), &a)
	must(t, err)
	if name == "calamp" {
		k.calamp = grant.Token
	} else {
		k.electa = grant.Token
	}
}
