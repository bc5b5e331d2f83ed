package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestEvents checks the texts of every kind of event. Other programs read the
// log: its words must not change.
func TestEvents(t *testing.T) {
	var (
		at     = time.Date(2026, 6, 15, 10, 32, 7, 0, time.Local)
		since  = at.Add(-80 * time.Second)
		single = []pdu{{num: 101, unit: 1, name: "First", team: "First"}}
		rack   = []pdu{
			{num: 102, unit: 1, name: "left", team: "Second"},
			{num: 103, unit: 2, name: "right", team: "Second"},
		}
	)
	back := func(proof evidence, watts int) event {
		return event{kind: eventReachable, pdus: single, duration: 80 * time.Second, evidence: proof, watts: watts}
	}
	for name, tt := range map[string]struct {
		e                  event
		mark, line, remark string
	}{
		"above": {
			event{kind: eventAbove, team: "Second", pdus: rack, watts: 3120}, "🔴",
			"Second(.102+.103/2): Above power limit (3120 W)!", "",
		},
		"spike": {
			event{kind: eventAbove, team: "First", pdus: single, watts: 3500, spike: true, peakAt: at.Add(-time.Hour)},
			"🔴", "First(.101): Above power limit (3500 W)!",
			"a spike, over before it was seen; by the PDU's own clock at 2026-06-15 09:32:07",
		},
		"spike without a time": {
			event{kind: eventAbove, team: "First", pdus: single, watts: 3500, spike: true}, "🔴",
			"First(.101): Above power limit (3500 W)!", "a spike, over before it was seen; the PDU does not say when",
		},
		"back": {
			event{kind: eventBack, team: "First", pdus: single, watts: 3500, duration: 61500 * time.Millisecond},
			"🟢", "First(.101): Back under power limit after 62 s, at most 3500 W", "",
		},
		"possibly": {
			event{kind: eventPossiblyAbove, team: "Second", pdus: rack, watts: 3001}, "🔴",
			"Second(.102+.103/2): Possibly above power limit (3001 W)",
			"that is the sum of its PDUs' peaks, which need not have been at the same time",
		},
		"unreachable": {
			event{kind: eventUnreachable, pdus: rack[1:], since: since, err: errors.New("no answer")}, "⚪",
			"Second right(.103/2): Out of reach since 10:30:47", "no answer",
		},
		"back, nothing known": {
			back(provesNothing, 0), "🟢",
			"First(.101): Answers again after 80 s; its peak tells nothing of that time", "",
		},
		"back, reset": {
			back(provesReset, 0), "🟢",
			"First(.101): Answers again after 80 s; its peak was reset meanwhile, so that nothing can be said", "",
		},
		"back, risen": {
			back(provesRise, 3300), "🟢",
			"First(.101): Answers again after 80 s; its peak rose to 3300 W", "",
		},
		"back, no higher": {
			back(provesNoHigher, 3300), "🟢",
			"First(.101): Answers again after 80 s; its peak stayed at 3300 W, what was below that is not known", "",
		},
		"back, PDU below": {
			back(provesPDUBelow, 900), "🟢",
			"First(.101): Answers again after 80 s; its peak is 900 W", "",
		},
		"back, below": {
			back(provesBelow, 900), "🟢",
			"First(.101): Answers again after 80 s; it stayed under the limit, its peak is 900 W", "",
		},
		"reset": {
			event{kind: eventReset, pdus: single, from: 3300, watts: 1500}, "🔁",
			"First(.101): Peak reset by somebody else, 3300 W -> 1500 W", "",
		},
		"high at the start": {
			event{kind: eventHighAtStart, pdus: single, watts: 3300}, "🔴",
			"First(.101): Peak stood at 3300 W at the start", "the PDU does not say when",
		},
		"restarted": {
			event{kind: eventRestarted, pdus: single}, "🔁",
			"First(.101): The PDU's card was restarted", "",
		},
		"all unreachable": {
			event{kind: eventAllUnreachable, since: since}, "⚪",
			"All PDUs: Out of reach since 10:30:47", "check the bot's own network",
		},
		"all back, proven": {
			event{kind: eventAllReachable, duration: 80 * time.Second, proven: single}, "🟢",
			"All PDUs: Answer again after 80 s",
			"unless reported otherwise they stayed under the limit, as their peak registers prove",
		},
		"all back, some proven": {
			event{kind: eventAllReachable, duration: 80 * time.Second, proven: single, unproven: rack}, "🟢",
			"All PDUs: Answer again after 80 s",
			"under the limit all the time, as their peak registers prove: First(.101); " +
				"not known whether they stayed under the limit: Second left(.102), Second right(.103/2)",
		},
		"all back, none proven": {
			event{kind: eventAllReachable, duration: 80 * time.Second, unproven: single}, "🟢",
			"All PDUs: Answer again after 80 s", "not known whether they stayed under the limit: First(.101)",
		},
		"some back": {
			event{kind: eventAllReachable, duration: 80 * time.Second, proven: single, missing: rack}, "🟢",
			"PDUs: Answer again after 80 s",
			"unless reported otherwise they stayed under the limit, as their peak registers prove; " +
				"still out of reach (2): Second left(.102), Second right(.103/2)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := eventMark(tt.e); got != tt.mark {
				t.Errorf("mark %s, want %s", got, tt.mark)
			}
			if got := eventSubject(tt.e) + ": " + eventText(tt.e); got != tt.line {
				t.Errorf("line %q, want %q", got, tt.line)
			}
			if got := eventRemark(tt.e); got != tt.remark {
				t.Errorf("remark %q, want %q", got, tt.remark)
			}
		})
	}
}

// TestEventOfMany checks that an event about hundreds of PDUs fits into a
// message.
func TestEventOfMany(t *testing.T) {
	many := make([]pdu, 500)
	for i := range many {
		many[i] = pdu{num: i, unit: 1, name: strings.Repeat("<", 60), team: strings.Repeat("&", 60)}
	}
	e := event{kind: eventAllReachable, proven: many, unproven: many, missing: many}
	if n := textLen(eventRemark(e)); n > maxText-maxJoinText-500 {
		t.Errorf("%d characters", n)
	}
}
