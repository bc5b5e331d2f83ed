package main

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// A status is what is known of a PDU.
type status struct {
	pdu
	reading           // the last one
	err     error     // of the last poll; nil if that gave the reading
	since   time.Time // of err: when the last reading was, or the start
}

// A snoop watches the PDUs: it polls each of them, and keeps what it saw.
type snoop struct {
	limit    int // W a team
	interval time.Duration
	sessions []*session
	swept    chan struct{} // closed when every PDU has been polled once

	mu     sync.Mutex // guards what follows
	pdus   []status
	unseen int // PDUs that have not been polled yet
}

func newSnoop(pdus []pdu, limit int, interval time.Duration, cfg snmpConfig) *snoop {
	s := &snoop{limit: limit, interval: interval, swept: make(chan struct{}), unseen: len(pdus)}
	for _, p := range pdus {
		s.sessions = append(s.sessions, newSession(p, cfg))
		s.pdus = append(s.pdus, status{pdu: p, since: time.Now()})
	}
	return s
}

// run polls each PDU in a goroutine of its own, so that a slow one never delays another, until ctx ends.
func (s *snoop) run(ctx context.Context) {
	var wg sync.WaitGroup
	for i := range s.sessions {
		wg.Go(func() { s.poll(ctx, i) })
	}
	wg.Wait()
}

func (s *snoop) poll(ctx context.Context, i int) {
	session := s.sessions[i]
	defer session.close()
	tick := time.NewTicker(s.interval) // it drops the ticks for which a slow PDU left no time
	defer tick.Stop()
	for first := true; ctx.Err() == nil; first = false {
		r, err := session.read(ctx)
		s.note(i, r, err, first)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// note keeps what a poll gave.
func (s *snoop) note(i int, r reading, err error, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &s.pdus[i]
	if told(p.err) != told(err) {
		slog.Warn("PDU", "pdu", label(p.pdu), "was", told(p.err), "is", told(err))
	}
	if p.err = err; err == nil {
		p.reading, p.since = r, r.at
	}
	if first {
		if s.unseen--; s.unseen == 0 {
			close(s.swept)
		}
	}
}

func told(err error) string {
	if err == nil {
		return "read"
	}
	return err.Error()
}

// snapshot returns what is known of all PDUs, in the order of the list.
func (s *snoop) snapshot() []status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.pdus)
}
