package main

import (
	"iter"
	"slices"
	"time"
)

// An outage is a period in which no PDU answers, because the bot's own network
// failed. It is reported in one message instead of one for each PDU; the log
// has a line for each PDU all the same. The zero value means that there is no
// outage.
type outage struct {
	since    time.Time // when the last reading was; zero if there is no outage
	answered time.Time // when the first PDU answered again; zero until then
	proven   []pdu     // PDUs that are back and are known to have stayed at or below the limit
	unproven []pdu     // PDUs that are back but may have been above it
}

// filter adds events about all PDUs to the events of a poll, and marks the
// events that they replace in the chat. all are the statuses after the poll.
func (o *outage) filter(events []event, all iter.Seq[*status], p *poll) []event {
	if len(events) > 0 {
		events = o.merge(events, all, p.at)
	}
	if o.since.IsZero() {
		return events
	}

	if p.answered() && o.answered.IsZero() {
		o.answered = p.at
	}
	if o.over(all, p) {
		events = append(events, o.end(all, p.at))
	}
	return events
}

// merge notices when the outage begins, and marks the events that it covers.
func (o *outage) merge(events []event, all iter.Seq[*status], at time.Time) []event {
	for i, e := range events {
		begins := e.kind == eventUnreachable && o.since.IsZero() && allMissing(all)
		if begins {
			*o = outage{since: e.since}
			events = append(events, event{kind: eventAllUnreachable, at: at, since: e.since, silent: true})
		}
		if !o.since.IsZero() && o.absorb(e) {
			events[i].logOnly = true
		}
	}
	return events
}

// allMissing reports whether there are several PDUs and none answered lately.
func allMissing(all iter.Seq[*status]) bool {
	n := 0
	for s := range all {
		if s.missed < unreachableAfter-1 {
			return false
		}
		n++
	}
	return n > 1
}

// absorb reports whether the messages about all PDUs replace the message about
// an event. It keeps what the event proves.
func (o *outage) absorb(e event) bool {
	switch e.kind {
	case eventUnreachable: // perhaps again: what was proven before is not enough
		o.forget(e.pdus[0])
		return true
	case eventRestarted:
		return true
	case eventReachable:
		switch e.evidence {
		case provesBelow:
			o.proven = append(o.proven, e.pdus[0])
			return true
		case provesPDUBelow, provesNothing:
			o.unproven = append(o.unproven, e.pdus[0])
			return true
		}
	}
	return false
}

// forget discards what was proven when a PDU came back.
func (o *outage) forget(p pdu) {
	same := func(q pdu) bool { return q == p }
	o.proven = slices.DeleteFunc(o.proven, same)
	o.unproven = slices.DeleteFunc(o.unproven, same)
}

// over reports whether the outage has ended: all PDUs answer again, or the
// others have had time to. A single answer, followed by silence, does not end
// it.
func (o *outage) over(all iter.Seq[*status], p *poll) bool {
	some, every, again := false, true, false
	for s := range all {
		if s.missed > 0 {
			every = false
			continue
		}
		some = true
		again = again || s.polled.After(o.answered)
	}
	if !some {
		o.answered = time.Time{}
	}
	isLasting := again && p.at.Sub(o.answered) >= p.unreachableTime()
	return every || isLasting
}

// end returns the event that ends the outage.
func (o *outage) end(all iter.Seq[*status], now time.Time) event {
	e := event{
		kind: eventAllReachable, at: now, duration: o.answered.Sub(o.since),
		proven: o.proven, unproven: o.unproven, silent: true,
	}
	for s := range all {
		if s.unreachable {
			e.missing = append(e.missing, s.pdu)
		}
	}
	*o = outage{}
	return e
}
