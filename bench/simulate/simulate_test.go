package main

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// small is a scenario that takes a moment.
func small() Scenario {
	return Scenario{Seed: 7, Nodes: 20, Sessions: 2_000, Life: 2 * time.Minute, Calls: 30, Hot: 0.2, Memory: 3, Revoked: 0.1, Trip: 2 * time.Millisecond}
}

func near(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if math.Abs(got-want) > share*math.Abs(want) {
		t.Errorf("%s: %v, want %v within %v of it", what, got, want, share)
	}
}

func TestTheSameSeedGivesTheSameFigures(t *testing.T) {
	a, b := Simulate(small()), Simulate(small())
	if !reflect.DeepEqual(a, b) {
		t.Error("two runs of one seed differ")
	}
	other := small()
	other.Seed++
	if reflect.DeepEqual(a, Simulate(other)) {
		t.Error("two seeds give the same run")
	}
}

func TestReadsAreThoseOfTheFormula(t *testing.T) {
	for name, change := range map[string]func(*Scenario){
		"a fifth is hot": func(*Scenario) {}, "all alike": func(s *Scenario) { s.Hot = 0 }, "few calls": func(s *Scenario) { s.Calls = 3 },
		"two nodes": func(s *Scenario) { s.Nodes = 2 }, "twice the sessions": func(s *Scenario) { s.Sessions *= 2 },
	} {
		t.Run(name, func(t *testing.T) {
			s := small()
			change(&s)
			r := Simulate(s)
			near(t, "reads of a login", float64(r.Reads)/float64(r.Logins), ReadsOfALogin(s.Calls, s.Hot, float64(s.Nodes)), 0.08)
			near(t, "logins", float64(r.Logins), float64(s.Sessions), 0.08)
			near(t, "checks of a login", float64(r.Checks)/float64(r.Logins), s.Calls, 0.12)
			if r.Hits+r.Reads != r.Checks {
				t.Errorf("%d hits and %d reads of %d checks", r.Hits, r.Reads, r.Checks)
			}
		})
	}
}

func TestCallsToOneNodeReadNothing(t *testing.T) {
	s := small()
	s.Sticky = true
	if r := Simulate(s); r.Reads != 0 || r.HitRate() != 1 {
		t.Errorf("%d reads", r.Reads)
	}
	// A shard keeps 16 at least, so that memory for 1,024 is the least there is.
	s.Nodes, s.Sessions, s.Memory = 2, 4_000, 0.01
	if r := Simulate(s); r.HitRate() > 0.9 || r.Reads == 0 || r.Cached > s.Nodes*auth.CacheShards*16 {
		t.Errorf("hits %v with memory for half, %d in memory", r.HitRate(), r.Cached)
	}
}

func TestAnEndIsObeyedWithinTheInterval(t *testing.T) {
	s := small()
	r := Simulate(s)
	most := (auth.FeedInterval + 2*s.Trip).Seconds()
	if r.Notices == 0 || len(r.Staleness) < r.Notices*(s.Nodes-2) {
		t.Fatalf("%d ends, obeyed %d times by %d nodes", r.Notices, len(r.Staleness), s.Nodes)
	}
	if got := r.Quantile(1); got > most || most >= auth.FeedFreshness.Seconds() {
		t.Errorf("obeyed after %v s at most, want within %v", got, most)
	}
	// A look comes at any time within the interval, and the two ways are on top.
	near(t, "median", r.Quantile(0.5), auth.FeedInterval.Seconds()/2+2*s.Trip.Seconds(), 0.1)
	near(t, "looks", float64(r.Polls)/r.Seconds, float64(s.Nodes)/auth.FeedInterval.Seconds(), 0.01)
	if want := int64(r.Polls)*(pollBytes+noticeBytes) + int64(r.Rows)*noticeBytes; r.Bytes != want {
		t.Errorf("%d bytes, want %d", r.Bytes, want)
	}
	near(t, "notices of a login", float64(r.Notices)/float64(r.Logins), s.Revoked, 0.25)
}

func TestCacheDropsWhatWasUsedLongAgo(t *testing.T) {
	order := rand.New(rand.NewPCG(1, 1))
	c := newCache(16, 1, 16) // the handful is all: then it is exact
	for i := range int32(16) {
		c.put(i, float64(i), order)
	}
	c.use(0, 100)
	c.use(1, 1.5) // noted by the second
	c.put(99, 101, order)
	if c.use(1, 102) || !c.use(0, 102) || !c.use(99, 102) || c.len() != 16 {
		t.Error("not the one that was used longest ago went")
	}
	c.forget(0)
	if c.use(0, 103) || c.len() != 15 {
		t.Error("what was forgotten is there")
	}
}

func TestCapacityIsReckonedAsTheDocumentSays(t *testing.T) {
	c := Reckon(Installation{Live: 1e9, Logins: 1e5, Calls: 50})
	near(t, "checks", c.Checks, 5e6, 1e-9)
	near(t, "disk", c.Disk, 1e9*208.9, 1e-9)
	near(t, "cores of nodes", c.NodeCores, 5e6*28e-6+1e5*60e-6, 1e-9)
	near(t, "nodes", c.Nodes, 19, 1e-9) // 146 cores of 8 each
	near(t, "cores for logins", c.LoginCores, 2.5, 1e-9)
	// 50 calls: a fifth makes 200 calls each, the rest 12.5.
	near(t, "reads of a login", c.ReadsOfALogin, 0.2*18*200/219+0.8*18*12.5/31.5, 1e-9)
	near(t, "databases", c.Sticky, 3, 1e-9) // 2,500 commits a second, a thousand of one
}

func TestDocumentHasTheTable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "scaling.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), Table()) {
		t.Errorf("docs/scaling.md does not have the table of 'go run ./bench/simulate -capacity':\n%s", Table())
	}
}

// TestDocumentHasTheSimulation simulates what docs/scaling.md says that was simulated.
func TestDocumentHasTheSimulation(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("other processors round sums of products once, which is another run")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "scaling.md"))
	if err != nil {
		t.Fatal(err)
	}
	var table string
	if testing.Short() { // the scenario with the fewest events
		table = line(Scenarios()[1])
	} else {
		table = report(1)
	}
	if !strings.Contains(string(text), table) {
		t.Errorf("docs/scaling.md does not have what 'go run ./bench/simulate' says:\n%s", table)
	}
}
