//go:build !unix

package server

import (
	"io/fs"
	"os"
)

// lockFile does nothing where there is no flock: running two servers on one
// database is for the operator to avoid there.
func lockFile(*os.File, bool) error { return nil }

// hasLinks is false: how many names a file has is not asked here.
func hasLinks(fs.FileInfo) bool { return false }
