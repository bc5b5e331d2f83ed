package chart

import "image"

// MaxCharts is the maximum number of charts in one picture.
const MaxCharts = 50

// A layout arranges charts in a picture. Lengths are in pixels; a phone shows
// about two of them as one point.
type layout struct {
	maxCharts     int // in a picture
	across        int // charts side by side
	width, height int // of a chart with the margin on its left and above it
	titleUnit     int // of the title's face
	textUnit      int // of all other text's face
	column, grain int // width and height of the steps of the curve
	stroke        int // thickness of the curve
}

var layouts = [...]layout{
	{maxCharts: 1, across: 1, width: 880, height: 600, titleUnit: 4, textUnit: 3, column: 1, grain: 1, stroke: 3},
	{maxCharts: 3, across: 1, width: 880, height: 400, titleUnit: 3, textUnit: 3, column: 1, grain: 1, stroke: 3},
	{maxCharts: 12, across: 2, width: 440, height: 250, titleUnit: 3, textUnit: 2, column: 2, grain: 2, stroke: 2},
	{maxCharts: 24, across: 3, width: 320, height: 210, titleUnit: 2, textUnit: 2, column: 2, grain: 2, stroke: 2},
	{maxCharts: MaxCharts, across: 4, width: 256, height: 160,
		titleUnit: 2, textUnit: 2, column: 4, grain: 2, stroke: 2},
}

// margin is the space around each chart, in pixels.
const margin = 8

// layoutFor returns the layout for n charts.
func layoutFor(n int) layout {
	i := 0
	for layouts[i].maxCharts < n {
		i++
	}

	return layouts[i]
}

// picture returns the bounds of a picture with n charts.
func (l layout) picture(n int) image.Rectangle {
	down := (n + l.across - 1) / l.across

	return image.Rect(0, 0, l.across*l.width+margin, down*l.height+margin)
}

// card returns the place of chart i.
func (l layout) card(i int) image.Rectangle {
	corner := image.Pt(i%l.across*l.width, i/l.across*l.height)

	return image.Rectangle{corner, corner.Add(image.Pt(l.width+margin, l.height+margin))}.Inset(margin)
}
