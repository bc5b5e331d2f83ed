package chart

import (
	"fmt"
	"image"
	"image/png"
	"io"
	"sync"
)

// Draw writes the charts as one PNG picture: one chart is large, several are
// small and stand in a grid. It returns an error if there are no charts or more
// than [MaxCharts].
func Draw(w io.Writer, charts []Chart) error {
	if n := len(charts); n == 0 || n > MaxCharts {
		return fmt.Errorf("draw %d charts: want 1 to %d", n, MaxCharts)
	}

	picture := render(charts)
	defer pictures.Put(picture)

	return encoder.Encode(w, picture)
}

// pictures keeps the memory of pictures, up to 2 MB each.
var pictures sync.Pool // of *image.Paletted

// newPicture returns an empty picture, whose pixels all have the first color.
func newPicture(bounds image.Rectangle) *image.Paletted {
	size := bounds.Dx() * bounds.Dy()
	old, _ := pictures.Get().(*image.Paletted)
	if old == nil || cap(old.Pix) < size {
		return image.NewPaletted(bounds, palette)
	}
	pixels := old.Pix[:size]
	clear(pixels)

	return &image.Paletted{Pix: pixels, Stride: bounds.Dx(), Rect: bounds, Palette: palette}
}

// render returns the picture that Draw writes.
func render(charts []Chart) *image.Paletted {
	l := layoutFor(len(charts))
	p := newPen(l, l.picture(len(charts)))
	for i, chart := range charts {
		p.draw(chart, l.card(i))
	}

	return p.Paletted
}

var encoder = png.Encoder{BufferPool: new(buffers)}

// buffers keeps the encoder's memory, which is mostly for compression.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() *png.EncoderBuffer {
	buffer, _ := b.pool.Get().(*png.EncoderBuffer)

	return buffer
}

func (b *buffers) Put(buffer *png.EncoderBuffer) { b.pool.Put(buffer) }
