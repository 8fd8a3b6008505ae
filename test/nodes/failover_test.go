//go:build unix

package nodes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

const page = "docs/high-availability.md"

// startHA starts three database servers as the document says, with the database in
// them, and returns what the document says a node's data is.
func startHA(t *testing.T) (h *pgtest.HA, data string) {
	t.Helper()
	h, err := pgtest.StartHA(t.Context(), block(t, page, "etcd"), block(t, page, "patroni"))
	missing(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(h.Said())
		}
		if err := h.Stop(); err != nil {
			t.Error(err)
		}
	})
	const all = "db1:5432,db2:5432,db3:5432"
	c, err := pgx.Connect(t.Context(), "postgres://postgres:CHANGE-ME-1@"+h.Place(all)+"/postgres?target_session_attrs=read-write")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	for _, statement := range strings.Split(block(t, page, "sql"), ";\n") {
		if _, err := c.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for _, server := range h.Servers { // who asks a replica that does not have it yet is told that there is none
		until(t, server.Name+" has the database", func() bool {
			c, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://sallyport:CHANGE-ME-3@127.0.0.1:%d/sallyport", server.Port))
			if err != nil {
				return false
			}
			return c.Close(t.Context()) == nil
		})
	}
	data, found := strings.CutPrefix(block(t, page, "data"), "data: ")
	if !found || !strings.Contains(data, all) {
		t.Fatalf("the document's data is %s", data)
	}
	return h, h.Place(strings.TrimSpace(data))
}

// The primary is killed under load, comes back as a replica, and hands over as
// planned: what was answered is true on every node all the time.
func TestFailover(t *testing.T) {
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
	if err := h.Kill(old); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	until(t, "the synchronous standby is the primary", func() bool {
		list, _ := h.Members(t.Context())
		return slices.ContainsFunc(list, func(m pgtest.Member) bool { return m.Role == "leader" && m.Name == standby.Name })
	})
	t.Logf("killed %s, and %s is the primary after %s", old.Name, standby.Name, time.Since(begun))
	l.more(200)
	t.Logf("killed: the longest time without a login is %s", l.without())

	if err := h.Start(old); err != nil {
		t.Fatal(err)
	}
	if err := h.Agreed(t.Context(), len(h.Servers)); err != nil {
		t.Fatal(err)
	}
	l.more(100)
	t.Logf("%s is back: the longest time without a login is %s", old.Name, l.without())

	primary, standby, err := h.Primary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.without()
	line := strings.NewReplacer("db2", primary.Name, "db3", standby.Name).Replace(block(t, page, "switchover"))
	args, found := strings.CutPrefix(strings.TrimSpace(line), "patronictl -c /etc/patroni/config.yml ")
	if !found {
		t.Fatalf("the document's command is %s", line)
	}
	if _, err := h.Ctl(t.Context(), strings.Fields(args)...); err != nil {
		t.Fatal(err)
	}
	l.more(200)
	t.Logf("handed over: the longest time without a login is %s", l.without())
	if err := h.Agreed(t.Context(), len(h.Servers)); err != nil {
		t.Fatal(err)
	}
	l.verify()
}
