package main

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// A poll is the result of polling a PDU.
type poll struct {
	reading
	err      error
	at       time.Time // of the answer or the failure
	ownReset bool      // the bot is resetting this PDU's peak
}

// answered reports whether the PDU gave a valid answer: a power, or that it has
// no power meter.
func (p poll) answered() bool { return p.err == nil || errors.Is(p.err, errNoMeter) }

const (
	unreachableAfter = 3 // polls
	unreachableTime  = 6 * time.Second
	settleReadings   = 3 // until a card has updated everything that a reset changes
	settleTime       = 3 * time.Second
	soundInterval    = time.Minute // at least, between a team's alerts with a sound
)

// judge returns the state of a team after a poll of its PDU i, and the events
// to report. It depends on nothing but its arguments.
//
// It turns readings into alerts: snoop.watch reads a card with session.read and
// passes each poll to snoop.note, which calls judge. The events go through
// outage.filter to alerter.report, which logs them and queues the messages.
func judge(t team, i int, p poll, limit int) (team, []event) {
	before := &t.pdus[i]
	t.pdus = slices.Clone(t.pdus)
	j := judgment{team: &t, status: &t.pdus[i], before: before, poll: &p, limit: limit}
	j.judgeReachability()
	if p.err != nil {
		return t, j.events
	}

	j.judgeRestart()
	rose := j.judgeRegister()
	j.judgeCrossing(rose)
	j.judgePossibleCrossing(rose)
	return t, j.events
}

// A judgment is the state of judging one poll.
type judgment struct {
	team   *team
	status *status
	before *status
	poll   *poll
	limit  int
	events []event
}

// report adds an event about the PDU.
func (j *judgment) report(e event) {
	e.at, e.team, e.pdus = j.poll.at, j.team.name, []pdu{j.status.pdu}
	j.events = append(j.events, e)
}

// reportTeam adds an event about the team.
func (j *judgment) reportTeam(e event) {
	e.at, e.team = j.poll.at, j.team.name
	for _, p := range j.team.pdus {
		e.pdus = append(e.pdus, p.pdu)
	}
	j.events = append(j.events, e)
}

// judgeReachability stores the result of the poll, and judges whether the PDU is
// reachable.
func (j *judgment) judgeReachability() {
	s, p := j.status, j.poll
	s.err, s.polled = p.err, p.at
	s.polls.count(p.err)
	if p.answered() {
		s.since, s.missed, s.unreachable, s.stillCounts = p.at, 0, false, false
		if p.err == nil {
			resetAt := cmp.Or(p.resetAt, s.resetAt)
			s.reading = p.reading
			s.resetAt = resetAt
		}
		return
	}

	s.missed++
	lost := s.missed >= unreachableAfter && p.at.Sub(s.since) >= unreachableTime
	if lost && !s.unreachable {
		s.unreachable, s.stillCounts = true, j.team.above
		j.report(event{kind: eventUnreachable, since: s.since, err: p.err, silent: true})
	}
}

// judgeRestart judges whether the card was restarted, in which case its uptime fell.
func (j *judgment) judgeRestart() {
	known := !j.before.at.IsZero() && j.before.uptime >= 0 && j.poll.uptime >= 0
	if known && j.poll.uptime < j.before.uptime && !j.uptimeWrapped() {
		j.report(event{kind: eventRestarted, silent: true})
	}
}

// uptimeWrapped reports whether the uptime fell because sysUpTime, which has 32
// bits, wrapped after 497 days.
func (j *judgment) uptimeWrapped() bool {
	const full, slack = 1 << 32, 60 * 100 // hundredths of a second; the cards' clocks drift
	elapsed := j.poll.at.Sub(j.before.at).Milliseconds() / 10
	off := j.poll.uptime - (j.before.uptime + elapsed - full)
	return max(off, -off) <= slack
}

// judgeRegister judges the peak register. It reports whether the register newly
// shows a power above the limit.
func (j *judgment) judgeRegister() (rose bool) {
	s, before, p := j.status, j.before, j.poll
	known := before.register >= 0 && p.peak >= 0
	fell := known && p.peak < before.register
	moved := !before.resetAt.IsZero() && !s.resetAt.Equal(before.resetAt)
	rose = known && p.peak > j.limit && p.peak != before.register
	if p.peak >= 0 {
		s.register = p.peak
	}

	if before.unreachable {
		proof := j.proof(known, fell || moved, rose)
		j.report(event{kind: eventReachable, duration: p.at.Sub(before.since), watts: p.peak, evidence: proof, silent: true})
	}
	if fell || moved || s.reset.readings > 0 {
		j.followReset(fell, moved)
	}
	if before.register < 0 && p.peak > j.limit && p.peak > p.watts {
		j.report(event{kind: eventHighAtStart, watts: p.peak, peakAt: p.peakAt})
	}
	return rose
}

// proof returns what the register proves about the time in which the PDU was
// unreachable. It proves little if it may have been reset and have risen again.
func (j *judgment) proof(known, reset, rose bool) evidence {
	unreset := !reset && !j.before.resetAt.IsZero() && !j.poll.resetAt.IsZero()
	switch {
	case !known:
		return provesNothing
	case reset:
		return provesReset
	case rose:
		return provesRise
	case !unreset:
		return provesNothing
	case j.poll.peak > j.limit:
		return provesNoHigher
	case len(j.team.pdus) > 1:
		return provesPDUBelow
	}
	return provesBelow
}

// followReset follows a reset of the peak until the register has settled.
func (j *judgment) followReset(fell, moved bool) {
	s := j.status
	if s.reset.readings == 0 {
		s.reset.from, s.reset.since = j.before.register, j.poll.at
	}
	r := &s.reset
	r.readings++
	r.fell, r.moved = r.fell || fell, r.moved || moved
	reported := j.before.unreachable && (fell || moved) // as evidence
	r.known = r.known || reported || j.poll.ownReset

	complete := r.fell && (r.moved || s.resetAt.IsZero())
	settled := r.readings >= settleReadings && j.poll.at.Sub(r.since) >= settleTime
	if !complete && !settled {
		return
	}
	if !r.known {
		j.report(event{kind: eventReset, from: r.from, watts: s.register, silent: true})
	}
	s.resets, s.resetFrom, s.reset = s.resets+1, r.from, peakReset{}
}

// judgeCrossing judges whether a crossing begins or ends. A spike between two
// readings, which only the register shows, is one too.
func (j *judgment) judgeCrossing(rose bool) {
	t, p := j.team, j.poll
	sum := t.sum()
	high := sum
	if rose {
		high = max(sum, p.peak)
	}

	opens := !t.above && (sum > j.limit || rose)
	if opens {
		j.openCrossing(sum)
	}
	if t.above {
		t.openHighest, t.highest = max(t.openHighest, high), max(t.highest, high)
	}
	if t.above && sum <= j.limit {
		j.closeCrossing(opens)
	}
}

// openCrossing opens a crossing, which is a spike unless sum is above the limit.
func (j *judgment) openCrossing(sum int) {
	t, p := j.team, j.poll
	e := event{kind: eventAbove, watts: sum, silent: p.at.Sub(t.lastSound) < soundInterval}
	if sum <= j.limit {
		e.watts, e.peakAt, e.spike = p.peak, p.peakAt, true
	}
	j.reportTeam(e)
	t.crossings++
	t.above, t.opened, t.lastCrossing, t.openHighest = true, p.at, p.at, 0
	if !e.silent {
		t.lastSound = p.at
	}
}

// closeCrossing closes the open crossing. That of a spike, which was just
// opened, is not worth a second message.
func (j *judgment) closeCrossing(justOpened bool) {
	t := j.team
	t.above = false
	for i := range t.pdus {
		t.pdus[i].stillCounts = false
	}
	took := j.poll.at.Sub(t.opened)
	t.total += took
	j.reportTeam(event{
		kind: eventBack, since: t.opened, duration: took, watts: t.openHighest, silent: true, logOnly: justOpened,
	})
}

// judgePossibleCrossing judges the sum of the registers of a team's PDUs, which need
// not have peaked together. The sum rises with each reading while a team starts
// a run, so it is reported again only after it has risen by a twentieth.
func (j *judgment) judgePossibleCrossing(rose bool) {
	t, registers := j.team, 0
	for i := range t.pdus {
		registers += max(t.pdus[i].register, 0)
	}
	switch {
	case registers <= j.limit:
		t.possible = 0
	case registers > t.possible+t.possible/20:
		t.possible = registers
		proven := t.above || rose || j.status.register > j.limit
		if !proven {
			j.reportTeam(event{kind: eventPossiblyAbove, watts: registers})
		}
	}
}
