package chart

import (
	"bytes"
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// paint draws a chart in each layout, and passes the picture and the plot to
// check.
func paint(t *testing.T, ch Chart, check func(t *testing.T, picture *image.Paletted, p pen, a plot)) {
	t.Helper()
	for name, n := range map[string]int{"large": 1, "row": 2, "medium": 6, "small": 20, "smallest": 50} {
		t.Run(name, func(t *testing.T) {
			l := layoutFor(n)
			p := newPen(l, l.picture(1))
			p.draw(ch, l.card(0))
			highest, _ := highest(ch)
			check(t, p.Paletted, p, p.plot(ch, l.card(0).Inset(4*l.textUnit), highest))
		})
	}
}

// every returns a reading for each of watts, 2 s apart, the first in the
// morning.
func every(watts ...int) []Point {
	var points []Point
	for i, w := range watts {
		points = append(points, Point{morning.Add(time.Duration(i) * 2 * time.Second), w})
	}

	return points
}

func flat(n, watts int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = watts
	}

	return all
}

// chartOf returns a chart that ends at its last point.
func chartOf(points []Point) Chart {
	return Chart{
		Title:  "Team 101",
		From:   morning,
		To:     points[len(points)-1].At,
		Limit:  3000,
		MaxGap: 5 * time.Second,
		Points: slices.Values(points),
	}
}

// count returns how many pixels of r have one of the colors.
func count(picture *image.Paletted, r image.Rectangle, colors ...uint8) int {
	n := 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := picture.Pix[picture.PixOffset(r.Min.X, y):][:r.Dx()]
		for _, color := range colors {
			n += bytes.Count(row, []byte{color})
		}
	}

	return n
}

func TestLimitLine(t *testing.T) {
	for name, highest := range map[string]int{"below": 100, "at the limit": 3000, "above": 9000} {
		t.Run(name, func(t *testing.T) {
			paint(t, chartOf(every(flat(450, highest)...)), func(t *testing.T, picture *image.Paletted, p pen, a plot) {
				height := float64(a.Max.Y-a.below) / float64(a.Dy()) * a.top
				if step := a.top / float64(a.Dy()); math.Abs(height-3000) > 2*step {
					t.Errorf("limit's line stands at %.0f W, want 3000", height)
				}
				if n := count(picture, a.Rectangle, ink); n != line*a.Dx() {
					t.Errorf("limit's line has %d pixels, want %d", n, line*a.Dx())
				}
				at := rows(a.Rectangle, a.below-line, a.below)
				if n := count(picture, at, ink); n != line*a.Dx() {
					t.Errorf("%d pixels of the limit's line are at its place, want %d", n, line*a.Dx())
				}
			})
		})
	}
}

func TestNoLimit(t *testing.T) {
	for name, limit := range map[string]int{"zero": 0, "below zero": -3000} {
		t.Run(name, func(t *testing.T) {
			ch := chartOf(every(0, 100, 5000, 100_000, math.MaxInt))
			ch.Limit = limit
			paint(t, ch, func(t *testing.T, picture *image.Paletted, p pen, a plot) {
				if n := count(picture, picture.Rect, red, redEdge, excess); n > 0 {
					t.Errorf("%d pixels are red", n)
				}
				if n := count(picture, a.Rectangle, ink); n > 0 {
					t.Errorf("%d pixels of a limit's line", n)
				}
				if count(picture, rows(a.Rectangle, a.Min.Y, a.Min.Y+a.Dy()/2), curve) == 0 {
					t.Error("highest reading is lost")
				}
			})
		})
	}
}

func TestRedIsAboveTheLimitOnly(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noisy := make([]int, 2000)
	for i := range noisy {
		noisy[i] = random.IntN(6000)
	}
	tests := []struct {
		name  string
		watts []int
		red   bool
	}{
		{"nothing", flat(450, 0), false},
		{"at the limit", flat(450, 3000), false},
		{"just above the limit", flat(450, 3001), true},
		{"one reading above the limit", append(append(flat(200, 500), 3001), flat(249, 500)...), true},
		{"one of 24 h", append(append(flat(30_000, 2999), 3001), flat(13_199, 2999)...), true},
		{"noisy", noisy, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			paint(t, chartOf(every(tt.watts...)), func(t *testing.T, picture *image.Paletted, p pen, a plot) {
				above := rows(a.Rectangle, a.Min.Y, a.below-line)
				below := rows(a.Rectangle, a.below, a.Max.Y)
				if n := count(picture, above, red); (n > 0) != tt.red || tt.red && n < 2*p.stroke*p.column {
					t.Errorf("%d pixels are red, want some: %t", n, tt.red)
				}
				if n := count(picture, below, red, redEdge, excess); n > 0 {
					t.Errorf("%d pixels below the limit are red", n)
				}
				if n := count(picture, above, curve, area, areaRule); n > 0 {
					t.Errorf("%d pixels above the limit are blue", n)
				}
			})
		})
	}
}

func TestSpikeAmongManyReadings(t *testing.T) {
	points := every(flat(43_200, 200)...)
	points[20_000].Watts = 2900
	paint(t, chartOf(points), func(t *testing.T, picture *image.Paletted, p pen, a plot) {
		tip := rows(a.Rectangle, a.row(2900)-3, a.row(2900)+1)
		if count(picture, tip, curve) == 0 {
			t.Error("spike is lost")
		}
	})
}

func TestGapIsNotBridged(t *testing.T) {
	points := every(flat(450, 2000)...)
	gap := append(points[:150:150], points[300:]...)
	blue := []uint8{curve, area, areaRule}
	paint(t, chartOf(gap), func(t *testing.T, picture *image.Paletted, p pen, a plot) {
		empty := a.Rectangle
		empty.Min.X, empty.Max.X = a.Min.X+a.Dx()*149/449+p.column, a.Min.X+a.Dx()*300/449-p.column
		if n := count(picture, empty, blue...); n > 0 {
			t.Errorf("%d pixels of the gap are drawn", n)
		}
		for x := a.Min.X; x < a.Max.X; x++ {
			near := x >= empty.Min.X-2*p.column && x < empty.Max.X+2*p.column
			if !near && count(picture, image.Rect(x, a.Min.Y, x+1, a.Max.Y), curve) == 0 {
				t.Fatalf("column %d is empty beside the gap", x-a.Min.X)
			}
		}
	})
}

func TestReadingBetweenGapsIsADot(t *testing.T) {
	for name, watts := range map[string]int{"below": 1000, "at the limit": 3000, "above": 3500, "nothing": 0} {
		t.Run(name, func(t *testing.T) {
			points := every(flat(450, watts)...)
			ch := chartOf(points)
			ch.Points = slices.Values(points[200:201])
			paint(t, ch, func(t *testing.T, picture *image.Paletted, p pen, a plot) {
				if n := count(picture, a.Rectangle, curve, red); n < 12 || n > 120 {
					t.Errorf("dot has %d pixels", n)
				}
				if n := count(picture, rows(a.Rectangle, a.Min.Y, a.below), curve); n > 0 {
					t.Errorf("%d pixels above the limit are blue", n)
				}
			})
		})
	}
}

func TestNoticeWithoutReadings(t *testing.T) {
	early := Point{morning.Add(-time.Hour), 9000}
	tests := []struct {
		name    string
		points  []Point
		notices bool
	}{
		{"no reading", nil, true},
		{"reading before the window", []Point{early}, true},
		{"reading in the window", every(0), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ch := Chart{From: morning, To: morning.Add(time.Hour), Points: slices.Values(tt.points), Notice: "The bot was not running"}
			paint(t, ch, func(t *testing.T, picture *image.Paletted, p pen, a plot) {
				if n := count(picture, a.Rectangle, ink); (n > 0) != tt.notices {
					t.Errorf("%d pixels are ink, want a notice: %t", n, tt.notices)
				}
			})
		})
	}
}
