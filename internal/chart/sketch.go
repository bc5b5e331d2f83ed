package chart

import (
	"bytes"
	"image"
	"image/png"
	"strings"
)

// sketchColumns is the number of blocks in a line of a sketch.
const sketchColumns = 60

// levels are the blocks for power up to the limit; aboveLimit is for more.
var levels = []rune("▁▂▃▄▅▆▇")

const aboveLimit = '█'

// Sketch returns a picture made by Draw as text for a terminal: for each chart,
// a line of blocks whose heights show the highest power of their time as a
// share of the limit. Only power above the limit has a full block, and a time
// without readings is blank. For any other picture, Sketch returns nothing.
func Sketch(data []byte) (lines []string) {
	decoded, err := png.Decode(bytes.NewReader(data))
	picture, ok := decoded.(*image.Paletted)
	if err != nil || !ok {
		return nil
	}

	for n := MaxCharts; n > 0; n-- { // find the largest number of charts in a picture of this size
		l := layoutFor(n)
		if l.picture(n) != picture.Rect {
			continue
		}
		header := 4*l.textUnit + newFace(l.titleUnit).height() // as draw leaves it above the plot
		for i := range n {
			card := l.card(i)
			if picture.ColorIndexAt(card.Min.X, card.Min.Y) != page {
				card.Min.Y += header
				lines = append(lines, sketch(picture, card))
			}
		}
		break
	}

	return lines
}

// sketch returns the line for the chart on a card, without its header.
func sketch(picture *image.Paletted, card image.Rectangle) string {
	area, limit := findPlot(picture, card)
	var b strings.Builder
	for i := range sketchColumns {
		column := area
		column.Min.X = area.Min.X + i*area.Dx()/sketchColumns
		column.Max.X = area.Min.X + (i+1)*area.Dx()/sketchColumns
		b.WriteRune(block(picture, column, limit))
	}

	return b.String()
}

// findPlot finds the plot of a chart, above its time axis, and the row of its
// limit: the line across the whole plot, or the upper edge if there is none.
func findPlot(picture *image.Paletted, card image.Rectangle) (area image.Rectangle, limit int) {
	for y := card.Max.Y - 1; y >= card.Min.Y && area.Empty(); y-- {
		from, to := longestRun(picture, gray, card, y)
		if to-from > card.Dx()/2 { // a letter is shorter
			area = image.Rect(from, card.Min.Y, to, y+1-line)
		}
	}
	for y := area.Min.Y; y < area.Max.Y; y++ {
		if from, to := longestRun(picture, ink, area, y); to-from == area.Dx() {
			return area, y + line
		}
	}

	return area, area.Min.Y
}

// longestRun finds the longest run of a color in row y of r.
func longestRun(picture *image.Paletted, color uint8, r image.Rectangle, y int) (from, to int) {
	start := r.Min.X
	for x := r.Min.X; x < r.Max.X; x++ {
		if picture.ColorIndexAt(x, y) != color {
			start = x + 1
		} else if x+1-start > to-from {
			from, to = start, x+1
		}
	}

	return from, to
}

// block returns the block for a column of a plot, which shows the highest point
// of the curve in it.
func block(picture *image.Paletted, column image.Rectangle, limit int) rune {
	for y := column.Min.Y; y < column.Max.Y; y++ {
		for x := column.Min.X; x < column.Max.X; x++ {
			switch picture.ColorIndexAt(x, y) {
			case red:
				if y < limit {
					return aboveLimit
				}
			case curve:
				height := (column.Max.Y - y) * len(levels) / max(column.Max.Y-limit, 1)
				return levels[min(height, len(levels)-1)]
			}
		}
	}

	return ' '
}
