package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"runtime/pprof"
	"syscall"
	"time"
)

// experiments are all there is to measure, in the order in which it happens.
var experiments = []struct {
	name string
	run  func(context.Context, *bench) error
}{
	{"size", measureSize},
	{"start", measureStarts},
	{"core-check", measureCoreChecks},
	{"core-login", measureCoreLogins},
	{"check", measureChecks},
	{"introspect", measureIntrospection},
	{"proxy", measureProxy},
	{"made-up", measureMadeUp},
	{"login", measureLogins},
	{"password", measurePasswords},
	{"feed", measureFeed},
	{"postgres-login", measurePostgresCoreLogins},
	{"postgres-http", measurePostgresLogins},
	{"postgres-check", measurePostgresChecks},
	{"postgres-nodes", measureNodes},
}

// options are what the command line says.
type options struct {
	plan
	run     *regexp.Regexp
	out     string
	dir     string
	profile string
	strict  bool
}

// plan is how much is measured.
type plan struct {
	sessions int           // that are alive in the loaded database
	rounds   int           // of each measurement
	window   time.Duration // of one measurement
}

var (
	fullPlan  = plan{sessions: 1_000_000, rounds: 6, window: 1200 * time.Millisecond}
	quickPlan = plan{sessions: 100_000, rounds: 3, window: 250 * time.Millisecond}
)

func main() {
	debug.SetGCPercent(400) // as the server does; the ceilings get the same
	if len(os.Args) > 1 {
		if f, ok := children[os.Args[1]]; ok {
			os.Exit(exitCode(f(os.Args[2:])))
		}
	}
	o, err := parse(os.Args[1:])
	if err != nil {
		os.Exit(2) // the flag package has said why
	}
	// The second signal ends the program at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(exitCode(measure(ctx, o)))
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	return 1
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := f.Bool("quick", false, "half a minute instead of three, with 100,000 sessions and three rounds: to see that it works")
	run := f.String("run", "", "only the experiments that match this regular `expression`")
	f.StringVar(&o.out, "o", "", "`file` to write to (default bench/out/<time>.txt)")
	f.StringVar(&o.dir, "dir", "", "where to make the temporary `directory`; must be on the kind of disk that counts")
	f.StringVar(&o.profile, "profile", "", "write CPU profiles to this `directory`; the server is then run by this program")
	f.BoolVar(&o.strict, "strict", false, "exit with 1 if a target is missed")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		err = fmt.Errorf("bench: %q: only flags are understood", f.Arg(0))
	} else if o.run, err = regexp.Compile(*run); err != nil {
		err = fmt.Errorf("bench: -run: %w", err)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return o, err
	}
	o.plan = fullPlan
	if *quick {
		o.plan = quickPlan
	}
	if o.out == "" {
		o.out = filepath.Join("bench", "out", time.Now().Format("2006-01-02T150405")+".txt")
	}
	return o, nil
}

var errMissed = errors.New("a target was missed")

// measure runs the experiments and writes the file and the terminal.
func measure(ctx context.Context, o options) (err error) {
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil { //nolint:gosec // a report is for everybody
		return err
	}
	file, err := os.Create(o.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	b, err := newBench(o, io.MultiWriter(os.Stdout, file))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	b.describe(ctx)
	others := b.others()
	err = b.experiments(ctx, o.run)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	b.report.table()
	b.report.printf("\nOther programs used %s meanwhile.\n", others())
	fmt.Fprintln(os.Stderr, "bench: written to", o.out)
	if err == nil && o.strict && b.report.missed() {
		err = errMissed
	}
	return errors.Join(err, b.report.err)
}

// errSkipped says that this machine lacks what an experiment needs.
var errSkipped = errors.New("skipped")

// experiments runs those whose names match. One that fails does not keep the
// others from being measured.
func (b *bench) experiments(ctx context.Context, match *regexp.Regexp) error {
	var errs []error
	for _, e := range experiments {
		if !match.MatchString(e.name) || ctx.Err() != nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s\n", e.name)
		stop, err := profileSelf(b.profile, e.name)
		if err != nil {
			return err
		}
		err = e.run(ctx, b)
		stop()
		switch {
		case errors.Is(err, errSkipped):
			b.report.printf("%s: %v\n", e.name, err)
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", e.name, err))
			b.report.failed = true
		}
	}
	return errors.Join(errs...)
}

// profileSelf profiles this program during an experiment: the load, and what is
// measured in process.
func profileSelf(dir, name string) (stop func(), err error) {
	if dir == "" {
		return func() {}, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // no secrets in a profile
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "bench-"+name+".prof"))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // a profile that is cut off says so when it is read
	}, nil
}
