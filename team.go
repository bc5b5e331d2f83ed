package main

import (
	"errors"
	"time"
)

// A status is what is known about a PDU.
type status struct {
	pdu
	reading           // the last one; if it had no resetAt, with the one before
	err     error     // of the last poll; nil if that gave the reading
	since   time.Time // of err: the last reading, or the start
	polled  time.Time // when it was last polled
	polls   pollCounts

	missed      int  // consecutive polls without an answer
	unreachable bool // and reported as such
	stillCounts bool // unreachable, but its last reading counts until the open crossing ends

	recent [8]sample // the last readings since it became reachable, the newest first

	register  int       // W, the last peak read; -1 before the first
	seen      int       // W, the highest reading since the peak was last reset
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

	peakAt, startedAt time.Time // of the register before, by the PDU's own clock
}

// A sample is the power of a PDU at a moment.
type sample struct {
	at        time.Time // zero for none
	watts     int
	low, high int // W, of it and of the readings right before it that were not kept
}

// A team is what is known about a team and its PDUs.
type team struct {
	name string
	pdus []status

	proximity proximity // to the limit

	above         bool          // a crossing is open
	opened        time.Time     // when it began
	openHighest   int           // W, the highest in the open crossing
	openUnseen    time.Duration // of the open crossing, without readings
	provenAt      time.Time     // the moment of the readings that last proved it
	lastSeen      time.Time     // when the power was last known in the open crossing
	unsure        bool          // a PDU became unreachable since then
	possible      int           // W, the sum of registers last reported as possibly above the limit; 0 for none
	possibleSince time.Time     // when a higher sum was seen that is to be reported; zero for none
	lastSound     time.Time     // when an alert last had a sound

	// Since the start:
	crossings    int
	total        time.Duration // seen above the limit, not counting an open crossing
	highest      int           // W
	lastCrossing time.Time     // when the last one began
}

// copyFrom makes t a copy of another team that shares no memory with it.
func (t *team) copyFrom(other *team) {
	pdus := append(t.pdus[:0], other.pdus...)
	*t = *other
	t.pdus = pdus
}

// sum returns the power of a team by the last readings of its PDUs, in W. They
// need not be of the same moment.
func (t *team) sum() (watts int) {
	for i := range t.pdus {
		if p := &t.pdus[i]; p.counts() {
			watts += p.watts
		}
	}
	return watts
}

// registers returns the sum of the last peaks of a team's PDUs, in W.
func (t *team) registers() (watts int) {
	for i := range t.pdus {
		watts += max(t.pdus[i].register, 0)
	}
	return watts
}

// highestRegister returns the highest of the last peaks of a team's PDUs, in W.
func (t *team) highestRegister() (watts int) {
	for i := range t.pdus {
		watts = max(watts, t.pdus[i].register)
	}
	return watts
}

// wasReadTwice reports whether each PDU that can be reached was read twice since a
// moment.
func (t *team) wasReadTwice(since time.Time) bool {
	for i := range t.pdus {
		p := &t.pdus[i]
		if p.isCurrent() && p.recent[1].at.Before(since) {
			return false
		}
	}
	return true
}

// isStarting reports whether the first answer of a PDU may still come.
func (t *team) isStarting() bool {
	for i := range t.pdus {
		p := &t.pdus[i]
		if p.at.IsZero() && !p.unreachable && !errors.Is(p.err, errNoMeter) {
			return true
		}
	}
	return false
}

// isCurrent reports whether the last reading of a PDU shows what it draws now.
func (s *status) isCurrent() bool { return !s.at.IsZero() && !s.unreachable }

// counts reports whether the last reading of a PDU is a part of its team's power.
func (s *status) counts() bool { return !s.at.IsZero() && (!s.unreachable || s.stillCounts) }

// togetherTime is how far apart readings may be that count as taken together.
const togetherTime = 60 * time.Millisecond

// bounds returns bounds for the power of a team, in W: what it drew at least and
// at most at the moment of the oldest of its PDUs' last readings. They are equal
// if these readings were taken together. Otherwise load may have moved from one PDU
// to another between two readings, so that their sum was never drawn: then each PDU
// counts with the lower and the higher of its readings around that moment. known
// is false if a PDU has no such readings. What was read together with the latest
// reading is a lower bound in any case.
func (t *team) bounds() (low, high int, known bool) {
	oldest, newest := t.span()
	known = true
	for i := range t.pdus {
		p := &t.pdus[i]
		switch {
		case !p.counts():
		case p.unreachable: // what it draws now is not known
			high += p.watts
		case newest.Sub(oldest) <= togetherTime:
			low, high = low+p.watts, high+p.watts
		default:
			from, to, ok := p.around(oldest)
			low, high, known = low+from, high+to, known && ok
		}
	}
	if !known {
		low = 0
	}
	low = max(low, t.readTogetherWith(newest))
	return low, max(low, high), known
}

// around returns the lower and the higher power of the readings of a PDU before
// and after a moment, in W. ok is false if there is none before it.
func (s *status) around(at time.Time) (low, high int, ok bool) {
	low, high = s.watts, s.watts
	for _, r := range s.recent {
		switch {
		case r.at.IsZero():
			return 0, 0, false
		case r.at.Sub(at) > togetherTime:
			low, high = r.low, r.high // the first reading after it so far
		case at.Sub(r.at) <= togetherTime:
			return r.watts, r.watts, true
		default:
			return min(low, r.watts), max(high, r.watts), true
		}
	}
	return 0, 0, false
}

// keep adds the last reading to the recent ones. All but the newest are at least step
// apart, so that they reach back far enough for the team's slowest card, however often
// this one is read.
func (s *status) keep(step time.Duration) {
	fresh := sample{at: s.at, watts: s.watts, low: s.watts, high: s.watts}
	newest := s.recent[0]
	switch {
	case newest.at.Sub(s.recent[1].at) >= step:
		copy(s.recent[1:], s.recent[:])
	case !newest.at.IsZero(): // fresh replaces it
		fresh.low = min(fresh.low, newest.low)
		fresh.high = max(fresh.high, newest.high)
	}
	s.recent[0] = fresh
}

// span returns the moments of the oldest and the newest of the last readings of
// the PDUs that can be reached.
func (t *team) span() (oldest, newest time.Time) {
	for i := range t.pdus {
		p := &t.pdus[i]
		if !p.isCurrent() {
			continue
		}
		if oldest.IsZero() || p.at.Before(oldest) {
			oldest = p.at
		}
		if p.at.After(newest) {
			newest = p.at
		}
	}
	return oldest, newest
}

// readTogether returns the last readings of a team's PDUs, in W. ok is false unless
// all of them were taken together.
func (t *team) readTogether() (watts []int, ok bool) {
	oldest, newest := t.span()
	if newest.Sub(oldest) > togetherTime {
		return nil, false
	}
	for i := range t.pdus {
		p := &t.pdus[i]
		if p.err != nil {
			return nil, false
		}
		watts = append(watts, p.watts)
	}
	return watts, true
}

// readTogetherWith returns the sum of the readings that were taken together with
// one at a moment, in W.
func (t *team) readTogetherWith(at time.Time) (watts int) {
	for i := range t.pdus {
		p := &t.pdus[i]
		if p.isCurrent() && at.Sub(p.at) <= togetherTime {
			watts += p.watts
		}
	}
	return watts
}

// timeAbove returns how long a team was seen above the limit. It never decreases:
// to Prometheus, a counter that did would look like a restart.
func (t *team) timeAbove() time.Duration {
	if !t.above {
		return t.total
	}
	return t.total + max(t.lastSeen.Sub(t.opened)-t.openUnseen, 0)
}
