package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gosnmp/gosnmp"
)

// An snmpConfig says how to ask the cards' SNMP agents: with SNMP v3 if there is a
// user, otherwise with v2c or v1, whichever a card answers.
type snmpConfig struct {
	community string
	write     secret        // community for resets over v1 or v2c
	interval  time.Duration // polls stay well within it
	v3        v3Config      // used if it has a user
}

// A session is the SNMP conversation with one card, which may have several
// units. A card handles one request at a time, so only one goroutine may use the
// session.
type session struct {
	snmpConfig
	addr    string
	timeout time.Duration // of one attempt
	units   map[int]*unitState

	conn     net.Conn    // nil if there is none
	plain    plainClient // for v2c and v1
	v3Client *v3Client   // over conn, if there is a user
	failures int         // consecutive ones
	panics   panicGuard
}

// A unitState is what a session knows about one unit.
type unitState struct {
	withUptime bool                      // ask this unit for the card's uptime
	query      query                     // the largest that it answers
	reduced    int                       // consecutive readings with less than the full query
	requests   [askOldPower + 1]*request // by query; nil until it is needed
}

const (
	// fullEvery is the number of readings with a smaller query from one trial of
	// the full query to the next, after the first few.
	fullEvery = 32
	// reconnectEvery is the number of consecutive failures after which the session
	// reconnects. A connected socket is dead for good once this host's address has
	// changed, and a v3 client keeps what it learned before a card restarted.
	reconnectEvery = 3
)

// newSession returns a session with the card at an address, to read some of its
// units. Reading them all takes at most four fifths of the interval.
func newSession(addr string, units []int, cfg snmpConfig) *session {
	s := &session{
		snmpConfig: cfg,
		addr:       addr,
		timeout:    min(cfg.interval*2/5/time.Duration(len(units)), time.Second),
		units:      make(map[int]*unitState),
	}
	s.plain = newPlainClient(&s.panics)
	for i, unit := range units {
		s.units[unit] = &unitState{withUptime: i == 0}
	}
	return s
}

// close closes the connection. The next exchange reconnects.
func (s *session) close() {
	s.plain.canceler.end()
	if s.conn != nil {
		s.conn.Close()
	}
	s.conn, s.v3Client = nil, nil
}

// read reads the values of a unit: with the full query if that is due, otherwise
// with the query that the unit is known to answer.
func (s *session) read(ctx context.Context, unit int) (reading, error) {
	asked := time.Now()
	vars, err := s.readUnit(ctx, asked.Add(2*s.timeout), unit)
	if err != nil {
		return reading{asked: asked}, err
	}
	return newReading(vars, asked, time.Now())
}

func (s *session) readUnit(ctx context.Context, until time.Time, unit int) ([]gosnmp.SnmpPDU, error) {
	u := s.units[unit]
	if u.fullIsDue() {
		vars, err := s.askFull(ctx, until, unit)
		if err == nil {
			u.query = askEverything
			return vars, nil
		}
		if s.isSlow() && errors.Is(err, errNoAnswer) {
			return nil, err // the card is still at work
		}
	}
	return s.askLess(ctx, until, unit)
}

// isSlow reports whether the card needs most of the time that it is given.
func (s *session) isSlow() bool {
	if s.v3Client != nil {
		return s.v3Client.slow
	}
	return s.plain.slow
}

// fullIsDue reports whether to try the full query on a unit that is read with a
// smaller one: soon at first, because the card may only have been busy, then less
// and less often.
func (u *unitState) fullIsDue() bool {
	if u.query == askEverything {
		u.reduced = 0
		return false
	}
	u.reduced++
	powerOfTwo := u.reduced&(u.reduced-1) == 0
	return powerOfTwo || u.reduced%fullEvery == 0
}

// askFull tries the full query. A v1 agent refuses it as a whole if one object
// is missing. Then v2c is tried again: the agent may speak it, but may have been
// busy when it was asked before.
func (s *session) askFull(ctx context.Context, until time.Time, unit int) ([]gosnmp.SnmpPDU, error) {
	attempts := 1
	if s.isSlow() {
		attempts = 2 // a single one, of twice the time
	}
	vars, err := s.ask(ctx, until, unit, askEverything, attempts)
	before := s.plain.versions
	if !errors.Is(err, errNoObject) || before.version != gosnmp.Version1 {
		return vars, err
	}
	s.plain.versions = versionState{version: gosnmp.Version2c}
	if vars, err = s.ask(ctx, until, unit, askEverything, 1); err != nil {
		s.plain.versions = before
	}
	return vars, err
}

// askLess asks the query that was answered last, and smaller ones as long as the
// card answers with an error status or without a power. A timeout says nothing
// about the query: the next reading starts with the same one.
func (s *session) askLess(ctx context.Context, until time.Time, unit int) ([]gosnmp.SnmpPDU, error) {
	u := s.units[unit]
	var first error
	for q, more := u.query, true; more; q, more = q.smaller(unit) {
		u.query = q
		vars, err := s.ask(ctx, until, unit, q, 2)
		if err == nil {
			return vars, nil
		}
		first = cmp.Or(first, err)
		lacking := errors.Is(err, errNoObject) || errors.Is(err, errNoMeter) || errors.Is(err, errErrorStatus)
		if !lacking {
			return nil, first
		}
	}
	u.query = askEverything
	return nil, first
}

// ask sends one query to a unit and returns the values, among them a valid power.
// With every second answer lost, two attempts still reach a PDU.
func (s *session) ask(
	ctx context.Context, until time.Time, unit int, q query, attempts int,
) ([]gosnmp.SnmpPDU, error) {
	u := s.units[unit]
	if u.requests[q] == nil {
		u.requests[q] = newGet(s.community, q.objects(unit, u.withUptime))
	}
	vars, err := s.exchange(ctx, until, attempts, u.requests[q])
	if err == nil {
		_, err = power(vars)
	}
	return vars, err
}

// get reads an object.
func (s *session) get(ctx context.Context, oid string) (gosnmp.SnmpPDU, error) {
	vars, err := s.exchange(ctx, time.Now().Add(2*s.timeout), 2, newGet(s.community, []string{oid}))
	if err != nil {
		return gosnmp.SnmpPDU{}, err
	}
	return vars[0], nil
}

// text returns an object as text, or "" if there is none.
func (s *session) text(ctx context.Context, oid string) string {
	v, err := s.get(ctx, oid)
	if err != nil || v.Type != gosnmp.OctetString {
		return ""
	}
	b, _ := v.Value.([]byte)
	return printable(string(b))
}

// resetPeak sends the SET that resets a unit's peak, once: it is not repeated if
// the answer is lost. The answer proves little, because cards have been seen to
// obey and answer genErr.
func (s *session) resetPeak(ctx context.Context, unit int) error {
	set := newSet(s.write.reveal(), instance(rPDU2DeviceConfigDevicePeakPowerReset, unit), 2)
	_, err := s.exchange(ctx, time.Now().Add(2*s.timeout), 1, set)
	return err
}

// exchange sends a request, at most attempts times, and returns the values of
// the objects in the answer.
func (s *session) exchange(
	ctx context.Context, until time.Time, attempts int, r *request,
) ([]gosnmp.SnmpPDU, error) {
	answer, err := s.send(ctx, until, attempts, r)
	if err != nil {
		return nil, s.fail(err)
	}

	s.failures = 0
	switch answer.Error {
	case gosnmp.NoError:
		return answer.Variables, nil
	case gosnmp.NoSuchName:
		return nil, errNoObject
	}
	return nil, fmt.Errorf("%w %s", errErrorStatus, answer.Error)
}

// send exchanges a request for its answer.
func (s *session) send(ctx context.Context, until time.Time, attempts int, r *request) (*gosnmp.SnmpPacket, error) {
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	t := timeouts{attempts: attempts, each: s.timeout, until: until}
	if s.v3Client == nil {
		return s.plain.exchange(ctx, s.conn, r, t)
	}
	return s.v3Client.exchange(ctx, t, &r.SnmpPacket)
}

// connect connects to the card unless the session is connected.
func (s *session) connect(ctx context.Context) (err error) {
	switch {
	case s.conn != nil:
	case s.v3.user != "":
		if s.v3Client, err = newV3Client(ctx, s.addr, s.timeout, s.v3, &s.panics); err == nil {
			s.conn = s.v3Client.conn
		}
	default:
		s.conn, err = net.Dial("udp", s.addr)
	}
	return err
}

// fail handles the error of an exchange and returns the one to report.
func (s *session) fail(err error) error {
	if errors.Is(err, errLate) { // the connection works
		s.failures = 0
		return fmt.Errorf("%w %s", err, s.interval)
	}

	s.failures++
	fromNetwork := !errors.Is(err, errNoAnswer) && !errors.Is(err, errWrong)
	if fromNetwork || s.failures%reconnectEvery == 0 {
		s.close()
	}
	if fromNetwork { // an error of gosnmp may have a long stack trace
		return fmt.Errorf("%w: %s", errNoAnswer, shorten(cause(err).Error(), 100))
	}
	return err
}
