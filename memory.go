package main

import (
	"context"
	"runtime/debug"
	"time"
)

// A Pi has CPU time to spare rather than memory.
const (
	gcPercent    = 25              // heap growth, in percent, that triggers a collection; the heap is small
	processors   = 1               // to run Go code; the runtime keeps memory for each
	releaseFirst = 5 * time.Second // after the start, which takes more memory than the watch
	releaseEvery = time.Minute
)

// releaseMemory returns unused memory to the system from time to time, until
// ctx ends. The runtime by itself would keep much of what it once needed.
func releaseMemory(ctx context.Context) {
	file := fileMappings()
	for wait := releaseFirst; ; wait = releaseEvery {
		if pause(ctx, wait); ctx.Err() != nil {
			return
		}
		debug.FreeOSMemory()
		for _, m := range file {
			m.release()
		}
	}
}
