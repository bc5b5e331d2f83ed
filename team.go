package main

import (
	"errors"
	"time"
)

// A status is what is known of a PDU.
type status struct {
	pdu
	reading           // the last one; where it had no resetAt, with the one before
	err     error     // of the last poll; nil if that gave the reading
	since   time.Time // of err: when the last reading was, or the start
	polled  time.Time // when it was last polled
	polls   pollCounts

	missed      int  // polls without an answer, in a row
	unreachable bool // which was reported
	counted     bool // unreachable since a crossing that is open: its last reading still counts

	register  int       // W, the last peak that it told; -1 before
	reset     peakReset // that is being observed
	resets    int       // of the peak, observed since the start
	resetFrom int       // W, the register before the last of them
}

// pollCounts counts the polls of a PDU since the start by what came of them.
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

// A peakReset is a reset of the peak that is being observed. Some cards
// update the register and its start time one reading apart, so it is judged
// when both have moved or it has settled.
type peakReset struct {
	readings int       // since it was seen; 0 while there is none
	since    time.Time // when it was seen
	from     int       // W, the register before
	fell     bool      // the register did
	moved    bool      // the start time did
	known    bool      // it is the bot's own, or was reported when the PDU came back
}

// A team is what is known of a team.
type team struct {
	name string
	pdus []status

	above       bool      // a crossing is open
	opened      time.Time // when it began
	openHighest int       // W, the highest in it
	possible    int       // W, the sum of the registers that was last reported as possibly above the limit; 0 for none
	sounded     time.Time // when an alert last had a sound

	// Since the start:
	crossings int
	total     time.Duration
	highest   int // W
	last      time.Time
}

// sum returns the proven power of a team, in W: the sum of its PDUs' last
// readings, without those unreachable.
func (t team) sum() (watts int) {
	for _, p := range t.pdus {
		if !p.at.IsZero() && (!p.unreachable || p.counted) {
			watts += p.watts
		}
	}
	return watts
}
