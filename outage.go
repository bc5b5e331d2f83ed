package main

import (
	"iter"
	"slices"
	"time"
)

// An outage is a time in which no PDU answers: then it is the bot's own
// network that failed. One message reports it instead of one for each PDU,
// whose lines are in the log all the same. The zero value is no outage.
type outage struct {
	since    time.Time // when the last reading was; zero while some PDU answers
	answered time.Time // when the first PDU answered again; zero before that
	proven   []pdu     // PDUs that are back and stayed at or below the limit meanwhile
	unproven []pdu     // PDUs that are back, of which that is not known
}

// filter returns the events of a poll as they are to be reported, together
// with those about all PDUs. all are the statuses after the poll.
func (o *outage) filter(events []event, all iter.Seq[*status], p poll) []event {
	for i, e := range events {
		begins := e.kind == eventUnreachable && o.since.IsZero() && allMissing(all)
		if begins {
			*o = outage{since: e.since}
			events = append(events, event{kind: eventAllUnreachable, at: p.at, since: e.since, silent: true})
		}
		if !o.since.IsZero() && o.covers(e) {
			events[i].logOnly = true
		}
	}
	if o.since.IsZero() {
		return events
	}

	if p.answered() && o.answered.IsZero() {
		o.answered = p.at
	}
	if o.over(all, p.at) {
		events = append(events, o.end(all, p.at))
	}
	return events
}

// allMissing reports whether no PDU of several answered lately.
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

// covers reports whether the messages about all PDUs stand for an event too,
// and notes what it proves.
func (o *outage) covers(e event) bool {
	switch e.kind {
	case eventUnreachable: // again, perhaps: what was proven before is not all
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

// forget removes what is known of a PDU's return.
func (o *outage) forget(p pdu) {
	same := func(q pdu) bool { return q == p }
	o.proven = slices.DeleteFunc(o.proven, same)
	o.unproven = slices.DeleteFunc(o.unproven, same)
}

// over reports whether the outage has ended: all PDUs answer again, or those
// that do not had time to. One answer after which everything is silent again
// does not end it.
func (o *outage) over(all iter.Seq[*status], now time.Time) bool {
	some, every, lasting := false, true, false
	for s := range all {
		if s.missed > 0 {
			every = false
			continue
		}
		some = true
		lasting = lasting || s.polled.After(o.answered)
	}
	if !some {
		o.answered = time.Time{}
	}
	return every || lasting && now.Sub(o.answered) >= unreachableTime
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
