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

// A plainClient exchanges SNMP v1 and v2c requests for answers, using gosnmp's
// codec. gosnmp's own client would take a stray datagram for the answer, or give
// up after a malformed one, and miss the right answer behind it.
type plainClient struct {
	versions versionState
	codec    gosnmp.GoSNMP
	buf      []byte
	id       uint32   // of the last request
	timedOut []uint32 // IDs of the last requests that were not answered in time
	slow     bool     // the card takes nearly as long as an attempt, or longer
	repeated uint32   // the last request that was sent again before its answer came
	panics   *panicGuard

	canceler readCanceler
}

// timeouts limit the time of an exchange.
type timeouts struct {
	attempts int
	each     time.Duration
	until    time.Time // for all of them
}

// once returns the timeouts of a single attempt in the time of all.
func (t timeouts) once() timeouts {
	return timeouts{attempts: 1, each: t.each * time.Duration(t.attempts), until: t.until}
}

// A versionState tracks the SNMP version to use for a card. While it has not
// answered, v2c and v1 are tried alternately.
type versionState struct {
	version  gosnmp.SnmpVersion
	answered bool // the card has answered this version
	silent   int  // consecutive exchanges without an answer
}

const (
	// maxAnswer is more bytes than any answer has: one to the full query has about
	// 200. A longer datagram is cut off and thus malformed.
	maxAnswer = 1024
	// maxSilent is the number of consecutive exchanges without an answer after
	// which a card that did answer is tried with the other version.
	maxSilent = 3
	// maxTimedOut is the number of timed-out requests to remember.
	maxTimedOut = 8
)

func newPlainClient(panics *panicGuard) plainClient {
	return plainClient{
		versions: versionState{version: gosnmp.Version2c},
		buf:      make([]byte, maxAnswer),
		id:       firstRequestID + rand.Uint32N(lastRequestID-firstRequestID),
		panics:   panics,
	}
}

// exchange sends a request until the answer to any of its attempts comes. A slow
// card is given the time of all attempts for one: to send the request again would
// only give it more to do.
func (c *plainClient) exchange(
	ctx context.Context, conn net.Conn, r *request, t timeouts,
) (*gosnmp.SnmpPacket, error) {
	datagram, err := r.datagram(c.versions.version, c.nextID())
	if err != nil {
		return nil, err
	}
	allowed := t.each * 9 / 10 // a card that needs more would be asked again before it answers
	if c.slow {
		t = t.once()
	}
	c.canceler.arm(ctx, conn)
	defer conn.SetReadDeadline(time.Time{}) // or its timer would fire between two polls

	wrong := errNoAnswer // or what came instead of the answer
	for attempt := range t.attempts {
		now := time.Now()
		conn.SetReadDeadline(now.Add(min(t.each, t.until.Sub(now))))
		if ctx.Err() != nil || !now.Before(t.until) {
			break
		}
		if attempt == 0 || !c.slow { // c.slow may have been set meanwhile
			if _, err := conn.Write(datagram); err != nil {
				return nil, err
			}
		}
		answer, err := c.receive(conn, r, &wrong)
		if answer != nil {
			c.noteTime(r, attempt, time.Since(now) > allowed)
		}
		if answer != nil || err != nil {
			return answer, err
		}
	}

	c.timedOut = append(c.timedOut[max(0, len(c.timedOut)-maxTimedOut+1):], r.RequestID)
	c.versions.noteSilence()
	return nil, wrong
}

// noteTime records whether the answer to a request came late after an attempt; 0
// is the first one.
func (c *plainClient) noteTime(r *request, attempt int, late bool) {
	if attempt == 0 {
		c.slow = late
		return
	}
	c.repeated = r.RequestID // it may be the answer to an earlier attempt
}

// nextID returns the ID of the next request. Late answers to earlier requests are
// recognized by their IDs.
func (c *plainClient) nextID() uint32 {
	if c.id++; c.id > lastRequestID {
		c.id = firstRequestID
	}
	return c.id
}

// receive waits for the answer to a request until the connection's deadline, and
// returns nil if none comes. It ignores unrelated datagrams; of others it stores
// in wrong what is wrong with them.
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
			c.versions.noteAnswer(answer.Version)
			return answer, nil
		case errors.Is(err, errLate):
			c.slow = true
			c.versions.noteAnswer(answer.Version)
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
		return answer, c.checkHeader(r, answer) // the rest was checked when the form was learned
	}
	answer, err := c.decodePacket(datagram)
	if err != nil {
		return nil, errMalformed
	}
	if err := c.checkHeader(r, answer); err != nil {
		return answer, err
	}
	if err := checkAnswer(&r.SnmpPacket, answer); err != nil {
		return answer, err
	}
	r.answers.learn(datagram, answer)
	return answer, nil
}

// checkHeader returns an error unless a packet has the ID, version and community of
// a request.
func (c *plainClient) checkHeader(r *request, answer *gosnmp.SnmpPacket) error {
	switch {
	case slices.Contains(c.timedOut, answer.RequestID):
		return errLate
	case answer.RequestID != r.RequestID:
		return errStray
	case answer.Version != r.Version || answer.Community != r.Community:
		return fmt.Errorf("%w: of another version or community", errWrong)
	}
	return nil
}

// decodePacket decodes a datagram. gosnmp's decoder panics on some datagrams, and
// any host that can reach the socket can send them.
func (c *plainClient) decodePacket(datagram []byte) (packet *gosnmp.SnmpPacket, err error) {
	defer c.panics.catch("SNMP answer", &err)
	return c.codec.SnmpDecodePacket(datagram)
}

// noteAnswer records that the card answered a version, in time or late.
func (v *versionState) noteAnswer(version gosnmp.SnmpVersion) {
	*v = versionState{version: version, answered: true}
}

// noteSilence records an exchange without an answer, and switches to the other
// version if it is time for that.
func (v *versionState) noteSilence() {
	v.silent++
	if v.answered && v.silent < maxSilent {
		return
	}
	other := gosnmp.Version1
	if v.version == gosnmp.Version1 {
		other = gosnmp.Version2c
	}
	*v = versionState{version: other}
}
