package main

import (
	"fmt"
	"iter"
	"slices"
	"time"
)

// maxCaptionCrossings is the most crossings that a caption lists.
const maxCaptionCrossings = 12

// maxStep is how far apart two readings may be without a gap between them:
// one missing reading is not a gap.
func maxStep(interval time.Duration) time.Duration { return 2*interval + interval/2 }

// graphEvidence sums up the readings and the crossings of a team in a window.
type graphEvidence struct {
	readings  int
	highest   powerPoint
	mean      int           // W
	gap       time.Duration // the longest time without a reading, beyond the interval
	above     time.Duration // total time above the limit
	wasAbove  bool          // even if above is 0
	isPartial bool          // the team may have been above for longer
}

// newGraphEvidence sums up the readings between two moments, of which one is
// expected at each interval.
func newGraphEvidence(points iter.Seq[powerPoint], from, to time.Time, interval time.Duration) (e graphEvidence) {
	last := from
	sum := 0
	for p := range points {
		e.gap = max(e.gap, p.at.Sub(last)-interval)
		if e.readings == 0 || p.watts > e.highest.watts {
			e.highest = p
		}
		e.readings++
		sum += p.watts
		last = p.at
	}
	e.gap = max(e.gap, to.Sub(last)-interval)
	e.mean = sum / max(e.readings, 1)
	return e
}

// addCrossings sums up the crossings between two moments. all is false if there may
// have been more of them, of which only the readings are known.
func (e *graphEvidence) addCrossings(crossings []crossing, all bool, from, to time.Time, limit int) {
	e.isPartial = !all
	e.wasAbove = !all && e.highest.watts > limit
	for _, c := range crossings {
		begin, end := latest(from, c.from), c.seen
		if end.After(to) {
			end = to
		}
		e.above += max(end.Sub(begin)-c.unseen, 0)
		isCut := begin.After(c.from) || end.Before(c.seen)
		unseenElsewhere := isCut && c.unseen > 0 // perhaps outside the window
		isOpen := c.to.IsZero()                  // and perhaps just opened
		e.isPartial = e.isPartial || unseenElsewhere
		e.wasAbove = e.wasAbove || unseenElsewhere || isOpen || e.above > 0
	}
}

// aboveText returns how long the team was above the limit.
func (e graphEvidence) aboveText() string {
	switch {
	case e.isPartial && e.above == 0:
		return "an unknown time"
	case e.isPartial:
		return "at least " + seconds(e.above)
	}
	return seconds(e.above)
}

// line returns the evidence for one of several teams.
func (e graphEvidence) line(team string, now time.Time) string {
	if e.readings == 0 {
		return team + ": no readings"
	}
	line := fmt.Sprintf("%s: highest %d W at %s, mean %d W",
		team, e.highest.watts, clockTime(e.highest.at, now), e.mean)
	if e.wasAbove {
		line += ", above for " + e.aboveText()
	}
	line += ", " + count(e.readings, "reading")
	if e.gap >= time.Second {
		line += ", gap " + seconds(e.gap)
	}
	return line
}

// lines returns the evidence for a single team.
func (e graphEvidence) lines(team string, now time.Time) []string {
	if e.readings == 0 {
		return []string{team, "No readings"}
	}
	above, gap := "No reading above the limit", "no gaps"
	if e.wasAbove {
		above = "Above the limit for " + e.aboveText()
	}
	if e.gap >= time.Second {
		gap = "longest gap " + seconds(e.gap)
	}
	return []string{
		team,
		fmt.Sprintf("Highest %d W at %s", e.highest.watts, clockTime(e.highest.at, now)),
		fmt.Sprintf("Mean %d W", e.mean),
		above,
		fmt.Sprintf("%s, %s", count(e.readings, "reading"), gap),
	}
}

// crossingLines lists crossings, or the last of them if there are many.
func crossingLines(crossings []crossing, now time.Time) (lines []string) {
	for _, c := range crossings[max(0, len(crossings)-maxCaptionCrossings):] {
		line := fmt.Sprintf("Crossing from %s, still above, at most %d W so far", clockTime(c.from, now), c.highest)
		if !c.to.IsZero() {
			line = fmt.Sprintf("Crossing from %s to %s, %s, at most %d W",
				clockTime(c.from, now), clockTime(c.to, now), seconds(c.to.Sub(c.from)), c.highest)
		}
		lines = append(lines, line)
	}
	if n := len(crossings) - maxCaptionCrossings; n > 0 {
		lines = slices.Insert(lines, 0, count(n, "earlier crossing")+": see exceedings.log")
	}
	return lines
}

// fitCaption joins as many lines of a caption as fit.
func fitCaption(head string, lines []string) string {
	caption := head
	for i, line := range lines {
		more := "\nand " + count(len(lines)-i, "more line")
		if textLen(caption+"\n"+line+more) > maxCaption {
			return caption + more
		}
		caption += "\n" + line
	}
	return caption
}
