package storetest

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/auth"
)

// testModel runs random operations on the store and on a map, restarts
// included, and compares what is left.
func testModel(t *testing.T, h Harness) {
	rapid.Check(t, func(r *rapid.T) {
		dir := t.TempDir()
		m := &model{t: t, h: h, dir: dir, store: h.Open(t, dir), rows: map[auth.SessionID]auth.SessionRow{}, now: epoch}
		defer func() { _ = m.store.Close() }()
		r.Repeat(map[string]func(*rapid.T){
			"begin":  m.begin,
			"end":    m.end,
			"all":    m.endAll,
			"touch":  m.touch,
			"sweep":  m.sweep,
			"reopen": m.reopen,
			"":       m.compare,
		})
	})
}

type model struct {
	t     *testing.T
	h     Harness
	dir   string
	store auth.Store
	rows  map[auth.SessionID]auth.SessionRow
	next  auth.SessionID
	now   time.Time
}

func (m *model) apply(r *rapid.T, w auth.WriteSet, ended int) {
	got, err := m.store.Apply(context.Background(), &w)
	if err != nil || got.Ended != ended {
		r.Fatalf("%+v: ended %d, %v; want %d", w, got.Ended, err, ended)
	}
}

// begin begins some sessions; some replace the others of their principal.
func (m *model) begin(r *rapid.T) {
	var w auth.WriteSet
	ended := 0
	for range rapid.IntRange(1, 6).Draw(r, "sessions") {
		m.next++
		row := session(m.next, auth.PrincipalID(rapid.IntRange(1, 4).Draw(r, "principal")))
		row.Ends = m.now.Add(time.Duration(rapid.IntRange(-1, 5).Draw(r, "minutes")) * time.Minute)
		row.Capped = auth.AccountID(rapid.IntRange(0, 2).Draw(r, "cap"))
		m.rows[row.ID] = row
		w.Begin = append(w.Begin, row)
	}
	if newest := w.Begin[len(w.Begin)-1]; rapid.Bool().Draw(r, "replace") {
		w.End = []auth.End{{Principal: newest.Principal, Except: newest.ID}}
		ended = m.drop(newest.Principal, newest.ID)
	}
	m.apply(r, w, ended)
}

func (m *model) drop(p auth.PrincipalID, except auth.SessionID) (n int) {
	for id, row := range m.rows {
		if row.Principal == p && id != except {
			delete(m.rows, id)
			n++
		}
	}
	return n
}

func (m *model) any(r *rapid.T) auth.SessionID {
	return auth.SessionID(rapid.Uint64Range(1, uint64(m.next)+1).Draw(r, "session"))
}

func (m *model) end(r *rapid.T) {
	id, ended := m.any(r), 0
	if _, ok := m.rows[id]; ok {
		ended = 1
		delete(m.rows, id)
	}
	m.apply(r, auth.WriteSet{End: []auth.End{{Session: id}}}, ended)
}

func (m *model) endAll(r *rapid.T) {
	p := auth.PrincipalID(rapid.IntRange(1, 5).Draw(r, "principal"))
	m.apply(r, auth.WriteSet{End: []auth.End{{Principal: p}}}, m.drop(p, 0))
}

func (m *model) touch(r *rapid.T) {
	id, ends := m.any(r), m.now.Add(time.Duration(rapid.IntRange(1, 9).Draw(r, "minutes"))*time.Minute)
	if row, ok := m.rows[id]; ok && row.Ends.Before(ends) {
		row.Ends = ends
		m.rows[id] = row
	}
	m.apply(r, auth.WriteSet{Touch: []auth.Touch{{Session: id, Ends: ends}}}, 0)
}

func (m *model) sweep(r *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(1, 3).Draw(r, "minutes")) * time.Minute)
	swept, want := 0, 0
	for id, row := range m.rows {
		if !row.Alive(m.now) {
			delete(m.rows, id)
			want++
		}
	}
	for more := true; more; {
		s, err := m.store.Sweep(context.Background(), m.now, auth.Retention{})
		if err != nil {
			r.Fatal(err)
		}
		swept, more = swept+s.Sessions, s.More
	}
	if swept != want {
		r.Fatalf("swept %d, want %d", swept, want)
	}
}

func (m *model) reopen(r *rapid.T) {
	if err := m.store.Close(); err != nil {
		r.Fatal(err)
	}
	m.store = m.h.Open(m.t, m.dir)
}

func (m *model) compare(r *rapid.T) {
	newest := map[auth.PrincipalID]auth.SessionID{}
	live, first := map[auth.AccountID]int{}, map[auth.AccountID]time.Time{}
	for id := auth.SessionID(1); id <= m.next; id++ {
		got, err := m.store.Session(context.Background(), id)
		want, ok := m.rows[id]
		if ok != (err == nil) || got != want {
			r.Fatalf("session %d: %+v, %v; want %+v", id, got, err, want)
		}
		if ok && want.Alive(m.now) {
			newest[want.Principal] = id
			live[want.Capped]++
			if f := first[want.Capped]; f.IsZero() || want.Ends.Before(f) {
				first[want.Capped] = want.Ends
			}
		}
	}
	for p := auth.PrincipalID(1); p <= 5; p++ {
		got, err := m.store.Latest(context.Background(), p, m.now)
		if got.ID != newest[p] {
			r.Fatalf("Latest(%d) = %d, %v; want %d", p, got.ID, err, newest[p])
		}
	}
	for c := auth.AccountID(1); c <= 2; c++ {
		n, ends, err := m.store.Live(context.Background(), auth.Capped{Tenant: c, Dialect: "electa"}, m.now, 1000)
		if err != nil || n != live[c] || !ends.Equal(first[c]) {
			r.Fatalf("Live(%d) = %d, first ends %v, %v; want %d, %v", c, n, ends, err, live[c], first[c])
		}
	}
}
