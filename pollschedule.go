package main

import "time"

const (
	// Near the limit a card is read more often: from nearPercent of the limit
	// on, until its teams have drawn less than calmPercent for calmTime.
	nearPercent = 90
	calmPercent = 88
	calmTime    = 30 * time.Second
	// restFactor is how many times as long as its answer takes a card has for
	// itself and for others, when it is read more often.
	restFactor = 4
)

// isResting reports whether the card of a PDU that was just read has not had the
// time for itself yet that it has when it is read more often.
func (s *status) isResting(now time.Time) bool {
	return now.Sub(s.asked) < restFactor*s.at.Sub(s.asked)
}

// A schedule says when cards are read. Its moments are the same for all, so
// that the readings of a team's PDUs are taken together and their sum is one
// of a moment.
type schedule struct {
	start    time.Time
	interval time.Duration
	near     time.Duration // the longest step near the limit; 0 for the interval
}

// A proximity says whether one of a card's teams is near the limit. The zero
// value is one that is not.
type proximity struct {
	near bool
	calm time.Time // since when its teams have been below calmPercent; zero while they are not
}

// note takes what the card's team draws that is closest to the limit.
func (p *proximity) note(watts, limit int, at time.Time) {
	switch {
	case 100*watts >= nearPercent*limit:
		*p = proximity{near: true}
	case 100*watts >= calmPercent*limit:
		p.calm = time.Time{}
	case p.calm.IsZero():
		p.calm = at
	case at.Sub(p.calm) >= calmTime:
		p.near = false
	}
}

// next returns when a card is read that was last asked and answered at these
// moments, and before that took so long. One slow answer does not make a slow
// card: it may have been lost, or this host was busy. A card that takes too long
// to be read more often is read at the interval.
func (s schedule) next(p proximity, asked, answered time.Time, before time.Duration) time.Time {
	rest := restFactor * min(answered.Sub(asked), before)
	if !p.near || s.near == 0 || rest >= s.interval {
		return s.after(answered, s.interval)
	}
	if rested := asked.Add(rest); rested.After(answered) {
		return s.after(rested, s.near)
	}
	return s.after(answered, s.near)
}

// after returns the first moment after t at which cards are read that are read
// at each interval, or in equal steps of at most step within it.
func (s schedule) after(t time.Time, step time.Duration) time.Time {
	since := t.Sub(s.start)
	begin := since.Truncate(s.interval)
	steps := (s.interval + step - 1) / step
	step = s.interval / steps
	k := (since-begin)/step + 1
	if k >= steps {
		return s.start.Add(begin + s.interval)
	}
	return s.start.Add(begin + k*step)
}
