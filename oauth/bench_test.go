package oauth

import (
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/sqlite"
)

// asked is the introspection endpoint with a session in memory, and a question.
func asked(t testing.TB) (ask func() string) {
	t.Helper()
	keys, err := secret.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "sallyport.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	service, err := auth.Open(t.Context(), store, auth.Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Close() })
	accounts(t, service)
	def, from := Definition(), auth.Origin{Source: netip.MustParseAddr("192.0.2.1")}
	m := def.Mount("oauth2", "")
	router := dialect.NewRouter(dialect.RouterOptions{Origin: func(*http.Request) (auth.Origin, bool) { return from, true }})
	d, err := New(dialect.Config{Service: service, Router: router, Mount: m})
	if err != nil {
		t.Fatal(err)
	}
	if err := router.Mount(nil, "", m, d); err != nil {
		t.Fatal(err)
	}
	attempt := d.(*oauth).attempt(client{"ACME-WEST-1", "west-1-secret"}, from)
	grant, err := service.Login(t.Context(), &attempt)
	if err != nil {
		t.Fatal(err)
	}
	form := "token=" + grant.Token
	header := http.Header{"Content-Type": {dialect.FormType}, "Authorization": {"Basic ZGVtby12ZXJpZmllcjpkZW1vLXZlcmlmaWVyLXNlY3JldA=="}}
	return func() string {
		r, err := http.NewRequest(http.MethodPost, "https://api.example/oauth2/introspect", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		h, _ := router.Handler(r)
		var w answered
		h.ServeHTTP(&w, r)
		return string(w.body)
	}
}

// answered keeps an answer.
type answered struct {
	header http.Header
	body   []byte
}

func (a *answered) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}
func (a *answered) WriteHeader(int) {}
func (a *answered) Write(b []byte) (int, error) {
	a.body = append(a.body, b...)
	return len(b), nil
}

// TestIntrospectionAllocations: a question about a session in memory makes a fixed
// amount of garbage, that of the request and the answer included.
func TestIntrospectionAllocations(t *testing.T) {
	ask := asked(t)
	if body := ask(); !strings.HasPrefix(body, `{"active":true,`) {
		t.Fatalf("answered %s", body)
	}
	if n := testing.AllocsPerRun(100, func() { ask() }); n > 30 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkIntrospect(b *testing.B) {
	ask := asked(b)
	b.ReportAllocs()
	for b.Loop() {
		ask()
	}
}
