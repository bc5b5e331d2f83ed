package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// A snoop is the watch: it polls the PDUs, keeps what it saw, and tells what is to be told.
type snoop struct {
	limit    int // W a team
	interval time.Duration
	tell     func(event) // logs and sends; events come one after the other
	sessions []*session
	places   []place               // of the PDUs, in the order of the list
	jobs     []chan func(*session) // by PDU: what else is to be said to it, followed by a poll
	swept    chan struct{}         // closed when every PDU has been polled once
	events   chan event            // for tell, which may be slow: the polls do not wait for it

	mu      sync.Mutex // guards what follows
	teams   []team
	changed chan struct{} // closed, and made anew, at each poll
	ours    []time.Time   // by PDU: until then a reset is the bot's own
	dark    time.Time     // since when no PDU answers; zero as long as one does
	lit     time.Time     // when the first answered again
}

// A place is where a PDU stands among the teams.
type place struct{ team, pdu int }

func newSnoop(pdus []pdu, limit int, interval time.Duration, cfg snmpConfig) *snoop {
	s := &snoop{
		limit: limit, interval: interval, ours: make([]time.Time, len(pdus)),
		swept: make(chan struct{}), changed: make(chan struct{}), events: make(chan event, 1000),
	}
	for _, p := range pdus {
		s.sessions = append(s.sessions, newSession(p, cfg))
		s.jobs = append(s.jobs, make(chan func(*session)))
		i := slices.IndexFunc(s.teams, func(t team) bool { return t.name == p.team })
		if i < 0 {
			i = len(s.teams)
			s.teams = append(s.teams, team{name: p.team})
		}
		t := &s.teams[i]
		s.places = append(s.places, place{i, len(t.pdus)})
		t.pdus = append(t.pdus, status{pdu: p, err: errNoAnswer, since: time.Now(), register: -1})
	}
	return s
}

// run polls each PDU in a goroutine of its own, so that a slow one never delays another, until ctx ends.
func (s *snoop) run(ctx context.Context) {
	var polls, tells sync.WaitGroup
	for i := range s.sessions {
		polls.Go(func() { s.poll(ctx, i) })
	}
	tells.Go(func() {
		for e := range s.events {
			s.tell(e)
		}
	})
	polls.Wait()
	close(s.events)
	tells.Wait()
}

func (s *snoop) poll(ctx context.Context, i int) {
	session := s.sessions[i]
	defer session.close()
	tick := time.NewTicker(s.interval) // it drops the ticks for which a slow PDU left no time
	defer tick.Stop()
	for ctx.Err() == nil {
		r, err := session.read(ctx)
		if ctx.Err() != nil {
			return // the failure may be no more than that
		}
		s.note(i, poll{reading: r, err: err, at: time.Now()})
		select {
		case <-tick.C:
		case job := <-s.jobs[i]:
			job(session)
		case <-ctx.Done():
		}
	}
}

// note judges a poll and keeps what came of it.
func (s *snoop) note(i int, p poll) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.ours = p.at.Before(s.ours[i])
	at := s.places[i]
	t := &s.teams[at.team]
	was := t.pdus[at.pdu]
	if errors.Is(p.err, errNoMeter) && !errors.Is(was.err, errNoMeter) {
		slog.Warn("a PDU has no power meter: it cannot be watched", "pdu", entry(was.pdu))
	}
	var events []event
	*t, events = judge(*t, at.pdu, p, s.limit)
	for _, e := range s.gather(events, p) {
		s.events <- e
	}
	close(s.changed)
	s.changed = make(chan struct{})
	if was.polled.IsZero() && !s.any(func(p status) bool { return p.polled.IsZero() }) {
		close(s.swept)
	}
}

// gather makes one message of what concerns all PDUs at once: then it is the bot's own network that failed. Each PDU has its
// lines in the log all the same. s.mu is held.
func (s *snoop) gather(events []event, p poll) []event {
	for i, e := range events {
		lost := !e.lost.IsZero()
		if lost && s.dark.IsZero() && len(s.places) > 1 && !s.any(func(p status) bool { return p.missed < 2 }) {
			s.dark, s.lit = e.lost, time.Time{}
			events = append(events, event{at: p.at, who: "All PDUs", text: e.text, more: "is it the bot's own network?", silent: true})
		}
		events[i].quiet = e.quiet || !s.dark.IsZero() && (lost || e.minor)
	}
	if s.dark.IsZero() {
		return events
	}
	if p.err == nil && s.lit.IsZero() {
		s.lit = p.at
	}
	var out []string
	s.any(func(p status) bool {
		if p.out {
			out = append(out, entry(p.pdu))
		}
		return false
	})
	if s.lit.IsZero() || out != nil && p.at.Sub(s.lit) < lostTime {
		return events
	}
	e := event{at: p.at, who: "All PDUs", text: "Answer again after " + seconds(s.lit.Sub(s.dark)), more: "unless told otherwise they stayed under the limit", silent: true}
	if n := len(out); n > 0 {
		e.who, e.more = "PDUs", e.more+fmt.Sprintf("; %d are still out of reach: %s", n, cut(strings.Join(out, ", "), 1000))
	}
	s.dark = time.Time{}
	return append(events, e)
}

// alive reports whether every PDU was polled not long ago.
func (s *snoop) alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.any(func(p status) bool { return time.Since(p.polled) > 3*s.interval+5*time.Second })
}

// any reports whether ok holds for some PDU. s.mu is held.
func (s *snoop) any(ok func(status) bool) bool {
	return slices.ContainsFunc(s.teams, func(t team) bool { return slices.ContainsFunc(t.pdus, ok) })
}

// snapshot returns what is known of the teams.
func (s *snoop) snapshot() []team {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.teams) // judge never changes the statuses of a team in place
}

// status returns what is known of a PDU.
func (s *snoop) status(i int) status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.teams[s.places[i].team].pdus[s.places[i].pdu]
}

// await polls a PDU until a reading comes for which ok holds, for a time at most.
func (s *snoop) await(ctx context.Context, i int, within time.Duration, ok func(reading) bool) (reading, bool) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if p := s.status(i); p.err == nil && ok(p.reading) {
			return p.reading, true
		}
		select {
		case <-changed:
		case <-tick.C:
			select {
			case s.jobs[i] <- func(*session) {}:
			default: // it is being polled
			}
		case <-ctx.Done():
		}
	}
	return reading{}, false
}

// do lets the goroutine that polls a PDU say something else to it: a card takes one request at a time.
func (s *snoop) do(ctx context.Context, i int, job func(*session) error) error {
	done := make(chan error, 1)
	select {
	case s.jobs[i] <- func(session *session) { done <- job(session) }:
		return <-done
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// expectReset tells the watch that the bot is about to reset a PDU's peak; called with false, that it has been.
func (s *snoop) expectReset(i int, soon bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ours[i] = time.Time{}
	if soon {
		s.ours[i] = time.Now().Add(2 * time.Minute)
	}
}
