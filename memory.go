package main

import (
	"context"
	"runtime/debug"
	"time"
)

// A Pi has time rather than memory.
const (
	gcPercent    = 25          // by which the heap, which is small, grows until garbage is collected
	releaseEvery = time.Minute // unused memory goes back to the system
)

// releaseMemory returns unused memory to the system from time to time, until
// ctx ends: after many pictures the runtime would keep a part of it.
func releaseMemory(ctx context.Context) {
	for pause(ctx, releaseEvery); ctx.Err() == nil; pause(ctx, releaseEvery) {
		debug.FreeOSMemory()
	}
}
