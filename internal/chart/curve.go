package chart

import (
	"iter"
	"slices"
	"time"
)

// A span is what one column of a curve shows: the lowest and the highest power
// during the column's time.
type span struct {
	low, high float64
	set       bool
	joined    bool // to the column on the left
}

func (s *span) add(watts float64) {
	if !s.set {
		s.low, s.high, s.set = watts, watts, true
	}
	s.low = min(s.low, watts)
	s.high = max(s.high, watts)
}

func (s *span) include(other span) {
	s.add(other.low)
	s.add(other.high)
}

// spans divides the window of ch into n columns. A column stays unset if there
// is neither a reading in it nor a line through it.
func spans(ch Chart, n int) []span {
	columns := make([]span, n)

	var last reading
	first := true
	for p := range shown(ch) {
		next := reading{p.At, place(ch, p.At) * float64(n), float64(max(p.Watts, 0))}
		columns[min(int(next.place), n-1)].add(next.watts)
		if !first && next.at.Sub(last.at) <= ch.MaxGap {
			join(columns, last, next)
		}
		last, first = next, false
	}

	return columns
}

// A reading is a point of a curve. Its place is counted in columns.
type reading struct {
	at           time.Time
	place, watts float64
}

// join adds the line from a to b to the columns. At the border of two columns
// both get the line's value there. There is no line back in time.
func join(columns []span, a, b reading) {
	for i := int(a.place) + 1; i <= min(int(b.place), len(columns)-1); i++ {
		share := (float64(i) - a.place) / (b.place - a.place)
		watts := a.watts + (b.watts-a.watts)*share
		columns[i-1].add(watts)
		columns[i].add(watts)
		columns[i].joined = true
	}
}

// widen extends each column's range to those of the columns joined to it, up to
// by columns on either side.
func widen(columns []span, by int) {
	for range by {
		before := slices.Clone(columns)
		for i := 1; i < len(columns); i++ {
			if columns[i].joined {
				columns[i].include(before[i-1])
				columns[i-1].include(before[i])
			}
		}
	}
}

// shown yields the readings in the window of ch.
func shown(ch Chart) iter.Seq[Point] {
	return func(yield func(Point) bool) {
		if ch.Points == nil || !ch.From.Before(ch.To) {
			return
		}
		for p := range ch.Points {
			if !p.At.Before(ch.From) && !p.At.After(ch.To) && !yield(p) {
				return
			}
		}
	}
}

// place returns how far into the window t is: 0 at its beginning, 1 at its end.
func place(ch Chart, t time.Time) float64 {
	return float64(t.Sub(ch.From)) / float64(ch.To.Sub(ch.From))
}

// highest returns the highest power in the window, and whether there is a
// reading at all.
func highest(ch Chart) (watts int, ok bool) {
	for p := range shown(ch) {
		watts, ok = max(watts, p.Watts), true
	}

	return watts, ok
}

// isAlone reports whether the columns near column i are unset.
func isAlone(columns []span, i int) bool {
	for j := max(i-2, 0); j <= min(i+2, len(columns)-1); j++ {
		if j != i && columns[j].set {
			return false
		}
	}

	return true
}
