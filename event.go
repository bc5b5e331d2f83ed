package main

import "time"

// An eventKind is what an event is about.
type eventKind int

const (
	eventAbove          eventKind = iota // a team's crossing began
	eventBack                            // it ended
	eventPossiblyAbove                   // the sum of a team's registers is above the limit
	eventUnreachable                     // a PDU
	eventReachable                       // a PDU again
	eventReset                           // of a PDU's peak, not by the bot
	eventHighAtStart                     // a PDU's peak was above the limit at the start
	eventRestarted                       // a PDU's card
	eventAllUnreachable                  // every PDU
	eventAllReachable                    // at least one of them again
)

// An event is something to be logged and reported. Which fields have a value
// depends on its kind.
type event struct {
	kind eventKind
	at   time.Time
	team string
	pdus []pdu // the team's, or the one PDU

	watts    int           // the power, the highest power, or the register
	from     int           // W, the register before a reset
	since    time.Time     // of what ended or goes on
	duration time.Duration // of what ended
	peakAt   time.Time     // when watts were, by the PDU's own clock
	spike    bool          // a crossing that was over when it was seen
	err      error         // why a PDU is unreachable
	evidence evidence      // of the time in which a PDU was unreachable
	missing  []pdu         // those still unreachable, where all were
	proven   []pdu         // those that stayed at or below the limit meanwhile
	unproven []pdu         // those of which that is not known

	silent  bool // without sound
	logOnly bool // in exceedings.log, and not in the chat
}

// An evidence is what a PDU's register proves of a time without readings.
type evidence int

const (
	provesNothing  evidence = iota
	provesReset             // in between, so nothing else
	provesRise              // above the limit
	provesNoHigher          // than before, which was above the limit
	provesBelow             // that the team stayed at or below the limit
	provesPDUBelow          // that the PDU did, but the team has more than one
)
