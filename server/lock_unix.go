//go:build unix

package server

import (
	"io/fs"
	"os"
	"syscall"
)

// lockFile takes the lock, for itself or to share it, or fails at once.
func lockFile(f *os.File, shared bool) error {
	how := syscall.LOCK_EX
	if shared {
		how = syscall.LOCK_SH
	}
	return syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
}

// hasLinks says whether a file has more names than one.
func hasLinks(info fs.FileInfo) bool {
	s, is := info.Sys().(*syscall.Stat_t)
	return is && s.Nlink > 1
}
