// Package chart draws the power of teams over time as a PNG picture for phones.
//
// Each chart shows the limit as a dark line, the curve in blue, and everything
// above the limit in red, a color used for nothing else. A gap between readings
// is never bridged, and no reading is lost even if there are more readings than
// pixels.
//
//	team := chart.Chart{
//		Title:  "Team 101",
//		From:   now.Add(-15 * time.Minute),
//		To:     now,
//		Limit:  3000,
//		MaxGap: 10 * time.Second,
//		Points: slices.Values(readings),
//	}
//	var picture bytes.Buffer
//	err := chart.Draw(&picture, []chart.Chart{team})
package chart

import (
	"iter"
	"time"
)

// A Point is one reading.
type Point struct {
	At    time.Time
	Watts int // below 0 is drawn as 0
}

// A Chart shows the power of one team over a window of time.
type Chart struct {
	// Title names the team. Lower case is drawn as upper case, and a title that
	// is too long is shortened in the middle.
	Title string

	// From and To are the ends of the window. The clock times on its axis are
	// those of From's location.
	From, To time.Time

	// Limit is in watts. There is no limit if it is not above 0.
	Limit int

	// MaxGap is the longest time between two readings that are joined by a
	// line.
	MaxGap time.Duration

	// Points yields the readings in chronological order, on every call.
	// Readings outside the window are ignored. If it is nil, there are none.
	Points iter.Seq[Point]

	// Notice is drawn across a chart without readings in its window, such as
	// "The bot was not running". If it is empty, "No readings" is drawn.
	Notice string
}
