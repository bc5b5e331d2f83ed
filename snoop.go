package main

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// A snoop is the watch of the PDUs: it polls them, keeps what it saw, and reports
// events.
type snoop struct {
	limit     int // W per team
	interval  time.Duration
	near      time.Duration // between two readings near the limit; 0 for the interval
	report    func(event)   // logs and sends; one event at a time
	cards     []*cardWatch
	places    []place       // of the PDUs, in the order of the list
	allPolled chan struct{} // closed when every PDU has been polled once
	due       chan struct{} // holds a value after an event was added to pending
	panics    panicGuard

	start   time.Time // of the history and of the schedule
	history *history

	mu       sync.Mutex // guards what follows
	teams    []team
	judged   team          // a team after the poll that is being judged
	pending  []event       // to report, which may be slow: polls do not wait for it
	changed  chan struct{} // closed at the next poll; nil if nobody waits for that
	ownReset []time.Time   // by PDU: until when a reset is taken for the bot's own
	noted    []time.Time   // by PDU: the last poll that was noted
	outage   outage
}

// A cardWatch is the watch of one card. Only its goroutine talks to the card,
// which takes one request at a time.
type cardWatch struct {
	addr     string
	session  *session
	units    []watchedUnit
	jobs     chan func(*session) // other exchanges with the card, each followed by a poll
	teamNear chan struct{}       // holds a value after another card found one of its teams near the limit

	// Used by the card's goroutine only:
	asked, answered time.Time     // when the last sweep of its units began and ended
	before          time.Duration // how long the sweep before that took
}

// A watchedUnit is one PDU behind a card.
type watchedUnit struct {
	pdu  int // its index in the list
	unit int
}

// A place locates a PDU among the teams, and its card.
type place struct {
	team, pdu int
	card      *cardWatch
}

// newSnoop returns the watch of the PDUs. Set report before calling run, and near
// to read PDUs more often near the limit.
func newSnoop(pdus []pdu, limit int, interval time.Duration, cfg snmpConfig) *snoop {
	start := time.Now()
	s := &snoop{
		start:     start,
		history:   newHistory(len(pdus), interval, start),
		limit:     limit,
		interval:  interval,
		ownReset:  make([]time.Time, len(pdus)),
		noted:     make([]time.Time, len(pdus)),
		allPolled: make(chan struct{}),
		due:       make(chan struct{}, 1),
	}
	for i, p := range pdus {
		c := s.cardAt(p.snmp)
		c.units = append(c.units, watchedUnit{pdu: i, unit: p.unit})

		n := s.teamNamed(p.team)
		t := &s.teams[n]
		s.places = append(s.places, place{team: n, pdu: len(t.pdus), card: c})
		t.pdus = append(t.pdus, status{pdu: p, err: errNoAnswer, since: start, register: -1})
	}
	for _, c := range s.cards {
		var units []int
		for _, u := range c.units {
			units = append(units, u.unit)
		}
		c.session = newSession(c.addr, units, cfg)
	}
	return s
}

// cardAt returns the watch of the card at an address, adding it if necessary.
func (s *snoop) cardAt(addr string) *cardWatch {
	for _, c := range s.cards {
		if c.addr == addr {
			return c
		}
	}
	c := &cardWatch{addr: addr, jobs: make(chan func(*session)), teamNear: make(chan struct{}, 1)}
	s.cards = append(s.cards, c)
	return c
}

// teamNamed returns the index of the team with a name, adding it if necessary.
func (s *snoop) teamNamed(name string) int {
	i := slices.IndexFunc(s.teams, func(t team) bool { return t.name == name })
	if i < 0 {
		i = len(s.teams)
		s.teams = append(s.teams, team{name: name})
	}
	return i
}

// run polls the cards until ctx ends, each in its own goroutine so that a slow
// card never delays another.
func (s *snoop) run(ctx context.Context) {
	var polls, reports sync.WaitGroup
	for _, c := range s.cards {
		polls.Go(func() { s.pollCard(ctx, c) })
	}
	reports.Go(func() {
		for range s.due {
			for _, e := range s.takePending() {
				s.reportOne(e)
			}
		}
	})
	polls.Wait()
	s.mu.Lock()
	s.publish(stillAbove(s.teams, time.Now()))
	s.mu.Unlock()
	close(s.due)
	reports.Wait()
}

// takePending returns the pending events and clears them.
func (s *snoop) takePending() []event {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.pending
	s.pending = nil
	return events
}

// reportOne reports an event. A panic is logged and does not stop later events.
func (s *snoop) reportOne(e event) {
	var err error // logged by catch
	defer s.panics.catch("reporting an event", &err)
	s.report(e)
}

// pollCard polls the units of a card whenever they are due. A poll usually fits into a
// stack of 4 KB: with 250 cards, twice that would be another megabyte.
func (s *snoop) pollCard(ctx context.Context, c *cardWatch) {
	defer c.session.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		c.before = c.answered.Sub(c.asked)
		c.asked = time.Now()
		for _, u := range c.units {
			s.pollUnit(ctx, c, u)
		}
		c.answered = time.Now()
		s.wait(ctx, c, timer)
	}
}

// pollUnit polls a unit of a card and notes the result. A panic is logged. The poll then
// does not count as noted, so if the panic persists, the watchdog restarts the bot.
func (s *snoop) pollUnit(ctx context.Context, c *cardWatch, u watchedUnit) {
	var err error // logged by catch
	defer s.panics.catch("poll", &err)
	p := poll{interval: s.interval}
	p.reading, p.err = c.session.read(ctx, u.unit)
	if ctx.Err() != nil {
		return // the end of ctx may be all that failed
	}
	p.at = time.Now()
	if cameNear := s.note(u.pdu, &p); cameNear {
		s.tellTeammates(u.pdu)
	}
}

// wait returns when a card is due, after a job, or when ctx ends. A team that comes
// near the limit may change when the card is due.
func (s *snoop) wait(ctx context.Context, c *cardWatch, timer *time.Timer) {
	for {
		timer.Reset(time.Until(s.nextPoll(c)))
		select {
		case <-c.teamNear:
			continue
		case <-timer.C:
		case job := <-c.jobs:
			job(c.session)
		case <-ctx.Done():
		}
		return
	}
}

// nextPoll returns when to poll a card again.
func (s *snoop) nextPoll(c *cardWatch) time.Time {
	polls := schedule{start: s.start, interval: s.interval, near: s.near}
	return polls.next(s.isNear(c), c.asked, c.answered, c.before)
}

// tellTeammates tells the other cards of PDU i's team that it came near the limit,
// so that all its PDUs are read more often at once.
func (s *snoop) tellTeammates(i int) {
	from := s.places[i]
	for _, at := range s.places {
		if at.team != from.team || at.card == from.card {
			continue
		}
		select {
		case at.card.teamNear <- struct{}{}:
		default: // already told
		}
	}
}

// note judges a poll of PDU i, and keeps and reports the result. It reports whether
// the PDU's team just came near the limit.
func (s *snoop) note(i int, p *poll) (cameNear bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.ownReset = p.at.Before(s.ownReset[i])
	at := s.places[i]
	t := &s.teams[at.team]
	known := &t.pdus[at.pdu]
	if errors.Is(p.err, errNoMeter) && !errors.Is(known.err, errNoMeter) {
		slog.Warn("a PDU has no power meter: it cannot be watched", "pdu", known.logName())
	}

	events := s.judge(t, at.pdu, p)
	s.publish(s.outage.filter(events, s.all, p))
	if p.err == nil {
		s.addToHistory(i, p)
	}

	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
	cameNear = t.proximity.note(t.sum(), s.limit, p.at)
	isFirst := s.noted[i].IsZero()
	s.noted[i] = p.at
	if isFirst && !slices.ContainsFunc(s.noted, time.Time.IsZero) {
		close(s.allPolled)
	}
	return cameNear
}

// judge judges a poll of PDU i of a team. If that panics, the team remains as it was.
// s.mu must be held.
func (s *snoop) judge(t *team, i int, p *poll) []event {
	events := judge(&s.judged, t, i, p, s.limit)
	t.copyFrom(&s.judged)
	return events
}

// addToHistory adds a reading of PDU i to the history. s.mu must be held.
func (s *snoop) addToHistory(i int, p *poll) {
	s.history.add(i, p.asked, p.watts)
	at := s.places[i]
	t := &s.teams[at.team]
	if !t.above {
		return
	}
	if watts, ok := t.readTogether(); ok {
		s.history.addAbove(s.pdusOf(at.team), p.asked, watts)
	}
}

// publish adds events to pending and to the history. s.mu must be held.
func (s *snoop) publish(events []event) {
	if len(events) == 0 {
		return
	}
	s.pending = append(s.pending, events...)
	select {
	case s.due <- struct{}{}:
	default:
	}
	for _, e := range events {
		s.history.addEvent(e)
	}
}

// isNear reports whether a team with a PDU behind a card is near the limit.
func (s *snoop) isNear(c *cardWatch) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(c.units, func(u watchedUnit) bool {
		return s.teams[s.places[u.pdu].team].proximity.near
	})
}

// alive reports whether a poll of every PDU was noted within three intervals and five
// seconds.
func (s *snoop) alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !slices.ContainsFunc(s.noted, func(at time.Time) bool {
		return time.Since(at) > 3*s.interval+5*time.Second
	})
}

// all yields the PDUs' statuses, team by team. s.mu must be held.
func (s *snoop) all(yield func(*status) bool) {
	for _, t := range s.teams {
		for i := range t.pdus {
			if !yield(&t.pdus[i]) {
				return
			}
		}
	}
}

// snapshot returns the current state of the teams. Their statuses share one
// allocation, so that polls do not wait for many.
func (s *snoop) snapshot() []team {
	teams := make([]team, len(s.teams))
	all := make([]status, len(s.places))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range teams {
		n := len(s.teams[i].pdus)
		teams[i].pdus, all = all[:0:n], all[n:]
		teams[i].copyFrom(&s.teams[i])
	}
	return teams
}

// powerOf yields the power of a team between two moments, in W, wherever all its
// PDUs were read.
func (s *snoop) powerOf(team int, from, to, now time.Time) iter.Seq[powerPoint] {
	return s.history.sums(s.pdusOf(team), from, to, now)
}

// pdusOf returns the indexes of a team's PDUs in the list.
func (s *snoop) pdusOf(team int) (pdus []int) {
	for i, at := range s.places {
		if at.team == team {
			pdus = append(pdus, i)
		}
	}
	return pdus
}

// status returns the current state of PDU i.
func (s *snoop) status(i int) status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.teams[s.places[i].team].pdus[s.places[i].pdu]
}

// lastAnswerTook returns how long a card took for the last readings of its units.
func (s *snoop) lastAnswerTook(c *cardWatch) (took time.Duration) {
	for _, u := range c.units {
		p := s.status(u.pdu)
		took += p.at.Sub(p.asked)
	}
	return took
}

// awaitPause is the minimum time between two polls by await.
const awaitPause = 500 * time.Millisecond

// await polls PDU i until ok holds for its status after a reading, for at most
// the time within. If it does not, await returns the zero status and false.
func (s *snoop) await(ctx context.Context, i int, within time.Duration, ok func(status) bool) (status, bool) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(awaitPause)
	defer tick.Stop()
	for ctx.Err() == nil {
		changed := s.nextChange()
		p := s.status(i)
		if p.err == nil && ok(p) {
			return p, true
		}
		select {
		case <-changed:
		case <-tick.C:
			isResting := time.Since(p.asked) < restFactor*s.lastAnswerTook(s.places[i].card)
			if isResting {
				continue
			}
			select {
			case s.places[i].card.jobs <- func(*session) {}:
			default: // it is being polled
			}
		case <-ctx.Done():
		}
	}
	return status{}, false
}

// nextChange returns a channel that is closed at the next poll.
func (s *snoop) nextChange() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// do runs a job in the goroutine that polls PDU i, between two polls, and returns its
// error. If ctx ends before the job begins, do returns the cause. Once a job has begun,
// do waits for it.
func (s *snoop) do(ctx context.Context, i int, job func(*session) error) error {
	done := make(chan error, 1)
	guarded := func(session *session) {
		var err error
		defer func() { done <- err }()
		defer s.panics.catch("SNMP job", &err)
		err = job(session)
	}
	select {
	case s.places[i].card.jobs <- guarded:
		return <-done
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// expectReset announces that the bot is about to reset the peak of PDU i: a reset
// within this time is its own. 0 means that the bot's reset is over.
func (s *snoop) expectReset(i int, within time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ownReset[i] = time.Now().Add(within)
}
