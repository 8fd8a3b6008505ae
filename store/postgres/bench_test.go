//go:build unix

package postgres

import (
	"context"
	"fmt"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

// Speed, against a server that waits for the disk, with a million sessions of ten
// thousand keys in it. The numbers that count are ratios: of a login to what the
// same connections insert of the same rows when nothing but rows is written.
const (
	benchSessions = 1_000_000
	benchKeys     = 10_000
	benchCallers  = 64
)

// durable is the server of the benchmarks, made once a run.
var durable = sync.OnceValues(func() (*pgtest.Cluster, error) {
	return pgtest.Start(context.Background(), "fsync = on", "shared_buffers = 512MB")
})

type benchWorld struct {
	store   *Store
	url     string
	keys    *secret.Keys
	service *auth.Service
	secrets []string
}

var benched = sync.OnceValues(func() (*benchWorld, error) {
	cluster, err := durable()
	if err != nil {
		return nil, err
	}
	w := &benchWorld{url: cluster.URL("postgres")}
	if w.store, err = Open(context.Background(), Options{URL: w.url, Logger: quiet}); err != nil {
		return nil, err
	}
	return w, w.fill()
})

func (w *benchWorld) fill() (err error) {
	ctx := context.Background()
	_, err = w.store.cold.Exec(ctx, `INSERT INTO sessions SELECT i, i + 4e15::bigint, 1 + hashint8(i)::bigint & 8191, i + 3e15::bigint, i + 4e15::bigint, 0, 0, 0, false,
		sha256(i::text::bytea), 'electa', '', '\xc6336407', '' FROM generate_series(1, $1::bigint) AS i`, int64(benchSessions))
	if err != nil {
		return err
	}
	if _, err := w.store.cold.Exec(ctx, "VACUUM ANALYZE sessions"); err != nil {
		return err
	}
	if _, err := w.store.Lease(ctx, 1<<40); err != nil {
		return err
	}
	if w.keys, err = secret.GenerateKeys(); err != nil {
		return err
	}
	err = w.store.Update(ctx, func(tx auth.Tx) error {
		tenant := auth.Account{Level: auth.Tenant, Code: "BENCH"}
		if err := tx.PutAccount(&tenant); err != nil {
			return err
		}
		for i := range benchKeys / 10 {
			a := auth.Account{Level: auth.Organization, Tenant: tenant.ID, Parent: tenant.ID, Number: int64(1 + i)}
			if err := tx.PutAccount(&a); err != nil {
				return err
			}
			s := secret.NewKeySecret()
			w.secrets = append(w.secrets, s)
			if err := tx.PutKey(&auth.Key{Account: a.ID, Name: "main", Digest: w.keys.KeyDigest(s), Pepper: w.keys.Pepper()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.service, err = auth.Open(ctx, w.store, auth.Options{Keys: w.keys, Logger: quiet})
	return err
}

func benchmark(b *testing.B) *benchWorld {
	b.Helper()
	need(b)
	debug.SetGCPercent(400) // as the server does
	w, err := benched()
	if err != nil {
		b.Fatal(err)
	}
	return w
}

// each calls f from many callers, b.N times in all.
func each(b *testing.B, callers, rows int, f func(i int) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := f(int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkLogin is auth.Login by 64 callers, each of whom waits until the session
// is durable.
func BenchmarkLogin(b *testing.B) {
	w := benchmark(b)
	mount := &auth.Mount{Name: "electa", Dialect: "electa", Tenant: "BENCH", Policy: auth.Policy{Name: "p", Span: time.Hour}}
	before := w.store.Stats()
	each(b, benchCallers, 1, func(i int) error {
		n := i % len(w.secrets)
		_, err := w.service.Login(context.Background(), &auth.Attempt{Mount: mount, Scheme: auth.AccountKey, Number: int64(1 + n), Secret: w.secrets[n],
			Form: secret.FormGUID, Origin: auth.Origin{Source: netip.MustParseAddr("198.51.100.7"), Request: "bench"}})
		return err
	})
	after := w.store.Stats()
	b.ReportMetric(float64(after.Sets-before.Sets)/float64(after.Commits-before.Commits), "sets/commit")
}

// rawID gives ids that nothing else of the run uses.
var rawID atomic.Int64

func benchRow(id int64) auth.SessionRow {
	now := time.UnixMicro(1_780_000_000_000_000 + id).UTC()
	return auth.SessionRow{ID: auth.SessionID(id), Digest: secret.Digest{byte(id), byte(id >> 8)}, Principal: auth.PrincipalID(1 + (id*7919)%benchKeys),
		Dialect: "electa", Source: netip.AddrFrom4([4]byte{198, 51, 100, 7}), Life: auth.Policy{Span: time.Hour}.Begin(now)}
}

// BenchmarkRaw is the ceiling: over as many connections as a store writes with,
// the same rows into the same table, many to a statement, and nothing else.
func BenchmarkRaw(b *testing.B) {
	for _, size := range []int{32, 64} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			w := benchmark(b)
			each(b, writers, size, func(int) error {
				rows := make([]*auth.SessionRow, size)
				for i := range rows {
					row := benchRow(1<<50 + rawID.Add(1))
					rows[i] = &row
				}
				_, err := w.store.write.Exec(context.Background(), insertSessions, sessionColumns(rows)...)
				return err
			})
		})
	}
}

// BenchmarkSession is reading one session by its id.
func BenchmarkSession(b *testing.B) {
	w := benchmark(b)
	each(b, benchCallers, 1, func(i int) error {
		_, err := w.store.Session(context.Background(), auth.SessionID(1+i*7919%benchSessions))
		return err
	})
}

// BenchmarkExpireOnNew is a login that ends the key's other sessions.
func BenchmarkExpireOnNew(b *testing.B) {
	w := benchmark(b)
	each(b, benchCallers, 1, func(int) error {
		row := benchRow(1<<50 + rawID.Add(1))
		_, err := w.store.Apply(context.Background(), &auth.WriteSet{Begin: []auth.SessionRow{row}, End: []auth.End{{Principal: row.Principal + 1<<40, Except: row.ID}}})
		return err
	})
}
