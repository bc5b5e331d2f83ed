package chart

import (
	"image"
	"math"
	"strings"
)

// A glyph is the picture of one character. It has row by row how much of each
// pixel is inked, in halves.
type glyph struct {
	width  int
	halves []uint8
}

// A face is the font in one size.
type face struct {
	unit   int // pixels for two units of a stroke's coordinates; a stroke's width
	glyphs map[rune]glyph
}

func newFace(unit int) *face {
	return &face{unit, make(map[rune]glyph)}
}

// A tone has the colors of a character's half inked and fully inked pixels.
type tone [2]uint8

var (
	inkTone  = tone{inkEdge, ink}
	grayTone = tone{grayEdge, gray}
	redTone  = tone{redEdge, red}
)

// height returns the height of a capital.
func (f *face) height() int { return 7 * f.unit }

// gap returns the space between two characters.
func (f *face) gap() int { return f.unit }

// width returns the width of s, whose characters must be in the font.
func (f *face) width(s string) int {
	w := -f.gap()
	for _, r := range s {
		w += f.glyph(r).width + f.gap()
	}

	return max(w, 0)
}

// draw draws s with its upper left corner at x and y. Both are made even, so
// that the same characters are the same bytes in the file.
func (f *face) draw(c canvas, x, y int, s string, t tone) {
	x, y = x&^1, y&^1
	for _, r := range s {
		g := f.glyph(r)
		for i, halves := range g.halves {
			at := image.Pt(x+i%g.width, y+i/g.width)
			if halves > 0 {
				c.set(at, t[halves-1])
			}
		}
		x += g.width + f.gap()
	}
}

func (f *face) glyph(r rune) glyph {
	g, ok := f.glyphs[r]
	if !ok {
		g = rasterize(strokes[r], f.unit)
		f.glyphs[r] = g
	}

	return g
}

// rasterize draws lines as wide as the unit. Vertical and horizontal lines at
// even coordinates fill whole pixels. If the unit is even, rows are the same in
// pairs, which is hardly visible and makes files much smaller.
func rasterize(lines string, unit int) glyph {
	parts, right := parse(lines)
	if parts == nil {
		return glyph{width: 2 * unit} // a blank
	}

	scale, grain := float64(unit)/2, 2-unit%2
	width := int(math.Ceil((right + 2) * scale))
	halves := make([]uint8, (8*unit+1)*width)
	for i := range halves {
		x, y := i%width, i/width/grain*grain
		center := point{(float64(x)+0.5)/scale - 1, (float64(y)+float64(grain)/2)/scale - 1}
		away := math.Inf(1)
		for _, part := range parts {
			away = min(away, part.distance(center)*scale)
		}
		inked := min(max(scale+0.5-away, 0), 1)
		halves[i] = uint8(math.Round(2 * inked))
	}

	return glyph{width, halves}
}

type point struct{ x, y float64 }

// A segment is a straight part of a stroke.
type segment struct{ a, b point }

// parse returns the segments of a character's strokes, and how far they reach
// to the right.
func parse(lines string) (parts []segment, right float64) {
	for line := range strings.FieldsSeq(lines) {
		var last point
		for i := 0; i < len(line); i += 2 {
			next := point{hex(line[i]), hex(line[i+1])}
			if i > 0 {
				parts = append(parts, segment{last, next})
			}
			right = max(right, next.x)
			last = next
		}
	}

	return parts, right
}

func hex(digit byte) float64 {
	return float64(strings.IndexByte("0123456789abcdef", digit))
}

// distance returns how far p is from the segment.
func (s segment) distance(p point) float64 {
	dx, dy := s.b.x-s.a.x, s.b.y-s.a.y
	along := 0.0 // from a to b
	if length := dx*dx + dy*dy; length > 0 {
		along = min(max(((p.x-s.a.x)*dx+(p.y-s.a.y)*dy)/length, 0), 1)
	}

	return math.Hypot(p.x-s.a.x-along*dx, p.y-s.a.y-along*dy)
}

// shorten replaces the middle of s with an ellipsis, as far as is needed to
// make s no wider than room.
func (f *face) shorten(s string, room int) string {
	if f.width(s) <= room {
		return s
	}

	runes := []rune(s)
	for keep := min(len(runes)-1, room/f.gap()); keep > 0; keep-- {
		left, right := string(runes[:(keep+1)/2]), string(runes[len(runes)-keep/2:])
		short := strings.TrimRight(left, " ") + "…" + strings.TrimLeft(right, " ")
		if f.width(short) <= room {
			return short
		}
	}

	return ""
}

// wrap breaks s between words into lines no wider than room.
func (f *face) wrap(s string, room int) []string {
	var lines []string
	for word := range strings.FieldsSeq(s) {
		last := len(lines) - 1
		if last >= 0 && f.width(lines[last]+" "+word) <= room {
			lines[last] += " " + word
		} else {
			lines = append(lines, f.shorten(word, room))
		}
	}

	return lines
}
