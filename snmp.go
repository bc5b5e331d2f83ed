package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
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
	for i, v := range vars[1:] {
		switch ticks, _ := v.Value.(uint32); {
		case i == 0:
			if peak, err := watts(v, scale); err == nil {
				r.peak = peak
			}
		case i == 1:
			r.peakAt = clock(v)
		case i == 2:
			r.resetAt = clock(v)
		case v.Type == gosnmp.TimeTicks:
			r.uptime = int64(ticks)
		}
	}
	return r, nil
}

// watts returns the power in W of an object whose unit is scale watts.
func watts(v gosnmp.SnmpPDU, scale int) (int, error) {
	n, ok := v.Value.(int)
	switch {
	case v.Type == gosnmp.NoSuchObject || v.Type == gosnmp.NoSuchInstance:
		return 0, errNoObject
	case v.Type != gosnmp.Integer || !ok:
		return 0, fmt.Errorf("%w: the power is %s", errWrong, v.Type)
	case n == -1:
		return 0, errNoMeter
	case n < 0 || n > maxWatts/scale:
		return 0, fmt.Errorf("%w: the power is %d times %d W", errWrong, n, scale)
	}
	return n * scale, nil
}

// clock returns a time of the PDU's own clock, or the zero time.
func clock(v gosnmp.SnmpPDU) time.Time {
	b, _ := v.Value.([]byte)
	if v.Type != gosnmp.OctetString {
		return time.Time{}
	}
	t, err := time.Parse("01/02/2006 15:04:05", strings.TrimSpace(string(b)))
	if err != nil {
		return time.Time{}
	}
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
	client    *gosnmp.GoSNMP
	codec     gosnmp.GoSNMP
	connected bool     // Connect of the client has succeeded once
	question  int      // of questions, the one that was answered
	works     bool     // the version of the client has been answered
	failed    int      // exchanges that failed, since the last one that did not
	asked     []string // in this exchange
	wrong     error    // with the last answer of this exchange
	host      string
	port      uint16
}

func newSession(p pdu, cfg snmpConfig) *session {
	host, port, _ := net.SplitHostPort(p.snmp)
	n, _ := strconv.ParseUint(port, 10, 16)
	s := &session{snmpConfig: cfg, host: host, port: uint16(n)}
	s.renew()
	return s
}

// renew makes a new client. That of v3 holds what it knows of the card's engine, which ends with a restart of the card.
func (s *session) renew() {
	s.close()
	s.connected = false
	s.client = &gosnmp.GoSNMP{
		Target:    s.host,
		Port:      s.port,
		Version:   gosnmp.Version2c,
		Community: s.community,
		Timeout:   min(s.interval*2/5, time.Second), // of each of two tries
		Retries:   1,
	}
	if s.user == "" {
		return
	}
	s.client.Version, s.client.SecurityModel = gosnmp.Version3, gosnmp.UserSecurityModel
	switch {
	case s.priv != gosnmp.NoPriv:
		s.client.MsgFlags = gosnmp.AuthPriv
	case s.auth != gosnmp.NoAuth:
		s.client.MsgFlags = gosnmp.AuthNoPriv
	}
	s.client.SecurityParameters = &gosnmp.UsmSecurityParameters{
		UserName:               s.user,
		AuthenticationProtocol: s.auth, AuthenticationPassphrase: string(s.authPass),
		PrivacyProtocol: s.priv, PrivacyPassphrase: string(s.privPass),
	}
}

// close ends the conversation; the next exchange begins anew.
func (s *session) close() {
	if s.client != nil {
		s.client.Close()
	}
}

// read asks the PDU for its values. It takes at most four fifths of the interval.
func (s *session) read(ctx context.Context) (reading, error) {
	began := time.Now()
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

// get asks for objects.
func (s *session) get(ctx context.Context, oids []string) ([]gosnmp.SnmpPDU, error) {
	return s.exchange(ctx, oids, func() (*gosnmp.SnmpPacket, error) { return s.client.Get(oids) })
}

// resetPeak writes what resets the peak, once: a SET is not repeated where its answer is lost. What the answer says proves
// little, as cards were seen to take effect and tell genErr.
func (s *session) resetPeak(ctx context.Context) error {
	community, retries := s.client.Community, s.client.Retries
	s.client.Retries = 0
	if s.user == "" {
		s.client.Community = string(s.write)
	}
	_, err := s.exchange(ctx, []string{peakReset}, func() (*gosnmp.SnmpPacket, error) {
		return s.client.Set([]gosnmp.SnmpPDU{{Name: peakReset, Type: gosnmp.Integer, Value: 2}})
	})
	s.client.Community, s.client.Retries = community, retries
	return err
}

// exchange sends a request about objects and returns the values in the answer.
func (s *session) exchange(ctx context.Context, oids []string, send func() (*gosnmp.SnmpPacket, error)) ([]gosnmp.SnmpPDU, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*s.client.Timeout)
	defer cancel()
	s.client.Context = ctx
	err := s.connect()
	if err == nil {
		s.asked, s.wrong = oids, nil
		var answer *gosnmp.SnmpPacket
		if answer, err = send(); err == nil {
			err = s.check(answer)
		}
		if err == nil {
			s.works, s.failed = true, 0
			return answer.Variables, nil
		}
	}
	if errors.Is(err, errWrong) {
		return nil, err
	}
	s.failed++
	timeout := isTimeout(err)
	if s.user == "" && timeout && (!s.works || s.failed >= 3) {
		s.client.Version ^= gosnmp.Version2c // from 1 to 0 or back: perhaps the card answers the other version
	}
	if s.user != "" && !timeout {
		s.renew()
	} else if s.failed%3 == 0 || !timeout {
		s.close() // a connected socket is dead for good once our own address has changed
	}
	return nil, cmp.Or(s.wrong, snmpError(err))
}

// connect opens a socket where there is none. Connect of gosnmp serves only the first time, for it takes a buffer of
// 64 KiB at each call.
func (s *session) connect() (err error) {
	switch {
	case s.client.Conn != nil:
		return nil
	case !s.connected:
		err = s.client.Connect()
		s.connected = err == nil
	default:
		var d net.Dialer
		s.client.Conn, err = d.DialContext(s.client.Context, "udp", net.JoinHostPort(s.host, strconv.Itoa(int(s.port))))
	}
	if err != nil {
		s.client.Conn = nil
		return err
	}
	s.client.Conn = sieve{s.client.Conn, s}
	return nil
}

// A sieve is a socket that keeps from gosnmp what is no answer to the question: gosnmp would take a stray one for the answer,
// and a malformed one for the end of the try, and not see the right one behind it.
type sieve struct {
	net.Conn
	*session
}

func (c sieve) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil {
			return n, err
		}
		if c.user != "" { // who sent it is for gosnmp to find out
			c.wrong = usmReport(b[:n])
			return n, nil
		}
		answer, err := c.codec.SnmpDecodePacket(b[:n])
		switch {
		case err != nil:
			c.wrong = fmt.Errorf("%w: it cannot be decoded", errWrong)
		case answer.Version != c.client.Version || answer.Community != c.client.Community:
			c.wrong = fmt.Errorf("%w: of another version or community", errWrong)
		case answer.RequestID == 0:
			c.wrong = fmt.Errorf("%w: to no request", errWrong)
		default:
			if c.wrong = c.check(answer); c.wrong == nil || answer.Error != gosnmp.NoError {
				return n, nil
			}
		}
	}
}

// usmReport returns what a Report of SNMP v3 complains of, as far as it is not part of every first contact (RFC 3414, the
// usmStats objects, 1.3.6.1.6.3.15.1.1). It is not authenticated, and so no more than a hint at the cause of a failure.
func usmReport(packet []byte) error {
	_, rest, _ := bytes.Cut(packet, []byte{0x2b, 6, 1, 6, 3, 15, 1, 1})
	if len(rest) == 0 {
		return nil
	}
	switch rest[0] {
	case 1: // usmStatsUnsupportedSecLevels
		return fmt.Errorf("%w: the PDU's SNMP v3 user has not this -v3-auth or -v3-priv", errNoAnswer)
	case 3: // usmStatsUnknownUserNames
		return fmt.Errorf("%w: the PDU does not know the SNMP v3 user: see -v3-user", errNoAnswer)
	case 5: // usmStatsWrongDigests
		return fmt.Errorf("%w: the SNMP v3 authentication passphrase, or -v3-auth, is wrong", errNoAnswer)
	case 6: // usmStatsDecryptionErrors
		return fmt.Errorf("%w: the SNMP v3 privacy passphrase, or -v3-priv, is wrong", errNoAnswer)
	}
	return nil
}

// check reports what is wrong with an answer. Stale ones, to earlier requests, are gosnmp's to pass over.
func (s *session) check(a *gosnmp.SnmpPacket) error {
	switch {
	case a.PDUType != gosnmp.GetResponse:
		return fmt.Errorf("%w: %s", errWrong, a.PDUType)
	case a.Error == gosnmp.NoSuchName:
		return errNoObject
	case a.Error != gosnmp.NoError:
		return fmt.Errorf("%w: %s", errWrong, a.Error)
	case !slices.EqualFunc(a.Variables, s.asked, func(v gosnmp.SnmpPDU, oid string) bool { return v.Name == oid }):
		return fmt.Errorf("%w: other objects than asked for", errWrong)
	}
	return nil
}

func isTimeout(err error) bool {
	return errors.Is(err, gosnmp.ErrMaxRetriesExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// snmpError returns err in the words of a person; that of gosnmp may hold pages of a stack.
func snmpError(err error) error {
	switch {
	case isTimeout(err):
		return errNoAnswer
	case strings.Contains(err.Error(), "not authentic"):
		return fmt.Errorf("%w: not authentic: the user, a passphrase or a protocol of SNMP v3 is wrong", errNoAnswer)
	}
	return fmt.Errorf("%w: %s", errNoAnswer, cut(cause(err).Error(), 100))
}
