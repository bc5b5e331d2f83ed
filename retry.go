package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

// A backoff returns the times to wait between attempts: first, then twice as
// long each time, up to max. Each is shortened at random by up to a fifth, so
// that many clients do not come back at once.
type backoff struct {
	first, max time.Duration
	last       time.Duration // 0 before the first failure
}

// next returns how long to wait after another failure.
func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, b.first), b.max)
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

// A failureLog logs a failure that may last: when it begins, changes and ends.
type failureLog struct {
	what string // what fails
	last error
}

// record logs err if it differs from the last one. A nil err means that it
// works.
func (l *failureLog) record(err error) {
	switch {
	case fmt.Sprint(err) == fmt.Sprint(l.last):
	case err == nil:
		slog.Info(l.what + ": works again")
	default:
		slog.Warn(l.what+": failed, trying again", "err", err)
	}
	l.last = err
}
