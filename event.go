package main

import "time"

// An eventKind says what happened.
type eventKind int

const (
	eventAbove          eventKind = iota // a team's crossing began
	eventBack                            // a team's crossing ended
	eventStillAbove                      // a team's crossing was open when the bot was stopped
	eventPossiblyAbove                   // the sum of a team's registers is above the limit
	eventUnreachable                     // a PDU became unreachable
	eventReachable                       // a PDU answers again
	eventReset                           // a PDU's peak was reset, not by the bot
	eventHighAtStart                     // a PDU's peak was above the limit at the start
	eventRestarted                       // a PDU's card was restarted
	eventAllUnreachable                  // no PDU answers
	eventAllReachable                    // at least one of them answers again
)

// An event is something to be logged and, unless logOnly is set, reported. Which
// fields have a value depends on its kind.
type event struct {
	kind eventKind
	at   time.Time
	team string
	pdus []pdu // the team's, or the one PDU

	watts    int           // the power, the highest power, or the register
	from     int           // W, the register before a reset
	since    time.Time     // when the crossing or the silence began
	duration time.Duration // of what ended
	peakAt   time.Time     // of watts, by the PDU's own clock
	unseen   time.Duration // the part of the duration without readings
	spike    bool          // the crossing was over before it was seen
	err      error         // why a PDU is unreachable
	evidence evidence      // about the time during which a PDU was unreachable
	missing  []pdu         // those still unreachable after an outage of all
	proven   []pdu         // those known to have stayed at or below the limit meanwhile
	unproven []pdu         // those that may have been above it

	silent  bool // without sound
	logOnly bool // in exceedings.log but not in the chat
}

// evidence says what a PDU's register proves about a time without readings.
type evidence int

const (
	provesNothing  evidence = iota
	provesReset             // that it was reset, so nothing else is known
	provesRise              // that the power rose above the limit
	provesNoHigher          // that the power rose no higher than before, when it was above the limit
	provesBelow             // that the team stayed at or below the limit
	provesPDUBelow          // that the PDU did, but the team has other PDUs
)
