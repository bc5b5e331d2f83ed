package main

import (
	"errors"
	"time"
)

// A status is what is known about a PDU.
type status struct {
	pdu
	reading           // the last one, with the resetAt before it if it had none
	err     error     // of the last poll; nil if that gave the reading
	since   time.Time // of err: the last reading, or the start
	polled  time.Time // when it was last polled
	polls   pollCounts

	missed      int  // consecutive polls without an answer
	unreachable bool // and reported as such
	stillCounts bool // unreachable, but its last reading counts until the open crossing ends

	register  int       // W, the last peak read; -1 before the first
	reset     peakReset // being observed
	resets    int       // of the peak, since the start
	resetFrom int       // W, the register before the last reset
}

// pollCounts counts the polls of a PDU since the start by their result.
type pollCounts struct{ ok, noAnswer, wrongAnswer, noMeter int }

// count counts a poll that ended with err.
func (c *pollCounts) count(err error) {
	switch {
	case err == nil:
		c.ok++
	case errors.Is(err, errNoMeter):
		c.noMeter++
	case errors.Is(err, errWrong):
		c.wrongAnswer++
	default:
		c.noAnswer++
	}
}

// A peakReset is a reset of the peak that is being observed. Some cards update
// the register and its start time one reading apart, so a reset is judged when
// both have changed or some time has passed.
type peakReset struct {
	readings int       // since it was seen; 0 if there is no reset
	since    time.Time // when it was seen
	from     int       // W, the register before
	fell     bool      // the register fell
	moved    bool      // the start time changed
	known    bool      // the bot's own, or reported when the PDU came back
}

// A team is what is known about a team and its PDUs.
type team struct {
	name string
	pdus []status

	above       bool      // a crossing is open
	opened      time.Time // when it began
	openHighest int       // W, the highest in the open crossing
	possible    int       // W, the sum of registers last reported as possibly above the limit; 0 for none
	lastSound   time.Time // when an alert last had a sound

	// Since the start:
	crossings    int
	total        time.Duration // above the limit, without an open crossing
	highest      int           // W
	lastCrossing time.Time     // when the last one began
}

// sum returns the proven power of a team, in W: the sum of the last readings of
// its PDUs, except unreachable ones that no longer count.
func (t team) sum() (watts int) {
	for i := range t.pdus {
		p := &t.pdus[i]
		if !p.at.IsZero() && (!p.unreachable || p.stillCounts) {
			watts += p.watts
		}
	}
	return watts
}
