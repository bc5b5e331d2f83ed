package main

import "time"

const (
	// A team's PDUs are read more often from the moment that it draws nearPercent
	// of the limit until it has drawn less than calmPercent for calmTime.
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

// A proximity tracks whether a team is near the limit. The zero value means that
// it is not.
type proximity struct {
	near bool
	calm time.Time // since when the team has been below calmPercent; zero if it is not
}

// note updates the proximity with the power of the team. It reports whether the
// team just came near the limit.
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

// next returns when to read a card again. near says whether one of its teams is near
// the limit. The card's last sweep began and ended at the moments asked and answered,
// and the sweep before that took the time before. A single slow sweep does not make a
// slow card: an answer may have been lost, or this host may have been busy.
func (s schedule) next(near bool, asked, answered time.Time, before time.Duration) time.Time {
	if !near || s.near == 0 {
		return s.after(answered, 1)
	}
	rest := restFactor * min(answered.Sub(asked), before)
	steps := s.stepsFor(rest)
	if steps == 1 { // too slow to be read more often
		return s.after(answered, 1)
	}
	return s.after(latest(answered, asked.Add(rest)), steps)
}

// stepsFor returns into how many steps the interval is divided for a card that
// needs this much rest between readings. Slow cards skip moments of faster ones, but
// have none of their own: what is read at different moments cannot be added up.
func (s schedule) stepsFor(rest time.Duration) int {
	steps := int((s.interval + s.near - 1) / s.near)
	for steps > 1 && s.interval/time.Duration(steps) < rest {
		steps /= smallestFactor(steps)
	}
	return steps
}

// smallestFactor returns the smallest prime factor of a number greater than 1.
func smallestFactor(n int) int {
	factor := 2
	for n%factor != 0 {
		factor++
	}
	return factor
}

// after returns the first moment after t among those that divide each interval
// into equal steps.
func (s schedule) after(t time.Time, steps int) time.Time {
	since := t.Sub(s.start)
	begin := since.Truncate(s.interval)
	step := s.interval / time.Duration(steps)
	k := int((since-begin)/step) + 1
	if k >= steps { // the steps may not add up to the interval
		return s.start.Add(begin + s.interval)
	}
	return s.start.Add(begin + time.Duration(k)*step)
}
