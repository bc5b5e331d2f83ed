//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// lockFile marks a file as in use by this process until it is closed. It reports
// whether another process has marked it. File systems without locks are no
// obstacle.
func lockFile(f *os.File) (inUse bool) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return errors.Is(err, syscall.EWOULDBLOCK)
}
