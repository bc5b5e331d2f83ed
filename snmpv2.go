package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"time"

	"github.com/gosnmp/gosnmp"
)

// A plainClient exchanges requests of SNMP v1 and v2c for answers, with the
// codec of gosnmp. The client of gosnmp would take a stray datagram for the
// answer, or a malformed one for the end of the attempt, and miss the right one
// behind it.
type plainClient struct {
	asked    versionState
	codec    gosnmp.GoSNMP
	buf      []byte
	id       uint32   // of the last request
	timedOut []uint32 // ids of the last requests that were not answered in time
	slow     bool     // the card needs more than half of the time for an attempt
	repeated uint32   // the last request that was sent again before its answer came
	panics   *panicGuard

	interruption interruption
}

// A timeouts says how long an exchange may take.
type timeouts struct {
	attempts int
	each     time.Duration
	until    time.Time // all together
}

// once returns the timeouts of a single attempt in the time of all.
func (t timeouts) once() timeouts {
	return timeouts{attempts: 1, each: t.each * time.Duration(t.attempts), until: t.until}
}

// A versionState is the SNMP version that a card is asked with. One that
// never answered is asked with v2c and v1 in turns.
type versionState struct {
	version  gosnmp.SnmpVersion
	answered bool // with this version
	silent   int  // exchanges without an answer in a row
}

const (
	// answerMost is more bytes than an answer has: one to the largest query has
	// some 200. What is longer is cut off, and malformed.
	answerMost = 1024
	// silentMost is how many exchanges in a row may be without an answer
	// before a card that did answer is asked with the other version.
	silentMost = 3
	// timedOutMost is how many requests that timed out are remembered.
	timedOutMost = 8
)

func newPlainClient(panics *panicGuard) plainClient {
	return plainClient{
		asked:  versionState{version: gosnmp.Version2c},
		buf:    make([]byte, answerMost),
		id:     firstRequestID + rand.Uint32N(lastRequestID-firstRequestID),
		panics: panics,
	}
}

// exchange sends a request until the answer to any of its attempts comes. A slow
// card is given the time of all attempts for one: to send the request again would
// only give it more to do.
func (c *plainClient) exchange(
	ctx context.Context, conn net.Conn, r *request, t timeouts,
) (*gosnmp.SnmpPacket, error) {
	datagram, err := r.datagram(c.asked.version, c.nextID())
	if err != nil {
		return nil, err
	}
	allowed := t.each / 2
	if c.slow {
		t = t.once()
	}
	c.interruption.by(ctx, conn)
	defer conn.SetReadDeadline(time.Time{}) // or its timer would fire between two polls

	wrong := errNoAnswer // what came instead of the answer
	for attempt := range t.attempts {
		now := time.Now()
		conn.SetReadDeadline(now.Add(min(t.each, t.until.Sub(now))))
		if ctx.Err() != nil || !now.Before(t.until) {
			break
		}
		if attempt == 0 || !c.slow { // which may have turned out meanwhile
			if _, err := conn.Write(datagram); err != nil {
				return nil, err
			}
		}
		answer, err := c.receive(conn, r, &wrong)
		switch {
		case answer != nil && attempt == 0:
			c.slow = time.Since(now) > allowed
		case answer != nil: // to this attempt or to an earlier one
			c.repeated = r.RequestID
		}
		if answer != nil || err != nil {
			return answer, err
		}
	}

	c.timedOut = append(c.timedOut[max(0, len(c.timedOut)-timedOutMost+1):], r.RequestID)
	c.asked.noteSilence()
	return nil, wrong
}

// nextID returns the id of another request. A late answer to an earlier one
// is told by its id.
func (c *plainClient) nextID() uint32 {
	if c.id++; c.id > lastRequestID {
		c.id = firstRequestID
	}
	return c.id
}

// receive waits for the answer to a request until the connection's deadline.
// Unrelated datagrams are ignored; what is more telling goes into wrong.
func (c *plainClient) receive(conn net.Conn, r *request, wrong *error) (*gosnmp.SnmpPacket, error) {
	for {
		n, err := conn.Read(c.buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}

		answer, err := c.decode(r, c.buf[:n])
		switch {
		case err == nil:
			c.asked.noteAnswer(answer.Version)
			return answer, nil
		case errors.Is(err, errLate):
			c.slow = true
			c.asked.noteAnswer(answer.Version)
		case answer != nil && answer.RequestID == c.repeated: // a second answer: the first one was not lost
			c.slow = true
		}
		if !errors.Is(err, errStray) {
			*wrong = err
		}
	}
}

var (
	errMalformed = fmt.Errorf("%w: it cannot be decoded", errWrong)
	errStray     = errors.New("unrelated datagram")
)

// decode returns the packet in a datagram, with an error unless it is the
// answer to a request. The packet is valid until the next call.
func (c *plainClient) decode(r *request, datagram []byte) (*gosnmp.SnmpPacket, error) {
	if answer, ok := r.answers.read(datagram); ok {
		return answer, c.check(r, answer)
	}
	answer, err := c.decodePacket(datagram)
	if err != nil {
		return nil, errMalformed
	}
	if err = c.check(r, answer); err == nil {
		r.answers.learn(datagram, answer)
	}
	return answer, err
}

// check returns an error unless a packet is the answer to a request.
func (c *plainClient) check(r *request, answer *gosnmp.SnmpPacket) error {
	switch {
	case slices.Contains(c.timedOut, answer.RequestID):
		return errLate
	case answer.RequestID != r.RequestID:
		return errStray
	case answer.Version != r.Version || answer.Community != r.Community:
		return fmt.Errorf("%w: of another version or community", errWrong)
	}
	return checkAnswer(&r.SnmpPacket, answer)
}

// decodePacket decodes a datagram. The decoder of gosnmp panics on some, and
// any host that can reach the socket can send one.
func (c *plainClient) decodePacket(datagram []byte) (packet *gosnmp.SnmpPacket, err error) {
	defer c.panics.catch("SNMP answer", &err)
	return c.codec.SnmpDecodePacket(datagram)
}

// noteAnswer notes that the card answered a request of a version, be it in
// time or late.
func (v *versionState) noteAnswer(version gosnmp.SnmpVersion) {
	*v = versionState{version: version, answered: true}
}

// noteSilence notes an exchange without an answer, after which a card may be
// asked with the other version.
func (v *versionState) noteSilence() {
	v.silent++
	if v.answered && v.silent < silentMost {
		return
	}
	other := gosnmp.Version1
	if v.version == gosnmp.Version1 {
		other = gosnmp.Version2c
	}
	*v = versionState{version: other}
}
