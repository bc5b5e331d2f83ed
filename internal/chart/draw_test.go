package chart

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden pictures")

var morning = time.Date(2026, 6, 10, 9, 58, 13, 0, time.UTC)

var teams = []string{
	"Team 101", "Tsinghua University of Beijing", "ETH Racklette", "Zürich", "UPC Barcelona", "Sun Yat-sen", "NTHU",
}

// sample returns a chart of n readings, one every 2 s. Its power jumps between
// levels of 20 to 105 % of the limit, plus noise, which is a share of the
// limit.
func sample(seed uint64, n int, noise float64) Chart {
	random := rand.New(rand.NewPCG(seed, 1))
	every := 2 * time.Second
	ch := Chart{
		Title:  teams[seed%uint64(len(teams))],
		From:   morning,
		To:     morning.Add(time.Duration(n) * every),
		Limit:  []int{3000, 3000, 4000, 10000}[seed%4],
		MaxGap: 5 * every,
	}

	var points []Point
	level := 0.8
	for i := range n {
		if random.IntN(n/8+1) == 0 {
			level = 0.2 + 0.85*random.Float64()
		}
		share := level + noise*random.NormFloat64()
		points = append(points, Point{morning.Add(time.Duration(i) * every), int(share * float64(ch.Limit))})
	}
	ch.Points = slices.Values(points)

	return ch
}

func samples(charts, n int, noise float64) []Chart {
	all := make([]Chart, charts)
	for i := range all {
		all[i] = sample(uint64(i), n, noise)
	}

	return all
}

// cases are those for which a picture's size and drawing time are promised.
var cases = []struct {
	name           string
	charts, points int
}{
	{"one chart of 15 min", 1, 450},
	{"one chart of 24 h", 1, 43_200},
	{"3 charts", 3, 450},
	{"12 charts", 12, 450},
	{"24 charts", 24, 450},
	{"50 charts", 50, 450},
}

var noises = []struct {
	name  string
	share float64
}{
	{"smooth", 0.01},
	{"noisy", 0.1},
}

func TestSizeOfPictures(t *testing.T) {
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Draw(&b, samples(tt.charts, tt.points, 0.1)); err != nil {
				t.Fatal(err)
			}
			if b.Len() > 40_000 {
				t.Errorf("%d bytes, want at most 40,000", b.Len())
			}
		})
	}
}

func TestNumberOfCharts(t *testing.T) {
	for n, valid := range map[int]bool{0: false, 1: true, MaxCharts: true, MaxCharts + 1: false, 10_000: false} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			if err := Draw(io.Discard, make([]Chart, n)); (err == nil) != valid {
				t.Errorf("err = %v, want an error: %t", err, !valid)
			}
		})
	}
}

func TestLayouts(t *testing.T) {
	for n := 1; n <= MaxCharts; n++ {
		l := layoutFor(n)
		if size := l.picture(n).Size(); size.X > 1100 || size.Y > 2200 {
			t.Errorf("%d charts: %v pixels, which a phone does not show well", n, size)
		}
		for i := range n {
			if !l.card(i).In(l.picture(n)) {
				t.Fatalf("%d charts: card %d is outside the picture", n, i)
			}
			for j := range i {
				if l.card(i).Overlaps(l.card(j)) {
					t.Fatalf("%d charts: cards %d and %d overlap", n, j, i)
				}
			}
		}
	}
}

func TestGoldenPictures(t *testing.T) {
	gaps := sample(0, 450, 0.02)
	points := slices.Collect(gaps.Points)
	for i := 150; i < 350; i++ {
		if i%40 != 0 {
			points[i].At = time.Time{}
		}
	}
	points[400].Watts = gaps.Limit + 1
	gaps.Points = slices.Values(points)
	none := Chart{Title: "Team 102", From: gaps.From, To: gaps.To, Limit: 3120, Notice: "The bot was not running"}

	pictures := map[string][]Chart{
		"one":  {sample(5, 450, 0.02)},
		"day":  {sample(2, 43_200, 0.02)},
		"grid": {gaps, none, sample(1, 450, 0.02), sample(3, 450, 0.1)},
	}
	for name, charts := range pictures {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Draw(&b, charts); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".png")
			if *update {
				if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}

			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, decode(t, b.Bytes()), decode(t, want))
		})
	}
}

// compare tolerates a different color in one pixel of 2000, because the
// floating point of another processor may differ.
func compare(t *testing.T, got, want *image.Paletted) {
	t.Helper()
	if got.Rect != want.Rect {
		t.Fatalf("size is %v, want %v", got.Rect, want.Rect)
	}
	if !slices.Equal(got.Palette, want.Palette) {
		t.Error("palette differs")
	}

	different := 0
	for i := range got.Pix {
		if got.Pix[i] != want.Pix[i] {
			different++
		}
	}
	if different > len(got.Pix)/2000 {
		t.Errorf("%d pixels of %d differ; if they should, run go test -update", different, len(got.Pix))
	}
}

func decode(t *testing.T, b []byte) *image.Paletted {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	picture, ok := m.(*image.Paletted)
	if !ok {
		t.Fatalf("picture is %T, want a palette", m)
	}

	return picture
}

func TestContrast(t *testing.T) {
	for name, c := range map[string]uint8{"ink": ink, "gray": gray, "red": red, "curve": curve} {
		if ratio := contrast(palette[c], palette[paper]); ratio < 4.5 {
			t.Errorf("%s on paper has a contrast of %.1f, want 4.5 or more", name, ratio)
		}
	}
}

// contrast returns the ratio that the Web Content Accessibility Guidelines
// define.
func contrast(dark, light color.Color) float64 {
	luminance := func(c color.Color) float64 {
		linear := func(v uint32) float64 { return math.Pow(float64(v)/0xffff, 2.2) }
		r, g, b, _ := c.RGBA()
		return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
	}

	return (luminance(light) + 0.05) / (luminance(dark) + 0.05)
}

func BenchmarkDraw(b *testing.B) {
	for _, tt := range cases {
		for _, noise := range noises {
			b.Run(tt.name+", "+noise.name, func(b *testing.B) {
				charts := samples(tt.charts, tt.points, noise.share)
				var out bytes.Buffer
				b.ReportAllocs()
				for b.Loop() {
					out.Reset()
					if err := Draw(&out, charts); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(out.Len()), "bytes")
			})
		}
	}
}
