package main

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
)

// errPanic is wrapped by the errors into which a panicGuard turns panics.
var errPanic = errors.New("internal error")

// A panicGuard turns panics in the handling of input from outside into errors,
// so that they end neither the program nor the goroutine. The zero value is
// ready for use.
type panicGuard struct {
	mu   sync.Mutex
	last string // the last panic logged
}

// catch turns a panic into an error. It must be deferred. A panic that repeats
// is logged once, with its stack.
func (g *panicGuard) catch(what string, err *error) {
	if p := recover(); p != nil {
		*err = g.record(what, fmt.Sprint(p), string(debug.Stack()))
	}
}

// record does the same for a panic from which other code has recovered.
func (g *panicGuard) record(what, panicked, stack string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if text := what + panicked; text != g.last {
		g.last = text
		slog.Error(what+": internal error; please report it", "panic", panicked, "stack", stack)
	}
	return fmt.Errorf("%w: %s", errPanic, panicked)
}

// A taskGroup runs tasks that handle input from outside, each in its own
// goroutine. A panic ends only its own task. The zero value is ready for use.
type taskGroup struct {
	running sync.WaitGroup
	panics  panicGuard
}

// Go runs a task in a new goroutine.
func (g *taskGroup) Go(task func()) {
	g.running.Go(func() {
		var err error // logged by catch
		defer g.panics.catch("task", &err)
		task()
	})
}

// Wait waits until all tasks have ended.
func (g *taskGroup) Wait() { g.running.Wait() }
