package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gosnmp/gosnmp"
)

// A pdu is one rack PDU of the list.
type pdu struct {
	num  int    // last number of its address
	name string // the team's where the list has no name of its own
	team string
	snmp string // host:port of its SNMP agent
	web  string // URL of its web interface, without a path
}

const pduForm = `wanted is one PDU a line: the last number of its address and the team, for example:
	101,First Team
	102,Second Team
or, where a team has several PDUs, the number, the PDU and the team:
	103,left rack,Third Team
	104,right rack,Third Team`

// loadPDUs reads the PDU list from a file; addr gives the addresses of a PDU.
func loadPDUs(path string, addr func(num int) (snmp, web string)) ([]pdu, error) {
	text, err := readText(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such file: %s", path, pduForm)
	}
	if err != nil {
		return nil, err
	}
	pdus, err := parsePDUs(path, text)
	for i := range pdus {
		pdus[i].snmp, pdus[i].web = addr(pdus[i].num)
	}
	return pdus, err
}

// parsePDUs returns the PDUs of a list in its order. Its errors name all mistakes.
func parsePDUs(name, text string) ([]pdu, error) {
	var pdus []pdu
	var errs []error
	lines := make(map[string]int) // where a number, or a team without a name for its PDU, stands
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		p, err := parsePDU(line)
		if err == nil {
			for _, key := range []string{strconv.Itoa(p.num), "team " + p.team} {
				first := lines[key]
				switch {
				case first == 0:
					lines[key] = n
				case key == strconv.Itoa(p.num):
					err = fmt.Errorf("number %d stands in line %d already: wanted is each PDU once", p.num, first)
				case p.name == p.team:
					err = fmt.Errorf("team %q stands in line %d already: for a team with several PDUs wanted is %d,PDU,TEAM", p.team, first, p.num)
				}
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", name, n, err))
			continue
		}
		pdus = append(pdus, p)
	}
	if errs != nil {
		return nil, joinFirst(name, errs)
	}
	if len(pdus) == 0 {
		return nil, fmt.Errorf("%s: no PDU in it: %s", name, pduForm)
	}
	return pdus, nil
}

// parsePDU returns the PDU of a line that is not blank.
func parsePDU(line string) (pdu, error) {
	fields, err := splitCSV(line)
	if err != nil {
		return pdu{}, fmt.Errorf("%q: %w", cut(line, 60), err)
	}
	if len(fields) < 2 || len(fields) > 3 {
		return pdu{}, fmt.Errorf("%q: wanted is NUM,TEAM or NUM,PDU,TEAM, a comma within a name in \"quotes\"", cut(line, 60))
	}
	num, err := strconv.Atoi(fields[0])
	if err != nil || num < 1 || num > 254 || strconv.Itoa(num) != fields[0] {
		return pdu{}, fmt.Errorf("%q: wanted is the last number of the PDU's address, 1 to 254", cut(fields[0], 60))
	}
	for _, f := range fields[1:] {
		switch {
		case f == "":
			return pdu{}, fmt.Errorf("%q: a name is missing", cut(line, 60))
		case !utf8.ValidString(f):
			return pdu{}, fmt.Errorf("%q: not in UTF-8: wanted is a file that was saved as UTF-8", cut(f, 60))
		case utf8.RuneCountInString(f) > 100:
			return pdu{}, fmt.Errorf("%q: wanted is a name of at most 100 characters", cut(f, 60))
		case strings.ContainsFunc(f, func(r rune) bool { return !unicode.IsPrint(r) }):
			return pdu{}, fmt.Errorf("%q: wanted is a name of printable characters", cut(f, 60))
		}
	}
	return pdu{num: num, name: fields[1], team: fields[len(fields)-1]}, nil
}

// splitCSV splits a line at its commas. Other than encoding/csv it takes blanks around a quoted field, and no field goes on
// in the next line: a forgotten quote spoils one line only.
func splitCSV(line string) (fields []string, err error) {
	for {
		line = strings.TrimSpace(line)
		var field strings.Builder
		quoted := strings.HasPrefix(line, `"`)
		for quoted {
			text, rest, closed := strings.Cut(line[1:], `"`)
			if !closed {
				return nil, errors.New("a closing quote is missing")
			}
			field.WriteString(text)
			line = rest
			if quoted = strings.HasPrefix(rest, `"`); quoted { // "" is a quote in a quoted field
				field.WriteByte('"')
			}
		}
		text, rest, more := strings.Cut(line, ",")
		text = strings.TrimSpace(text)
		if strings.Contains(text, `"`) || text != "" && field.Len() > 0 {
			return nil, errors.New("a quote in the middle: wanted are quotes around a whole name")
		}
		fields = append(fields, strings.TrimSpace(field.String()+text))
		if !more {
			return fields, nil
		}
		line = rest
	}
}

// cut returns s, shortened to at most n runes.
func cut(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i] + "..."
		}
	}
	return s
}

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

// rPDU2DeviceStatusTable of the PowerNet-MIB, row 1: a PDU on its own.
const deviceStatus = ".1.3.6.1.4.1.318.1.1.26.4.3.1."

// readingOIDs are asked for in one GET: the cards need some 17 ms a value.
var readingOIDs = []string{
	deviceStatus + "5.1", // rPDU2DeviceStatusPower, hundredths of kW, -1 without a power meter
	deviceStatus + "6.1", // rPDU2DeviceStatusPeakPower, likewise
	deviceStatus + "7.1", // rPDU2DeviceStatusPeakPowerTimestamp, MM/DD/YYYY HH:MM:SS
	deviceStatus + "8.1", // rPDU2DeviceStatusPeakPowerStartTime, likewise
	".1.3.6.1.2.1.1.3.0", // sysUpTime
}

// maxWatts is more than a rack PDU can deliver: a greater number is no power.
const maxWatts = 100_000

var (
	errNoMeter  = errors.New("no power meter") // the model has none: no fault of the network
	errWrong    = errors.New("wrong answer")   // there was an answer, but none to what was asked
	errNoAnswer = errors.New("no answer")
)

// newReading returns the values of an answer to readingOIDs. A peak or time that is none is left out; without a power the
// answer is an error.
func newReading(vars []gosnmp.SnmpPDU) (reading, error) {
	var r reading
	var err error
	if r.watts, err = watts(vars[0]); err != nil {
		return reading{}, err
	}
	if r.peak, err = watts(vars[1]); err != nil {
		r.peak = -1
	}
	r.peakAt, r.resetAt, r.uptime = clock(vars[2]), clock(vars[3]), -1
	if ticks, ok := vars[4].Value.(uint32); ok && vars[4].Type == gosnmp.TimeTicks {
		r.uptime = int64(ticks)
	}
	return r, nil
}

// watts returns the power in W of an object in hundredths of kW.
func watts(v gosnmp.SnmpPDU) (int, error) {
	n, ok := v.Value.(int)
	switch {
	case v.Type != gosnmp.Integer || !ok:
		return 0, fmt.Errorf("%w: the power is %s", errWrong, v.Type)
	case n == -1:
		return 0, errNoMeter
	case n < 0 || n > maxWatts/10:
		return 0, fmt.Errorf("%w: the power is %d hundredths of kW", errWrong, n)
	}
	return n * 10, nil
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

// A snmpConfig is how the PDUs' SNMP agents are asked.
type snmpConfig struct {
	community string
	interval  time.Duration // an exchange is kept well within it
}

// A session is the SNMP conversation with one PDU. Only one goroutine may use it.
type session struct {
	snmpConfig
	client    gosnmp.GoSNMP
	codec     gosnmp.GoSNMP
	connected bool     // Connect of the client has succeeded once
	failed    int      // exchanges that failed, since the last one that did not
	asked     []string // in this exchange
	wrong     error    // with the last answer of this exchange
}

func newSession(p pdu, cfg snmpConfig) *session {
	host, port, _ := net.SplitHostPort(p.snmp)
	n, _ := strconv.ParseUint(port, 10, 16)
	return &session{snmpConfig: cfg, client: gosnmp.GoSNMP{
		Target:    host,
		Port:      uint16(n),
		Version:   gosnmp.Version2c,
		Community: cfg.community,
		Timeout:   min(cfg.interval*2/5, time.Second), // of each of two tries
		Retries:   1,
	}}
}

// close ends the conversation; the next exchange begins anew.
func (s *session) close() { s.client.Close() }

// read asks the PDU for its values. It takes at most four fifths of the interval.
func (s *session) read(ctx context.Context) (reading, error) {
	began := time.Now()
	vars, err := s.get(ctx, readingOIDs)
	if err != nil {
		return reading{}, err
	}
	r, err := newReading(vars)
	r.began, r.at = began, time.Now()
	return r, err
}

// get asks for objects.
func (s *session) get(ctx context.Context, oids []string) ([]gosnmp.SnmpPDU, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*s.client.Timeout)
	defer cancel()
	s.client.Context = ctx
	err := s.connect()
	if err == nil {
		s.asked, s.wrong = oids, nil
		var answer *gosnmp.SnmpPacket
		if answer, err = s.client.Get(oids); err == nil {
			s.failed = 0
			return answer.Variables, nil
		}
	}
	if s.failed++; s.failed%3 == 0 || !isTimeout(err) {
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
		s.client.Conn, err = d.DialContext(s.client.Context, "udp", net.JoinHostPort(s.client.Target, strconv.Itoa(int(s.client.Port))))
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
		answer, err := c.codec.SnmpDecodePacket(b[:n])
		if err != nil {
			c.wrong = fmt.Errorf("%w: it cannot be decoded", errWrong)
			continue
		}
		if c.wrong = c.check(answer, c.asked); c.wrong == nil {
			return n, nil
		}
	}
}

// check reports what is wrong with an answer. Stale ones, to earlier requests, are gosnmp's to pass over.
func (s *session) check(a *gosnmp.SnmpPacket, oids []string) error {
	switch {
	case a.PDUType != gosnmp.GetResponse:
		return fmt.Errorf("%w: %s", errWrong, a.PDUType)
	case a.Version != s.client.Version || a.Community != s.client.Community:
		return fmt.Errorf("%w: of another version or community", errWrong)
	case a.RequestID == 0:
		return fmt.Errorf("%w: to no request", errWrong)
	case a.Error != gosnmp.NoError:
		return fmt.Errorf("%w: %s", errWrong, a.Error)
	case !slices.EqualFunc(a.Variables, oids, func(v gosnmp.SnmpPDU, oid string) bool { return v.Name == oid }):
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
	case err == nil:
		return nil
	case isTimeout(err):
		return errNoAnswer
	}
	return fmt.Errorf("%w: %s", errNoAnswer, cut(cause(err).Error(), 100))
}
