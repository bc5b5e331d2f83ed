package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// TestLockLog checks that a log is reserved under each of its names, until it is
// unlocked, whatever happens to the file.
func TestLockLog(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux's abstract namespace of sockets")
	}
	dir := t.TempDir()
	log, link := filepath.Join(dir, "log"), filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	unlock, err := lockLog(t.Context(), log, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, same := range []string{log, filepath.Join(dir, "x", "..", "log"), filepath.Join(link, "log")} {
		if _, err := lockLog(t.Context(), same, 0); !errors.Is(err, errLogInUse) {
			t.Errorf("%s: got %v", same, err)
		}
	}
	unlockOther, err := lockLog(t.Context(), log+"2", 0)
	if err != nil {
		t.Error(err)
	}
	unlockOther()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lockLog(ended, log, time.Minute); !errors.Is(err, errLogInUse) {
		t.Errorf("after the end of the context: got %v", err)
	}

	locked := make(chan error)
	go func() {
		unlock, err := lockLog(t.Context(), log, time.Minute)
		if err == nil {
			unlock()
		}
		locked <- err
	}()
	unlock()
	if err := <-locked; err != nil {
		t.Errorf("a lock that is waited for: %v", err)
	}
}
