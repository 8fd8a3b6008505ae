package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the experiments start this program as their ceiling.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if f, ok := children[os.Args[1]]; ok {
			os.Exit(exitCode(f(os.Args[2:])))
		}
	}
	os.Exit(m.Run())
}

func TestMedianAndRatio(t *testing.T) {
	if m := (series{9, 1, 5}).median(); m != 5 {
		t.Errorf("median of three: %v", m)
	}
	if m := (series{9, 1, 5, 7}).median(); m != 6 {
		t.Errorf("median of four: %v", m)
	}
	if m := (series{}).median(); !math.IsNaN(m) {
		t.Errorf("median of none: %v", m)
	}
	// The machine was slow in the second round, for both.
	r := row{figure: series{70, 35, 70}, ceiling: series{100, 50, 100}, want: atLeast(0.70)}
	if r.counts() != 0.7 || !r.met() {
		t.Errorf("ratio %v, met %v", r.counts(), r.met())
	}
	r.want = atLeast(0.71)
	if r.met() {
		t.Error("0.70 is held to be at least 0.71")
	}
	r = row{figure: series{501}, want: atMost(500)}
	if r.met() {
		t.Error("501 is held to be at most 500")
	}
	if r = (row{want: atMost(500)}); r.met() {
		t.Error("what was not measured is held to be met")
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0 x", 0.04531: "0.04531 x", 0.5: "0.5 x", 15.418: "15.42 x", 999.94: "999.9 x", 1000: "1,000 x", 71234.6: "71,235 x", 1234567: "1,234,567 x", 3.00001: "3 x",
	} {
		if got := human(v, "x"); got != want {
			t.Errorf("%v is written as %q, want %q", v, got, want)
		}
	}
}

func TestReport(t *testing.T) {
	var out bytes.Buffer
	r := report{out: &out, cpus: 2}
	r.sample("Check/electa", value{40000.25, "req/s"}, value{1.5, "p99-ms"})
	r.add(row{"checks", "req/s", series{80}, series{100}, "bare", atLeast(0.7)}, row{"its p99", "ms", series{15}, nil, "", atMost(15)})
	if r.missed() {
		t.Error("a target is held to be missed")
	}
	r.add(row{"size", "MB", series{31}, nil, "", atMost(30)})
	if !r.missed() {
		t.Error("no target is held to be missed")
	}
	r.table()
	for _, want := range []string{
		"BenchmarkCheck/electa-2 1 40000 req/s 1.5 p99-ms\n",
		`(?m)^checks +80 req/s +100 req/s bare +0\.80 +≥ 0\.70 +yes$`,
		`(?m)^its p99 +15 ms +≤ 15 ms +yes$`,
		`(?m)^size +31 MB +≤ 30 MB +NO$`,
	} {
		if !regexp.MustCompile(want).Match(out.Bytes()) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestCommandLine(t *testing.T) {
	o, err := parse([]string{"-quick", "-run", "^login$", "-o", "x.txt", "-strict"})
	if err != nil || o.plan != quickPlan || !o.run.MatchString("login") || o.run.MatchString("core-login") || o.out != "x.txt" || !o.strict {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := parse(nil); err != nil || o.plan != fullPlan || !strings.HasPrefix(o.out, filepath.Join("bench", "out")) {
		t.Errorf("without flags: %+v, %v", o, err)
	}
	for _, wrong := range [][]string{{"-run", "("}, {"check"}, {"-nonsense"}} {
		if _, err := parse(wrong); err == nil {
			t.Errorf("%q is understood", wrong)
		}
	}
}

// TestEveryExperiment runs all of them with next to no work: each has to come to
// its end and measure something, whatever it is, and leave nothing behind.
func TestEveryExperiment(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil { // PostgreSQL passes through it as another user
		t.Fatal(err)
	}
	b, err := newBench(options{dir: dir, plan: plan{sessions: 2 * tokens, rounds: 1, window: 100 * time.Millisecond}}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range experiments {
		before := len(b.report.rows)
		err := e.run(context.Background(), b)
		if errors.Is(err, errSkipped) {
			t.Logf("%s: %v", e.name, err)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", e.name, err)
		}
		if len(b.report.rows) == before {
			t.Errorf("%s: no rows", e.name)
		}
	}
	for i := range b.report.rows {
		r := &b.report.rows[i]
		if len(r.figure) == 0 || (r.ceiling != nil && len(r.ceiling) != len(r.figure)) || slices.ContainsFunc(r.figure, math.IsNaN) {
			t.Errorf("%s: %v against %v", r.what, r.figure, r.ceiling)
		}
	}
	if err := b.close(); err != nil {
		t.Error(err)
	}
	for _, c := range b.children {
		select {
		case <-c.done:
		default:
			t.Errorf("%s is still running", c.name)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestInterruptedRunLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	b, err := newBench(options{dir: dir, plan: quickPlan}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.bare204(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := b.drive(ctx, "Bare/minimal", c, 64, minimal(), time.Hour); err == nil {
		t.Error("a cancelled measurement has a figure")
	}
	if err := b.close(); err != nil {
		t.Error(err)
	}
	<-c.done
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
