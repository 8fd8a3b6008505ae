package sqlite

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// A million sessions of ten thousand customers, as the targets name them.
const (
	benchSessions   = 1_000_000
	benchPrincipals = 10_000
)

func benchRow(id uint64) auth.SessionRow {
	now := time.UnixMicro(1_780_000_000_000_000 + int64(id)).UTC()
	var seed [8]byte
	for i := range seed {
		seed[i] = byte(id >> (8 * i))
	}
	sum := sha256.Sum256(seed[:])
	return auth.SessionRow{
		ID: auth.SessionID(id), Digest: sum, Principal: auth.PrincipalID(1 + (uint64(sum[0])<<16+uint64(sum[1])<<8+uint64(sum[2]))%benchPrincipals),
		Dialect: "electa", Source: netip.AddrFrom4([4]byte{198, 51, 100, sum[3]}),
		Life: auth.Life{Issued: now, Ends: now.Add(time.Hour), Cap: now.Add(time.Hour)},
	}
}

// benchPasses is the name and the address of a login, neither of which ever failed.
func benchPasses(r *auth.SessionRow) []auth.Pass {
	return []auth.Pass{{Key: auth.GuardKey{byte(r.Principal), byte(r.Principal >> 8)}, At: r.Issued, Forget: true}, {Key: auth.GuardKey(r.Digest[:16]), At: r.Issued}}
}

func benchEvent(r *auth.SessionRow) audit.Event {
	return audit.Event{At: r.Issued, Kind: audit.Login, Tenant: "ACME", Account: "123456", Subject: "main key", Session: uint64(r.ID),
		Dialect: "electa", Mount: "electa", Source: "198.51.100.7", Request: "01J9Z5V6K3"}
}

// scratch is a folder for what several tests or benchmarks share.
var scratch string

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
		return
	}
	var err error
	if scratch, err = os.MkdirTemp("", "sallyport-sqlite"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// loaded is a file with a million sessions, made once a run.
var loaded = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "loaded.db")
	s, err := Open(context.Background(), Options{Path: path, Logger: quiet})
	if err != nil {
		return "", err
	}
	if err := preload(s, benchSessions); err != nil {
		return "", err
	}
	return path, s.Close()
})

func preload(s *Store, n uint64) error {
	for id := uint64(1); id <= n; {
		var w auth.WriteSet
		for range 2000 {
			if id > n {
				break
			}
			w.Begin = append(w.Begin, benchRow(id))
			w.Events = append(w.Events, benchEvent(&w.Begin[len(w.Begin)-1]))
			id++
		}
		if _, err := s.Apply(context.Background(), &w); err != nil {
			return err
		}
	}
	return nil
}

func benchStore(b *testing.B, sessions int) *Store {
	b.Helper()
	path := filepath.Join(b.TempDir(), "bench.db")
	if sessions > 0 {
		from, err := loaded()
		if err != nil {
			b.Fatal(err)
		}
		if err := os.Link(from, path); err != nil { // each use appends to the one file
			b.Fatal(err)
		}
	}
	s, err := Open(context.Background(), Options{Path: path, Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// lastID gives ids that no earlier benchmark of the run used.
var lastID atomic.Uint64

func benchID() uint64 { return 1<<40 + lastID.Add(1) }

func both(b *testing.B, f func(b *testing.B, sessions int)) {
	for _, n := range []int{0, benchSessions} {
		b.Run(fmt.Sprintf("sessions=%d", n), func(b *testing.B) { f(b, n) })
	}
}

// BenchmarkApply64 is 64 callers that each wait for a login to be durable.
func BenchmarkApply64(b *testing.B) {
	both(b, func(b *testing.B, sessions int) {
		s := benchStore(b, sessions)
		var left atomic.Int64
		left.Store(int64(b.N))
		var mu sync.Mutex
		var took []time.Duration
		var wg sync.WaitGroup
		before := s.Stats()
		b.ReportAllocs()
		b.ResetTimer()
		for range 64 {
			wg.Go(func() {
				var own []time.Duration
				for left.Add(-1) >= 0 {
					row := benchRow(benchID())
					w := auth.WriteSet{Passes: benchPasses(&row), Begin: []auth.SessionRow{row}, Events: []audit.Event{benchEvent(&row)}}
					start := time.Now()
					if _, err := s.Apply(context.Background(), &w); err != nil {
						b.Error(err)
						return
					}
					own = append(own, time.Since(start))
				}
				mu.Lock()
				took = append(took, own...)
				mu.Unlock()
			})
		}
		wg.Wait()
		b.StopTimer()
		report(b, took)
		after := s.Stats()
		b.ReportMetric(float64(after.Sets-before.Sets)/float64(after.Commits-before.Commits), "sets/commit")
		if info, err := os.Stat(s.path + "-wal"); err == nil {
			b.ReportMetric(float64(info.Size())/(1<<20), "wal-MiB")
		}
	})
}

func report(b *testing.B, took []time.Duration) {
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "rows/s")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
}

// BenchmarkRawGroupCommit is the ceiling: plain inserts of the same rows into
// the same file, 64 to a durable transaction, without audit, index and callers.
func BenchmarkRawGroupCommit(b *testing.B) {
	both(b, func(b *testing.B, sessions int) {
		s := benchStore(b, sessions)
		err := s.writer.exclusive(context.Background(), func(c *conn) error {
			buffer := beginBuffer{conn: c}
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; {
				if _, err := c.exec("BEGIN IMMEDIATE"); err != nil {
					return err
				}
				for range 64 {
					row := benchRow(benchID())
					if err := buffer.insert(insertOne, sessionWidth, bindSession, []*auth.SessionRow{&row}); err != nil {
						return err
					}
					done++
				}
				if _, err := c.exec("COMMIT"); err != nil {
					return err
				}
				s.nudge()
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkSession(b *testing.B) {
	s := benchStore(b, benchSessions)
	var next atomic.Uint64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := next.Add(7919) % benchSessions
			if _, err := s.Session(context.Background(), auth.SessionID(id+1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkFeed(b *testing.B) {
	s := benchStore(b, 0)
	for range 1000 {
		if _, err := s.Apply(context.Background(), &auth.WriteSet{End: []auth.End{{Principal: 1}}}); err != nil {
			b.Fatal(err)
		}
	}
	head, err := s.FeedHead(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Feed(context.Background(), head, 100); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkExpireOnNew is a login that ends the principal's other sessions.
func BenchmarkExpireOnNew(b *testing.B) {
	both(b, func(b *testing.B, sessions int) {
		s := benchStore(b, sessions)
		b.SetParallelism(32)
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				row := benchRow(benchID())
				w := auth.WriteSet{Begin: []auth.SessionRow{row}, End: []auth.End{{Principal: row.Principal, Except: row.ID}},
					Events: []audit.Event{benchEvent(&row)}}
				if _, err := s.Apply(context.Background(), &w); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// BenchmarkOpen is the start with a million sessions, and what they take.
func BenchmarkOpen(b *testing.B) {
	both(b, func(b *testing.B, sessions int) {
		path := filepath.Join(b.TempDir(), "open.db")
		if sessions > 0 {
			from, err := loaded()
			if err != nil {
				b.Fatal(err)
			}
			path = from
		}
		for b.Loop() {
			s, err := Open(context.Background(), Options{Path: path, Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if sessions > 0 {
				b.ReportMetric(bytesPerSession(b, s), "B/session")
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
}

// bytesPerSession is what the pages of sessions and their index and log take.
func bytesPerSession(b *testing.B, s *Store) float64 {
	var bytes, rows int64
	err := s.cold.with(context.Background(), func(c *conn) error {
		_, err := c.one(func(r row) { bytes = r.int(0) }, "SELECT sum(pgsize) FROM dbstat WHERE name IN ('sessions', 'owned', 'begun') AND aggregate = 1")
		if err == nil {
			_, err = c.one(func(r row) { rows = r.int(0) }, "SELECT count(*) FROM sessions")
		}
		return err
	})
	if err != nil {
		b.Skip("no dbstat: ", err)
	}
	return float64(bytes) / float64(rows)
}
