package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// describe writes what the figures depend on, as benchstat's configuration lines.
func (b *bench) describe(ctx context.Context) {
	for _, line := range [][2]string{
		{"date", time.Now().UTC().Format(time.RFC3339)},
		{"commit", commit(ctx)},
		{"goos", runtime.GOOS},
		{"goarch", runtime.GOARCH},
		{"go", runtime.Version()},
		{"cpu", field("/proc/cpuinfo", "model name")},
		{"cores", fmt.Sprintf("%d, shared by the server and the load", runtime.NumCPU())},
		{"memory", field("/proc/meminfo", "MemTotal")},
		{"kernel", kernel()},
		{"load", loadAverage() + " before the run"},
		{"disk", "4 KiB written and fsynced in " + fsync(b.dir)},
		{"plan", fmt.Sprintf("%d sessions, %d rounds of %v", b.sessions, b.rounds, b.window)},
	} {
		b.report.printf("%s: %s\n", line[0], line[1])
	}
	for _, unit := range []string{"req/s", "rows/s", "hashes/s"} {
		b.report.printf("Unit %s better=higher\n", unit)
	}
	b.report.printf("\n")
}

const unknown = "unknown"

// field is the value of a line "name : value" of a file.
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return unknown
	}
	defer func() { _ = f.Close() }() // only read
	for s := bufio.NewScanner(f); s.Scan(); {
		if k, v, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return unknown
}

func kernel() string { return line("/proc/sys/kernel/osrelease") }

// loadAverage is that of the last minute.
func loadAverage() string {
	first, _, _ := strings.Cut(line("/proc/loadavg"), " ")
	return first
}

func line(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return unknown
	}
	first, _, _ := strings.Cut(string(b), "\n")
	return first
}

// ticks are hundredths of a second of a processor.
const ticks = time.Second / 100

// busy is the processor time that all programs have used (proc_stat(5): user,
// nice, system, then idle, iowait, irq, softirq, steal); false where the system
// does not tell.
func busy() (t time.Duration, ok bool) {
	f := strings.Fields(line("/proc/stat"))
	if len(f) < 9 {
		return 0, false
	}
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		n, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil {
			return 0, false
		}
		t += time.Duration(n) * ticks
	}
	return t, true
}

// processTime is what a process has used in user and kernel mode; with reaped,
// also what its children had that have ended (proc_pid_stat(5), fields 14 to 17).
func processTime(pid int, reaped bool) (t time.Duration, ok bool) {
	// The second field is the program's name in parentheses.
	_, rest, _ := strings.Cut(line(fmt.Sprintf("/proc/%d/stat", pid)), ") ")
	f := strings.Fields(rest)
	if len(f) < 15 {
		return 0, false
	}
	last := 12
	if reaped {
		last = 14
	}
	for _, s := range f[11 : last+1] {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, false
		}
		t += time.Duration(n) * ticks
	}
	return t, true
}

// others measures the share of all processors that programs other than this one
// and its children use from now on: what makes a run worth nothing.
func (b *bench) others() func() string {
	start := time.Now()
	foreign := func() (time.Duration, bool) {
		all, ok1 := busy()
		own, ok2 := processTime(os.Getpid(), true)
		for _, c := range b.children {
			if t, ok := c.cpu(); ok {
				own += t
			}
		}
		return all - own, ok1 && ok2
	}
	before, _ := foreign()
	return func() string {
		after, ok := foreign()
		if !ok {
			return unknown
		}
		share := (after - before).Seconds() / (time.Since(start).Seconds() * float64(runtime.NumCPU()))
		return fmt.Sprintf("%.0f%% of the processors' time", 100*max(share, 0))
	}
}

// commit is what the working tree is at.
func commit(ctx context.Context) string {
	head, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return unknown
	}
	c := strings.TrimSpace(string(head))
	if changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--untracked-files=no").Output(); err == nil && len(changed) > 0 {
		c += " (modified)"
	}
	return c
}

// fsync is how long a small durable write takes where the databases will be: in
// memory, where it takes microseconds, durable logins would say nothing.
func fsync(dir string) string {
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return unknown
	}
	defer func() { _ = os.Remove(f.Name()) }()
	defer func() { _ = f.Close() }()
	var took []time.Duration
	for range 51 {
		start := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return unknown
		}
		if err := f.Sync(); err != nil {
			return unknown
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[len(took)/2].Round(time.Microsecond).String()
}
