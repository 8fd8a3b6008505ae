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

// names is how many hard links a file has, its own name included.
func names(info fs.FileInfo) uint64 {
	if s, is := info.Sys().(*syscall.Stat_t); is {
		return uint64(s.Nlink)
	}
	return 1
}
