package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// clockTolerance is how far the host's clock may be off before it is
	// reported as wrong. The Pi's clock has no battery, and there may be no time
	// server.
	clockTolerance = 30 * time.Second
	// clockRight is how far it may be off to be right again. It is less than
	// clockTolerance, so that a clock at the edge is not reported repeatedly.
	clockRight = 15 * time.Second
	// clockJump is the smallest jump of the wall clock that is logged.
	clockJump = 2 * time.Second
)

// A clockWatch compares the host's wall clock with Telegram's clock and with
// the host's monotonic clock, so that the times in the log can be trusted.
// Durations are never measured by the wall clock.
type clockWatch struct {
	notify func(text string)               // on the terminal and in the chat
	log    func(at time.Time, text string) // to exceedings.log

	mu    sync.Mutex // guards the fields below
	wrong bool       // and reported as such
	last  time.Time  // when the newest answer compared arrived
}

// compare compares the time of a Bot API answer with the host's time when it
// arrived. Answers that arrive out of order are ignored: the clock may have
// been set in between.
func (c *clockWatch) compare(server, own time.Time) {
	off := own.Round(0).Sub(server)
	c.mu.Lock()
	if own.Before(c.last) {
		c.mu.Unlock()
		return
	}
	c.last = own
	was := c.wrong
	c.wrong = off.Abs() > clockTolerance || was && off.Abs() > clockRight
	wrong := c.wrong
	c.mu.Unlock()

	switch {
	case wrong && !was:
		text := "The clock of the bot's host is %s: the times in the log are wrong until it is set."
		c.notify(fmt.Sprintf(text, offBy(off)))
	case was && !wrong:
		c.notify("The clock of the bot's host is right again.")
	}
}

// run watches for jumps of the wall clock until ctx ends.
func (c *clockWatch) run(ctx context.Context) {
	last := time.Now()
	for pause(ctx, time.Second); ctx.Err() == nil; pause(ctx, time.Second) {
		now := time.Now()
		c.logJump(last.Round(0).Add(now.Sub(last)), now.Round(0)) // Sub uses the monotonic clock
		last = now
	}
}

// logJump logs a jump of the wall clock if the time that it shows is not the
// expected one.
func (c *clockWatch) logJump(expected, shown time.Time) {
	jump := shown.Sub(expected)
	if jump.Abs() >= clockJump {
		c.log(shown, fmt.Sprintf("Set from %s to %s (%+d s)",
			expected.Format(time.DateTime), shown.Format(time.DateTime), int(jump.Round(time.Second).Seconds())))
	}
}

// offBy says how far and in which direction a clock is off.
func offBy(d time.Duration) string {
	if d < 0 {
		return durationText(-d) + " slow"
	}
	return durationText(d) + " fast"
}
