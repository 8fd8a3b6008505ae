//go:build unix

package server

import (
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
