package main

import (
	"iter"
	"sync"
	"time"
)

const (
	// historyTime is how long readings are kept if there is room.
	historyTime = 24 * time.Hour
	// maxHistoryBytes is how much memory the readings of all PDUs may take.
	maxHistoryBytes = 8 << 20
	// chunkSlots is how many slots are allocated at a time.
	chunkSlots = 256
	// noPower marks a slot without a reading.
	noPower = 0
	// fineWatts is the power up to which readings are kept to 1 W. Above it
	// they are kept to 10 W.
	fineWatts = 50_000
	// maxCrossings is how many crossings of a team are kept.
	maxCrossings = 1000
)

// A history keeps the PDUs' power, two bytes a reading, and the teams'
// crossings. Time is divided into slots of the polling interval. As polls are
// never quite on time, a reading belongs to the slot whose middle is nearest.
//
// Of several readings in a slot, the one nearest to its middle counts: there all
// PDUs of a team are read, so that their power can be added up. Only while a team is
// above the limit does a slot keep its highest power.
type history struct {
	start time.Time // the middle of slot 0
	step  time.Duration
	slots int // kept

	mu        sync.Mutex // guards the fields below
	pdus      []powerRing
	crossings map[string][]crossing // by team
}

// A powerRing is the power of one PDU. Its chunks are allocated when they are
// first written to.
type powerRing struct {
	chunks  []*[chunkSlots]uint16
	last    int           // the last slot written; -1 before the first
	off     time.Duration // distance of the last slot's reading from the slot's middle
	highest int           // W, the team's highest sum above the limit in the last slot; 0 for none
}

// A crossing is a period in which a team was above the limit.
type crossing struct {
	from, to time.Time     // to is zero while the crossing is open
	highest  int           // W
	seen     time.Time     // until when it was seen: to, or the last reading of an open one
	unseen   time.Duration // until then, without readings
}

// A powerPoint is the power of a team at a moment.
type powerPoint struct {
	at    time.Time
	watts int
}

// newHistory returns a history of n PDUs. If they are many, it goes back less
// than a day.
func newHistory(n int, step time.Duration, start time.Time) *history {
	day := int((historyTime + step - 1) / step)
	chunks := min((day+chunkSlots-1)/chunkSlots, maxHistoryBytes/2/chunkSlots/max(n, 1))
	h := &history{
		start:     start,
		step:      step,
		slots:     max(chunks, 1) * chunkSlots,
		pdus:      make([]powerRing, n),
		crossings: make(map[string][]crossing),
	}
	for i := range h.pdus {
		h.pdus[i] = powerRing{chunks: make([]*[chunkSlots]uint16, h.slots/chunkSlots), last: -1}
	}
	return h
}

// kept returns how far back the history can go.
func (h *history) kept() time.Duration { return min(time.Duration(h.slots)*h.step, historyTime) }

// slot returns the slot of a moment, or -1 if it is before the start.
func (h *history) slot(sinceStart time.Duration) int {
	if sinceStart < -h.step/2 {
		return -1
	}
	return int((sinceStart + h.step/2) / h.step)
}

// add adds a reading of PDU i.
func (h *history) add(i int, at time.Time, watts int) {
	sinceStart := at.Sub(h.start)
	slot := h.slot(sinceStart)
	off := (sinceStart - time.Duration(slot)*h.step).Abs()
	h.mu.Lock()
	defer h.mu.Unlock()
	r := &h.pdus[i]
	if slot < 0 || slot < r.last {
		return
	}

	isFirst := slot > r.last
	for gap := max(r.last+1, slot-h.slots+1); gap <= slot; gap++ {
		r.set(gap%h.slots, noPower)
	}
	if isFirst {
		r.last, r.highest = slot, 0
	}
	isBetter := off < r.off && r.highest == 0
	if isFirst || isBetter {
		r.off = off
		r.set(slot%h.slots, packWatts(watts))
	}
}

// addAbove stores the last readings of a team's PDUs again if their sum is the team's
// highest in the slot. They were taken together while the team was above the limit.
func (h *history) addAbove(pdus []int, at time.Time, watts []int) {
	slot := h.slot(at.Sub(h.start))
	sum := 0
	h.mu.Lock()
	defer h.mu.Unlock()
	for k, i := range pdus {
		sum += watts[k]
		if h.pdus[i].last != slot {
			return // on both sides of a boundary between two slots
		}
	}
	for k, i := range pdus {
		r := &h.pdus[i]
		if sum > r.highest {
			r.highest = sum
			r.set(slot%h.slots, packWatts(watts[k]))
		}
	}
}

// packWatts encodes a power for a slot. The result is never noPower.
func packWatts(watts int) uint16 {
	if watts > fineWatts {
		watts = fineWatts + (watts-fineWatts)/10
	}
	return uint16(min(max(watts, 0)+1, 1<<16-1))
}

// unpackWatts decodes a power from a slot.
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
		*chunk = new([chunkSlots]uint16)
	}
	(*chunk)[k%chunkSlots] = value
}

// power returns the power of PDU i in a slot, in W. h.mu must be held.
func (h *history) power(i, slot int) (watts int, ok bool) {
	r := &h.pdus[i]
	if slot < 0 || slot > r.last || slot <= r.last-h.slots {
		return 0, false
	}
	value := r.get(slot % h.slots)
	return unpackWatts(value), value != noPower
}

// sums yields the total power of PDUs between two moments, for each slot in
// which all of them have a reading. The times are by the present wall clock,
// even if it was set in between.
func (h *history) sums(pdus []int, from, to, now time.Time) iter.Seq[powerPoint] {
	current := now.Sub(h.start) // by the monotonic clock
	first := max(h.slot(current-now.Sub(from)), h.slot(current)-h.slots+1, 0)
	last := h.slot(current - max(now.Sub(to), 0))
	return func(yield func(powerPoint) bool) {
		var sums [256]int // computed in parts, so that polls do not wait long
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

// fill sets sums to the total power of PDUs in the slots from first on, or to
// -1 if one of them has no reading.
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

// addEvent adds the crossing that an event opens, or closes the last one.
func (h *history) addEvent(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.crossings[e.team]
	switch {
	case e.kind == eventAbove:
		list = append(list[max(0, len(list)-maxCrossings+1):], crossing{from: e.at, seen: e.at, highest: e.watts})
	case e.kind == eventBack && len(list) > 0:
		last := &list[len(list)-1]
		last.to, last.seen = e.at, e.at
		last.highest, last.unseen = e.watts, e.unseen
	default:
		return
	}
	h.crossings[e.team] = list
}

// crossingsOf returns the crossings of a team that overlap a window. all is false
// if there may have been earlier ones in it that are no longer known.
func (h *history) crossingsOf(team string, from, to time.Time) (found []crossing, all bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	known := h.crossings[team]
	for _, c := range known {
		over := !c.to.IsZero() && c.to.Before(from)
		if !over && !c.from.After(to) {
			found = append(found, c)
		}
	}
	return found, len(known) < maxCrossings || known[0].from.Before(from)
}
