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

// trial is two nodes on three database servers, under load.
type trial struct {
	*testing.T
	h *pgtest.HA
	l *load
}

func newTrial(t *testing.T) *trial {
	t.Helper()
	whole(t)
	h, data := startHA(t)
	s := newSite(t, data, "PGPASSWORD=CHANGE-ME-3")
	l := startLoad(t, s.start(t, "one", "127.0.0.1:0", ""), s.start(t, "two", "127.0.0.1:0", ""))
	c := &trial{t, h, l}
	c.goesOn("nothing happened")
	return c
}

// goesOn waits until clients log in, and reports for how long they could not.
func (c *trial) goesOn(after string) {
	c.Helper()
	c.l.more(100)
	c.Logf("%s: the longest time without a login is %s", after, c.l.without().Round(time.Millisecond))
}

// whole waits until all three servers are there, and returns the first two.
func (c *trial) whole() (primary, standby *pgtest.Server) {
	c.Helper()
	if err := c.h.Agreed(c.Context(), len(c.h.Servers)); err != nil {
		c.Fatal(err)
	}
	primary, standby, err := c.h.Primary(c.Context())
	if err != nil {
		c.Fatal(err)
	}
	c.l.without()
	return primary, standby
}

// replaced waits until the synchronous standby is the primary.
func (c *trial) replaced(standby *pgtest.Server) {
	c.Helper()
	until(c.T, "the synchronous standby is the primary", func() bool {
		list, _ := c.h.Members(c.Context())
		return slices.ContainsFunc(list, func(m pgtest.Member) bool { return m.Role == "leader" && m.Name == standby.Name })
	})
}

func (c *trial) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// The primary is killed under load, comes back as a replica, and hands over as
// planned: what was answered is true on every node all the time.
func TestKilledPrimary(t *testing.T) {
	c := newTrial(t)
	primary, standby := c.whole()
	c.must(c.h.Kill(primary))
	c.replaced(standby)
	c.goesOn("the primary was killed")
	c.must(c.h.Start(primary))

	primary, standby = c.whole()
	line := strings.NewReplacer("db2", primary.Name, "db3", standby.Name).Replace(block(t, page, "switchover"))
	args, found := strings.CutPrefix(strings.TrimSpace(line), "patronictl -c /etc/patroni/config.yml ")
	if !found {
		t.Fatalf("the document's command is %s", line)
	}
	_, err := c.h.Ctl(t.Context(), strings.Fields(args)...)
	c.must(err)
	c.goesOn("the primary handed over")
	c.whole()
	c.l.verify()
}

// The synchronous standby is killed, and then the primary hangs: its connections stay
// open, new ones are taken, nobody answers. When it goes on, after another has taken
// over, it does not know yet that it is the primary no more.
func TestHangingPrimary(t *testing.T) {
	c := newTrial(t)
	_, standby := c.whole()
	c.must(c.h.Kill(standby))
	c.goesOn("the standby was killed")
	c.must(c.h.Start(standby))

	primary, standby := c.whole()
	c.must(c.h.Freeze(primary))
	c.replaced(standby)
	c.goesOn("the primary hung")
	c.must(c.h.Thaw(primary))
	c.goesOn("it goes on")
	c.whole()
	c.l.verify()
}
