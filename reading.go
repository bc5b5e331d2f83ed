package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gosnmp/gosnmp"
)

// A reading has the values of a PDU from one answer.
type reading struct {
	watts   int       // power now
	peak    int       // W, highest power since the last reset; -1 if unknown
	peakAt  time.Time // when, by the PDU's own clock, which has no zone; zero if unknown
	resetAt time.Time // when the peak was last reset, likewise
	uptime  int64     // of the card, in hundredths of a second; -1 if unknown
	asked   time.Time // when the request was sent, by this host's clock
	at      time.Time // when the answer came
}

// A query is a set of values to ask a PDU for in one GET. Cards take about 17 ms
// a value, so the full query has no more than is needed. Some cards answer several
// objects together with an error status, so there are smaller queries.
type query int

const (
	askEverything   query = iota // power, peak, the peak's times and the card's uptime
	askPowerAndPeak              // without times
	askPower                     // alone
	askOldPower                  // the object of models before rPDU2
)

// smaller returns the query to fall back on if a unit answers q with an error
// status, if there is one. The old object has no rows, so it would be taken for the
// power of each unit of a chain.
func (q query) smaller(unit int) (query, bool) {
	last := askOldPower
	if unit > 1 {
		last = askPower
	}
	return q + 1, q < last
}

// objects returns the objects that a query reads from a unit. The uptime is the
// card's, so only one of several units is asked for it. The peak comes before the
// power because cards sample one value after the other: a power that rises
// meanwhile must not show in the peak alone, as a spike does.
func (q query) objects(unit int, withUptime bool) []string {
	switch q {
	case askEverything:
		oids := []string{
			instance(rPDU2DeviceStatusPeakPower, unit),
			instance(rPDU2DeviceStatusPower, unit),
			instance(rPDU2DeviceStatusPeakPowerTimestamp, unit),
			instance(rPDU2DeviceStatusPeakPowerStartTime, unit),
		}
		if withUptime {
			oids = append(oids, sysUpTime)
		}
		return oids
	case askPowerAndPeak:
		return []string{instance(rPDU2DeviceStatusPeakPower, unit), instance(rPDU2DeviceStatusPower, unit)}
	case askPower:
		return []string{instance(rPDU2DeviceStatusPower, unit)}
	default:
		return []string{rPDUIdentDevicePowerWatts}
	}
}

// maxWatts is more than a rack PDU can deliver: a greater value is not a power.
const maxWatts = 100_000

// What can be wrong with a PDU's answer. errLate wraps errNoAnswer; errNoObject and
// errErrorStatus wrap errWrong.
var (
	errNoAnswer    = errors.New("no answer")
	errLate        = fmt.Errorf("%w in time: the card answers too late for -interval", errNoAnswer)
	errWrong       = errors.New("wrong answer")
	errNoMeter     = errors.New("no power meter") // the model has none
	errNoObject    = fmt.Errorf("%w: the PDU has no such object", errWrong)
	errErrorStatus = fmt.Errorf("%w: error status", errWrong)
)

// checkAnswer returns an error if a packet does not answer a request. An answer
// with an error status does, but has no values.
func checkAnswer(request, answer *gosnmp.SnmpPacket) error {
	sameName := func(a, b gosnmp.SnmpPDU) bool { return a.Name == b.Name }
	switch {
	case answer.PDUType != gosnmp.GetResponse:
		return fmt.Errorf("%w: %s", errWrong, answer.PDUType)
	case answer.Error == gosnmp.NoError && !slices.EqualFunc(answer.Variables, request.Variables, sameName):
		return fmt.Errorf("%w: other objects than asked for", errWrong)
	}
	return nil
}

// newReading returns the values of an answer to a query, which was asked and answered
// at these moments. It leaves out a peak, time or uptime that is invalid, and returns an
// error if the power is.
func newReading(vars []gosnmp.SnmpPDU, asked, at time.Time) (r reading, err error) {
	r.asked, r.at = asked, at
	watts, err := power(vars)
	if err != nil {
		return r, err
	}
	r.watts, r.peak, r.uptime = watts, -1, -1
	if len(vars) >= 2 {
		r.peak, _ = wattsOf(vars[0], rPDU2Scale)
	}
	if len(vars) >= 4 {
		r.peakAt, r.resetAt = clockTimeOf(vars[2]), clockTimeOf(vars[3])
	}
	if len(vars) >= 5 {
		if ticks, ok := vars[4].Value.(uint32); ok && vars[4].Type == gosnmp.TimeTicks {
			r.uptime = int64(ticks)
		}
	}
	return r, nil
}

// power returns the power in an answer to a query, in W, or -1 with an error.
func power(vars []gosnmp.SnmpPDU) (int, error) {
	switch {
	case vars[0].Name == rPDUIdentDevicePowerWatts:
		return wattsOf(vars[0], 1)
	case len(vars) == 1:
		return wattsOf(vars[0], rPDU2Scale)
	}
	return wattsOf(vars[1], rPDU2Scale) // behind the peak
}

// wattsOf returns the power of an object in W, whose unit is scale watts, or -1 with
// an error.
func wattsOf(v gosnmp.SnmpPDU, scale int) (int, error) {
	if v.Type == gosnmp.NoSuchObject || v.Type == gosnmp.NoSuchInstance {
		return -1, errNoObject
	}
	n, ok := integer(v)
	switch {
	case !ok:
		return -1, fmt.Errorf("%w: the power is of type %s", errWrong, v.Type)
	case n == -1:
		return -1, errNoMeter
	case n < 0 || n > int64(maxWatts/scale):
		return -1, fmt.Errorf("%w: the power is %d times %d W", errWrong, n, scale)
	}
	return int(n) * scale, nil
}

// integer returns the value of an object of any integer type. A value too large
// for an int64 becomes the largest int64, which is too large for a power.
func integer(v gosnmp.SnmpPDU) (int64, bool) {
	const largest = 1<<63 - 1
	switch n := v.Value.(type) {
	case int:
		return int64(n), v.Type == gosnmp.Integer
	case uint:
		return int64(min(uint64(n), largest)), v.Type == gosnmp.Gauge32 || v.Type == gosnmp.Counter32
	case uint32:
		return int64(n), v.Type == gosnmp.Uinteger32
	case uint64:
		return int64(min(n, largest)), v.Type == gosnmp.Counter64
	}
	return 0, false
}

// clockTimeOf returns a time by the PDU's own clock, or the zero time.
func clockTimeOf(v gosnmp.SnmpPDU) time.Time {
	b, _ := v.Value.([]byte)
	if v.Type != gosnmp.OctetString {
		return time.Time{}
	}
	t, _ := time.Parse(pduTime, strings.TrimSpace(string(b)))
	return t
}

// printable returns a text from a PDU on one line, shortened, with question marks
// for characters that cannot be printed.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, s)
	return shorten(strings.Join(strings.Fields(s), " "), 100)
}
