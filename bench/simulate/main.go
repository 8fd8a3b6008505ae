package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	f := flag.NewFlagSet("simulate", flag.ExitOnError)
	capacity := f.Bool("capacity", false, "write the capacity table and simulate nothing")
	seed := f.Uint64("seed", 1, "another `number`, another run")
	_ = f.Parse(os.Args[1:]) // ends the program itself
	if *capacity {
		fmt.Print(Table())
		return
	}
	fmt.Print(report(*seed))
}

// report simulates all scenarios and returns their table, as docs/scaling.md has it.
func report(seed uint64) string {
	var b strings.Builder
	b.WriteString("| 100 nodes | hits | reads a login | looks at the feed/s | bytes/s to a node | in memory of a node | obeyed after, median | p99 | at most |\n")
	b.WriteString("|" + strings.Repeat("---|", 9) + "\n")
	for _, s := range Scenarios() {
		s.Seed = seed
		b.WriteString(line(s))
	}
	return b.String()
}

// line simulates one scenario.
func line(s Scenario) string {
	r := Simulate(s)
	return fmt.Sprintf("| %s | %.3f | %.1f | %.0f | %.0f | %.1f%% of all | %.0f ms | %.0f ms | %.0f ms |\n", s.Name, r.HitRate(), float64(r.Reads)/float64(r.Logins),
		float64(r.Polls)/r.Seconds, float64(r.Bytes)/r.Seconds/float64(s.Nodes), 100*float64(r.Cached)/float64(s.Nodes)/float64(s.Sessions),
		1000*r.Quantile(0.5), 1000*r.Quantile(0.99), 1000*r.Quantile(1))
}
