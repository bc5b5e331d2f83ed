package main

import (
	"sync"
	"time"
)

const (
	// historyTime is how long readings are kept, if there is room.
	historyTime = 24 * time.Hour
	// historyBytes is how much memory the readings of all PDUs may take.
	historyBytes = 8 << 20
	// chunkSlots is how many slots are allocated at a time.
	chunkSlots = 1024
	// noPower marks a slot without a reading. Others have tens of watts, which
	// is what the PDUs measure, and one more.
	noPower = 0
	// crossingsMost is how many crossings of a team are kept.
	crossingsMost = 1000
)

// A history keeps the PDUs' power, two bytes a reading, and the teams'
// crossings. Time is divided into slots of the polling interval. If several
// readings fall into a slot, the highest counts.
type history struct {
	start time.Time // of slot 0
	step  time.Duration
	slots int // kept

	mu        sync.Mutex // guards what follows
	pdus      []powerRing
	crossings map[string][]crossing // by team
}

// A powerRing is the power of one PDU. Its chunks are allocated when they are
// first written to.
type powerRing struct {
	chunks [][]uint16
	last   int // slot that was written last; -1 before the first
}

// A crossing is a time in which a team was above the limit.
type crossing struct {
	from, to time.Time // to is zero while it is open
	highest  int       // W
}

// A powerPoint is the power of a team at a moment.
type powerPoint struct {
	at    time.Time
	watts int
}

// newHistory returns the history of so many PDUs. Where they are many it goes
// back less than a day.
func newHistory(pdus int, step time.Duration, start time.Time) *history {
	slots := min(int(historyTime/step), historyBytes/2/max(pdus, 1))
	slots -= slots % chunkSlots
	h := &history{
		start:     start,
		step:      step,
		slots:     max(slots, chunkSlots),
		pdus:      make([]powerRing, pdus),
		crossings: make(map[string][]crossing),
	}
	for i := range h.pdus {
		h.pdus[i] = powerRing{chunks: make([][]uint16, h.slots/chunkSlots), last: -1}
	}
	return h
}

// kept returns how far back the history goes at most.
func (h *history) kept() time.Duration { return time.Duration(h.slots) * h.step }

// slot returns the slot of a moment. It may be negative.
func (h *history) slot(at time.Time) int {
	d := at.Sub(h.start)
	if d < 0 {
		return int(d/h.step) - 1
	}
	return int(d / h.step)
}

// add notes a reading of PDU i.
func (h *history) add(i int, at time.Time, watts int) {
	slot := h.slot(at)
	h.mu.Lock()
	defer h.mu.Unlock()
	r := &h.pdus[i]
	if slot < 0 || slot < r.last {
		return
	}
	for gap := max(r.last+1, slot-h.slots+1); gap <= slot; gap++ {
		r.set(gap%h.slots, noPower)
	}
	r.last = slot
	value := uint16(min(watts/10+1, 1<<16-1))
	if value > r.get(slot%h.slots) {
		r.set(slot%h.slots, value)
	}
}

func (r *powerRing) get(k int) uint16 {
	chunk := r.chunks[k/chunkSlots]
	if chunk == nil {
		return noPower
	}
	return chunk[k%chunkSlots]
}

func (r *powerRing) set(k int, value uint16) {
	chunk := &r.chunks[k/chunkSlots]
	if *chunk == nil {
		if value == noPower {
			return
		}
		*chunk = make([]uint16, chunkSlots)
	}
	(*chunk)[k%chunkSlots] = value
}

// power returns the power of PDU i in a slot, in W. h.mu is held.
func (h *history) power(i, slot int) (watts int, ok bool) {
	r := &h.pdus[i]
	if slot < 0 || slot > r.last || slot <= r.last-h.slots {
		return 0, false
	}
	value := r.get(slot % h.slots)
	return (int(value) - 1) * 10, value != noPower
}

// sums returns the power of a team with these PDUs between two moments: at
// each moment for which all of them have a reading. The times are by the clock
// of now, also where that was set since.
func (h *history) sums(pdus []int, from, to, now time.Time) (points []powerPoint) {
	current := h.slot(now)
	first := max(current-int(now.Sub(from)/h.step), current-h.slots+1, 0)
	last := min(current-int(now.Sub(to)/h.step), current)
	h.mu.Lock()
	defer h.mu.Unlock()
	for slot := first; slot <= last; slot++ {
		sum, complete := 0, true
		for _, i := range pdus {
			watts, ok := h.power(i, slot)
			sum += watts
			complete = complete && ok
		}
		if complete {
			at := now.Add(-time.Duration(current-slot) * h.step)
			points = append(points, powerPoint{at, sum})
		}
	}
	return points
}

// noteEvent keeps what an event says of a crossing.
func (h *history) noteEvent(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.crossings[e.team]
	switch {
	case e.kind == eventAbove:
		list = append(list[max(0, len(list)-crossingsMost+1):], crossing{from: e.at, highest: e.watts})
	case e.kind == eventBack && len(list) > 0:
		last := &list[len(list)-1]
		last.to, last.highest = e.at, e.watts
	default:
		return
	}
	h.crossings[e.team] = list
}

// crossingsOf returns the crossings of a team that touch a window.
func (h *history) crossingsOf(team string, from, to time.Time) (found []crossing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.crossings[team] {
		over := !c.to.IsZero() && c.to.Before(from)
		if !over && !c.from.After(to) {
			found = append(found, c)
		}
	}
	return found
}
