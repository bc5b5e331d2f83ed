package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"runtime/debug"
	"sync"
	"time"
)

// A backoff gives the times to wait between attempts: first, then doubled
// each time up to most. Each is up to a fifth shorter, so that many clients do
// not come back at once.
type backoff struct {
	first, most time.Duration
	last        time.Duration // 0 before the first failure
}

// next returns how long to wait after another failure.
func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, b.first), b.most)
	return b.last - rand.N(b.last/5+1)
}

// reset is called after a success.
func (b *backoff) reset() { b.last = 0 }

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// A failureLog logs a failure that may last: when it changes, and when it is
// over.
type failureLog struct {
	what string // that fails
	last error
}

// note logs err, or with a nil err that it works again, if that is news.
func (l *failureLog) note(err error) {
	switch {
	case fmt.Sprint(err) == fmt.Sprint(l.last):
	case err == nil:
		slog.Info(l.what + ": works again")
	default:
		slog.Warn(l.what+": failed, trying again", "err", err)
	}
	l.last = err
}

// errPanic is wrapped by the error that a panicGuard makes of a panic.
var errPanic = errors.New("internal error")

// A panicGuard turns panics while input from outside is handled into errors,
// so that they end neither the program nor the goroutine. The zero value is
// ready for use.
type panicGuard struct {
	mu   sync.Mutex
	last string // that was logged
}

// catch turns a panic into an error. It must be deferred. What happens again
// and again is logged once, with its stack.
func (g *panicGuard) catch(what string, err *error) {
	if p := recover(); p != nil {
		*err = g.note(what, fmt.Sprint(p), string(debug.Stack()))
	}
}

// note does the same with a panic from which other code has recovered.
func (g *panicGuard) note(what, panicked, stack string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if text := what + panicked; text != g.last {
		g.last = text
		slog.Error(what+": internal error; please report it", "panic", panicked, "stack", stack)
	}
	return fmt.Errorf("%w: %s", errPanic, panicked)
}

// cause returns the innermost part of a network error that a person can use.
// The error of net/http around it holds the URL, and so the token; that of
// package net holds our own port, which differs each time.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		if e.IsNotFound {
			return fmt.Errorf("there is no host %s", e.Name)
		}
		return fmt.Errorf("the address of %s cannot be found: no DNS server answers", e.Name)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Err != nil {
		if err = e.Err; errors.As(err, new(*os.SyscallError)) {
			err = errors.Unwrap(err)
		}
		return fmt.Errorf("%s: %w", e.Op, err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	return err
}
