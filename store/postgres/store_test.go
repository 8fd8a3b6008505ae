//go:build unix

package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/store/postgres/pgtest"
	"github.com/sallyport/sallyport/store/storetest"
)

var quiet = slog.New(slog.DiscardHandler)

// shared is the cluster of all tests that do not stop it; nil: there is no
// PostgreSQL here.
var shared *pgtest.Cluster

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	if !given("rapid.checks") { // each is hundreds of round trips
		_ = flag.Set("rapid.checks", "8")
	}
	cluster, err := pgtest.Start(context.Background())
	switch {
	case errors.Is(err, pgtest.ErrMissing):
		fmt.Println("tests of the store in PostgreSQL are skipped:", err)
	case err != nil:
		fmt.Println(err)
		return 1
	default:
		defer func() { _ = cluster.Stop() }()
		shared = cluster
	}
	code := m.Run()
	if benching() {
		if c, err := durable(); err == nil {
			_ = c.Stop()
		}
	}
	return code
}

func benching() bool {
	f := flag.Lookup("test.bench")
	return f != nil && f.Value.String() != ""
}

func given(name string) (yes bool) {
	flag.Visit(func(f *flag.Flag) { yes = yes || f.Name == name })
	return yes
}

func need(t testing.TB) *pgtest.Cluster {
	t.Helper()
	if shared == nil {
		t.Skip("PostgreSQL is ", pgtest.ErrMissing)
	}
	return shared
}

var schemas struct {
	sync.Mutex
	made map[string]bool
}

// inSchema is a database of its own in the shared one: what is in a schema that
// is named after a folder.
func inSchema(t testing.TB, dir string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(dir))
	name := "t" + hex.EncodeToString(sum[:8])
	url := need(t).URL("postgres")
	schemas.Lock()
	defer schemas.Unlock()
	if schemas.made[name] {
		return url + "?search_path=" + name
	}
	exec(t, url, "CREATE SCHEMA "+name)
	if schemas.made == nil {
		schemas.made = map[string]bool{}
	}
	schemas.made[name] = true
	return url + "?search_path=" + name
}

// makeDatabase makes a database of the shared cluster, unless it is there.
func makeDatabase(t testing.TB, cluster *pgtest.Cluster, name string) {
	t.Helper()
	schemas.Lock()
	defer schemas.Unlock()
	if schemas.made[name] {
		return
	}
	exec(t, cluster.URL("postgres"), "CREATE DATABASE "+name)
	if schemas.made == nil {
		schemas.made = map[string]bool{}
	}
	schemas.made[name] = true
}

// exec runs statements as an operator would, beside the store.
func exec(t testing.TB, url string, statements ...string) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	for _, s := range statements {
		if _, err := c.Exec(ctx, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func openAt(t testing.TB, url string, o Options) *Store {
	t.Helper()
	o.URL, o.Logger = url, quiet
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestStore runs the suite as it is.
func TestStore(t *testing.T) {
	need(t)
	storetest.Run(t, storetest.Harness{Open: func(t *testing.T, dir string) auth.Store {
		t.Helper()
		s, err := Open(t.Context(), Options{URL: inSchema(t, dir), Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}})
}
