package chart

import (
	"image"
	"image/color"
	"sync"
)

// The colors of a picture. There are at most 16, so that a pixel takes four
// bits in the file.
const (
	page uint8 = iota
	paper
	rule
	area
	areaRule // a rule within the area
	curve
	excess
	red
	redEdge // half red, half paper
	ink
	inkEdge
	gray
	grayEdge
)

var palette = color.Palette{
	page:     color.RGBA{0xe1, 0xe6, 0xed, 0xff},
	paper:    color.RGBA{0xff, 0xff, 0xff, 0xff},
	rule:     color.RGBA{0xe3, 0xe8, 0xee, 0xff},
	area:     color.RGBA{0xd3, 0xe5, 0xf8, 0xff},
	areaRule: color.RGBA{0xbc, 0xd5, 0xef, 0xff},
	curve:    color.RGBA{0x1b, 0x68, 0xc4, 0xff},
	excess:   color.RGBA{0xf5, 0x8a, 0x87, 0xff},
	red:      color.RGBA{0xd4, 0x12, 0x1e, 0xff},
	redEdge:  color.RGBA{0xe9, 0x88, 0x8e, 0xff},
	ink:      color.RGBA{0x16, 0x20, 0x2c, 0xff},
	inkEdge:  color.RGBA{0x8a, 0x8f, 0x95, 0xff},
	gray:     color.RGBA{0x4b, 0x57, 0x66, 0xff},
	grayEdge: color.RGBA{0xa5, 0xab, 0xb2, 0xff},
}

// A canvas is a picture that is being drawn.
type canvas struct{ *image.Paletted }

// pictures keeps the memory of pictures that are no longer needed, up to 2 MB each, for
// the next ones.
var pictures sync.Pool // of *image.Paletted

// newCanvas returns an empty canvas: all of it is page.
func newCanvas(bounds image.Rectangle) canvas {
	size := bounds.Dx() * bounds.Dy()
	old, _ := pictures.Get().(*image.Paletted)
	if old == nil || cap(old.Pix) < size {
		return canvas{image.NewPaletted(bounds, palette)}
	}
	pixels := old.Pix[:size]
	clear(pixels)

	return canvas{&image.Paletted{Pix: pixels, Stride: bounds.Dx(), Rect: bounds, Palette: palette}}
}

// set paints one pixel if it lies within the picture.
func (c canvas) set(at image.Point, color uint8) {
	if at.In(c.Rect) {
		c.SetColorIndex(at.X, at.Y, color)
	}
}

// fill paints the part of r that lies within the picture.
func (c canvas) fill(r image.Rectangle, color uint8) {
	r = r.Intersect(c.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := c.Pix[c.PixOffset(r.Min.X, y):][:r.Dx()]
		for x := range row {
			row[x] = color
		}
	}
}

// wash paints r as the area below a curve, through which the rules show.
func (c canvas) wash(r image.Rectangle) {
	r = r.Intersect(c.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := c.Pix[c.PixOffset(r.Min.X, y):][:r.Dx()]
		for x, color := range row {
			if color == rule {
				row[x] = areaRule
			} else {
				row[x] = area
			}
		}
	}
}
