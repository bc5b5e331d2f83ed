package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"
)

// A reading is what a PDU said of itself in one answer.
type reading struct {
	watts   int       // power now
	peak    int       // W, highest power since the last reset; -1 where the PDU told none
	peakAt  time.Time // when, by the PDU's own clock, which knows no zone; zero where it told none
	resetAt time.Time // when the peak was last reset, likewise
	uptime  int64     // of the card, in hundredths of a second; -1 where it told none
	began   time.Time // when it was asked, by our clock
	at      time.Time // when the answer was here
}

// The objects are of the PowerNet-MIB, row 1: a PDU on its own.
const (
	rPDU2        = ".1.3.6.1.4.1.318.1.1.26."
	deviceStatus = rPDU2 + "4.3.1."                 // rPDU2DeviceStatusTable
	peakReset    = rPDU2 + "4.1.1.10.1"             // rPDU2DeviceConfigDevicePeakPowerReset: 2 resets the peak. Its neighbour .11 is the energy's.
	sysUpTime    = ".1.3.6.1.2.1.1.3.0"             // of the card
	oldWatts     = ".1.3.6.1.4.1.318.1.1.12.1.16.0" // rPDUIdentDevicePowerWatts of older models, in W
)

// readingOIDs are asked for in one GET: the cards need some 17 ms a value.
var readingOIDs = []string{
	deviceStatus + "5.1", // rPDU2DeviceStatusPower, hundredths of kW, -1 without a power meter
	deviceStatus + "6.1", // rPDU2DeviceStatusPeakPower, likewise
	deviceStatus + "7.1", // rPDU2DeviceStatusPeakPowerTimestamp, MM/DD/YYYY HH:MM:SS
	deviceStatus + "8.1", // rPDU2DeviceStatusPeakPowerStartTime, likewise
	sysUpTime,
}

// questions are what a PDU is asked, until one is answered: an agent of SNMP v1 answers nothing where one object is missing,
// and older models have no rPDU2 power.
var questions = [][]string{readingOIDs, readingOIDs[:2], {oldWatts}}

// maxWatts is more than a rack PDU can deliver: a greater number is no power.
const maxWatts = 100_000

var (
	errNoMeter  = errors.New("no power meter") // the model has none: no fault of the network
	errWrong    = errors.New("wrong answer")   // there was an answer, but none to what was asked
	errNoObject = fmt.Errorf("%w: the PDU has no such object", errWrong)
	errNoAnswer = errors.New("no answer")
)

// newReading returns the values of an answer to one of the questions. A peak or time that is none is left out; without a power
// the answer is an error.
func newReading(vars []gosnmp.SnmpPDU) (r reading, err error) {
	r.peak, r.uptime = -1, -1
	scale := 10
	if vars[0].Name == oldWatts {
		scale = 1
	}
	if r.watts, err = watts(vars[0], scale); err != nil {
		return reading{}, err
	}
	if len(vars) > 1 {
		r.peak, _ = watts(vars[1], scale)
	}
	if len(vars) == len(readingOIDs) {
		r.peakAt, r.resetAt = clock(vars[2]), clock(vars[3])
		if ticks, ok := vars[4].Value.(uint32); ok && vars[4].Type == gosnmp.TimeTicks {
			r.uptime = int64(ticks)
		}
	}
	return r, nil
}

// watts returns the power in W of an object whose unit is scale watts, or -1 with an error.
func watts(v gosnmp.SnmpPDU, scale int) (int, error) {
	n, ok := v.Value.(int)
	switch {
	case v.Type == gosnmp.NoSuchObject || v.Type == gosnmp.NoSuchInstance:
		return -1, errNoObject
	case v.Type != gosnmp.Integer || !ok:
		return -1, fmt.Errorf("%w: the power is %s", errWrong, v.Type)
	case n == -1:
		return -1, errNoMeter
	case n < 0 || n > maxWatts/scale:
		return -1, fmt.Errorf("%w: the power is %d times %d W", errWrong, n, scale)
	}
	return n * scale, nil
}

// clock returns a time of the PDU's own clock, or the zero time.
func clock(v gosnmp.SnmpPDU) time.Time {
	b, _ := v.Value.([]byte)
	if v.Type != gosnmp.OctetString {
		return time.Time{}
	}
	t, _ := time.Parse("01/02/2006 15:04:05", strings.TrimSpace(string(b)))
	return t
}

// A snmpConfig is how the PDUs' SNMP agents are asked: with SNMP v2c or v1, whichever a card answers, or where there is a user
// with v3.
type snmpConfig struct {
	community string
	write     secret        // community for the reset, if it goes over v1 or v2c
	interval  time.Duration // an exchange is kept well within it

	user               string // of v3
	auth               gosnmp.SnmpV3AuthProtocol
	priv               gosnmp.SnmpV3PrivProtocol
	authPass, privPass secret
}

// A session is the SNMP conversation with one PDU. Only one goroutine may use it.
type session struct {
	snmpConfig
	addr     string
	timeout  time.Duration // of a try
	version  gosnmp.SnmpVersion
	conn     net.Conn       // nil where there is none
	client   *gosnmp.GoSNMP // of v3, over conn
	hint     string         // why the card refused, perhaps
	codec    gosnmp.GoSNMP  // decodes for v1 and v2c
	id       uint32         // of the last request of theirs
	buf      []byte
	question int // of questions, the one that was answered
	failed   int // exchanges that failed, since the last one that did not; 3 before the first
}

func newSession(p pdu, cfg snmpConfig) *session {
	s := &session{snmpConfig: cfg, addr: p.snmp, timeout: min(cfg.interval*2/5, time.Second), version: gosnmp.Version2c, id: rand.Uint32(), failed: 3}
	if cfg.user != "" {
		s.version = gosnmp.Version3
	}
	return s
}

// close ends the conversation; the next exchange begins anew.
func (s *session) close() {
	if s.conn != nil {
		s.conn.Close()
	}
	s.conn = nil
}

// read asks the PDU for its values. It takes at most four fifths of the interval.
func (s *session) read(ctx context.Context) (reading, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 2*s.timeout)
	defer cancel()
	var first error
	for k := s.question; k < len(questions); k++ {
		vars, err := s.get(ctx, questions[k])
		var r reading
		if err == nil {
			r, err = newReading(vars)
		}
		if err == nil {
			s.question = k
			r.began, r.at = began, time.Now()
			return r, nil
		}
		first = cmp.Or(first, err)
		if !errors.Is(err, errNoObject) && !errors.Is(err, errNoMeter) {
			break
		}
	}
	s.question = 0
	return reading{}, first
}

// get asks for objects. With every second answer lost, the second of two tries keeps a PDU on line.
func (s *session) get(ctx context.Context, oids []string) ([]gosnmp.SnmpPDU, error) {
	vars := make([]gosnmp.SnmpPDU, len(oids))
	for i, oid := range oids {
		vars[i] = gosnmp.SnmpPDU{Name: oid, Type: gosnmp.Null}
	}
	return s.exchange(ctx, 2, gosnmp.SnmpPacket{PDUType: gosnmp.GetRequest, Community: s.community, Variables: vars})
}

// resetPeak writes what resets the peak, once: a SET is not repeated where its answer is lost. What the answer says proves
// little, as cards were seen to take effect and tell genErr.
func (s *session) resetPeak(ctx context.Context) error {
	vars := []gosnmp.SnmpPDU{{Name: peakReset, Type: gosnmp.Integer, Value: 2}}
	_, err := s.exchange(ctx, 1, gosnmp.SnmpPacket{PDUType: gosnmp.SetRequest, Community: string(s.write), Variables: vars})
	return err
}

// exchange sends a request up to so many times and returns the values of the objects in the answer.
func (s *session) exchange(ctx context.Context, tries int, request gosnmp.SnmpPacket) ([]gosnmp.SnmpPDU, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*s.timeout)
	defer cancel()
	ask := s.exchangeV2
	if s.version == gosnmp.Version3 {
		ask = s.exchangeV3
	}
	answer, err := ask(ctx, tries, request)
	if err != nil {
		return nil, s.failure(err)
	}
	switch {
	case answer.PDUType != gosnmp.GetResponse:
		return nil, fmt.Errorf("%w: %s", errWrong, answer.PDUType)
	case answer.Error == gosnmp.NoSuchName:
		return nil, errNoObject
	case answer.Error != gosnmp.NoError:
		return nil, fmt.Errorf("%w: %s", errWrong, answer.Error)
	case !sameObjects(answer.Variables, request.Variables):
		return nil, fmt.Errorf("%w: other objects than asked for", errWrong)
	}
	s.failed = 0
	return answer.Variables, nil
}

// failure draws the consequences of an exchange that failed, and returns what is told of it.
func (s *session) failure(err error) error {
	s.failed++
	silent := errors.Is(err, errNoAnswer) || errors.Is(err, errWrong)
	if s.version != gosnmp.Version3 && silent && s.failed >= 3 {
		s.version ^= gosnmp.Version2c // from 1 to 0 or back: perhaps the card answers the other version
	}
	// A connected socket is dead for good once our own address has changed, and a client of v3 keeps what it learned of the
	// engine of a card, where another may be now.
	if s.failed%3 == 0 || !silent {
		s.close()
	}
	if !silent {
		err = fmt.Errorf("%w: %s", errNoAnswer, cut(cause(err).Error(), 100)) // an error of gosnmp may hold pages of a stack
	}
	return err
}

func sameObjects(a, b []gosnmp.SnmpPDU) bool {
	return slices.EqualFunc(a, b, func(a, b gosnmp.SnmpPDU) bool { return a.Name == b.Name })
}

// exchangeV2 sends a request of v2c or v1 up to so many times, and waits for the answer to any of the tries. What is no answer to
// it is passed over: Get of gosnmp would take a stray datagram for the answer, or a malformed one for the end of the try, and
// not see the right one behind it.
func (s *session) exchangeV2(ctx context.Context, tries int, request gosnmp.SnmpPacket) (*gosnmp.SnmpPacket, error) {
	if s.conn == nil {
		conn, err := net.Dial("udp", s.addr)
		if err != nil {
			return nil, err
		}
		s.conn, s.buf = conn, make([]byte, 4096)
	}
	s.id = s.id&0x7fffffff + 1
	request.Version, request.RequestID = s.version, s.id
	datagram, err := request.MarshalMsg()
	if err != nil {
		return nil, err
	}
	conn := s.conn
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	wrong := errNoAnswer
	for range tries {
		conn.SetReadDeadline(time.Now().Add(s.timeout))
		if _, err := conn.Write(datagram); err != nil {
			return nil, err
		}
		for ctx.Err() == nil {
			n, err := conn.Read(s.buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return nil, err
			}
			answer, err := answerTo(request, s.buf[:n], &s.codec)
			if err == nil {
				return answer, nil
			}
			wrong = err
		}
	}
	return nil, wrong
}

// answerTo decodes a datagram, and returns an error unless it is an answer to the request.
func answerTo(request gosnmp.SnmpPacket, datagram []byte, codec *gosnmp.GoSNMP) (*gosnmp.SnmpPacket, error) {
	answer, err := codec.SnmpDecodePacket(datagram)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: it cannot be decoded", errWrong)
	case answer.Version != request.Version || answer.Community != request.Community:
		return nil, fmt.Errorf("%w: of another version or community", errWrong)
	case answer.RequestID != request.RequestID:
		return nil, fmt.Errorf("%w: to another request", errWrong)
	case answer.PDUType != gosnmp.GetResponse || answer.Error == gosnmp.NoError && !sameObjects(answer.Variables, request.Variables):
		return nil, fmt.Errorf("%w: not to what was asked", errWrong)
	}
	return answer, nil
}

// exchangeV3 sends a request of v3, with the client that gosnmp has for it.
func (s *session) exchangeV3(ctx context.Context, tries int, request gosnmp.SnmpPacket) (answer *gosnmp.SnmpPacket, err error) {
	if s.conn == nil {
		if err = s.connectV3(ctx); err != nil {
			return nil, err
		}
	}
	s.hint = ""
	s.client.Context, s.client.Retries = ctx, tries-1
	if request.PDUType == gosnmp.SetRequest {
		answer, err = s.client.Set(request.Variables)
	} else {
		var oids []string
		for _, v := range request.Variables {
			oids = append(oids, v.Name)
		}
		answer, err = s.client.Get(oids)
	}
	switch {
	case err == nil:
	case s.hint != "":
		err = errors.New(s.hint)
	case errors.Is(err, gosnmp.ErrMaxRetriesExceeded) || errors.Is(err, context.DeadlineExceeded):
		err = errNoAnswer
	case strings.Contains(err.Error(), "not authentic"):
		err = errors.New("not authentic: the user, a passphrase or a protocol of SNMP v3 is wrong")
	}
	return answer, err
}

// connectV3 makes a client for v3, whose socket overhears Reports.
func (s *session) connectV3(ctx context.Context) error {
	host, port, _ := net.SplitHostPort(s.addr)
	n, _ := strconv.ParseUint(port, 10, 16)
	client := &gosnmp.GoSNMP{
		Target: host, Port: uint16(n), Timeout: s.timeout, Context: ctx,
		Version: gosnmp.Version3, SecurityModel: gosnmp.UserSecurityModel,
		SecurityParameters: &gosnmp.UsmSecurityParameters{
			UserName:               s.user,
			AuthenticationProtocol: s.auth, AuthenticationPassphrase: string(s.authPass),
			PrivacyProtocol: s.priv, PrivacyPassphrase: string(s.privPass),
		},
	}
	switch {
	case s.priv != gosnmp.NoPriv:
		client.MsgFlags = gosnmp.AuthPriv
	case s.auth != gosnmp.NoAuth:
		client.MsgFlags = gosnmp.AuthNoPriv
	}
	if err := client.Connect(); err != nil {
		return err
	}
	client.Conn = overheard{client.Conn, s}
	s.conn, s.client = client.Conn, client
	return nil
}

// complaints are what Reports of SNMP v3 complain of, by their usmStats object (RFC 3414, 1.3.6.1.6.3.15.1.1), as far as it is
// not part of every first contact.
var complaints = map[byte]string{
	1: "the PDU's SNMP v3 user has not this -v3-auth or -v3-priv",     // usmStatsUnsupportedSecLevels
	3: "the PDU does not know the SNMP v3 user: see -v3-user",         // usmStatsUnknownUserNames
	5: "the SNMP v3 authentication passphrase, or -v3-auth, is wrong", // usmStatsWrongDigests
	6: "the SNMP v3 privacy passphrase, or -v3-priv, is wrong",        // usmStatsDecryptionErrors
}

// An overheard socket notes what the card complains of: gosnmp only says that a Report is not authentic. Nor is it, and so it
// is no more than a hint at the cause of a failure.
type overheard struct {
	net.Conn
	*session
}

// Read implements net.Conn.
func (c overheard) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	_, rest, _ := bytes.Cut(b[:n], []byte{0x2b, 6, 1, 6, 3, 15, 1, 1})
	if len(rest) > 0 {
		c.hint = cmp.Or(complaints[rest[0]], c.hint)
	}
	return n, err
}
