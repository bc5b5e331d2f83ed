package main

import (
	"cmp"
	"errors"
	"time"
)

// A poll is the result of polling a PDU.
type poll struct {
	reading
	err      error
	at       time.Time     // of the answer or the failure
	interval time.Duration // between polls when the team is not near the limit
	ownReset bool          // the bot is resetting this PDU's peak
}

// answered reports whether the PDU gave a valid answer: a power, or that it has
// no power meter.
func (p *poll) answered() bool { return p.err == nil || errors.Is(p.err, errNoMeter) }

// unreachableTime returns for how long a PDU must be silent to count as
// unreachable. Every PDU is polled within this time, so that an outage of the bot's
// own network is recognized even though a PDU near the limit shows it first.
func (p *poll) unreachableTime() time.Duration {
	return max(minUnreachableTime, p.interval*5/2)
}

const (
	unreachableAfter   = 3 // polls
	minUnreachableTime = 6 * time.Second
	settleReadings     = 3 // until a card has updated everything that a reset changes
	settleTime         = 3 * time.Second
	resettingTime      = 30 * time.Second // without an answer, while the bot resets a peak
	soundInterval      = time.Minute      // at least, between a team's alerts with a sound
)

// judge stores in next the state of a team after a poll of its PDU i, and returns the
// events to report. It depends on nothing but its arguments. next must be another team,
// whose memory is reused.
//
// It turns readings into alerts: snoop.pollCard reads a card with session.read and
// passes each poll to snoop.note, which calls judge. The events go through
// outage.filter to alerter.report, which logs them and queues the messages.
func judge(next, t *team, i int, p *poll, limit int) []event {
	next.copyFrom(t)
	j := judgment{team: next, status: &next.pdus[i], before: &t.pdus[i], poll: p, limit: limit}
	j.judgeReachability()
	if p.err != nil {
		return j.events
	}

	j.judgeRestart()
	rose := j.judgeRegister()
	j.judgeCrossing(rose)
	j.judgePossibleCrossing(rose)
	return j.events
}

// A judgment is the state of judging one poll.
type judgment struct {
	team   *team   // after the poll
	status *status // of the PDU that was polled
	before *status // the same before the poll
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
	s.err = p.err
	s.polled = p.at
	s.polls.count(p.err)
	neverMetered := s.at.IsZero() // otherwise it is a fault that it reports no power
	isGood := p.err == nil || p.answered() && neverMetered
	if isGood {
		s.since = p.at
		s.missed = 0
		s.unreachable = false
		s.stillCounts = false
		if p.err == nil {
			j.keepReading()
		}
		return
	}

	s.missed++
	silent := p.at.Sub(s.since)
	lost := s.missed >= unreachableAfter && silent >= p.unreachableTime()
	resetting := p.ownReset && silent < resettingTime // cards are silent for some seconds then
	if lost && !resetting && !s.unreachable {
		s.unreachable, s.stillCounts = true, j.team.above
		j.team.unsure = j.team.unsure || s.stillCounts
		j.report(event{kind: eventUnreachable, since: s.since, err: p.err, silent: true})
	}
}

// keepReading stores the reading.
func (j *judgment) keepReading() {
	s, p := j.status, j.poll
	resetAt := cmp.Or(p.resetAt, s.resetAt)
	s.reading = p.reading
	s.resetAt = resetAt
	if j.before.unreachable {
		s.recent = [len(s.recent)]sample{}
	}
	s.keep(p.interval / 5) // so eight samples cover more than an interval
}

// judgeRestart judges whether the card was restarted, in which case its uptime
// fell.
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
	if fell || moved {
		s.seen = 0
	}
	s.seen = max(s.seen, p.watts)
	rose = known && p.peak > j.limit && p.peak != before.register && p.peak > s.seen
	if p.peak >= 0 {
		s.register = p.peak
	}

	if before.unreachable {
		proof := j.proof(known, fell || moved, rose)
		silence := p.at.Sub(before.since)
		j.report(event{kind: eventReachable, duration: silence, watts: p.peak, evidence: proof, silent: true})
	}
	if fell || moved || s.reset.readings > 0 {
		again := j.followReset(fell, moved)
		rose = rose || again
	}
	isFirst := before.register < 0
	if isFirst && p.peak > max(j.limit, s.seen) {
		j.report(event{kind: eventHighAtStart, watts: p.peak, peakAt: p.peakAt, duration: p.at.Sub(before.since)})
	}
	return rose
}

// proof returns what the register proves about the time during which the PDU was
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

// followReset follows a reset of the peak until the register has settled. It
// reports whether the register then shows that a power above the limit was
// reached again after the reset, as high as before.
func (j *judgment) followReset(fell, moved bool) (again bool) {
	s := j.status
	if s.reset.readings == 0 {
		s.reset.from, s.reset.since = j.before.register, j.poll.at
		s.reset.peakAt, s.reset.startedAt = j.before.peakAt, j.before.resetAt
	}
	r := &s.reset
	r.readings++
	r.fell, r.moved = r.fell || fell, r.moved || moved
	reported := j.before.unreachable && (fell || moved) // as evidence
	r.known = r.known || reported || j.poll.ownReset

	complete := r.fell && (r.moved || s.resetAt.IsZero())
	settled := r.readings >= settleReadings && j.poll.at.Sub(r.since) >= settleTime
	if !complete && !settled {
		return false
	}
	if !r.known {
		j.report(event{kind: eventReset, from: r.from, watts: s.register, silent: true})
	}
	unchanged := !r.fell && s.register == r.from
	again = unchanged && s.register > max(j.limit, s.seen) && j.peakedAfterReset()
	s.resets, s.resetFrom, s.reset = s.resets+1, r.from, peakReset{}
	return again
}

// peakedAfterReset reports whether the peak is from after the reset, by the PDU's
// own clock. If both times changed by the same amount, that clock was set.
func (j *judgment) peakedAfterReset() bool {
	s, r := j.status, &j.status.reset
	if s.peakAt.IsZero() || r.peakAt.IsZero() {
		return false
	}
	clockSet := s.peakAt.Sub(r.peakAt) == s.resetAt.Sub(r.startedAt)
	return s.peakAt.After(s.resetAt) && !clockSet
}

// judgeCrossing judges whether a crossing begins or ends. A spike between two
// readings, which only the register shows, is one too.
func (j *judgment) judgeCrossing(rose bool) {
	t, p := j.team, j.poll
	low, high, known := t.bounds()
	proven := low
	if rose {
		proven = max(low, p.peak)
	}

	opens, spike := !t.above && proven > j.limit, low <= j.limit
	if opens {
		j.openCrossing(proven, spike)
	}
	if !t.above {
		return
	}
	t.openHighest, t.highest = max(t.openHighest, proven), max(t.highest, proven)

	oldest, newest := t.span()
	ends := known && high <= j.limit && !oldest.Before(t.provenAt)
	switch {
	case t.readTogetherWith(newest) > j.limit:
		t.provenAt = newest
	case low > j.limit:
		t.provenAt = oldest
	}
	if low > j.limit || ends {
		j.noteSeen()
	}
	if ends {
		j.closeCrossing(opens && spike)
	}
}

// noteSeen notes that the power of a team with an open crossing is known, and for
// how long it was unknown before.
func (j *judgment) noteSeen() {
	t, p := j.team, j.poll
	gap := p.at.Sub(t.lastSeen)
	if t.unsure && gap >= p.unreachableTime() {
		t.openUnseen += gap
	}
	t.unsure, t.lastSeen = false, t.lastSeen.Add(max(gap, 0))
}

// openCrossing opens a crossing. A spike is one that only the register shows.
func (j *judgment) openCrossing(watts int, spike bool) {
	t, p := j.team, j.poll
	e := event{kind: eventAbove, watts: watts, silent: p.at.Sub(t.lastSound) < soundInterval}
	if spike {
		e.peakAt, e.spike = p.peakAt, true
	}
	j.reportTeam(e)
	t.crossings++
	t.lastCrossing = p.at

	t.above = true
	t.opened = p.at
	t.openHighest = 0
	t.openUnseen = 0
	t.provenAt = time.Time{}
	t.lastSeen = p.at
	t.unsure = false
	if !e.silent {
		t.lastSound = p.at
	}
}

// closeCrossing closes the open crossing. One that was just opened for a spike is
// not worth a second message.
func (j *judgment) closeCrossing(spike bool) {
	t, p := j.team, j.poll
	t.total = t.timeAbove()
	t.above = false
	for i := range t.pdus {
		t.pdus[i].stillCounts = false
	}
	e := event{
		kind: eventBack, since: t.opened, duration: p.at.Sub(t.opened), unseen: t.openUnseen, watts: t.openHighest,
		silent: true,
	}
	if spike {
		e.spike, e.peakAt, e.logOnly = true, p.peakAt, true
	}
	j.reportTeam(e)
}

// stillAbove returns the events about the crossings that are open when the bot is
// stopped, as it will not see them end.
func stillAbove(teams []team, now time.Time) (events []event) {
	for i := range teams {
		t := &teams[i]
		if !t.above {
			continue
		}
		j := judgment{team: t, poll: &poll{at: now}}
		j.reportTeam(event{
			kind: eventStillAbove, since: t.opened, duration: now.Sub(t.opened), watts: t.openHighest, logOnly: true,
		})
		events = append(events, j.events...)
	}
	return events
}

// judgePossibleCrossing judges the sum of the registers of a team's PDUs, which
// need not have peaked together. The sum rises with each reading while a team
// starts a run, so it is reported again only after it has risen by a twentieth.
func (j *judgment) judgePossibleCrossing(rose bool) {
	t, p := j.team, j.poll
	registers := t.registers()
	if registers <= j.limit {
		t.possible, t.possibleSince = 0, time.Time{}
		return
	}
	t.possible = min(t.possible, registers) // a register was reset
	if registers <= t.possible+t.possible/20 {
		return
	}

	// The other PDUs may be about to answer, and prove a crossing.
	if t.possibleSince.IsZero() {
		t.possibleSince = p.at
	}
	oldest, newest := t.span()
	complete := newest.Sub(oldest) <= togetherTime || t.wasReadTwice(t.possibleSince)
	if !complete || t.isStarting() {
		return
	}
	crossed := !t.lastCrossing.Before(t.possibleSince)
	t.possible, t.possibleSince = registers, time.Time{}
	proven := t.above || rose || crossed || t.highestRegister() > j.limit
	if !proven {
		j.reportTeam(event{kind: eventPossiblyAbove, watts: registers})
	}
}
