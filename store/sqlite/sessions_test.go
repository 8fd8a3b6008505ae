package sqlite

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// Sixteen sessions go in with one statement, plain ones with another: what comes
// out is what went in.
func TestManyRows(t *testing.T) {
	now := time.UnixMicro(1_790_000_000_000_000).UTC()
	for name, full := range map[string]func(i int) bool{
		"plain":            func(int) bool { return false },
		"full":             func(int) bool { return true },
		"one among plain":  func(i int) bool { return i == 7 },
		"plain but for 16": func(i int) bool { return i == 16 },
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, filepath.Join(t.TempDir(), file), Options{})
			var rows []auth.SessionRow
			for i := range 40 {
				id := auth.SessionID(100 + i)
				r := auth.SessionRow{ID: id, Principal: auth.PrincipalID(1 + i%3), Dialect: "electa",
					Source: netip.MustParseAddr("192.0.2.1"), Life: auth.Policy{Span: time.Duration(i+1) * time.Minute}.Begin(now.Add(time.Duration(i)))}
				r.Digest[0], r.Digest[31] = byte(i), byte(255-i)
				if full(i) {
					r.App, r.Attrs, r.Source = "app", "attrs", netip.MustParseAddr("2001:db8::1")
					r.Capped = auth.AccountID(5 + i)
					r.Life = auth.Policy{Span: time.Hour, Idle: time.Minute, Uses: 9, ExpireOnNew: true}.Begin(now)
				}
				rows = append(rows, r)
			}
			if _, err := s.Apply(t.Context(), &auth.WriteSet{Begin: rows}); err != nil {
				t.Fatal(err)
			}
			for _, want := range rows {
				if got, err := s.Session(t.Context(), want.ID); err != nil || got != want {
					t.Errorf("got %+v, %v\nwant %+v", got, err, want)
				}
			}
		})
	}
}

// A cap is counted in its index, which holds nothing but what counts: however
// many sessions there are, a count looks at a few.
func TestCountingIsASearch(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), file), Options{})
	plan := ""
	err := s.cold.with(t.Context(), func(c *conn) error {
		return c.query(func(r row) error { plan += r.text(3) + "\n"; return nil },
			"EXPLAIN QUERY PLAN "+countCapped, int64(1), int64(1), "electa", int64(0), int64(1))
	})
	if err != nil || !strings.Contains(plan, "USING INDEX sessions_capped (capped=?") || strings.Contains(plan, "SCAN") {
		t.Errorf("the plan is\n%s%v", plan, err)
	}
}
