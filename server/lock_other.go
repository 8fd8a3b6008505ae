//go:build !unix

package server

import "os"

// lockFile does nothing where there is no flock: running two servers on one
// database is for the operator to avoid there.
func lockFile(*os.File, bool) error { return nil }
