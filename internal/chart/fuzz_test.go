package chart

import (
	"math"
	"slices"
	"testing"
	"time"
)

// FuzzRender draws arbitrary charts: each pair of bytes is a reading, and its
// first byte is the time since the previous reading in seconds.
func FuzzRender(f *testing.F) {
	f.Add("Team 101", "", int64(0), int64(900), 3000, int64(10), []byte("\x02a\x02b\x30c\x02d"), uint8(1))
	f.Add("", "no", int64(5), int64(5), 0, int64(0), []byte("\x00\x00"), uint8(2))
	f.Add("\xff清\u0301", "\n", int64(900), int64(0), -1, int64(-1), []byte("\x80a\x80b"), uint8(12))
	f.Add("a very long title", "a very long notice", int64(math.MinInt64), int64(math.MaxInt64), math.MaxInt,
		int64(math.MaxInt64), []byte("\x7f\xff\x80\xff"), uint8(50))
	f.Add("x", "", int64(-62135596800), int64(1<<40), math.MinInt, int64(1), []byte{1}, uint8(24))

	f.Fuzz(func(t *testing.T, title, notice string, from, to int64, limit int, maxGap int64, data []byte, n uint8) {
		ch := Chart{
			Title:  title,
			Notice: notice,
			From:   time.Unix(from, 0).UTC(),
			To:     time.Unix(to, 0).UTC(),
			Limit:  limit,
			MaxGap: time.Duration(maxGap),
		}
		var points []Point
		at := ch.From
		for ; len(data) >= 2; data = data[2:] {
			at = at.Add(time.Duration(int8(data[0])) * time.Second)
			watts := int(data[1]) * 40
			if data[1] == 0xff {
				watts = math.MaxInt
			}
			points = append(points, Point{at, watts})
		}
		ch.Points = slices.Values(points)
		charts := make([]Chart, 1+n%MaxCharts)
		charts[len(charts)-1] = ch

		size := render(charts).Rect.Size()
		if size.X+size.Y > 10_000 || size.X > 20*size.Y || size.Y > 20*size.X {
			t.Errorf("picture of %v", size)
		}
	})
}
