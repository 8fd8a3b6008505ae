package main

import (
	"os"
	"runtime/debug"
)

// collectLess lets the heap grow to five times what is live before it is
// collected. Most of what is live are sessions in memory, a million of them to
// walk through in each collection, and each password hash is 19 MiB of garbage:
// with Go's own setting a third of a login with a password went into collecting.
// GOGC and GOMEMLIMIT in the environment count as everywhere.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}
