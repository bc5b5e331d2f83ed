package main

import (
	"iter"
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
	// noPower marks a slot without a reading.
	noPower = 0
	// fineWatts is the power up to which it is kept to the watt, and above that
	// to ten.
	fineWatts = 50_000
	// maxCrossings is how many crossings of a team are kept.
	maxCrossings = 1000
)

// A history keeps the PDUs' power, two bytes a reading, and the teams'
// crossings. Time is divided into slots of the polling interval, and each
// reading belongs to the slot whose middle is nearest: polls are never quite on
// time. If several readings fall into a slot, the highest counts.
type history struct {
	start time.Time // the middle of slot 0
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
	day := int((historyTime + step - 1) / step)
	chunks := min((day+chunkSlots-1)/chunkSlots, historyBytes/2/chunkSlots/max(pdus, 1))
	h := &history{
		start:     start,
		step:      step,
		slots:     max(chunks, 1) * chunkSlots,
		pdus:      make([]powerRing, pdus),
		crossings: make(map[string][]crossing),
	}
	for i := range h.pdus {
		h.pdus[i] = powerRing{chunks: make([][]uint16, h.slots/chunkSlots), last: -1}
	}
	return h
}

// kept returns how far back the history goes at most.
func (h *history) kept() time.Duration { return min(time.Duration(h.slots)*h.step, historyTime) }

// slot returns the slot of a moment after the start, or -1.
func (h *history) slot(sinceStart time.Duration) int {
	if sinceStart < -h.step/2 {
		return -1
	}
	return int((sinceStart + h.step/2) / h.step)
}

// add notes a reading of PDU i.
func (h *history) add(i int, at time.Time, watts int) {
	slot := h.slot(at.Sub(h.start))
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
	value := packWatts(watts)
	if value > r.get(slot%h.slots) {
		r.set(slot%h.slots, value)
	}
}

// packWatts returns a power as a slot has it, which is never noPower.
func packWatts(watts int) uint16 {
	if watts > fineWatts {
		watts = fineWatts + (watts-fineWatts)/10
	}
	return uint16(min(max(watts, 0)+1, 1<<16-1))
}

// unpackWatts undoes packWatts.
func unpackWatts(value uint16) int {
	watts := int(value) - 1
	if watts > fineWatts {
		watts = fineWatts + (watts-fineWatts)*10
	}
	return watts
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
	return unpackWatts(value), value != noPower
}

// sums yields the power of a team with these PDUs between two moments: at each
// moment for which all of them have a reading. The times are by the clock of
// now, also where that was set since.
func (h *history) sums(pdus []int, from, to, now time.Time) iter.Seq[powerPoint] {
	current := now.Sub(h.start) // by the monotonic clock
	first := max(h.slot(current-now.Sub(from)), h.slot(current)-h.slots+1, 0)
	last := h.slot(current - max(now.Sub(to), 0))
	return func(yield func(powerPoint) bool) {
		var sums [256]int // so that the polls do not wait for all of it
		for slot := first; slot <= last; slot++ {
			k := (slot - first) % len(sums)
			if k == 0 {
				h.fill(sums[:], pdus, slot)
			}
			at := now.Add(time.Duration(slot)*h.step - current)
			inside := !at.Before(from) && !at.After(to)
			if inside && sums[k] >= 0 && !yield(powerPoint{at, sums[k]}) {
				return
			}
		}
	}
}

// fill sets sums to the power of PDUs in the slots from first on, or to -1
// where one of them has no reading.
func (h *history) fill(sums, pdus []int, first int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for k := range sums {
		sums[k] = 0
		for _, i := range pdus {
			watts, ok := h.power(i, first+k)
			if !ok {
				sums[k] = -1
				break
			}
			sums[k] += watts
		}
	}
}

// addEvent keeps what an event says of a crossing.
func (h *history) addEvent(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.crossings[e.team]
	switch {
	case e.kind == eventAbove:
		list = append(list[max(0, len(list)-maxCrossings+1):], crossing{from: e.at, highest: e.watts})
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
