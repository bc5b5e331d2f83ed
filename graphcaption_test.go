package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// secondsAfterNoon returns points from pairs of seconds after noon and watts.
func secondsAfterNoon(points ...[2]int) (all []powerPoint) {
	for _, p := range points {
		all = append(all, powerPoint{noon.Add(time.Duration(p[0]) * time.Second), p[1]})
	}
	return all
}

func TestGraphEvidence(t *testing.T) {
	at := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
	for name, tt := range map[string]struct {
		points    []powerPoint
		crossings []crossing
		line      string
		lines     string
	}{
		"nothing": {nil, nil, "A: no readings", "A|No readings"},
		"below the limit": {
			secondsAfterNoon([2]int{0, 1000}, [2]int{2, 3000}, [2]int{4, 2000}, [2]int{6, 2000}, [2]int{8, 2000},
				[2]int{10, 2000}),
			nil,
			"A: highest 3000 W at 12:00:02, mean 2000 W, 6 readings",
			"A|Highest 3000 W at 12:00:02|Mean 2000 W|No reading above the limit|6 readings, no gaps",
		},
		"above it, the first highest counts": {
			secondsAfterNoon([2]int{0, 3001}, [2]int{2, 4000}, [2]int{4, 4000}, [2]int{6, 2000}, [2]int{8, 2000},
				[2]int{10, 2000}),
			[]crossing{{from: noon, to: at(6), seen: at(6), highest: 4000}},
			"A: highest 4000 W at 12:00:02, mean 2833 W, above for 6 s, 6 readings",
			"A|Highest 4000 W at 12:00:02|Mean 2833 W|Above the limit for 6 s|6 readings, no gaps",
		},
		"every second reading is missing": { // a slow card
			secondsAfterNoon([2]int{0, 3500}, [2]int{4, 3500}, [2]int{8, 1000}),
			[]crossing{{from: at(-10), to: at(8), seen: at(8), highest: 3500}},
			"A: highest 3500 W at 12:00:00, mean 2666 W, above for 8 s, 3 readings, gap 2 s",
			"A|Highest 3500 W at 12:00:00|Mean 2666 W|Above the limit for 8 s|3 readings, longest gap 2 s",
		},
		"a gap counts for nothing": {
			secondsAfterNoon([2]int{0, 3500}, [2]int{8, 3500}),
			[]crossing{{from: noon, seen: at(8), highest: 3500, unseen: 6 * time.Second}},
			"A: highest 3500 W at 12:00:00, mean 3500 W, above for 2 s, 2 readings, gap 6 s",
			"A|Highest 3500 W at 12:00:00|Mean 3500 W|Above the limit for 2 s|2 readings, longest gap 6 s",
		},
		"still above, long after the window": {
			secondsAfterNoon([2]int{0, 3500}, [2]int{2, 3500}, [2]int{4, 3500}, [2]int{6, 3500}, [2]int{8, 3500}),
			[]crossing{{from: at(4), seen: at(900), highest: 3500}},
			"A: highest 3500 W at 12:00:00, mean 3500 W, above for 6 s, 5 readings",
			"A|Highest 3500 W at 12:00:00|Mean 3500 W|Above the limit for 6 s|5 readings, no gaps",
		},
		"just opened": {
			secondsAfterNoon([2]int{0, 1000}, [2]int{2, 1000}, [2]int{4, 1000}, [2]int{6, 1000}, [2]int{8, 1000},
				[2]int{10, 3500}),
			[]crossing{{from: at(10), seen: at(10), highest: 3500}},
			"A: highest 3500 W at 12:00:10, mean 1416 W, above for 0 s, 6 readings",
			"A|Highest 3500 W at 12:00:10|Mean 1416 W|Above the limit for 0 s|6 readings, no gaps",
		},
		"unseen for longer than the window": {
			secondsAfterNoon([2]int{0, 3500}, [2]int{2, 3500}, [2]int{4, 3500}, [2]int{6, 3500}, [2]int{8, 3500}),
			[]crossing{{from: at(-600), to: at(20), seen: at(20), highest: 3500, unseen: time.Minute}},
			"A: highest 3500 W at 12:00:00, mean 3500 W, above for an unknown time, 5 readings",
			"A|Highest 3500 W at 12:00:00|Mean 3500 W|Above the limit for an unknown time|5 readings, no gaps",
		},
		"a spike that only the register shows": {
			secondsAfterNoon([2]int{0, 1000}, [2]int{2, 1000}, [2]int{4, 1000}, [2]int{6, 1000}, [2]int{8, 1000}),
			[]crossing{{from: at(4), to: at(4), seen: at(4), highest: 3500}},
			"A: highest 1000 W at 12:00:00, mean 1000 W, 5 readings",
			"A|Highest 1000 W at 12:00:00|Mean 1000 W|No reading above the limit|5 readings, no gaps",
		},
		"a gap at the beginning": {
			secondsAfterNoon([2]int{9, 100}), nil,
			"A: highest 100 W at 12:00:09, mean 100 W, 1 reading, gap 7 s",
			"A|Highest 100 W at 12:00:09|Mean 100 W|No reading above the limit|1 reading, longest gap 7 s",
		},
		"a gap at the end": {
			secondsAfterNoon([2]int{1, 100}), nil,
			"A: highest 100 W at 12:00:01, mean 100 W, 1 reading, gap 7 s",
			"A|Highest 100 W at 12:00:01|Mean 100 W|No reading above the limit|1 reading, longest gap 7 s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newGraphEvidence(slices.Values(tt.points), noon, at(10), 2*time.Second)
			e.addCrossings(tt.crossings, true, noon, at(10), 3000)
			if got := e.line("A", noon); got != tt.line {
				t.Errorf("got  %q\nwant %q", got, tt.line)
			}
			if got := strings.Join(e.lines("A", noon), "|"); got != tt.lines {
				t.Errorf("got  %q\nwant %q", got, tt.lines)
			}
		})
	}
}

// TestGraphEvidencePartial checks that a time above the limit is a lower bound if
// some crossings are no longer known.
func TestGraphEvidencePartial(t *testing.T) {
	to := noon.Add(10 * time.Second)
	e := newGraphEvidence(slices.Values(secondsAfterNoon([2]int{0, 1000})), noon, to, 2*time.Second)
	e.addCrossings([]crossing{{from: noon, to: to, seen: to, highest: 3500}}, false, noon, to, 3000)
	wants(t, e.line("A", noon), "above for at least 10 s")
	wants(t, strings.Join(e.lines("A", noon), "|"), "Above the limit for at least 10 s")

	for watts, want := range map[int]string{3000: "No reading above the limit", 3001: "Above the limit for an unknown time"} {
		e := newGraphEvidence(slices.Values(secondsAfterNoon([2]int{0, watts})), noon, to, 2*time.Second)
		e.addCrossings(nil, false, noon, to, 3000)
		wants(t, strings.Join(e.lines("A", noon), "|"), want)
	}
}

func TestCrossingLines(t *testing.T) {
	at := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	for name, tt := range map[string]struct {
		crossings []crossing
		want      string
	}{
		"none":        {nil, ""},
		"over":        {[]crossing{{from: at(0), to: at(1), highest: 3120}}, "Crossing from 12:00:00 to 12:01:00, 60 s, at most 3120 W"},
		"still above": {[]crossing{{from: at(2), highest: 3200}}, "Crossing from 12:02:00, still above, at most 3200 W so far"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(crossingLines(tt.crossings, noon), "\n"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}

	var many []crossing
	for i := range maxCaptionCrossings + 3 {
		many = append(many, crossing{from: at(i), to: at(i).Add(time.Second), highest: 3100})
	}
	lines := crossingLines(many, noon)
	if len(lines) != maxCaptionCrossings+1 || lines[0] != "3 earlier crossings: see exceedings.log" {
		t.Errorf("of many: %q", lines)
	}
	wants(t, lines[1], "from 12:03:00")
	lines = crossingLines(many[:maxCaptionCrossings+1], noon)
	if lines[0] != "1 earlier crossing: see exceedings.log" {
		t.Errorf("of one more than fit: %q", lines[0])
	}
}

// TestFitCaption checks that a caption is no longer than Telegram accepts, and
// says how much it leaves out.
func TestFitCaption(t *testing.T) {
	for name, tt := range map[string]struct {
		lines int
		line  string
		more  bool
	}{
		"two lines":      {2, strings.Repeat("Ü", 60), false},
		"many lines":     {50, strings.Repeat("Ü", 60), true},
		"many of emoji":  {50, strings.Repeat("\U0001F600", 40), true}, // two units each
		"one long line":  {1, strings.Repeat("x", 2000), true},
		"of many digits": {1000, "x", true},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			for range tt.lines {
				lines = append(lines, tt.line)
			}
			caption := fitCaption("head", lines)
			if n := textLen(caption); n > maxCaption {
				t.Errorf("%d characters", n)
			}
			shown := strings.Count(caption, "\n"+tt.line)
			more := "\nand " + count(tt.lines-shown, "more line")
			if strings.HasSuffix(caption, more) != tt.more || !tt.more && shown != tt.lines {
				t.Errorf("%d lines, then %q", shown, caption[strings.LastIndexByte(caption, '\n'):])
			}
		})
	}
}
