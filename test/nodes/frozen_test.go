//go:build unix

package nodes

import (
	"testing"
	"time"
	"slices"

	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

func TestFrozen(t *testing.T) {
	whole(t)
	h, data := startHA(t)
	s := newSite(t, data, "PGPASSWORD=CHANGE-ME-3")
	l := startLoad(t, s.start(t, "one", "127.0.0.1:0", ""), s.start(t, "two", "127.0.0.1:0", ""))
	l.more(200)
	t.Logf("before: the longest time without a login is %s", l.without())
	old, standby, err := h.Primary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// sync standby death
	if err := h.Kill(standby); err != nil { t.Fatal(err) }
	l.more(200)
	time.Sleep(time.Second)
	t.Logf("standby killed: the longest time without a login is %s", l.without())
	if err := h.Start(standby); err != nil { t.Fatal(err) }
	if err := h.Agreed(t.Context(), 3); err != nil { t.Fatal(err) }
	old, standby, err = h.Primary(t.Context())
	if err := h.Freeze(old); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	until(t, "the synchronous standby is the primary", func() bool {
		list, _ := h.Members(t.Context())
		return slices.ContainsFunc(list, func(m pgtest.Member) bool { return m.Role == "leader" && m.Name == standby.Name })
	})
	t.Logf("froze %s, and %s is the primary after %s", old.Name, standby.Name, time.Since(begun))
	l.more(200)
	t.Logf("froze: the longest time without a login is %s", l.without())
	if err := h.Thaw(old); err != nil { t.Fatal(err) }
	if err := h.Agreed(t.Context(), 3); err != nil { t.Fatal(err) }
	l.more(200)
	t.Logf("thawed: the longest time without a login is %s", l.without())
	l.verify()
}
