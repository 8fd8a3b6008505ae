//go:build !unix

package server

import (
	"io/fs"
	"os"
)

// lockFile does nothing where there is no flock: running two servers on one
// database is for the operator to avoid there.
func lockFile(*os.File, bool) error { return nil }

// names is 1: how many hard links a file has is not asked here.
func names(fs.FileInfo) uint64 { return 1 }
