package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

// A backoff gives the times to wait between attempts: first, then doubled
// each time up to most. Each is up to a fifth shorter, so that many clients do
// not come back at once.
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

// A failureLog logs a failure that may last: when it changes, and when it is
// over.
type failureLog struct {
	what string // that fails
	last error
}

// record logs err, or with a nil err that it works again, if that is news.
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
