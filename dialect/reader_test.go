package dialect_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// TestMounts: the list is in the order of mounting, and the caller's own.
func TestMounts(t *testing.T) {
	r := newRouter(nil)
	m1, d1 := newElecta(t, "one")
	m2, d2 := newCalAmp(t, "two")
	mustMount(t, r, []string{"a.example"}, "", m1, d1)
	mustMount(t, r, nil, "/two", m2, d2)
	list := r.Mounts()
	if len(list) != 2 || list[0].Mount != m1 || list[1].Dialect != d2 || list[1].Prefix != "/two" {
		t.Fatalf("mounted are %+v", list)
	}
	list[0].Mount = m2
	if r.Mounts()[0].Mount != m1 {
		t.Error("the router's own list was handed out")
	}
}

// A quiet endpoint that cannot answer does not fill the log with it, and says how
// often that was.
func TestQuietInTrouble(t *testing.T) {
	var log bytes.Buffer
	now := time.Unix(1_700_000_000, 0)
	r := dialect.NewRouter(dialect.RouterOptions{
		Origin: func(*http.Request) (auth.Origin, bool) { return auth.Origin{}, true },
		Clock:  func() time.Time { return now },
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	m, d := newElecta(t, "electa")
	mustMount(t, r, nil, "", m, withRoutes{d, func(m dialect.Mux) {
		m.Handle("/ask", func(w http.ResponseWriter, r *http.Request, _ auth.Origin) {
			d.Refuse(w, r, auth.Refuse(auth.Unavailable, errors.New("the store is away")))
		}, dialect.Quiet)
	}})
	for range 2 {
		for range 5 {
			req := httptest.NewRequest(http.MethodGet, "/ask", nil)
			h, _ := r.Handler(req)
			h.ServeHTTP(httptest.NewRecorder(), req)
		}
		now = now.Add(10 * time.Second)
	}
	if text := log.String(); strings.Count(text, "login request") != 2 || !strings.Contains(text, "times=1 ") || !strings.Contains(text, "times=5 ") {
		t.Error(text)
	}
}

// TestQuiet: what a quiet endpoint answers well is logged at level debug, and what it
// refuses is not.
func TestQuiet(t *testing.T) {
	for level, want := range map[slog.Level]int{slog.LevelInfo: 1, slog.LevelDebug: 2} {
		var log bytes.Buffer
		r := dialect.NewRouter(dialect.RouterOptions{
			Origin: func(*http.Request) (auth.Origin, bool) { return auth.Origin{}, true },
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level})),
		})
		m, d := newElecta(t, "electa")
		mustMount(t, r, nil, "", m, withRoutes{d, func(m dialect.Mux) {
			m.Handle("/ask", func(w http.ResponseWriter, r *http.Request, _ auth.Origin) {
				if r.URL.RawQuery != "" {
					w.WriteHeader(http.StatusForbidden)
				}
			}, dialect.Quiet)
		}})
		for _, target := range []string{"/ask", "/ask?x"} {
			req := httptest.NewRequest(http.MethodGet, target, nil)
			h, _ := r.Handler(req)
			h.ServeHTTP(httptest.NewRecorder(), req)
		}
		if got := strings.Count(log.String(), "login request"); got != want {
			t.Errorf("at level %s: %d lines\n%s", level, got, log.String())
		}
	}
}
