package main

import (
	"context"
	"os"
	"reflect"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Pi has CPU time to spare rather than memory.
const (
	gcPercent    = 25              // by which the heap, which is small, grows until garbage is collected
	releaseFirst = 5 * time.Second // after the start, which takes more memory than the watch
	releaseEvery = time.Minute
)

// releaseMemory returns unused memory to the system from time to time, until
// ctx ends. The runtime by itself would keep much of what it once needed.
func releaseMemory(ctx context.Context) {
	code := loadedCode()
	for wait := releaseFirst; ; wait = releaseEvery {
		if pause(ctx, wait); ctx.Err() != nil {
			return
		}
		debug.FreeOSMemory()
		code.release()
	}
}

// A codeRange is the address range of the program's machine code.
type codeRange struct{ from, to uintptr }

// loadedCode returns the address range of the program's machine code, or an empty
// one if the system is not Linux.
func loadedCode() codeRange {
	maps, _ := os.ReadFile("/proc/self/maps")
	here := reflect.ValueOf(loadedCode).Pointer()
	for line := range strings.Lines(string(maps)) { // such as "00010000-00300000 r-xp 00000000 b3:02 1234 /opt/iscbot"
		addresses, rest, _ := strings.Cut(line, " ")
		first, last, _ := strings.Cut(addresses, "-")
		from, err := strconv.ParseUint(first, 16, strconv.IntSize)
		to, err2 := strconv.ParseUint(last, 16, strconv.IntSize)
		code := codeRange{uintptr(from), uintptr(to)}
		isCode := err == nil && err2 == nil && strings.HasPrefix(rest, "r-xp")
		if isCode && code.from <= here && here < code.to {
			return code
		}
	}
	return codeRange{}
}

// release takes the code out of the resident memory, as most of it is needed only
// at the start, for a chart or for a reset. It stays in the system's file cache,
// from where code that runs again comes back without being read from the disk.
func (c codeRange) release() {
	if c.to > c.from {
		syscall.Syscall(syscall.SYS_MADVISE, c.from, c.to-c.from, syscall.MADV_DONTNEED) // best effort
	}
}
