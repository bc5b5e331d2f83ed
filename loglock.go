package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// errLogInUse is returned for a log that another iscbot is writing.
var errLogInUse = errors.New("it is in use by another iscbot")

// lockLog reserves a log for this process, as a second bot would log each crossing
// twice. It gives a bot that is stopping time to end, and returns errLogInUse if the
// log is in use for longer, or until ctx ends. unlock ends the reservation; the end of
// the process does so too.
//
// The lock is a name in Linux's abstract namespace of sockets. Unlike a lock on the
// file, it holds while the log is rotated or the disk is full, and it needs no
// permission. Other systems have no such names, and thus no lock.
func lockLog(ctx context.Context, path string, within time.Duration) (unlock func(), err error) {
	if runtime.GOOS != "linux" {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		l, err := net.Listen("unix", lockName(path))
		switch {
		case err == nil:
			return func() { l.Close() }, nil
		case !errors.Is(err, syscall.EADDRINUSE):
			return func() {}, nil // best effort
		case ctx.Err() != nil:
			return nil, errLogInUse
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// lockName returns the name of the lock of a log.
func lockName(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(dir, filepath.Base(path))
	}
	return fmt.Sprintf("@iscbot-%x", sha256.Sum256([]byte(path)))
}
