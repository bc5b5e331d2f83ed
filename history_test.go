package main

import (
	"slices"
	"testing"
	"time"
)

// addReadings adds readings of PDU i, pairs of seconds after noon and watts.
func (h *history) addReadings(i int, readings ...[2]int) {
	for _, r := range readings {
		h.add(i, noon.Add(time.Duration(r[0])*time.Second), r[1])
	}
}

// wattsOf returns the sums of PDUs in a window that is in seconds after noon.
func (h *history) wattsOf(pdus []int, from, to, now int) (found [][2]int) {
	second := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
	for p := range h.sums(pdus, second(from), second(to), second(now)) {
		found = append(found, [2]int{int(p.at.Sub(noon).Seconds()), p.watts})
	}
	return found
}

func TestHistory(t *testing.T) {
	h := newHistory(2, 2*time.Second, noon)
	h.addReadings(0, [2]int{0, 1000}, [2]int{2, 1100}, [2]int{6, 1300}, [2]int{8, 0})
	h.addReadings(1, [2]int{0, 500}, [2]int{6, 700}, [2]int{7, 3000}, [2]int{8, 2000}, [2]int{8, 2500})
	for name, tt := range map[string]struct {
		pdus     []int
		from, to int
		want     [][2]int
	}{
		"all of one PDU":              {[]int{0}, 0, 8, [][2]int{{0, 1000}, {2, 1100}, {6, 1300}, {8, 0}}},
		"a window":                    {[]int{0}, 2, 6, [][2]int{{2, 1100}, {6, 1300}}},
		"before the start":            {[]int{0}, -100, 0, [][2]int{{0, 1000}}},
		"between two readings":        {[]int{0}, 1, 1, nil},
		"in the future":               {[]int{0}, 20, 30, nil},
		"the middle of a slot":        {[]int{1}, 7, 8, [][2]int{{8, 2000}}},
		"a sum needs all of the PDUs": {[]int{0, 1}, 0, 8, [][2]int{{0, 1500}, {6, 2000}, {8, 2000}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := h.wattsOf(tt.pdus, tt.from, tt.to, 8); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestHistoryAbove checks that a slot keeps the highest power of a team above the
// limit, as it was read at one moment, whatever else is read in the slot.
func TestHistoryAbove(t *testing.T) {
	const step = 2 * time.Second
	type readings struct {
		quarter int // of the slot, which has its middle at 0
		watts   [2]int
		above   bool
	}
	for name, tt := range map[string]struct {
		slot []readings
		want int
	}{
		"below":                 {[]readings{{-1, [2]int{2000, 900}, false}, {0, [2]int{1000, 1800}, false}}, 2800},
		"above before":          {[]readings{{-1, [2]int{2000, 1100}, true}, {0, [2]int{1000, 1800}, false}}, 3100},
		"above after":           {[]readings{{0, [2]int{1000, 1800}, false}, {1, [2]int{2000, 1100}, true}}, 3100},
		"above twice":           {[]readings{{0, [2]int{2000, 1100}, true}, {1, [2]int{1000, 2050}, true}}, 3100},
		"above and then higher": {[]readings{{0, [2]int{1000, 2050}, true}, {1, [2]int{2000, 1100}, true}}, 3100},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(2, step, noon)
			for _, r := range tt.slot {
				at := noon.Add(10*step + time.Duration(r.quarter)*step/4)
				for i, watts := range r.watts {
					h.add(i, at, watts)
				}
				if r.above {
					h.addAbove([]int{0, 1}, at, r.watts[:])
				}
			}
			h.add(0, noon.Add(11*step), 500)
			h.add(1, noon.Add(11*step), 500)
			if got, want := h.wattsOf([]int{0, 1}, 0, 30, 30), [][2]int{{20, tt.want}, {22, 1000}}; !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// TestHistoryAboveBetweenSlots checks that readings on both sides of a boundary
// between two slots are not taken for readings of one moment.
func TestHistoryAboveBetweenSlots(t *testing.T) {
	h := newHistory(2, 2*time.Second, noon)
	before, after := noon.Add(2999*time.Millisecond), noon.Add(3001*time.Millisecond)
	h.add(0, before, 2000)
	h.add(1, after, 1100)
	h.addAbove([]int{0, 1}, after, []int{2000, 1100})
	if got := h.wattsOf([]int{0, 1}, 0, 10, 10); got != nil {
		t.Errorf("got %v", got)
	}
}

// TestHistoryIsARing checks that old readings make room for new ones, even
// after a gap longer than the history.
func TestHistoryIsARing(t *testing.T) {
	h := newHistory(1, time.Second, noon)
	last := h.slots + 10
	for n := range last + 1 {
		h.addReadings(0, [2]int{n, 10 * (n%100 + 1)})
	}
	got := h.wattsOf([]int{0}, 0, last, last)
	if len(got) != h.slots || got[0][0] != 11 || got[len(got)-1] != [2]int{last, 10 * (last%100 + 1)} {
		t.Errorf("%d readings, the first %v, the last %v", len(got), got[0], got[len(got)-1])
	}

	later := last + 3*h.slots
	h.addReadings(0, [2]int{later, 70})
	if got := h.wattsOf([]int{0}, 0, later, later); !slices.Equal(got, [][2]int{{later, 70}}) {
		t.Errorf("behind a gap: %d readings, %v", len(got), got[0])
	}
}

// TestHistoryBounds checks how much memory a full history takes.
func TestHistoryBounds(t *testing.T) {
	for _, tt := range []struct {
		pdus int
		step time.Duration
		kept time.Duration // at least
	}{
		{1, 2 * time.Second, 23 * time.Hour},
		{12, 2 * time.Second, 23 * time.Hour},
		{12, 10 * time.Millisecond, time.Hour / 2},
		{250, 2 * time.Second, 8 * time.Hour},
		{1016, 2 * time.Second, 2 * time.Hour},
	} {
		h := newHistory(tt.pdus, tt.step, noon)
		if bytes := 2 * h.slots * tt.pdus; bytes > maxHistoryBytes {
			t.Errorf("%d PDUs: %d bytes", tt.pdus, bytes)
		}
		if h.kept() < tt.kept || h.kept() > historyTime {
			t.Errorf("%d PDUs: kept for %s, want at least %s", tt.pdus, h.kept(), tt.kept)
		}
	}
}

func TestHistoryCrossings(t *testing.T) {
	h := newHistory(1, time.Second, noon)
	at := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
	for _, e := range []event{
		{kind: eventBack, team: "A", at: at(1)}, // without a crossing
		{kind: eventAbove, team: "A", at: at(10), watts: 3100},
		{kind: eventAbove, team: "B", at: at(12), watts: 3200},
		{kind: eventBack, team: "A", at: at(20), watts: 3300},
		{kind: eventAbove, team: "A", at: at(30), watts: 3400},
		{kind: eventUnreachable, team: "A", at: at(31)},
	} {
		h.addEvent(e)
	}
	first := crossing{from: at(10), to: at(20), seen: at(20), highest: 3300}
	second := crossing{from: at(30), seen: at(30), highest: 3400}
	for name, tt := range map[string]struct {
		from, to int
		want     []crossing
	}{
		"all":     {0, 100, []crossing{first, second}},
		"within":  {15, 16, []crossing{first}},
		"between": {21, 29, nil},
		"open":    {90, 100, []crossing{second}},
		"before":  {0, 9, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got, all := h.crossingsOf("A", at(tt.from), at(tt.to)); !slices.Equal(got, tt.want) || !all {
				t.Errorf("got %v, %v, want %v", got, all, tt.want)
			}
		})
	}
}

// TestHistoryManyCrossings checks that crossings which are no longer known are
// distinguished from none at all.
func TestHistoryManyCrossings(t *testing.T) {
	h := newHistory(1, time.Second, noon)
	at := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
	for n := range maxCrossings + 10 {
		h.addEvent(event{kind: eventAbove, team: "A", at: at(2 * n), watts: 3100})
		h.addEvent(event{kind: eventBack, team: "A", at: at(2*n + 1), watts: 3100})
	}
	for from, want := range map[int]bool{0: false, 20: false, 21: true, 100: true} {
		if _, all := h.crossingsOf("A", at(from), at(5000)); all != want {
			t.Errorf("from second %d: all is %v, want %v", from, all, want)
		}
	}
}

// TestHistorySlots checks that each poll has a slot of its own, though polls
// are never quite on time.
func TestHistorySlots(t *testing.T) {
	for _, step := range []time.Duration{10 * time.Millisecond, 2 * time.Second, time.Minute} {
		h := newHistory(1, step, noon)
		const polls = 500
		for n := range polls {
			off := time.Duration(n%7-3) * step / 7 // up to three sevenths early or late
			h.add(0, noon.Add(time.Duration(n+1)*step+off), 10*n)
		}
		now := noon.Add((polls + 1) * step)
		n := 0
		for p := range h.sums([]int{0}, noon, now, now) {
			if p.watts != 10*n || !p.at.Equal(noon.Add(time.Duration(n+1)*step)) {
				t.Fatalf("step %v: reading %d is %d W at %v", step, n, p.watts, p.at)
			}
			n++
		}
		if n != polls {
			t.Errorf("step %v: %d readings of %d", step, n, polls)
		}
	}
}

func TestPackWatts(t *testing.T) {
	for watts, want := range map[int]int{
		0: 0, 1: 1, 3001: 3001, -1: 0,
		fineWatts: fineWatts, fineWatts + 19: fineWatts + 10, maxWatts: maxWatts, 1 << 30: 205_340,
	} {
		if got := unpackWatts(packWatts(watts)); got != want || packWatts(watts) == noPower {
			t.Errorf("%d W became %d W, want %d", watts, got, want)
		}
	}
}
