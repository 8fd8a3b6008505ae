package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// budget is a share of the processors that a program gets at most: a control group
// of Linux, of either version.
type budget struct {
	dir string
}

// budgetPeriod is short against what is measured.
const budgetPeriod = 20 * time.Millisecond

// newBudget makes one of so many cores.
func newBudget(name string, cores float64) (*budget, error) {
	period, quota := budgetPeriod.Microseconds(), int64(cores*float64(budgetPeriod.Microseconds()))
	name += "-" + strconv.Itoa(os.Getpid())
	var errs []error
	for _, version := range []struct {
		root, rootFile, enable string
		files                  [][2]string
	}{
		{root: "/sys/fs/cgroup/cpu", rootFile: "cpu.shares", files: [][2]string{{"cpu.cfs_period_us", fmt.Sprint(period)}, {"cpu.cfs_quota_us", fmt.Sprint(quota)}}},
		{root: "/sys/fs/cgroup", rootFile: "cgroup.controllers", enable: "+cpu", files: [][2]string{{"cpu.max", fmt.Sprint(quota, " ", period)}}},
	} {
		if _, err := os.Stat(filepath.Join(version.root, version.rootFile)); err != nil {
			continue
		}
		g := &budget{filepath.Join(version.root, name)}
		err := os.Mkdir(g.dir, 0o755) //nolint:gosec // the kernel's own files are in it
		if err == nil && version.enable != "" {
			_ = put(filepath.Join(version.root, "cgroup.subtree_control"), version.enable) // the next one says so
		}
		for _, f := range version.files {
			if err == nil {
				err = put(filepath.Join(g.dir, f[0]), f[1])
			}
		}
		if err == nil {
			return g, nil
		}
		errs = append(errs, err, g.remove())
	}
	return nil, fmt.Errorf("%w: no share of the processors can be given to a program here (that takes root and Linux's control groups): %w",
		errSkipped, errors.Join(append(errs, errors.ErrUnsupported)...))
}

func put(file, text string) error {
	return os.WriteFile(file, []byte(text), 0o600)
}

// take puts a program under it.
func (g *budget) take(c *child) error {
	return put(filepath.Join(g.dir, "cgroup.procs"), strconv.Itoa(c.cmd.Process.Pid))
}

// remove removes it when all that were under it have ended.
func (g *budget) remove() error {
	err := os.Remove(g.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
