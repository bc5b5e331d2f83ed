package main

import "time"

const (
	// A card is read more often from the moment that one of its teams draws
	// nearPercent of the limit until all have drawn less than calmPercent for
	// calmTime.
	nearPercent = 90
	calmPercent = 88
	calmTime    = 30 * time.Second
	// restFactor is the least time from one reading of a card to the next, as a
	// multiple of the time that the card takes to answer, when it is read more
	// often than at the interval.
	restFactor = 4
)

// A schedule says when cards are read: all at the same moments, so that the
// readings of a team's PDUs are taken together and can be added up.
type schedule struct {
	start    time.Time
	interval time.Duration // between two readings of a card
	near     time.Duration // the same near the limit, at most; 0 for interval
}

// A proximity tracks whether one of a card's teams is near the limit. The zero
// value means that none is.
type proximity struct {
	near bool
	calm time.Time // since when all have been below calmPercent; zero if they are not
}

// note updates the proximity with the highest power of a card's teams. It reports
// whether one of them just came near the limit.
func (p *proximity) note(watts, limit int, at time.Time) (came bool) {
	switch {
	case 100*watts >= nearPercent*limit:
		came = !p.near
		*p = proximity{near: true}
	case 100*watts >= calmPercent*limit:
		p.calm = time.Time{}
	case p.calm.IsZero():
		p.calm = at
	case at.Sub(p.calm) >= calmTime:
		p.near = false
	}
	return came
}

// next returns when to read a card again. Its last sweep began and ended at the
// moments asked and answered, and the sweep before that took the time before. A
// single slow sweep does not make a slow card: an answer may have been lost, or
// this host may have been busy. A card too slow to be read more often is read at
// the interval.
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

// after returns the first moment after t among those that divide each interval
// into equal steps, of at most step.
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
