package main

import (
	"fmt"
	"strings"
	"time"
)

// eventMark returns the emoji with which the message about an event begins.
func eventMark(e event) string {
	switch e.kind {
	case eventAbove, eventPossiblyAbove, eventHighAtStart:
		return "🔴"
	case eventBack, eventReachable, eventAllReachable:
		return "🟢"
	case eventReset, eventRestarted:
		return "🔁"
	default:
		return "⚪"
	}
}

// eventSubject names the PDU or team of an event as exceedings.log does.
func eventSubject(e event) string {
	switch e.kind {
	case eventAllUnreachable:
		return "All PDUs"
	case eventAllReachable:
		if len(e.missing) > 0 {
			return "PDUs"
		}
		return "All PDUs"
	case eventAbove, eventBack, eventPossiblyAbove, eventStillAbove:
		return teamLogName(e.team, e.pdus)
	default:
		return e.pdus[0].logName()
	}
}

// teamLogName names a team as exceedings.log does.
func teamLogName(team string, pdus []pdu) string {
	var numbers []string
	for _, p := range pdus {
		numbers = append(numbers, "."+p.number())
	}
	return fmt.Sprintf("%s(%s)", team, strings.Join(numbers, "+"))
}

// eventText describes an event in exceedings.log and in the chat. Other
// programs read the log, so its words must not change.
func eventText(e event) string {
	switch e.kind {
	case eventAbove:
		return fmt.Sprintf("Above power limit (%d W)!", e.watts)
	case eventBack:
		return backText(e)
	case eventStillAbove:
		return fmt.Sprintf("Still above power limit when the bot was stopped, after %s, at most %d W",
			seconds(e.duration), e.watts)
	case eventPossiblyAbove:
		return fmt.Sprintf("Possibly above power limit (%d W)", e.watts)
	case eventUnreachable, eventAllUnreachable:
		return "Out of reach since " + e.since.Format(time.TimeOnly)
	case eventReachable:
		return fmt.Sprintf("Answers again after %s; %s", seconds(e.duration), evidenceText(e))
	case eventAllReachable:
		return "Answer again after " + seconds(e.duration)
	case eventReset:
		return fmt.Sprintf("Peak reset by somebody else, %d W -> %d W", e.from, e.watts)
	case eventHighAtStart:
		if e.duration >= minUnreachableTime {
			return fmt.Sprintf("Peak stood at %d W at the first reading, %s after the start",
				e.watts, seconds(e.duration))
		}
		return fmt.Sprintf("Peak stood at %d W at the start", e.watts)
	default:
		return "The PDU's card was restarted"
	}
}

// backText describes the end of a crossing.
func backText(e event) string {
	text := fmt.Sprintf("Back under power limit after %s, at most %d W", seconds(e.duration), e.watts)
	switch {
	case e.spike:
		text += ": a spike, " + peakTimeText(e.peakAt)
	case e.unseen > 0:
		text += fmt.Sprintf(", %s of it without readings", seconds(e.unseen))
	}
	return text
}

// evidenceText says what a PDU's register proves about the time during which the
// PDU was unreachable. These words are part of the log's format too.
func evidenceText(e event) string {
	switch e.evidence {
	case provesReset:
		return "its peak was reset meanwhile, so that nothing can be said"
	case provesRise:
		return fmt.Sprintf("its peak rose to %d W", e.watts)
	case provesNoHigher:
		return fmt.Sprintf("its peak stayed at %d W, what was below that is not known", e.watts)
	case provesPDUBelow:
		return fmt.Sprintf("its peak is %d W", e.watts)
	case provesBelow:
		return fmt.Sprintf("it stayed under the limit, its peak is %d W", e.watts)
	default:
		return "its peak tells nothing of that time"
	}
}

// eventRemark returns what the chat adds to the text of an event, or "".
func eventRemark(e event) string {
	switch e.kind {
	case eventAbove:
		if e.spike {
			return "a spike, over before it was seen; " + peakTimeText(e.peakAt)
		}
	case eventHighAtStart:
		return peakTimeText(e.peakAt)
	case eventPossiblyAbove:
		return "that is the sum of its PDUs' peaks, which need not have been at the same time"
	case eventUnreachable:
		return e.err.Error()
	case eventAllUnreachable:
		return "check the bot's own network"
	case eventAllReachable:
		return outageRemark(e)
	}
	return ""
}

// outageRemark says what is known about the time during which all PDUs were
// unreachable, and which of them still are. Registers above the limit are
// reported as separate events.
func outageRemark(e event) string {
	var remarks []string
	switch {
	case len(e.proven) > 0 && len(e.unproven) == 0:
		remarks = append(remarks,
			"unless reported otherwise they stayed under the limit, as their peak registers prove")
	case len(e.proven) > 0:
		remarks = append(remarks, "under the limit all the time, as their peak registers prove: "+pduNames(e.proven))
	}
	if len(e.unproven) > 0 {
		remarks = append(remarks, "not known whether they stayed under the limit: "+pduNames(e.unproven))
	}
	if n := len(e.missing); n > 0 {
		remarks = append(remarks, fmt.Sprintf("still out of reach (%d): %s", n, pduNames(e.missing)))
	}
	return strings.Join(remarks, "; ")
}

// pduNames lists PDUs, cut to what fits into a message.
func pduNames(pdus []pdu) string {
	var names []string
	for _, p := range pdus {
		names = append(names, p.logName())
	}
	return shorten(strings.Join(names, ", "), 1000)
}

func peakTimeText(t time.Time) string {
	if t.IsZero() {
		return "the PDU does not say when"
	}
	return "by the PDU's own clock at " + t.Format(time.DateTime)
}
