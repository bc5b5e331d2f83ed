package chart

import (
	"bytes"
	"image"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"
)

// steps returns a chart of an hour in which each power lasts equally long; a
// negative one stands for no readings.
func steps(watts ...int) Chart {
	const every = 20 * time.Second
	ch := Chart{Title: "MAX 3000 W", From: morning, To: morning.Add(time.Hour), Limit: 3000, MaxGap: 2 * every}
	var points []Point
	n := int(time.Hour / every)
	for i := range n {
		if w := watts[i*len(watts)/n]; w >= 0 {
			points = append(points, Point{morning.Add(time.Duration(i) * every), w})
		}
	}
	ch.Points = slices.Values(points)

	return ch
}

// TestSketch looks at the middle of each step: at its ends two steps share a
// block.
func TestSketch(t *testing.T) {
	for name, tt := range map[string]struct {
		watts []int
		want  string
	}{
		"all heights": {[]int{100, 650, 1100, 1500, 1950, 2350, 2800, 3100, -1, 3000}, "▁▂▃▄▅▆▇█ ▇"},
		"no readings": {[]int{-1}, " "},
		"far above":   {[]int{1400, 4500, 3030, 1400}, "▄██▄"},
		"no power":    {[]int{0}, "▁"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, charts := range []int{1, 5, 25} {
				var b bytes.Buffer
				if err := Draw(&b, slices.Repeat([]Chart{steps(tt.watts...)}, charts)); err != nil {
					t.Fatal(err)
				}
				lines := Sketch(b.Bytes())
				if len(lines) != charts || len(slices.Compact(lines)) != 1 {
					t.Fatalf("%d charts: got %q", charts, lines)
				}
				blocks, got := []rune(lines[0]), ""
				for i := range tt.watts {
					got += string(blocks[(2*i+1)*len(blocks)/(2*len(tt.watts))])
				}
				if got != tt.want || len(blocks) != sketchColumns {
					t.Errorf("%d charts: got %q, want %q", charts, lines[0], tt.want)
				}
			}
		})
	}
}

// TestSketchSpike checks that a single reading above the limit is shown.
func TestSketchSpike(t *testing.T) {
	var b bytes.Buffer
	if err := Draw(&b, []Chart{steps(append(slices.Repeat([]int{1500}, 179), 3200)...)}); err != nil {
		t.Fatal(err)
	}
	if line := Sketch(b.Bytes())[0]; strings.Count(line, "█") != 1 || !strings.HasSuffix(line, "█") {
		t.Errorf("got %q", line)
	}
}

// TestSketchOthers covers pictures that Draw did not make, and charts without
// a limit.
func TestSketchOthers(t *testing.T) {
	encode := func(p image.Image) []byte {
		var b bytes.Buffer
		if err := png.Encode(&b, p); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	size := layoutFor(1).picture(1)
	blank := strings.Repeat(" ", sketchColumns)
	unlimited := steps(1500)
	unlimited.Limit = 0
	for name, tt := range map[string]struct {
		data []byte
		want []string
	}{
		"no picture":      {[]byte("GIF89a"), nil},
		"empty":           {nil, nil},
		"other colors":    {encode(image.NewRGBA(size)), nil},
		"another size":    {encode(image.NewPaletted(image.Rect(0, 0, 90, 90), palette)), nil},
		"only background": {encode(image.NewPaletted(size, palette)), nil},
		"no limit":        {encode(render([]Chart{unlimited})), []string{strings.Repeat("▇", sketchColumns)}},
		"only paper": {encode(&image.Paletted{
			Pix: bytes.Repeat([]byte{paper}, size.Dx()*size.Dy()), Stride: size.Dx(), Rect: size, Palette: palette,
		}), []string{blank}},
	} {
		if got := Sketch(tt.data); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
