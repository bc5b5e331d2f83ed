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

// graphEvidence sums up the readings of a team in a window.
type graphEvidence struct {
	readings int
	highest  powerPoint
	mean     int           // W
	above    time.Duration // the limit, in all
	gap      time.Duration // the longest time without a reading, beyond the interval
}

// newGraphEvidence sums up the readings between two moments. A reading above the
// limit counts until the next one, or for one interval if a gap follows.
func newGraphEvidence(
	points iter.Seq[powerPoint], from, to time.Time, limit int, interval time.Duration,
) (e graphEvidence) {
	last := powerPoint{at: from}
	sum := 0
	for p := range points {
		passed := p.at.Sub(last.at)
		e.gap = max(e.gap, passed-interval)
		if last.watts > limit && passed <= maxStep(interval) {
			e.above += passed - interval
		}
		if p.watts > limit {
			e.above += interval
		}
		if e.readings == 0 || p.watts > e.highest.watts {
			e.highest = p
		}
		e.readings++
		sum += p.watts
		last = p
	}
	e.gap = max(e.gap, to.Sub(last.at)-interval)
	e.mean = sum / max(e.readings, 1)
	return e
}

// line returns the evidence for one of several teams.
func (e graphEvidence) line(team string, now time.Time) string {
	if e.readings == 0 {
		return team + ": no readings"
	}
	line := fmt.Sprintf("%s: highest %d W at %s, mean %d W",
		team, e.highest.watts, clockTime(e.highest.at, now), e.mean)
	if e.above > 0 {
		line += ", above for " + seconds(e.above)
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
	if e.above > 0 {
		above = "Above the limit for " + seconds(e.above)
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
