package main

import (
	"flag"
	"fmt"
	"io"
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
	report(os.Stdout, *seed)
}

// report simulates all scenarios and writes their table.
func report(w io.Writer, seed uint64) {
	fmt.Fprintf(w, "| 100 nodes | hits | reads a login | looks at the feed/s | bytes/s to a node | in memory of a node | obeyed after, median | p99 | at most |\n|%s\n", strings.Repeat("---|", 9))
	for _, s := range Scenarios() {
		s.Seed = seed
		r := Simulate(s)
		fmt.Fprintf(w, "| %s | %.3f | %.1f | %.0f | %.0f | %.1f%% of all | %.0f ms | %.0f ms | %.0f ms |\n", s.Name, r.HitRate(), float64(r.Reads)/float64(r.Logins),
			float64(r.Polls)/r.Seconds, float64(r.Bytes)/r.Seconds/float64(s.Nodes), 100*float64(r.Cached)/float64(s.Nodes)/float64(s.Sessions),
			1000*r.Quantile(0.5), 1000*r.Quantile(0.99), 1000*r.Quantile(1))
	}
}
