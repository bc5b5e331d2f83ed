package chart

import (
	"image"
	"math"
)

// line is the thickness of a rule, of an axis, and of the limit's line.
const line = 2

// A pen draws charts on a canvas.
type pen struct {
	canvas
	layout
	title, text *face
}

func newPen(l layout, picture image.Rectangle) pen {
	return pen{newCanvas(picture), l, newFace(l.titleUnit), newFace(l.textUnit)}
}

// A plot is the inner part of a chart, which shows the curve.
type plot struct {
	image.Rectangle
	top   float64 // watts at the upper edge
	limit float64 // watts, +Inf for none
	below int     // the first row below the limit's line
	grain int     // rows in a step of the curve
	ticks []wattTick
}

// row returns the row just below the place of watts.
func (a plot) row(watts float64) int {
	return a.Max.Y - a.grain*int(math.Round(watts/a.top*float64(a.Dy()/a.grain)))
}

// draw draws one chart on its card.
func (p pen) draw(ch Chart, card image.Rectangle) {
	p.fill(card, paper)
	inner := card.Inset(4 * p.text.unit)
	highest, ok := highest(ch)
	a := p.plot(ch, inner, highest)

	p.header(ch, inner, highest, ok)
	p.watts(a)
	p.times(ch, a, card)

	columns := spans(ch, a.Dx()/p.column)
	widen(columns, p.stroke/2/p.column)
	p.curve(columns, a)
	if ch.Limit > 0 {
		p.fill(image.Rect(a.Min.X, a.below-line, a.Max.X, a.below), ink)
	}
	p.fill(image.Rect(a.Min.X, a.Max.Y, a.Max.X, a.Max.Y+line), gray)
	if !ok {
		p.notice(ch.Notice, a)
	}
}

// plot returns the plot of a chart. It leaves room for the title above, the
// watts on the left, and the times below.
func (p pen) plot(ch Chart, inner image.Rectangle, highest int) plot {
	u := p.text.unit
	a := plot{
		Rectangle: inner,
		top:       1.12 * float64(max(ch.Limit, highest, 10)),
		limit:     math.Inf(1),
		grain:     p.grain,
	}
	a.Min.Y += p.title.height() + 7*u
	a.Max.Y -= p.text.height() + 5*u
	a.below = a.Min.Y
	a.ticks = wattTicks(a.top, a.Dy()/(2*p.text.height()))

	widest := p.text.width("0000")
	for _, t := range a.ticks {
		widest = max(widest, p.text.width(t.label))
	}
	if ch.Limit > 0 {
		a.limit = float64(ch.Limit)
		a.below = a.row(a.limit)
		widest = max(widest, p.text.width(wattLabel(a.limit, a.top)))
	}
	a.Min.X += widest + 3*u
	a.Min.X += a.Dx() % p.column

	return a
}

// header draws the title and the highest power, in red if it is above the
// limit.
func (p pen) header(ch Chart, inner image.Rectangle, highest int, ok bool) {
	room := inner.Dx()
	if ok {
		s, tone := "MAX "+wattLabel(float64(highest), float64(highest))+" W", inkTone
		if ch.Limit > 0 && highest > ch.Limit {
			tone = redTone
		}
		p.label(s, inner.Max.X, inner.Min.Y+p.title.height()-p.text.height(), tone)
		room -= p.text.width(s) + 6*p.text.unit
	}

	p.title.draw(p.canvas, inner.Min.X, inner.Min.Y, p.title.shorten(fold(ch.Title), room), inkTone)
}

// watts draws the power axis: the limit, and the ticks that are not too close
// to it.
func (p pen) watts(a plot) {
	height := p.text.height()
	write := func(s string, row int, t tone) {
		p.label(s, a.Min.X-3*p.text.unit, row-line/2-height/2, t)
	}

	limited := !math.IsInf(a.limit, 1)
	if limited {
		write(wattLabel(a.limit, a.top), a.below, inkTone)
	}
	for _, t := range a.ticks {
		row := a.row(t.watts)
		if t.watts > 0 {
			p.fill(image.Rect(a.Min.X, row-line, a.Max.X, row), rule)
		}
		if !limited || max(row-a.below, a.below-row) > height*5/4 {
			write(t.label, row, grayTone)
		}
	}
}

// times draws the time axis.
func (p pen) times(ch Chart, a plot, card image.Rectangle) {
	u := p.text.unit
	step, clock := timeStep(ch.To.Sub(ch.From), func(clock string) int {
		return a.Dx() / (p.text.width(clock) + 8*u)
	})

	free, end := card.Min.X+u, card.Max.X-u // the room for labels
	for _, t := range timeTicks(ch.From, ch.To, step, clock) {
		x := a.Min.X + int(math.Round(place(ch, t.at)*float64(a.Dx())))&^1
		p.fill(image.Rect(x, a.Min.Y, x+line, a.Max.Y), rule)
		p.fill(image.Rect(x, a.Max.Y, x+line, a.Max.Y+3*u), gray)

		width := p.text.width(t.label)
		left := min(x+line/2-width/2, end-width)
		if left >= free {
			p.text.draw(p.canvas, left, a.Max.Y+5*u, t.label, grayTone)
			free = left + width + 4*u
		}
	}
}

// curve draws the columns: blue up to the limit, red above it. Power up to the
// limit never reaches beyond the limit's line, and power above it always does
// so visibly.
func (p pen) curve(columns []span, a plot) {
	for i, s := range columns {
		if !s.set {
			continue
		}

		left, up := a.Min.X+i*p.column, line/2+p.stroke/2
		bar := image.Rect(left, a.row(s.high)-up, left+p.column, a.row(s.low)-up+p.stroke)
		p.wash(rows(bar, max(bar.Max.Y, a.below), a.Max.Y))
		above := a.below - line
		if s.low > a.limit {
			p.fill(rows(bar, bar.Max.Y, above), excess)
		}

		if isAlone(columns, i) {
			bar = bar.Inset(-p.stroke)
			bar.Min.X, bar.Max.X = max(bar.Min.X, a.Min.X), min(bar.Max.X, a.Max.X)
		}
		if s.low <= a.limit {
			p.fill(rows(bar, max(bar.Min.Y, a.below), min(max(bar.Max.Y, a.below+line), a.Max.Y)), curve)
		}
		if s.high > a.limit {
			p.fill(rows(bar, min(bar.Min.Y, above-2*p.stroke), min(bar.Max.Y, above)), red)
		}
	}
}

// rows returns r with other upper and lower edges. It is empty if bottom is not
// below top.
func rows(r image.Rectangle, top, bottom int) image.Rectangle {
	r.Min.Y, r.Max.Y = top, bottom

	return r
}

// notice draws s, or that there is no reading, across the plot.
func (p pen) notice(s string, a plot) {
	if s == "" {
		s = "No readings"
	}
	u := p.text.unit
	lines := p.text.wrap(fold(s), a.Dx()-4*u)
	pitch := p.text.height() + 4*u
	lines = lines[:min(len(lines), a.Dy()/pitch)]

	center := a.Min.Add(a.Max).Div(2)
	top := center.Y - len(lines)*pitch/2
	for i, s := range lines {
		half := p.text.width(s)/2 + 2*u
		p.fill(image.Rect(center.X-half, top+i*pitch, center.X+half, top+(i+1)*pitch), paper)
		p.text.draw(p.canvas, center.X-p.text.width(s)/2, top+i*pitch+2*u, s, inkTone)
	}
}

// label draws s so that it ends at right.
func (p pen) label(s string, right, y int, t tone) {
	p.text.draw(p.canvas, right-p.text.width(s), y, s, t)
}
