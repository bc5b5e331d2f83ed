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
